"""Liquidations, funding, and the end of a market: what happens to positions without their owner's doing.

All of it is settled at the mark price. A liquidated position is taken over by the exchange: its loss at the
mark is paid as any closed profit, and the insurance fund gets what is left of its margin (of a cross account:
up to the maintenance margins), or pays what is short. No trade is made in the book, and no fee is taken.
"""

from recorder.exchange.enums import OrderStatus, OrderType, PositionType, Role
from recorder.simulator.private.accounts import Account, Business, Event, Pot
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.filling import cover, drop, finish, reduce, tidy
from recorder.simulator.private.orders import BY_LIQUIDATION, USUAL, Fill, Order
from recorder.simulator.private.positions import LIQUIDATED, Position
from recorder.simulator.private.telling import tell_assets, tell_position
from recorder.simulator.private.units import share


def liquidate(desk: Desk, account: Account, market: str) -> bool:
    """Take over the account's position in a market, or all its cross positions, where their margin does not
    reach the maintenance margin any more. Whether it was so."""
    position = account.positions.get(market)
    if position is None or not is_due(desk, account, position):
        return False
    if position.type is PositionType.ISOLATED:
        _drop_all(desk, account, market)
        _take_over(desk, account, [position])
        return True
    _drop_all(desk, account, None)
    _take_over(desk, account, _crossed(account, position.terms.asset))
    return True


def is_due(desk: Desk, account: Account, position: Position) -> bool:
    """Whether a position, or a cross one with all others, does not reach its maintenance margin any more."""
    if position.type is PositionType.CROSS:
        return _cross_is_due(desk, account, position.terms.asset)
    return position.margin + position.unreal(desk.mark(position.terms.market)) <= position.maintenance


def _crossed(account: Account, asset: str) -> list[Position]:
    return [
        each
        for each in account.positions.values()
        if each.type is PositionType.CROSS and each.terms.asset == asset
    ]


def _cross_is_due(desk: Desk, account: Account, asset: str) -> bool:
    crossed = _crossed(account, asset)
    worth = sum(each.margin + each.unreal(desk.mark(each.terms.market)) for each in crossed)
    behind = account.available(asset) + account.frozen(asset)
    return behind + worth <= sum(each.maintenance for each in crossed)


def _drop_all(desk: Desk, account: Account, market: str | None) -> None:
    """Cancel the resting orders of a market, or all of them."""
    for order in list(account.orders.values()):
        if market in (None, order.terms.market):
            drop(desk, account, order)


def _take_over(desk: Desk, account: Account, positions: list[Position]) -> None:
    left = {}
    for position in positions:
        at_mark = position.margin + position.unreal(desk.mark(position.terms.market))
        left[position.id] = (
            at_mark if position.type is PositionType.ISOLATED else max(0, position.maintenance)
        )
        _close_at_mark(desk, account, position, BY_LIQUIDATION)
    for position in positions:
        terms = position.terms
        rest = left[position.id]
        if position.type is PositionType.CROSS:
            rest = min(rest, max(0, account.available(terms.asset)))
        desk.insure(account, terms, -rest)
        tell_position(desk, account, position, Event.LIQUIDATED)
        cover(desk, account, terms)
    tell_assets(desk, account, positions[0].terms.asset)


def _close_at_mark(desk: Desk, account: Account, position: Position, filled_type: int) -> None:
    """A closing order of the exchange's own, filled at the mark price by the public."""
    terms, mark, lots = position.terms, desk.mark(position.terms.market), position.lots
    order = Order(
        id=desk.next_id(),
        user_id=account.user_id,
        terms=terms,
        type=OrderType.MARKET,
        side=position.closing_side,
        ticks=0,
        lots=lots,
        position_type=position.type,
        leverage=position.leverage,
        create_us=desk.now_us,
        update_us=desk.now_us,
        position_id=position.id,
        deal_value=terms.value(mark, lots),
        status=OrderStatus.FILLED,
    )
    if filled_type == BY_LIQUIDATION:
        position.finish_type = LIQUIDATED
        position.liq_us, position.liq_ticks, position.liq_lots = desk.now_us, mark, lots
        position.liq_profit = position.unreal(mark)
    profit = reduce(desk, account, position, mark, lots)
    account.fills.append(Fill(order, desk.now_us, mark, lots, Role.TAKER, 0, profit, filled_type))
    finish(desk, account, order)


def charge_funding(desk: Desk, account: Account, market: str) -> None:
    """A settlement: the market's `rate_last` of the position's value at the mark price. Who is long pays at
    a rate above 0, and gets it below; who is short the other way round. What is not available comes out of
    the position's margin."""
    position = account.positions.get(market)
    if position is None:
        return
    figures = desk.markets[market].figures
    charge = position.sign * share(position.terms.value(figures.mark, position.lots), figures.rate_last)
    desk.post(account, position.terms.asset, Business.FUNDING, -charge, Pot.FUNDING)
    position.profit_real -= charge
    position.update_us = desk.now_us
    tidy(desk, account, position.terms)
    tell_position(desk, account, position, Event.CHANGED)
    tell_assets(desk, account, position.terms.asset)


def close_market(desk: Desk, account: Account, market: str) -> None:
    """A market is taken off the list: its orders go, and its position is closed at the last mark price."""
    _drop_all(desk, account, market)
    position = account.positions.get(market)
    if position is None:
        return
    _close_at_mark(desk, account, position, USUAL)
    cover(desk, account, position.terms)
    tell_position(desk, account, position, Event.CLOSED)
    tell_assets(desk, account, position.terms.asset)
