"""Trades, books and states, of pushes and of the endpoints that tell the same."""

from dataclasses import dataclass
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
