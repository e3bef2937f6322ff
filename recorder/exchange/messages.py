"""Every public message of the venue, both ways, as pure functions over bytes.

The venue writes decimals as JSON strings. They stay text here: whoever needs numbers converts them
once, where the loss (none up to 15 significant digits) can be counted. What the documents leave open is
read tolerantly and *noticed*: a parsed message carries `notices`, short stable phrases such as
`unknown field trade.foo`, so that a difference costs nothing and is never silent.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

Stream: TypeAlias = Literal["trade", "depth", "kline", "state"]
STREAMS: Final[tuple[Stream, ...]] = ("trade", "depth", "kline", "state")
PrivateStream: TypeAlias = Literal["position", "order", "asset"]
PRIVATE_STREAMS: Final[tuple[PrivateStream, ...]] = ("position", "order", "asset")
"""Of an account: a connection that has signed in has them."""

MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""A push of 300 market states is 145 kB; a hundred times that is no message but a fault."""


class ProtocolError(Exception):
    """A frame that is not what the protocol says. The text is the reason kept beside the frame."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What one subscription covers. `state` covers all markets and has neither market nor period, and so do
    the streams of an account."""

    stream: Stream | PrivateStream
    market: str | None = None
    period: str | None = None


# --- client to server -------------------------------------------------------------------------------


def _params(topic: Topic) -> dict[str, str]:
    if topic.stream == "state" or topic.stream in PRIVATE_STREAMS:
        return {}
    if topic.market is None:
        raise ValueError(f"a {topic.stream} subscription needs a market")
    params = {"market": topic.market}
    if topic.stream == "depth":
        params["merge"] = "0"
    if topic.stream == "kline":
        if topic.period is None:
            raise ValueError("a kline subscription needs a period")
        params["period"] = topic.period
    return params


def encode_subscribe(topic: Topic, request_id: int) -> str:
    """The text that subscribes one topic."""
    return _request(f"subscribe.{topic.stream}", _params(topic), request_id)


def encode_unsubscribe(topic: Topic, request_id: int) -> str:
    """The text that ends one topic."""
    return _request(f"unsubscribe.{topic.stream}", _params(topic), request_id)


def encode_ping(request_id: int) -> str:
    """The venue's own heartbeat; any text counts as life, this one is answered."""
    return _request("ping", {}, request_id)


SIGN_WORDS: Final = ("sign", "subscribe.sign")
"""As the exchange's samples call it, and its table."""


def encode_sign(signature: Mapping[str, str], request_id: int, word: str = SIGN_WORDS[0]) -> str:
    """The text that signs a connection in."""
    return _request(word, dict(signature), request_id)


def _request(method: str, params: dict[str, str], request_id: int) -> str:
    return msgspec.json.encode({"method": method, "params": params, "id": request_id}).decode()


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent, as a server reads it. `id` is 0 where the client gave none."""

    method: str
    params: dict[str, Any]
    id: int


def parse_request(text: bytes | str) -> Request:
    """Read a client's text. Raises ProtocolError: not JSON, no object, no method, params no object."""
    message = json_object(text)
    method = message.get("method")
    if not isinstance(method, str):
        raise ProtocolError("no method")
    params = message.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise ProtocolError("params is not an object")
    request_id = message.get("id", 0)
    return Request(method, params, request_id if isinstance(request_id, int) else 0)


def parse_topic(request: Request) -> Topic:
    """The topic of a `subscribe.*` or `unsubscribe.*`. Raises ProtocolError for another method."""
    action, _, stream = request.method.partition(".")
    if action not in ("subscribe", "unsubscribe") or stream not in STREAMS:
        raise ProtocolError(f"unknown method {request.method!r}")
    topic_stream: Stream = stream
    if topic_stream == "state":
        return Topic("state")
    market = request.params.get("market")
    if not isinstance(market, str) or not market:
        raise ProtocolError("no market")
    period = request.params.get("period")
    if topic_stream == "kline" and not isinstance(period, str):
        raise ProtocolError("no period")
    return Topic(topic_stream, market, period if topic_stream == "kline" else None)


# --- server to client -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade of an `update.trade` or of the deals endpoint. `time` is in float seconds."""

    id: int
    market: str
    price: str
    amount: str
    type: str
    time: float


