"""What a fill does to an account: fees, profits, margins, the position and the order."""

import itertools

from recorder.exchange.enums import OrderStatus, OrderType, PositionSide, PositionType, Role
from recorder.simulator.private.accounts import Account, Business, Event, Pot
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.orders import Fill, Order
from recorder.simulator.private.positions import Position
from recorder.simulator.private.telling import tell_assets, tell_order, tell_position
from recorder.simulator.private.terms import Terms
from recorder.simulator.private.units import share


def fill_order(desk: Desk, account: Account, order: Order, ticks: int, lots: int, role: Role) -> None:
    """A trade of an order. What is against the position closes it, the rest opens one; afterwards the
    account is in order again: no more closing orders than there is to close, nothing frozen in vain."""
    terms = order.terms
    position = account.positions.get(terms.market)
    closing = min(lots, position.lots) if position and order.side is position.closing_side else 0
    told: list[tuple[Position, Event]] = []
    if position is not None and closing:
        told.append(_close(desk, account, position, order, (ticks, closing, role)))
    if lots > closing:
        told.append(_open(desk, account, order, ticks, lots - closing, role))
    order.left -= lots
    order.update_us = desk.now_us
    order.status = OrderStatus.PARTLY_FILLED if order.left else OrderStatus.FILLED
    if not order.left:
        finish(desk, account, order)
    else:
        tell_order(desk, order)
    tidy(desk, account, terms)
    for changed, event in told:
        tell_position(desk, account, changed, event)
    tell_assets(desk, account, terms.asset)


def _fee(desk: Desk, account: Account, order: Order, value: int, role: Role) -> int:
    fee = share(value, desk.fees.maker if role is Role.MAKER else desk.fees.taker)
    desk.post(account, order.terms.asset, Business.FEE, -fee, Pot.FEES)
    order.fee += fee
    order.deal_value += value
    return fee


def _own_time(desk: Desk, account: Account, order: Order, ticks: int, lots: int) -> int:
    """Now, or the first microsecond after it in which the order has no such fill: the wire gives fills no id,
    and order, time, price and amount together name one."""
    taken = {
        fill.time_us
        for fill in itertools.takewhile(lambda each: each.time_us >= desk.now_us, reversed(account.fills))
        if fill.order is order and (fill.ticks, fill.lots) == (ticks, lots)
    }
    return next(time_us for time_us in itertools.count(desk.now_us) if time_us not in taken)


def _close(
    desk: Desk, account: Account, position: Position, order: Order, trade: tuple[int, int, Role]
) -> tuple[Position, Event]:
    ticks, lots, role = trade
    fee = _fee(desk, account, order, order.terms.value(ticks, lots), role)
    profit = reduce(desk, account, position, ticks, lots)
    position.profit_real -= fee
    account.fills.append(
        Fill(order, _own_time(desk, account, order, ticks, lots), ticks, lots, role, fee, profit)
    )
    return position, Event.CHANGED if position.lots else Event.CLOSED


def reduce(desk: Desk, account: Account, position: Position, ticks: int, lots: int) -> int:
    """Close so many lots at a price: the profit is paid by the public, and returned."""
    profit = position.close(ticks, lots)
    desk.post(account, position.terms.asset, Business.PNL, profit, Pot.PUBLIC)
    position.profit_real += profit
    position.fills += 1
    position.update_us = desk.now_us
    if not position.lots:
        del account.positions[position.terms.market]
    return profit


def _open(
    desk: Desk, account: Account, order: Order, ticks: int, lots: int, role: Role
) -> tuple[Position, Event]:
    terms = order.terms
    fee = _fee(desk, account, order, terms.value(ticks, lots), role)
    position = account.positions.get(terms.market)
    event = Event.OPENED if position is None else Event.CHANGED
    if position is None:
        position = account.positions[terms.market] = Position(
            id=desk.next_id(),
            user_id=account.user_id,
            terms=terms,
            side=PositionSide.LONG if order.is_buy else PositionSide.SHORT,
            type=order.position_type,
            leverage=order.leverage,
            create_us=desk.now_us,
            update_us=desk.now_us,
        )
    position.open(ticks, lots)
    position.profit_real -= fee
    position.fills += 1
    position.update_us = desk.now_us
    position.stop_loss = order.stop_loss or position.stop_loss
    position.take_profit = order.take_profit or position.take_profit
    account.fills.append(
        Fill(order, _own_time(desk, account, order, ticks, lots), ticks, lots, role, fee, None)
    )
    return position, event


