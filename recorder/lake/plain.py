"""The plain decoder: one journal line after another, in the protocol's own words. It defines what is true.

`recorder.lake.decode` reads the same lines many at once and must give the same; where a line is not of a
form it has learned, the line comes here.
"""

import re
from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

import msgspec

from recorder.exchange.messages import (
    STATE_DECIMALS,
    Candle,
    DepthPush,
    KlinePush,
    Level,
    ProtocolError,
    Reply,
    StatePush,
    Trade,
    TradePush,
    optional_decimal,
    parse,
)
from recorder.lake.harvest import Harvest, Record, Row
from recorder.lake.tables import FIELD_OF_WIRE, STATE

LINE_HEAD: Final = re.compile(rb'\{"t":([0-9]{1,19}),(?:"c":([0-9]{1,18}),)?"([a-z])":')
"""How every record of the journal begins; its writer never spaces or orders it otherwise."""
SOURCE: Final = "ws"
NO_CONNECTION: Final = -1
"""The connection of a reject that came from none: a line that is no record."""
EXACT_DIGITS: Final = 15
"""Significant digits that a float64 gives back, whatever they are."""
MINUTE_US: Final = 60_000_000
FUNDING_AHEAD_MINUTES: Final = 366 * 24 * 60
"""A settlement further ahead than a year is none, and could leave the range of a timestamp."""
PRECISE_PLACES: Final = 20
_PRECISE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PRECISE_STEP: Final = Decimal(1).scaleb(-PRECISE_PLACES)
_PRECISE_LIMIT: Final = Decimal(10) ** (38 - PRECISE_PLACES)
_LAST_NS: Final = 2**63 - 1

_WIRE_OF_FIELD: Final = {field: wire for wire, field in FIELD_OF_WIRE.items()}
STATE_WIRE: Final = {
    name: _WIRE_OF_FIELD.get(name, name)
    for name in STATE.schema.names
    if _WIRE_OF_FIELD.get(name, name) in STATE_DECIMALS
}
"""The decimals of a state row: column to wire name."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a frame came from: its line's number, receive time (ns) and connection."""

    seq: int
    t: int
    connection: int

    @property
    def ts_recv(self) -> int:
        return self.t // 1000


def read_line(line: bytes, seq: int, harvest: Harvest) -> None:
    """Read one journal line (without its newline) into `harvest`. Never raises, whatever the line is."""
    head = LINE_HEAD.match(line)
    if head is None or int(head[1]) > _LAST_NS or not line.endswith(b"}"):
        _reject(line, "not a journal line", Origin(seq, 0, NO_CONNECTION), harvest)
        return
    origin = Origin(seq, int(head[1]), NO_CONNECTION if head[2] is None else int(head[2]))
    content = line[head.end() : -1]
    if head[2] is not None and head[3] == b"f":
        harvest.frames += 1
        read_frame(content, origin, harvest)
    elif head[2] is not None and head[3] in (b"x", b"b"):
        harvest.frames += 1
        _read_escaped(head[3], content, origin, harvest)
    else:
        _read_event(line, origin, harvest)


