"""Leverage, and margin put into a position or taken out of it. No balance changes by either."""

from recorder.exchange import refusals
from recorder.exchange.enums import MarginChange, PositionType
from recorder.simulator.private.accounts import Account, Event
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.positions import Position, removable
from recorder.simulator.private.settling import is_due
from recorder.simulator.private.telling import tell_assets, tell_position
from recorder.simulator.private.terms import Terms
from recorder.simulator.refused import RefusedError


def set_leverage(
    desk: Desk, account: Account, terms: Terms, leverage: int, position_type: PositionType
) -> None:
    """How orders of a market open from now on; an open position is put to the new leverage at once, and what
    waits for a price will be placed with it.

    Raises RefusedError while orders rest there (they hold what their leverage wants), for a position of the
    other type, and where the margin is not there or more is held than the leverage allows.
    """
    if not terms.allows(leverage):
        raise RefusedError(refusals.LEVERAGE_ERROR, "leverage error: choose one of the market's leverages")
    if account.setting(terms.market) == (leverage, position_type):
        return
    if account.orders_of(terms.market):
        raise RefusedError(refusals.LEVERAGE_ERROR, "leverage error: cancel the market's orders first")
    position = account.positions.get(terms.market)
    if position is not None:
        if position.type is not position_type:
            raise RefusedError(refusals.POSITION_TYPE_ERROR, "position type error: close the position first")
        _releverage(desk, account, position, leverage)
    account.settings[terms.market] = (leverage, position_type)
    for stop in account.stops_of(terms.market):
        stop.leverage, stop.position_type = leverage, position_type


def _releverage(desk: Desk, account: Account, position: Position, leverage: int) -> None:
    terms = position.terms
    if position.lots > terms.tier(leverage).lots:
        raise RefusedError(refusals.AMOUNT_OVER_LIMIT, "amount over limit: the position is too large for it")
    margin = position.open_value // leverage
    if margin - position.margin > max(0, desk.free(account, terms.asset)):
        raise RefusedError(refusals.BALANCE_TOO_SMALL, "balance not enough")
    before = position.margin, position.leverage
    position.margin, position.leverage = margin, leverage
    if is_due(desk, account, position):
        position.margin, position.leverage = before
        raise RefusedError(refusals.LEVERAGE_ERROR, "leverage error: the position would be liquidated")
    _told(desk, account, position)


def adjust_margin(
    desk: Desk, account: Account, position: Position, change: MarginChange, amount: int
) -> None:
    """Put money into an isolated position or take it out. Raises RefusedError."""
    if position.type is PositionType.CROSS:
        raise RefusedError(refusals.POSITION_TYPE_ERROR, "position type error: a cross position has it all")
    if change is MarginChange.INCREASE:
        if amount > max(0, desk.free(account, position.terms.asset)):
            raise RefusedError(refusals.BALANCE_TOO_SMALL, "balance not enough")
        position.margin += amount
    else:
        if amount > removable(position, desk.mark(position.terms.market)):
            raise RefusedError(refusals.BALANCE_TOO_SMALL, "more than the removable margin")
        position.margin -= amount
    _told(desk, account, position)


def _told(desk: Desk, account: Account, position: Position) -> None:
    position.update_us = desk.now_us
    tell_position(desk, account, position, Event.CHANGED)
    tell_assets(desk, account, position.terms.asset)
