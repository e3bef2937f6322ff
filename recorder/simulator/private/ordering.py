"""Orders as they are asked for: checked, matched, and left in the book."""

from dataclasses import dataclass, replace
from typing import Final

from recorder.exchange import refusals
from recorder.exchange.enums import OrderStatus, OrderType, PositionSide, Role, Side
from recorder.simulator.private.accounts import Account
from recorder.simulator.private.crossing import reachable
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.filling import drop, fill_order, finish, needed, tell_closable, tidy
from recorder.simulator.private.orders import Order
from recorder.simulator.private.positions import Position, Trigger
from recorder.simulator.private.telling import tell_assets, tell_order
from recorder.simulator.private.terms import Terms
from recorder.simulator.refused import RefusedError

MAX_ORDERS: Final = 200
"""Resting orders of an account in one market."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as it is asked for. `ticks` None takes the market's price; `closes` is the position that it
    closes, and never more than that."""

    terms: Terms
    side: Side
    lots: int
    ticks: int | None = None
    stop_loss: Trigger | None = None
    take_profit: Trigger | None = None
    closes: Position | None = None
    client_oid: str = ""

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY


def place(desk: Desk, account: Account, wish: Wish, *, whole: bool = True) -> Order:
    """Match an order, and let what is left of a limit order rest. A market order that the book cannot fill
    is refused, or, if not `whole`, filled as far as it goes.

    An account never trades with itself: its orders that this one would meet are cancelled. Raises
    RefusedError, and then nothing has happened.
    """
    market = desk.markets[wish.terms.market]
    _check(desk, account, wish)
    fills, met = reachable(market, wish.is_buy, wish.lots, wish.ticks, account.orders)
    reached = sum(lots for _, lots in fills)
    if wish.ticks is None and reached < wish.lots:
        if whole or not reached:
            raise RefusedError(refusals.BOOK_TOO_THIN, "depth insufficient")
        wish = replace(wish, lots=reached)
    _afford(desk, account, wish, fills, met)
    for order_id in met:
        if order_id in account.orders:
            drop(desk, account, account.orders[order_id])
    order = _new(desk, account, wish)
    market.owner = desk.owner
    desk.touched.add(wish.terms.market)
    if fills:
        for ticks, lots in market.take(wish.is_buy, wish.lots, wish.ticks, desk.now_us):
            fill_order(desk, account, order, ticks, lots, Role.TAKER)
    if order.left:
        _rest(desk, account, order)
    return order


def _rest(desk: Desk, account: Account, order: Order) -> None:
    """What is left of a limit order waits in the book; of a market order nothing is, as was seen before."""
    if order.type is OrderType.MARKET:
        order.status = OrderStatus.PARTLY_CANCELLED
        finish(desk, account, order)
        return
    account.orders[order.id] = order
    tidy(desk, account, order.terms)
    if order.id not in account.orders:
        return  # what it needed was short, and it is gone
    if order.status is OrderStatus.OPEN:
        tell_order(desk, order)
    tell_closable(desk, account, order)
    tell_assets(desk, account, order.terms.asset)
    desk.placed[order.id] = account.user_id
    desk.markets[order.terms.market].rest(order.is_buy, order.ticks, order.id, order.left)


def _new(desk: Desk, account: Account, wish: Wish) -> Order:
    leverage, position_type = account.setting(wish.terms.market)
    return Order(
        id=desk.next_id(),
        user_id=account.user_id,
        terms=wish.terms,
        type=OrderType.MARKET if wish.ticks is None else OrderType.LIMIT,
        side=wish.side,
        ticks=wish.ticks or 0,
        lots=wish.lots,
        left=wish.lots,
        position_type=position_type,
        leverage=leverage,
        create_us=desk.now_us,
        update_us=desk.now_us,
        position_id=0 if wish.closes is None else wish.closes.id,
        stop_loss=wish.stop_loss,
        take_profit=wish.take_profit,
        client_oid=wish.client_oid,
    )


def _check(desk: Desk, account: Account, wish: Wish) -> None:
    """What can be refused without looking at the book."""
    terms, position = wish.terms, account.positions.get(wish.terms.market)
    if len(account.orders_of(terms.market)) >= MAX_ORDERS:
        raise RefusedError(refusals.TOO_MANY_ORDERS, "order count over limit")
    if wish.closes is not None:
        if wish.lots > account.close_left(wish.closes):
            raise RefusedError(refusals.QUANTITY_ERROR, "quantity is more than is left to close")
        return
    leverage, _ = account.setting(terms.market)
    held = 0
    if position is not None:
        held = -position.lots if wish.side is position.closing_side else position.lots
    waiting = sum(each.left for each in account.orders_of(terms.market) if each.side is wish.side)
    if held + waiting + wish.lots > terms.tier(leverage).lots:
        raise RefusedError(refusals.AMOUNT_OVER_LIMIT, "amount over limit: lower the leverage or the amount")
    reference = desk.markets[terms.market].last if wish.ticks is None else wish.ticks
    side = PositionSide.LONG if wish.is_buy else PositionSide.SHORT
    check_triggers(side, reference, wish.stop_loss, wish.take_profit)


def check_triggers(
    side: PositionSide, reference: int, stop_loss: Trigger | None, take_profit: Trigger | None
) -> None:
    """A stop loss lies on the losing side of the reference price, a take profit on the other."""
    sign = 1 if side is PositionSide.LONG else -1
    if stop_loss is not None and (reference - stop_loss.ticks) * sign <= 0:
        raise RefusedError(refusals.STOP_LOSS_ERROR[1], "stop loss is on the wrong side of the price")
    if take_profit is not None and (take_profit.ticks - reference) * sign <= 0:
        raise RefusedError(refusals.TAKE_PROFIT_ERROR[1], "take profit is on the wrong side of the price")


def _afford(desk: Desk, account: Account, wish: Wish, fills: list[tuple[int, int]], met: list[int]) -> None:
    """Whether margin and fees of what the order opens are there; what closes the position needs nothing."""
    if wish.closes is not None:
        return
    terms, position = wish.terms, account.positions.get(wish.terms.market)
    leverage, _ = account.setting(terms.market)
    against = 0
    if position is not None and wish.side is position.closing_side:
        against = position.lots - sum(
            each.left
            for each in account.orders_of(terms.market)
            if each.side is wish.side and not each.position_id
        )
    left, need = wish.lots, 0
    for ticks, lots in fills:
        opened = lots - min(lots, max(0, against))
        against -= lots - opened
        left -= lots
        need += needed(desk, terms, ticks, opened, leverage)
    if wish.ticks is not None:
        need += needed(desk, terms, wish.ticks, left - min(left, max(0, against)), leverage)
    released = sum(account.orders[order_id].frozen for order_id in met)
    if need > max(0, desk.free(account, terms.asset) + released):
        raise RefusedError(refusals.BALANCE_TOO_SMALL, "balance not enough")


def cancel(desk: Desk, account: Account, order: Order) -> None:
    """Take a resting order out of the book."""
    drop(desk, account, order)
    tidy(desk, account, order.terms)
    tell_assets(desk, account, order.terms.asset)


def cancel_all(desk: Desk, account: Account, market: str) -> None:
    """All resting orders of a market."""
    for order in account.orders_of(market):
        drop(desk, account, order)
    terms = desk.terms(market)
    tidy(desk, account, terms)
    tell_assets(desk, account, terms.asset)