def _read_escaped(letter: bytes, content: bytes, origin: Origin, harvest: Harvest) -> None:
    """A frame that could not stand verbatim: `x` escaped text, `b` base64 of what is not UTF-8."""
    try:
        text = msgspec.json.decode(content, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _reject(content, "not a journal line", origin, harvest)
        return
    if letter == b"x":
        read_frame(text.encode(), origin, harvest)
    else:
        _reject(b"base64:" + text.encode(), "not UTF-8", origin, harvest)


def _read_event(line: bytes, origin: Origin, harvest: Harvest) -> None:
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = {}
    kind = fields.get("e")
    if not isinstance(kind, str):
        _reject(line, "not a journal line", origin, harvest)
        return
    rest = {name: value for name, value in fields.items() if name not in ("t", "c", "e")}
    if kind == "rest" and "f" in rest:
        rest["body"] = rest.pop("f")
    connection = None if origin.connection == NO_CONNECTION else origin.connection
    harvest.records.append(Record(origin.seq, origin.t, connection, kind, rest))


def _reject(text: bytes, reason: str, origin: Origin, harvest: Harvest) -> None:
    frame = text.decode(errors="backslashreplace")
    harvest.rejects.append((origin.ts_recv, origin.connection, reason, frame))


def read_frame(frame: bytes, origin: Origin, harvest: Harvest) -> None:
    """Put what a frame says into `harvest`: rows, a record, or a reject with its reason."""
    try:
        message = parse(frame)
    except ProtocolError as error:
        _reject(frame, str(error), origin, harvest)
        return
    if isinstance(message, Reply):
        _read_reply(message, origin, harvest)
        return
    for text in message.notices:
        harvest.notice(text)
    if isinstance(message, TradePush):
        harvest.rows["trade"] += [_trade_row(trade, origin, harvest) for trade in message.trades]
    elif isinstance(message, DepthPush):
        harvest.rows["depth"].append(_depth_row(message, origin, harvest))
    elif isinstance(message, KlinePush):
        if message.faults:  # one reject a frame, however many of its rows are bad
            _reject(frame, "; ".join(dict.fromkeys(message.faults)), origin, harvest)
        period = message.period
        harvest.rows["kline"] += [_kline_row(c, period, origin, harvest) for c in message.candles]
    else:
        _read_state(message, origin, harvest)


def _read_reply(reply: Reply, origin: Origin, harvest: Harvest) -> None:
    fields: dict[str, Any] = {"method": reply.method}
    kind = "other"
    if reply.method is None or not reply.method.startswith("update."):
        kind = "reply"
        fields = {"id": reply.id, "method": reply.method, "result": reply.result, "error": reply.error}
    else:
        harvest.notice(f"unknown method {reply.method}")
    harvest.records.append(Record(origin.seq, origin.t, origin.connection, kind, fields))


# --- rows, one function a stream --------------------------------------------------------------------


def significant_digits(text: str) -> int:
    """How many digits of a decimal carry its value; zeros at either end carry none."""
    mantissa = text.lower().partition("e")[0]
    return len(mantissa.replace("-", "").replace(".", "").strip("0"))


def number(text: str, name: str, harvest: Harvest) -> float:
    """A decimal as a float64, with a notice where that may not give the decimal back."""
    if len(text) > EXACT_DIGITS and significant_digits(text) > EXACT_DIGITS:
        harvest.notice(f"more than 15 digits: {name}")
    return float(text)


def _optional_number(text: str | None, name: str, harvest: Harvest) -> float | None:
    return None if text is None else number(text, name, harvest)


def _trade_row(trade: Trade, origin: Origin, harvest: Harvest) -> Row:
    return (
        trade.market,
        trade.id,
        round(trade.time * 1e6),
        origin.ts_recv,
        trade.type,
        number(trade.price, "trade.price", harvest),
        number(trade.amount, "trade.amount", harvest),
        SOURCE,
        origin.seq,
    )


def _levels(levels: tuple[Level, ...], name: str, harvest: Harvest) -> list[tuple[float, float]]:
    return [(number(price, name, harvest), number(quantity, name, harvest)) for price, quantity in levels]


def _depth_row(push: DepthPush, origin: Origin, harvest: Harvest) -> Row:
    book = push.book
    bids = _levels(book.bids, "depth.bids", harvest)
    asks = _levels(book.asks, "depth.asks", harvest)
    return (
        book.market,
        book.time * 1000,
        origin.ts_recv,
        *(bids[0] if bids else (None, None)),
        *(asks[0] if asks else (None, None)),
        bids,
        asks,
        _optional_number(book.last, "depth.last", harvest),
        _optional_number(book.index_price, "depth.index_price", harvest),
        _optional_number(book.sign_price, "depth.sign_price", harvest),
        SOURCE,
        origin.seq,
    )


def _kline_row(candle: Candle, period: str, origin: Origin, harvest: Harvest) -> Row:
    harvest.notice(f"candle order {candle.order}")
    prices = (candle.open, candle.high, candle.low, candle.close)
    return (
        candle.market,
        period,
        candle.time * 1_000_000,
        *(number(price, "kline.price", harvest) for price in prices),
        number(candle.volume, "kline.volume", harvest),
        _optional_number(candle.amount, "kline.amount", harvest),
        origin.ts_recv,
        SOURCE,
        origin.seq,
    )


def _read_state(push: StatePush, origin: Origin, harvest: Harvest) -> None:
    for market, state in push.states.items():
        values: dict[str, Any] = dict.fromkeys(STATE.schema.names)
        for column, wire in STATE_WIRE.items():
            text = optional_decimal(state.get(wire), f"state.{wire}")
            if column == "insurance":
                values[column] = precise(text, harvest.notices)
            else:
                values[column] = _optional_number(text, f"state.{wire}", harvest)
        minutes = state.get("funding_time")
        if minutes is not None:
            values["funding_minutes"] = int(minutes)
            values["ts_funding"] = _funding_us(origin.ts_recv, int(minutes), harvest)
        values |= {"market": market, "ts_recv": origin.ts_recv, "source": SOURCE, "seq": origin.seq}
        harvest.rows["state"].append(tuple(values.values()))


def _funding_us(ts_recv: int, minutes: int, harvest: Harvest) -> int | None:
    """The settlement's instant: the countdown is floored to minutes, so the sum is rounded up to one."""
    if not 0 <= minutes <= FUNDING_AHEAD_MINUTES:
        harvest.notice("state.funding_time is out of range")
        return None
    return -(-ts_recv // MINUTE_US) * MINUTE_US + minutes * MINUTE_US


def precise(text: str | None, notices: Counter[str]) -> Decimal | None:
    """`insurance` as decimal128(38, 20); what does not fit is rounded, or null, with a notice."""
    if text is None:
        return None
    exact = value = Decimal(text)
    if abs(exact) < _PRECISE_LIMIT:
        value = exact.quantize(_PRECISE_STEP, context=_PRECISE)
    if abs(value) >= _PRECISE_LIMIT:
        notices["state.insurance is too large"] += 1
        return None
    if value != exact:
        notices["state.insurance is rounded to 20 places"] += 1
    return value
