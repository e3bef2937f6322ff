"""The calls that read an account, answered in the document's own form: newest first, page by page."""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, TypeVar

from recorder.exchange import endpoints, refusals
from recorder.exchange.endpoints import Endpoint
from recorder.simulator.private.accounts import Account
from recorder.simulator.private.asked import (
    Page,
    Params,
    market_of,
    maybe_market,
    order_id_of,
    page_of,
    position_of,
)
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.shapes import (
    adjustable_shape,
    asset_shape,
    entry_shape,
    fill_shape,
    order_shape,
    position_row,
    stop_shape,
)
from recorder.simulator.refused import RefusedError

Call: TypeAlias = Callable[[Desk, Account, Params], Any]
T = TypeVar("T")


def _paged(
    page: Page, newest_first: Iterable[T], shape: Callable[[T], dict[str, Any]], *, counted: bool
) -> dict[str, Any]:
    """One page. Where the document's samples tell 0 for `count`, it is not `counted` here either."""
    there = list(newest_first)
    first = (page.number - 1) * page.size
    return {
        "records": [shape(each) for each in there[first : first + page.size]],
        "page": page.number,
        "page_size": page.size,
        "count": len(there) if counted else 0,
    }


def _assets(desk: Desk, account: Account, _: Params) -> Any:
    return {asset: asset_shape(desk, account, asset) for asset in account.balances}


def _ledger(_: Desk, account: Account, params: Params) -> Any:
    """`business` is part of the word, in any case: "fee" finds trading fees and funding fees."""
    page = page_of(params)
    asset, business = params.get("asset", ""), params.get("business", "").lower()
    found = (
        entry
        for entry in reversed(account.ledger)
        if page.start_us <= entry.time_us <= page.end_us
        and asset in ("", entry.asset)
        and business in entry.business.value.lower()
    )
    return _paged(page, found, entry_shape, counted=True)


def _positions(desk: Desk, account: Account, params: Params) -> Any:
    market = maybe_market(desk, params)
    found = sorted(account.positions.values(), key=lambda each: -each.id)
    return [
        position_row(desk, account, position) for position in found if market in (None, position.terms.market)
    ]


def _adjustable(desk: Desk, account: Account, params: Params) -> Any:
    terms = market_of(desk, params)
    if "position_id" not in params:
        raise RefusedError(refusals.POSITION_ID_ERROR, "position_id error")
    return adjustable_shape(desk, account, position_of(account, terms, params))


def _pending(desk: Desk, account: Account, params: Params) -> Any:
    market, page = maybe_market(desk, params), page_of(params)
    found = (order for order in reversed(account.orders.values()) if market in (None, order.terms.market))
    return _paged(page, found, order_shape, counted=True)


def _finished(desk: Desk, account: Account, params: Params) -> Any:
    """By the time they were made, as a client asks for what it has sent."""
    market, page = market_of(desk, params).market, page_of(params)
    found = [
        order
        for order in account.finished
        if order.terms.market == market and page.start_us <= order.create_us <= page.end_us
    ]
    found.sort(key=lambda order: -order.id)
    return _paged(page, found, order_shape, counted=False)


def _detail(desk: Desk, account: Account, params: Params) -> Any:
    market, order_id = market_of(desk, params).market, order_id_of(params)
    for order in (*account.orders.values(), *account.finished):
        if order.id == order_id and order.terms.market == market:
            return order_shape(order)
    raise RefusedError(refusals.NO_SUCH_ORDER[0], "order not found")


def _deals(desk: Desk, account: Account, params: Params) -> Any:
    market, page = market_of(desk, params).market, page_of(params)
    found = (
        fill
        for fill in reversed(account.fills)
        if fill.order.terms.market == market and page.start_us <= fill.time_us <= page.end_us
    )
    return _paged(page, found, fill_shape, counted=False)


def _stops(desk: Desk, account: Account, params: Params) -> Any:
    market, page = maybe_market(desk, params), page_of(params)
    found = (stop for stop in reversed(account.stops.values()) if market in (None, stop.terms.market))
    return _paged(page, found, stop_shape, counted=True)


def _finished_stops(desk: Desk, account: Account, params: Params) -> Any:
    market, page = maybe_market(desk, params), page_of(params)
    found = [stop for stop in account.finished_stops if market in (None, stop.terms.market)]
    found.sort(key=lambda stop: -stop.id)
    return _paged(page, found, stop_shape, counted=True)


def _leverage(desk: Desk, account: Account, params: Params) -> Any:
    leverage, position_type = account.setting(market_of(desk, params).market)
    return {"leverage": str(leverage), "position_type": int(position_type)}


READING: Final[dict[Endpoint, Call]] = {
    endpoints.ASSET_QUERY: _assets,
    endpoints.ASSET_HISTORY: _ledger,
    endpoints.POSITION_PENDING: _positions,
    endpoints.MARGIN_ADJUSTABLE: _adjustable,
    endpoints.ORDER_PENDING: _pending,
    endpoints.ORDER_FINISHED: _finished,
    endpoints.ORDER_DETAIL: _detail,
    endpoints.ORDER_DEALS: _deals,
    endpoints.STOP_PENDING: _stops,
    endpoints.STOP_FINISHED: _finished_stops,
    endpoints.LEVERAGE: _leverage,
}