# --- orders that end, and what is held for those that stay ---


def finish(desk: Desk, account: Account, order: Order) -> None:
    """An order has come to its end, whatever it was."""
    order.frozen = 0
    order.update_us = desk.now_us
    account.orders.pop(order.id, None)
    desk.placed.pop(order.id, None)
    account.finished.append(order)
    tell_order(desk, order)


def drop(desk: Desk, account: Account, order: Order) -> None:
    """Cancel a resting order."""
    desk.markets[order.terms.market].withdraw(order.is_buy, order.ticks, order.id)
    order.status = OrderStatus.PARTLY_CANCELLED if order.filled else OrderStatus.CANCELLED
    finish(desk, account, order)
    tell_closable(desk, account, order)


def tell_closable(desk: Desk, account: Account, order: Order) -> None:
    """An order that closes a position has begun or ceased to wait: more or less of it is left to close.
    Nothing is told while further orders have to go."""
    position = account.positions.get(order.terms.market)
    if position is None or position.id != order.position_id:
        return
    if account.close_left(position) >= 0:
        tell_position(desk, account, position, Event.CHANGED)


def tidy(desk: Desk, account: Account, terms: Terms) -> None:
    """After a change in a market: orders that close more than is left go, the newest first; what the others
    may open is frozen anew; and what is short is found."""
    position = account.positions.get(terms.market)
    for order in reversed(account.orders_of(terms.market)):
        if not order.position_id:
            continue
        if position is None or order.position_id != position.id or account.close_left(position) < 0:
            drop(desk, account, order)
    freeze(desk, account, terms)
    cover(desk, account, terms)


def freeze(desk: Desk, account: Account, terms: Terms) -> None:
    """Hold for each plain order the margin and the fee of what it may open: what is against the position,
    the oldest order first, opens nothing."""
    position = account.positions.get(terms.market)
    against = position.lots if position is not None else 0
    for order in account.orders_of(terms.market):
        if order.position_id or order.type is OrderType.MARKET:
            continue
        closing = min(order.left, against) if position and order.side is position.closing_side else 0
        against -= closing
        order.frozen = needed(desk, terms, order.ticks, order.left - closing, order.leverage)


def needed(desk: Desk, terms: Terms, ticks: int, lots: int, leverage: int) -> int:
    """Margin and fee of opening so many lots at a price; the fee is the higher one."""
    value = terms.value(ticks, lots)
    return -(-value // leverage) + share(value, max(desk.fees.taker, desk.fees.maker))


def cover(desk: Desk, account: Account, terms: Terms) -> None:
    """Where losses or fees have taken more than was available: orders that hold money go, the newest first;
    then the margin of the market's position and of cross positions gives way, which brings their liquidation
    closer; what is short even then is the insurance fund's loss, as with any bankrupt account."""
    asset = terms.asset
    for order in reversed(list(account.orders.values())):
        if account.available(asset) >= 0:
            return
        if order.frozen:
            drop(desk, account, order)
    own = account.positions.get(terms.market)
    for position in sorted(account.positions.values(), key=lambda each: each is not own):
        short = -account.available(asset)
        if short <= 0:
            return
        if (position is own or position.type is PositionType.CROSS) and position.terms.asset == asset:
            position.margin -= min(short, position.margin)
            if position is not own:  # which the caller tells
                tell_position(desk, account, position, Event.CHANGED)
    if account.available(asset) < 0:
        desk.insure(account, terms, -account.available(asset))
