"""What the protocol's objects become in the tables: one function a stream, one row an object."""

from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from recorder.exchange.candles import Candle
from recorder.exchange.fields import optional_decimal
from recorder.exchange.pushes import STATE_DECIMALS, Book, Level, Trade
from recorder.lake.decoding.harvest import Harvest, Row
from recorder.lake.store.tables import FIELD_OF_WIRE, SOURCE, STATE
from recorder.lake.units import MINUTE_US

NO_CONNECTION: Final = -1
"""The connection of a reject that came from none: a line that is no record."""
EXACT_DIGITS: Final = 15
"""Significant digits that a float64 gives back, whatever they are."""
FUNDING_AHEAD_MINUTES: Final = 366 * 24 * 60
"""A settlement further ahead than a year is none, and could leave the range of a timestamp."""
PRECISE_PLACES: Final = 20
PRECISION: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
PRECISE_STEP: Final = Decimal(1).scaleb(-PRECISE_PLACES)
PRECISE_LIMIT: Final = Decimal(10) ** (38 - PRECISE_PLACES)

_WIRE_OF_FIELD: Final = {field: wire for wire, field in FIELD_OF_WIRE.items()}
STATE_WIRE: Final = {
    name: _WIRE_OF_FIELD.get(name, name)
    for name in STATE.schema.names
    if _WIRE_OF_FIELD.get(name, name) in STATE_DECIMALS
}
"""The decimals of a state row: column to wire name."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows came from: their line's number, receive time (ns), connection, and by what way."""

    seq: int
    t: int
    connection: int
    source: str = SOURCE

    @property
    def ts_recv(self) -> int:
        return self.t // 1000


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


def trade_row(trade: Trade, origin: Origin, harvest: Harvest) -> Row:
    return (
        trade.market,
        trade.id,
        round(trade.time * 1e6),
        origin.ts_recv,
        trade.type,
        number(trade.price, "trade.price", harvest),
        number(trade.amount, "trade.amount", harvest),
        origin.source,
        origin.seq,
        None,
    )


def _levels(levels: tuple[Level, ...], name: str, harvest: Harvest) -> list[tuple[float, float]]:
    return [(number(price, name, harvest), number(quantity, name, harvest)) for price, quantity in levels]


def depth_row(book: Book, origin: Origin, harvest: Harvest) -> Row:
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
        origin.source,
        origin.seq,
        None,
    )


def kline_row(candle: Candle, period: str, origin: Origin, harvest: Harvest) -> Row:
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
        origin.source,
        origin.seq,
        candle.order,
    )


def read_states(states: dict[str, dict[str, Any]], origin: Origin, harvest: Harvest) -> None:
    """A row for each state of a push or of an answer that was parsed."""
    for market, state in states.items():
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
        values |= {"market": market, "ts_recv": origin.ts_recv, "source": origin.source, "seq": origin.seq}
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
    if abs(exact) < PRECISE_LIMIT:
        value = exact.quantize(PRECISE_STEP, context=PRECISION)
    if abs(value) >= PRECISE_LIMIT:
        notices["state.insurance is too large"] += 1
        return None
    if value != exact:
        notices["state.insurance is rounded to 20 places"] += 1
    return value
