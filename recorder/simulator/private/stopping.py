"""Orders that wait for a price: stop orders, and the stop loss and take profit of positions."""

import hashlib
from dataclasses import dataclass
from typing import Final

from recorder.exchange import refusals
from recorder.exchange.enums import Side, StopStatus
from recorder.simulator.private.accounts import Account, Event
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.filling import drop
from recorder.simulator.private.ordering import Wish, check_triggers, place
from recorder.simulator.private.orders import StopOrder
from recorder.simulator.private.positions import Position, Trigger
from recorder.simulator.private.telling import tell_position
from recorder.simulator.private.terms import Terms
from recorder.simulator.refused import RefusedError

MAX_STOPS: Final = 100
"""Waiting stop orders of an account in one market."""


@dataclass(frozen=True, slots=True)
class StopWish:
    """A stop order as it is asked for; `ticks` 0 becomes a market order. `cut_price` is only told again."""

    terms: Terms
    side: Side
    lots: int
    trigger: Trigger
    ticks: int
    cut_price: str


def place_stop(desk: Desk, account: Account, wish: StopWish) -> StopOrder:
    """Let an order wait until the market's price of the trigger's type comes to it, from where that price is
    now. Nothing is frozen for it. Raises RefusedError."""
    terms, now = wish.terms, desk.price(wish.terms.market, wish.trigger.price_type)
    if len(account.stops_of(terms.market)) >= MAX_STOPS:
        raise RefusedError(refusals.TOO_MANY_ORDERS, "stop order count over limit")
    if wish.trigger.ticks == now:
        raise RefusedError(refusals.STOP_PRICE_ERROR, "stop price is the price now")
    leverage, position_type = account.setting(terms.market)
    stop_id = desk.next_stop_id()
    stop = StopOrder(
        id=stop_id,
        user_id=account.user_id,
        terms=terms,
        side=wish.side,
        trigger=wish.trigger,
        rising=wish.trigger.ticks > now,
        lots=wish.lots,
        ticks=wish.ticks,
        cut_price=wish.cut_price,
        position_type=position_type,
        leverage=leverage,
        entrust_id=hashlib.sha256(str(stop_id).encode()).hexdigest()[:10],
        create_us=desk.now_us,
        update_us=desk.now_us,
    )
    account.stops[stop.id] = stop
    desk.markets[terms.market].owner = desk.owner
    return stop


def end_stop(desk: Desk, account: Account, stop: StopOrder, status: StopStatus) -> None:
    """A stop order waits no more."""
    stop.status = status
    stop.update_us = desk.now_us
    account.stops.pop(stop.id, None)
    account.finished_stops.append(stop)


def set_triggers(
    desk: Desk, account: Account, position: Position, stop_loss: Trigger | None, take_profit: Trigger | None
) -> None:
    """Give a position a stop loss and a take profit, or take them away. Raises RefusedError where one of
    them would be due at once."""
    for trigger, is_loss in ((stop_loss, True), (take_profit, False)):
        if trigger is not None:
            now = desk.price(position.terms.market, trigger.price_type)
            pair = (trigger, None) if is_loss else (None, trigger)
            check_triggers(position.side, now, *pair)
    position.stop_loss, position.take_profit = stop_loss, take_profit
    position.update_us = desk.now_us
    tell_position(desk, account, position, Event.CHANGED)


# --- when prices move ---


def pull_stops(desk: Desk, account: Account, market: str) -> bool:
    """Trigger the account's stop orders of a market whose price has come. Whether there were any."""
    due = [stop for stop in account.stops_of(market) if _is_due(desk, stop)]
    for stop in due:
        _pull(desk, account, stop)
    return bool(due)


def _is_due(desk: Desk, stop: StopOrder) -> bool:
    now = desk.price(stop.terms.market, stop.price_type)
    return now >= stop.trigger.ticks if stop.rising else now <= stop.trigger.ticks


def _pull(desk: Desk, account: Account, stop: StopOrder) -> None:
    end_stop(desk, account, stop, StopStatus.TRIGGERED)
    try:
        order = place(desk, account, Wish(stop.terms, stop.side, stop.lots, stop.ticks or None))
    except RefusedError:
        stop.status = StopStatus.FAILED
    else:
        stop.order_id = order.id


def pull_triggers(desk: Desk, account: Account, market: str) -> bool:
    """Close the account's position in a market at its stop loss or take profit. Whether it was due.

    Its closing orders give way first. Where the book cannot take all of it, the rest is due again."""
    position = account.positions.get(market)
    if position is None:
        return False
    up = position.sign
    for trigger, direction in ((position.stop_loss, -up), (position.take_profit, up)):
        if trigger is None:
            continue
        now = desk.price(market, trigger.price_type)
        if (now - trigger.ticks) * direction >= 0:
            return _close_at_market(desk, account, position)
    return False


def _close_at_market(desk: Desk, account: Account, position: Position) -> bool:
    for order in account.orders_of(position.terms.market):
        if order.position_id == position.id:
            drop(desk, account, order)
    wish = Wish(position.terms, position.closing_side, position.lots, closes=position)
    try:
        place(desk, account, wish, whole=False)
    except RefusedError:
        return False  # nothing to take in the book, or too many orders: due again at the next price
    return True
