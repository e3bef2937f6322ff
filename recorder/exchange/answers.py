"""REST answers as pure functions over bytes: the envelope, and the description of a market."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from recorder.exchange.fields import (
    TIME_RANGE_S,
    ProtocolError,
    decimal_text,
    integer,
    json_object,
    name_text,
    optional_decimal,
)

T = TypeVar("T")

WORDS_LIMIT: Final = 300
"""Characters of the venue's words in a reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A REST answer: `code` 0 is success, `data` whatever the call gives, `time` the server's seconds."""

    code: int
    message: str
    data: Any
    time: float | None = None


def parse_answer(body: bytes) -> Answer:
    """Read a REST body. Raises ProtocolError where it is not the venue's envelope (a gateway's HTML)."""
    message = json_object(body)
    code = message.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        words = _words(message)[:WORDS_LIMIT]
        raise ProtocolError(f"answer without a code{f': {words}' if words else ''}")
    time = message.get("time")
    if not isinstance(time, int | float) or not TIME_RANGE_S[0] <= time < TIME_RANGE_S[1]:
        time = None
    return Answer(
        code,
        _words(message),
        message.get("data"),
        None if time is None else float(time),
    )


def _words(message: dict[str, Any]) -> str:
    """Siblings have other names for it."""
    return next((str(message[name]) for name in ("msg", "message", "error") if message.get(name)), "")


def encode_answer(data: Any) -> bytes:
    """A successful REST body."""
    return msgspec.json.encode({"code": 0, "msg": "success", "data": data})


def encode_refusal(code: int, message: str) -> bytes:
    """A refused REST body, sent with HTTP 200 as the venue does."""
    return msgspec.json.encode({"code": code, "msg": message, "data": None})


@dataclass(frozen=True, slots=True)
class Market:
    """One market's description, the wire's names; decimals as text. docs/records.md has every field's unit.

    `type` 1 is linear: amounts in base units (`stock`), money in quote units (`money`); others are inverse,
    and count contracts. `tick_size` is a step of the price, `*_prec` are decimal places, and `limits` are
    (most held, greatest leverage, maintenance rate).
    """

    name: str
    type: int | None
    stock: str
    money: str
    tick_size: str | None
    amount_min: str | None
    stock_prec: int | None
    money_prec: int | None
    amount_prec: int | None
    fee_prec: int | None
    available: bool
    leverages: tuple[str, ...]
    limits: tuple[tuple[str, str, str], ...]


def parse_market(item: object, faults: list[str]) -> Market:
    """One entry of market/list. What is odd in it besides the name becomes None or empty and is told.

    Raises ProtocolError where even the name cannot be read.
    """
    if not isinstance(item, dict):
        raise ProtocolError("market is not an object")

    def optional(name: str, read: Callable[[Any, str], T], default: T) -> T:
        try:
            return read(item[name], f"market.{name}") if item.get(name) is not None else default
        except (ProtocolError, TypeError, ValueError):
            faults.append(f"market.{name} cannot be read")
            return default

    return Market(
        name=name_text(item.get("name"), "market.name"),
        type=optional("type", integer, None),
        stock=optional("stock", name_text, ""),
        money=optional("money", name_text, ""),
        tick_size=optional("tick_size", optional_decimal, None),
        amount_min=optional("amount_min", optional_decimal, None),
        stock_prec=optional("stock_prec", integer, None),
        money_prec=optional("money_prec", integer, None),
        amount_prec=optional("amount_prec", integer, None),
        fee_prec=optional("fee_prec", integer, None),
        available=item.get("available", True) is not False,
        leverages=optional("leverages", _decimals, ()),
        limits=optional("limits", _limits, ()),
    )


def _decimals(values: Iterable[Any], field: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ProtocolError(f"{field} is not a list")
    return tuple(decimal_text(value, field) for value in values)


def _limits(rows: Iterable[Any], field: str) -> tuple[tuple[str, str, str], ...]:
    triples = [_decimals(row[:3], field) for row in rows]
    return tuple((amount, leverage, rate) for amount, leverage, rate in triples)


def parse_market_list(data: object) -> tuple[tuple[Market, ...], tuple[str, ...]]:
    """All markets whose name can be read, and what was odd about the others or in them."""
    if not isinstance(data, list):
        raise ProtocolError("market list is not a list")
    markets: list[Market] = []
    faults: list[str] = []
    for item in data:
        try:
            markets.append(parse_market(item, faults))
        except ProtocolError as error:
            faults.append(str(error))
    return tuple(markets), tuple(faults)
