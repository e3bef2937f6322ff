"""What a private call asks, read. Every value is text here, however it came; a wrong one has its code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from recorder.exchange import refusals
from recorder.exchange.endpoints import ACCOUNT, TRADING
from recorder.exchange.enums import MarginChange, PositionType, PriceType, Side
from recorder.exchange.signing import SIGNED
from recorder.simulator.private.accounts import Account
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.orders import Order, StopOrder
from recorder.simulator.private.positions import Position, Trigger
from recorder.simulator.private.terms import Terms
from recorder.simulator.private.units import MONEY_PREC, ONE, units
from recorder.simulator.refused import RefusedError

Params: TypeAlias = Mapping[str, str]
NOTHING: Final = ("", "-", "--", "0")
"""What stands for no price."""
SINGLE: Final = frozenset((*SIGNED, "page", "page_size")) | {
    name for each in (*ACCOUNT, *TRADING) for name in (*each.required, *each.optional)
}
"""Every field that some call or the signature has; each is one value."""
YES: Final = ("", "true", "1")
NO: Final = ("false", "0")
MAX_PAGE: Final = 1_000_000
MAX_PAGE_SIZE: Final = 100
DEFAULT_PAGE: Final = 1
DEFAULT_PAGE_SIZE: Final = 10
MAX_TIME_S: Final = 1 << 40
MAX_CLIENT_OID: Final = 64
US: Final = 1_000_000


def read_body(body: bytes) -> dict[str, str]:
    """The fields of a form or of a JSON object, whatever the header calls it. Raises RefusedError."""
    text = body.decode("utf-8-sig", errors="replace").strip()
    if not text.startswith("{"):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        found = json.loads(text, parse_float=_number, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise RefusedError(refusals.PARAMETER_ERROR, "parameter error: the body is not JSON") from None
    return {name: _text(value) for name, value in found.items() if _is_single(name, value)}


def _number(text: str) -> str:
    """2.0 and 2e0 are the number 2, as some clients write a side or an id."""
    whole = units(text, 0)
    return text if whole is None else str(whole)


def _is_single(name: str, value: object) -> bool:
    """Whether a field is given. One that no call knows costs nothing, whatever it holds."""
    if value is None:
        return False
    if isinstance(value, list | dict):
        if name in SINGLE:
            raise RefusedError(refusals.PARAMETER_ERROR, f"parameter error: {name} is not a single value")
        return False
    return True


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    size: int
    start_us: int
    end_us: int


def page_of(params: Params) -> Page:
    """Which page of what time; the first ten of all time where nothing is said."""
    return Page(
        _whole(params, "page", DEFAULT_PAGE, MAX_PAGE, refusals.PAGE_ERROR),
        _whole(params, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, refusals.PAGE_SIZE_ERROR),
        _time(params, "start_time", 0, refusals.START_TIME_ERROR) * US,
        _time(params, "end_time", MAX_TIME_S, refusals.END_TIME_ERROR) * US + US - 1,
    )


def _whole(params: Params, name: str, default: int, most: int, code: int) -> int:
    text = params.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text[:20]) <= most:
        raise RefusedError(code, f"{name} error: give 1 to {most}")
    return int(text)


def _time(params: Params, name: str, default: int, code: int) -> int:
    text = params.get(name, "")
    if text in ("", "0"):
        return default
    found = units(text, MONEY_PREC)
    if found is None or not 0 <= found <= MAX_TIME_S * ONE:
        raise RefusedError(code, f"{name} error: give seconds since the epoch")
    return found // ONE


def market_of(desk: Desk, params: Params) -> Terms:
    """The market that is asked about."""
    market = params.get("market", "")
    if not market:
        raise RefusedError(refusals.PARAMETER_ERROR, "parameter error: market is missing")
    if market not in desk.markets:
        raise RefusedError(refusals.UNKNOWN_MARKET, "market error")
    return desk.terms(market)


def maybe_market(desk: Desk, params: Params) -> str | None:
    """The market, or None for all of them."""
    return market_of(desk, params).market if params.get("market") else None


def side_of(params: Params) -> Side:
    return Side(_choice(params, "side", ("1", "2"), refusals.SIDE_ERROR))


def position_type_of(params: Params) -> PositionType:
    return PositionType(_choice(params, "position_type", ("1", "2"), refusals.POSITION_TYPE_ERROR))


def margin_change_of(params: Params) -> MarginChange:
    return MarginChange(_choice(params, "type", ("1", "2"), refusals.MARGIN_TYPE_ERROR))


def price_type_of(params: Params, name: str, code: int) -> PriceType:
    return PriceType(_choice(params, name, ("1", "2", "3"), code))


def _choice(params: Params, name: str, allowed: tuple[str, ...], code: int) -> int:
    text = params.get(name, "")
    if text not in allowed:
        raise RefusedError(code, f"{name} error: give one of {', '.join(allowed)}")
    return int(text)


def leverage_of(params: Params) -> int:
    found = units(params.get("leverage", ""), 0)
    if found is None:
        raise RefusedError(refusals.LEVERAGE_ERROR, "leverage error: choose one of the market's leverages")
    return found


def lots_of(terms: Terms, params: Params) -> int:
    """The quantity. Too small and wrong have codes of their own."""
    text = params.get("quantity", "")
    lots = terms.lots(text)
    if lots is not None:
        return lots
    fine = units(text, MONEY_PREC)
    if fine is not None and 0 < fine < 10 ** (MONEY_PREC - terms.spec.amount_prec):
        raise RefusedError(refusals.QUANTITY_TOO_SMALL, "quantity is below the least amount")
    raise RefusedError(refusals.QUANTITY_ERROR, "quantity error: give whole steps of the market's amount")


def money_of(params: Params) -> int:
    """A quantity of money above 0."""
    found = units(params.get("quantity", ""), MONEY_PREC)
    if found is None or found <= 0:
        raise RefusedError(refusals.QUANTITY_ERROR, "quantity error")
    return found


def ticks_of(terms: Terms, params: Params, name: str, code: int) -> int:
    """A price in ticks."""
    ticks = terms.ticks(params.get(name, ""))
    if ticks is None:
        raise RefusedError(code, f"{name} error: give whole steps of the market's tick size")
    return ticks


def trigger_of(terms: Terms, params: Params, name: str, codes: tuple[int, int]) -> Trigger | None:
    """A stop loss or take profit, `name` of the two; the last price watches it where nothing else is said.
    `codes` are of the type of price, and of the price."""
    price, price_type = f"{name}_price", f"{name}_price_type"
    if params.get(price, "") in NOTHING:
        return None
    ticks = ticks_of(terms, params, price, codes[1])
    if params.get(price_type, "") in NOTHING:
        return Trigger(ticks, PriceType.LAST)
    return Trigger(ticks, price_type_of(params, price_type, codes[0]))


def stop_loss_of(terms: Terms, params: Params) -> Trigger | None:
    return trigger_of(terms, params, "stop_loss", refusals.STOP_LOSS_ERROR)


def take_profit_of(terms: Terms, params: Params) -> Trigger | None:
    return trigger_of(terms, params, "take_profit", refusals.TAKE_PROFIT_ERROR)


def is_stop_of(params: Params) -> bool:
    """Whether an order brings a stop loss or a take profit; what prices it has says so where it does not."""
    text = params.get("is_stop", "").lower()
    if text not in (*YES, *NO):
        raise RefusedError(refusals.PARAMETER_ERROR, "parameter error: is_stop is neither true nor false")
    return text in YES


def _id(params: Params, name: str, code: int) -> int:
    text = params.get(name, "")
    if not text.isdecimal() or not text.isascii() or len(text) > 25:
        raise RefusedError(code, f"{name} error")
    return int(text)


def order_id_of(params: Params) -> int:
    return _id(params, "order_id", refusals.ORDER_ID_ERROR)


def client_oid_of(params: Params) -> str:
    """The client's own name of an order; none where it gave none."""
    text = params.get("client_oid", "")
    if len(text) > MAX_CLIENT_OID or not _is_text(text):
        raise RefusedError(refusals.PARAMETER_ERROR, f"client_oid error: at most {MAX_CLIENT_OID} characters")
    return text


def _is_text(text: str) -> bool:
    """Whether it can be told again: JSON's escapes can write halves of characters."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def resting_order(account: Account, terms: Terms, params: Params) -> Order:
    order = account.orders.get(order_id_of(params))
    if order is None or order.terms.market != terms.market:
        raise RefusedError(refusals.NO_SUCH_ORDER[0], "order not found")
    return order


def waiting_stop(account: Account, terms: Terms, params: Params) -> StopOrder:
    stop = account.stops.get(order_id_of(params))
    if stop is None or stop.terms.market != terms.market:
        raise RefusedError(refusals.NO_SUCH_ORDER[0], "order not found")
    return stop


def position_of(account: Account, terms: Terms, params: Params) -> Position:
    """The position that is named by its id, or, where none is given, by its market."""
    position = account.positions.get(terms.market)
    wanted = _id(params, "position_id", refusals.POSITION_ID_ERROR) if "position_id" in params else None
    if position is None or wanted not in (None, position.id):
        raise RefusedError(refusals.NO_SUCH_POSITION, "position not found")
    return position