Level: TypeAlias = tuple[str, str]
"""(price, quantity), decimals as text."""


@dataclass(frozen=True, slots=True)
class Book:
    """A full snapshot, best level first. `time` is in integer milliseconds. Absent prices are None."""

    market: str
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    last: str | None
    index_price: str | None
    sign_price: str | None
    time: int


CandleOrder: TypeAlias = Literal["ohlc", "ochl", "flat", "named"]


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle with its columns already decided; `time` is the open in integer seconds."""

    market: str
    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    amount: str | None
    order: CandleOrder


@dataclass(frozen=True, slots=True)
class TradePush:
    trades: tuple[Trade, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DepthPush:
    book: Book
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KlinePush:
    """`faults` are reasons of rows that fit no column order: the other rows stand."""

    period: str
    candles: tuple[Candle, ...]
    faults: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatePush:
    """States by market, the wire's names; every value is text, a number or null, as it came."""

    states: dict[str, dict[str, Any]]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Either form of the wire's `error`: an object with code and msg, or a plain string (code None)."""

    code: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Anything that is no push: an acknowledgement, a pong, an error, or a method we do not know."""

    id: int | None
    method: str | None
    result: Any
    error: ErrorInfo | None


Message: TypeAlias = TradePush | DepthPush | KlinePush | StatePush | Reply

TRADE_FIELDS: Final = ("id", "market", "price", "amount", "type", "time")
BOOK_FIELDS: Final = ("market", "asks", "bids", "last", "index_price", "sign_price", "time")
KLINE_FIELDS: Final = ("data", "period", "market")
STATE_FIELDS: Final = (
    "market", "amount", "high", "last", "low", "open", "change", "period", "volume", "funding_time",
    "position_amount", "funding_rate_last", "funding_rate_next", "funding_rate_predict", "insurance",
    "sign_price", "index_price", "sell_total", "buy_total",
)  # fmt: skip
PUSH_METHODS: Final[dict[str, Stream]] = {f"update.{stream}": stream for stream in STREAMS}

PUSH_HEAD: Final = b'{"id":0,"method":"update.'
"""How a push begins in the venue's usual spacing and order."""

_NO_VALUE: Final = ("", "-", "--")
_DECIMAL: Final = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
TIME_RANGE_S: Final = (946_684_800, 4_102_444_800)
"""2000-01-01 to 2100-01-01: a time outside is a unit or a fault, and would make partitions for ever."""


def parse(frame: bytes | str) -> Message:
    """Read one server text. Raises ProtocolError with the reason a reject is kept under."""
    message = json_object(frame)
    method = message.get("method")
    stream = PUSH_METHODS.get(method) if isinstance(method, str) else None
    if stream is None:
        return _reply(message, method)
    if message.get("error") is not None:
        raise ProtocolError(f"{method} carries an error")
    if "result" not in message:
        raise ProtocolError(f"{method} without result")
    notices = _unknown(message, ("id", "method", "result", "error"), "push")
    return _PARSERS[stream](message["result"], notices)


