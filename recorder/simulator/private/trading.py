"""The calls that change something, as the document has them: most answer with an order's id, or null."""

from dataclasses import replace
from typing import Any, Final

from recorder.exchange import endpoints, refusals
from recorder.exchange.endpoints import Endpoint
from recorder.exchange.enums import StopStatus
from recorder.simulator.private import asked, margins, ordering, stopping
from recorder.simulator.private.accounts import Account
from recorder.simulator.private.asked import NOTHING, Params
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.ordering import Wish
from recorder.simulator.private.positions import Trigger
from recorder.simulator.private.reading import Call
from recorder.simulator.private.shapes import position_whole
from recorder.simulator.private.terms import Terms
from recorder.simulator.private.units import MONEY_PREC, units
from recorder.simulator.refused import RefusedError


def _limit(desk: Desk, account: Account, params: Params) -> Any:
    terms = asked.market_of(desk, params)
    side = asked.side_of(params)
    ticks = asked.ticks_of(terms, params, "price", refusals.PRICE_ERROR)
    return _placed(desk, account, Wish(terms, side, asked.lots_of(terms, params), ticks), params)


def _market(desk: Desk, account: Account, params: Params) -> Any:
    terms = asked.market_of(desk, params)
    side = asked.side_of(params)
    return _placed(desk, account, Wish(terms, side, asked.lots_of(terms, params)), params)


def _placed(desk: Desk, account: Account, wish: Wish, params: Params) -> Any:
    """`is_stop` says whether the order brings a stop loss or a take profit: where it says no, the prices that
    came with it are read, and a wrong one is refused, but not set."""
    stop_loss = asked.stop_loss_of(wish.terms, params)
    take_profit = asked.take_profit_of(wish.terms, params)
    if not asked.is_stop_of(params):
        stop_loss = take_profit = None
    name = asked.client_oid_of(params)
    wish = replace(wish, stop_loss=stop_loss, take_profit=take_profit, client_oid=name)
    return ordering.place(desk, account, wish).id


def _cancel(desk: Desk, account: Account, params: Params) -> Any:
    order = asked.resting_order(account, asked.market_of(desk, params), params)
    ordering.cancel(desk, account, order)
    return order.id


def _cancel_all(desk: Desk, account: Account, params: Params) -> Any:
    ordering.cancel_all(desk, account, asked.market_of(desk, params).market)


def _stop(desk: Desk, account: Account, params: Params) -> Any:
    terms = asked.market_of(desk, params)
    side = asked.side_of(params)
    ticks = asked.ticks_of(terms, params, "stop_price", refusals.STOP_PRICE_ERROR)
    price_type = asked.price_type_of(params, "stop_price_type", refusals.STOP_PRICE_ERROR)
    cut_price = params.get("cut_price", "")
    if cut_price and (units(cut_price, MONEY_PREC) or 0) <= 0:
        raise RefusedError(refusals.CURRENT_PRICE_ERROR, "cut_price error: give the last price")
    at_market = params.get("order_price", "") in NOTHING
    order_ticks = 0 if at_market else asked.ticks_of(terms, params, "order_price", refusals.PRICE_ERROR)
    lots = asked.lots_of(terms, params)
    wish = stopping.StopWish(terms, side, lots, Trigger(ticks, price_type), order_ticks, cut_price)
    stopping.place_stop(desk, account, wish)


def _stop_cancel(desk: Desk, account: Account, params: Params) -> Any:
    stop = asked.waiting_stop(account, asked.market_of(desk, params), params)
    stopping.end_stop(desk, account, stop, StopStatus.CANCELLED)
    return stop.id


def _stop_cancel_all(desk: Desk, account: Account, params: Params) -> Any:
    for stop in account.stops_of(asked.market_of(desk, params).market):
        stopping.end_stop(desk, account, stop, StopStatus.CANCELLED)


def _leverage(desk: Desk, account: Account, params: Params) -> Any:
    terms = asked.market_of(desk, params)
    leverage, position_type = asked.leverage_of(params), asked.position_type_of(params)
    margins.set_leverage(desk, account, terms, leverage, position_type)


def _margin(desk: Desk, account: Account, params: Params) -> Any:
    terms = asked.market_of(desk, params)
    change, amount = asked.margin_change_of(params), asked.money_of(params)
    position = asked.position_of(account, terms, params)
    margins.adjust_margin(desk, account, position, change, amount)
    return position_whole(desk, account, position)


def _close_limit(desk: Desk, account: Account, params: Params) -> Any:
    terms = asked.market_of(desk, params)
    ticks = asked.ticks_of(terms, params, "price", refusals.PRICE_ERROR)
    return _closed(desk, account, terms, params, ticks)


def _close_market(desk: Desk, account: Account, params: Params) -> Any:
    return _closed(desk, account, asked.market_of(desk, params), params, None)


def _closed(desk: Desk, account: Account, terms: Terms, params: Params, ticks: int | None) -> Any:
    """Closing at the market closes all that no order is closing yet, where no quantity is given."""
    position = asked.position_of(account, terms, params)
    given = bool(params.get("quantity")) or ticks is not None
    lots = asked.lots_of(terms, params) if given else account.close_left(position)
    if not lots:
        raise RefusedError(refusals.QUANTITY_ERROR, "quantity is more than is left to close")
    name = asked.client_oid_of(params)
    wish = Wish(terms, position.closing_side, lots, ticks, closes=position, client_oid=name)
    return ordering.place(desk, account, wish).id


def _close_stop(desk: Desk, account: Account, params: Params) -> Any:
    """What is not given stays as it is; an empty price takes the stop away."""
    terms = asked.market_of(desk, params)
    position = asked.position_of(account, terms, params)
    stop_loss, take_profit = position.stop_loss, position.take_profit
    if "stop_loss_price" in params:
        stop_loss = asked.stop_loss_of(terms, params)
    if "take_profit_price" in params:
        take_profit = asked.take_profit_of(terms, params)
    stopping.set_triggers(desk, account, position, stop_loss, take_profit)


TRADING: Final[dict[Endpoint, Call]] = {
    endpoints.LIMIT_ORDER: _limit,
    endpoints.MARKET_ORDER: _market,
    endpoints.ORDER_CANCEL: _cancel,
    endpoints.ORDER_CANCEL_ALL: _cancel_all,
    endpoints.STOP_ORDER: _stop,
    endpoints.STOP_CANCEL: _stop_cancel,
    endpoints.STOP_CANCEL_ALL: _stop_cancel_all,
    endpoints.SET_LEVERAGE: _leverage,
    endpoints.ADJUST_MARGIN: _margin,
    endpoints.CLOSE_LIMIT: _close_limit,
    endpoints.CLOSE_MARKET: _close_market,
    endpoints.CLOSE_STOP: _close_stop,
}
