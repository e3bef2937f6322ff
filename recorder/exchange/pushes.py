"""Trades, books and states, of pushes and of the endpoints that tell the same."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from recorder.exchange.fields import (
    ProtocolError,
    check_time_s,
    decimal_text,
    integer,
    name_text,
    optional_decimal,
    unknown_fields,
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A market's figures now, under the wire's names; docs/records.md tells each with its unit.

    Decimals are text, as they came. What the venue leaves out, or writes so that it cannot be read, is None;
    fields beyond its document are in `more`, as JSON has them. It has no time of its own.
    """

    market: str
    last: str | None = None
    open: str | None = None
    high: str | None = None
    low: str | None = None
    change: str | None = None
    """(last - open) / open, a fraction."""
    period: int | None = None
    """The window of open, high, low, change, volume and amount, in seconds."""
    volume: str | None = None
    """In base units."""
    amount: str | None = None
    """Turnover, in quote units."""
    sign_price: str | None = None
    """The mark price."""
    index_price: str | None = None
    position_amount: str | None = None
    """Open interest, in base units."""
    funding_rate_last: str | None = None
    """A fraction an interval, as the other two: charged at the last settlement."""
    funding_rate_next: str | None = None
    """What the next settlement will charge."""
    funding_rate_predict: str | None = None
    """An estimate for the settlement after the next."""
    funding_time: int | None = None
    """Minutes to the next settlement."""
    insurance: str | None = None
    """The insurance fund, in quote units."""
    sell_total: str | None = None
    """Sold within the last 1,000 trades, in base units; `buy_total` bought."""
    buy_total: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TradePush:
    trades: tuple[Trade, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DepthPush:
    book: Book
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatePush:
    """States by market, the wire's names; every value is text, a number or null, as it came."""

    states: dict[str, dict[str, Any]]
    notices: tuple[str, ...] = ()


TRADE_FIELDS: Final = ("id", "market", "price", "amount", "type", "time")
BOOK_FIELDS: Final = ("market", "asks", "bids", "last", "index_price", "sign_price", "time")

STATE_FIELDS: Final = (
    "market", "amount", "high", "last", "low", "open", "change", "period", "volume", "funding_time",
    "position_amount", "funding_rate_last", "funding_rate_next", "funding_rate_predict", "insurance",
    "sign_price", "index_price", "sell_total", "buy_total",
)  # fmt: skip


def trade_push(result: object, notices: tuple[str, ...]) -> TradePush:
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
            found += unknown_fields(item, TRADE_FIELDS, "trade")
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


def depth_push(result: object, notices: tuple[str, ...]) -> DepthPush:
    book = parse_book(result)
    if isinstance(result, dict):
        notices += unknown_fields(result, BOOK_FIELDS, "depth")
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


def state_push(result: object, notices: tuple[str, ...]) -> StatePush:
    states = parse_states(result)
    unknown = {note for state in states.values() for note in unknown_fields(state, STATE_FIELDS, "state")}
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


def read_state(market: str, item: object, notices: list[str]) -> State:
    """One market's state. What is odd in it costs its field and is told, and so is what it has beyond the
    document. Raises ProtocolError where it is no object."""
    if not isinstance(item, dict):
        raise ProtocolError("state is not an object")
    values: dict[str, Any] = {}
    for name in STATE_FIELDS[1:]:
        read = optional_decimal if name in STATE_DECIMALS else _optional_integer
        try:
            values[name] = read(item.get(name), f"state.{name}")
        except ProtocolError as error:
            notices.append(str(error))
    notices += unknown_fields(item, STATE_FIELDS, "state")
    more = {name: value for name, value in item.items() if name not in STATE_FIELDS}
    return State(market=market, **values, more=more)


def _optional_integer(value: object, where: str) -> int | None:
    return None if value is None else integer(value, where)


def read_states(result: object, notices: list[str]) -> dict[str, State]:
    """The states of all markets by name; one that is no object is told and left out. Raises ProtocolError
    where there are no markets."""
    if not isinstance(result, dict) or not result:
        raise ProtocolError("state is not an object of markets")
    found: dict[str, State] = {}
    for market, item in result.items():
        try:
            found[market] = read_state(market, item, notices)
        except ProtocolError as error:
            notices.append(str(error))
    return found