def json_object(text: bytes | str) -> dict[str, Any]:
    if len(text) > MAX_FRAME_BYTES:
        raise ProtocolError("frame too large")
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ProtocolError("not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("not a JSON object")
    return message


def _unknown(fields: dict[str, Any], known: tuple[str, ...], where: str) -> tuple[str, ...]:
    return tuple(f"unknown field {where}.{name}" for name in fields if name not in known)


def _reply(message: dict[str, Any], method: object) -> Reply:
    request_id = message.get("id")
    return Reply(
        id=request_id if isinstance(request_id, int) and not isinstance(request_id, bool) else None,
        method=method if isinstance(method, str) else None,
        result=message.get("result"),
        error=parse_error(message.get("error")),
    )


def parse_error(error: object) -> ErrorInfo | None:
    """Read the wire's `error` in either form; None where there is none."""
    if error is None:
        return None
    if isinstance(error, dict):
        code = error.get("code")
        text = error.get("msg", error.get("message", ""))
        return ErrorInfo(code if isinstance(code, int) else None, str(text))
    return ErrorInfo(None, str(error))


def decimal_text(value: object, field: str) -> str:
    """A required decimal as its text. JSON numbers are tolerated; anything else raises ProtocolError."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)
    else:
        raise ProtocolError(f"{field} is not a decimal")
    if _DECIMAL.fullmatch(text) is None or not math.isfinite(float(text)):
        raise ProtocolError(f"{field} is not a decimal")
    return text


def optional_decimal(value: object, field: str) -> str | None:
    """A decimal that may be absent: null, `""`, `"-"` and `"--"` stand for no value."""
    return None if value is None or value in _NO_VALUE else decimal_text(value, field)


def integer(value: object, field: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)  # an id of 19 digits, as the exchange's document has them, may fit
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise ProtocolError(f"{field} is not an integer")
    return value


def name_text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"{field} is missing")
    return value


def check_time_s(seconds: float, field: str) -> None:
    """Refuse a time that no venue means. Raises ProtocolError."""
    if not TIME_RANGE_S[0] <= seconds < TIME_RANGE_S[1]:
        raise ProtocolError(f"{field} is out of range")


def _trade_push(result: object, notices: tuple[str, ...]) -> TradePush:
    if isinstance(result, list):
        notices += ("trade push is a list",)
        items = result
    else:
        items = [result]
    return TradePush(tuple(parse_trade(item) for item in items), notices + _trade_notices(items))


def _trade_notices(items: list[object]) -> tuple[str, ...]:
    found: list[str] = []
    for item in items:
        if isinstance(item, dict):
            found += _unknown(item, TRADE_FIELDS, "trade")
    return tuple(dict.fromkeys(found))


def parse_trade(item: object, market: str | None = None) -> Trade:
    """One trade object; `market` serves where the object leaves it out (the deals endpoint)."""
    if not isinstance(item, dict):
        raise ProtocolError("trade is not an object")
    side = item.get("type")
    if side not in ("buy", "sell"):
        raise ProtocolError("trade.type is neither buy nor sell")
    time = item.get("time")
    seconds = float(decimal_text(time, "trade.time"))
    check_time_s(seconds, "trade.time")
    return Trade(
        id=integer(item.get("id"), "trade.id"),
        market=name_text(item.get("market", market), "trade.market"),
        price=decimal_text(item.get("price"), "trade.price"),
        amount=decimal_text(item.get("amount"), "trade.amount"),
        type=side,
        time=seconds,
    )


def _depth_push(result: object, notices: tuple[str, ...]) -> DepthPush:
    book = parse_book(result)
    if isinstance(result, dict):
        notices += _unknown(result, BOOK_FIELDS, "depth")
    return DepthPush(book, notices)


def parse_book(result: object, market: str | None = None) -> Book:
    """One book snapshot; `market` serves where the object leaves it out (the depth endpoint)."""
    if not isinstance(result, dict):
        raise ProtocolError("depth is not an object")
    time_ms = integer(result.get("time"), "depth.time")
    check_time_s(time_ms / 1000, "depth.time")
    return Book(
        market=name_text(result.get("market", market), "depth.market"),
        asks=_levels(result.get("asks"), "depth.asks"),
        bids=_levels(result.get("bids"), "depth.bids"),
        last=optional_decimal(result.get("last"), "depth.last"),
        index_price=optional_decimal(result.get("index_price"), "depth.index_price"),
        sign_price=optional_decimal(result.get("sign_price"), "depth.sign_price"),
        time=time_ms,
    )


def _levels(value: object, field: str) -> tuple[Level, ...]:
    if not isinstance(value, list):
        raise ProtocolError(f"{field} is not a list")
    return tuple(_level(level, field) for level in value)


def _level(level: object, field: str) -> Level:
    if isinstance(level, list) and len(level) >= 2:
        price, quantity = level[0], level[1]
    elif isinstance(level, dict):
        price, quantity = level.get("price"), level.get("quantity", level.get("amount"))
    else:
        raise ProtocolError(f"{field} has a level that is no pair")
    return decimal_text(price, field), decimal_text(quantity, field)


def _kline_push(result: object, notices: tuple[str, ...]) -> KlinePush:
    if not isinstance(result, dict):
        raise ProtocolError("kline is not an object")
    rows = result.get("data")
    if not isinstance(rows, list):
        raise ProtocolError("kline.data is not a list")
    period = name_text(result.get("period"), "kline.period")
    market = result.get("market")
    candles, faults = parse_candles(rows, market if isinstance(market, str) else None)
    return KlinePush(period, candles, faults, notices + _unknown(result, KLINE_FIELDS, "kline"))


def parse_candles(rows: list[Any], market: str | None) -> tuple[tuple[Candle, ...], tuple[str, ...]]:
    """Read candle rows, each by itself: (candles, reasons of the rows that could not be read)."""
    candles: list[Candle] = []
    faults: list[str] = []
    for row in rows:
        try:
            candles.append(parse_candle(row, market))
        except ProtocolError as error:
            faults.append(str(error))
    return tuple(candles), tuple(faults)


def parse_candle(row: object, market: str | None) -> Candle:
    """One candle, from a row (columns decided by its prices) or from an object with named prices."""
    if isinstance(row, dict):
        return _named_candle(row, market)
    if not isinstance(row, list) or len(row) < 6:
        raise ProtocolError("candle row is too short")
    own_market = row[7] if len(row) > 7 else market
    time = integer(row[0], "candle.time")
    check_time_s(time, "candle.time")
    prices = [decimal_text(value, "candle price") for value in row[1:5]]
    order, high, low, close = _column_order(prices)
    return Candle(
        market=name_text(own_market, "candle.market"),
        time=time,
        open=prices[0],
        high=prices[high],
        low=prices[low],
        close=prices[close],
        volume=decimal_text(row[5], "candle.volume"),
        amount=optional_decimal(row[6], "candle.amount") if len(row) > 6 else None,
        order=order,
    )


def _column_order(prices: list[str]) -> tuple[CandleOrder, int, int, int]:
    """Decide by row which of the last three columns is high, low and close.

    Documents of the family disagree (`open, high, low, close` or `open, close, high, low`); the greatest
    and the least of the four tell them apart, and only a flat row fits both, where they agree.
    """
    first, second, third, fourth = (float(price) for price in prices)
    top, bottom = max(first, second, third, fourth), min(first, second, third, fourth)
    if second == top and third == bottom:
        return ("flat" if top == bottom else "ohlc"), 1, 2, 3
    if third == top and fourth == bottom:
        return "ochl", 2, 3, 1
    raise ProtocolError("candle prices fit no column order")


def _named_candle(row: dict[str, Any], market: str | None) -> Candle:
    time_ms = integer(row.get("time"), "candle.time")
    check_time_s(time_ms / 1000, "candle.time")
    prices = {
        name: decimal_text(row.get(name), f"candle.{name}") for name in ("open", "high", "low", "close")
    }
    numbers = {name: float(text) for name, text in prices.items()}
    if numbers["high"] != max(numbers.values()) or numbers["low"] != min(numbers.values()):
        raise ProtocolError("candle high and low do not bound its prices")
    return Candle(
        market=name_text(row.get("market", market), "candle.market"),
        time=time_ms // 1000,
        open=prices["open"],
        high=prices["high"],
        low=prices["low"],
        close=prices["close"],
        volume=decimal_text(row.get("volume"), "candle.volume"),
        amount=optional_decimal(row.get("amount"), "candle.amount"),
        order="named",
    )


def _state_push(result: object, notices: tuple[str, ...]) -> StatePush:
    states = parse_states(result)
    unknown = {note for state in states.values() for note in _unknown(state, STATE_FIELDS, "state")}
    return StatePush(states, notices + tuple(sorted(unknown)))


STATE_DECIMALS: Final = tuple(
    name for name in STATE_FIELDS if name not in ("market", "period", "funding_time")
)


def parse_states(result: object) -> dict[str, dict[str, Any]]:
    """States by market; absent fields stay absent. Raises ProtocolError on anything else."""
    if not isinstance(result, dict) or not result:
        raise ProtocolError("state is not an object of markets")
    for market, state in result.items():
        if not market or not isinstance(state, dict):
            raise ProtocolError("state is not an object of markets")
        for name in STATE_DECIMALS:
            optional_decimal(state.get(name), f"state.{name}")
        if state.get("funding_time") is not None:
            integer(state["funding_time"], "state.funding_time")
    return result


_PARSERS: Final[dict[Stream, Callable[[Any, tuple[str, ...]], Message]]] = {
    "trade": _trade_push,
    "depth": _depth_push,
    "kline": _kline_push,
    "state": _state_push,
}
