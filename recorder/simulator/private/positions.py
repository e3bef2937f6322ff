"""Positions and their formulas, as the document's own samples have them.

With v the value at which it was opened, m the margin, r the maintenance rate of its leverage, p = v / amount:

    open_margin   = m / v                        (cut to 20 decimals, as every fraction here)
    mainten_margin_amount = r v
    liq_price     = p (1 - open_margin + r)      long;  p (1 + open_margin - r)   short
    bkr_price     = p (1 - open_margin)          long;  p (1 + open_margin)       short
    profit_unreal = value at mark - v            long;  v - value at mark         short
    roe           = profit_unreal / m

An isolated position is liquidated where m + profit_unreal <= r v at the mark price, which is at liq_price.
A cross position has the account's free money behind it: its prices count that as margin, too (`spare`).
"""

from dataclasses import dataclass
from typing import Final

from recorder.exchange.enums import PositionSide, PositionType, PriceType, Side
from recorder.simulator.private.terms import Terms
from recorder.simulator.private.units import ONE, RATE_PREC, share

ADL_STEPS: Final = ((10, 1), (5, 2), (2, 3), (0, 4))
"""From so many percent of profit on the margin: the place in the queue of auto-deleveraging."""
LAST_IN_QUEUE: Final = 5
FINISHED: Final = 1
LIQUIDATED: Final = 2


@dataclass(frozen=True, slots=True)
class Trigger:
    """A price in ticks, and which of the market's prices has to reach it."""

    ticks: int
    price_type: PriceType


@dataclass(slots=True)
class Position:
    """One position; a market has one at most for each account. Money in 10^-20, times in microseconds."""

    id: int
    user_id: int
    terms: Terms
    side: PositionSide
    type: PositionType
    leverage: int
    create_us: int
    update_us: int
    lots: int = 0
    open_value: int = 0
    margin: int = 0
    profit_real: int = 0
    """Closed profits, fees and funding."""
    lots_max: int = 0
    open_value_max: int = 0
    fills: int = 0
    stop_loss: Trigger | None = None
    take_profit: Trigger | None = None
    finish_type: int = FINISHED
    liq_us: int = 0
    liq_ticks: int = 0
    liq_lots: int = 0
    liq_profit: int = 0

    @property
    def sign(self) -> int:
        return 1 if self.side is PositionSide.LONG else -1

    @property
    def closing_side(self) -> Side:
        """The side of an order that closes it."""
        return Side.SELL if self.side is PositionSide.LONG else Side.BUY

    def unreal(self, mark: int) -> int:
        """The profit if it were closed at the mark price (ticks)."""
        return self.sign * (self.terms.value(mark, self.lots) - self.open_value)

    @property
    def maintenance_rate(self) -> int:
        return self.terms.tier(self.leverage).maintenance

    @property
    def maintenance(self) -> int:
        return share(self.open_value, self.maintenance_rate)

    def open(self, ticks: int, lots: int) -> int:
        """More of it; returns the margin that it takes."""
        value = self.terms.value(ticks, lots)
        margin = value // self.leverage
        self.lots += lots
        self.open_value += value
        self.margin += margin
        self.lots_max = max(self.lots_max, self.lots)
        self.open_value_max = max(self.open_value_max, self.open_value)
        return margin

    def close(self, ticks: int, lots: int) -> int:
        """Less of it, its margin released in proportion; returns the profit. The last lot takes with it what
        the divisions left, so that nothing is lost."""
        value = self.open_value * lots // self.lots
        self.margin -= self.margin * lots // self.lots
        self.open_value -= value
        self.lots -= lots
        return self.sign * (self.terms.value(ticks, lots) - value)


def open_price(position: Position) -> int:
    """Money a unit; 0 once it is closed."""
    return position.terms.unit_price(position.open_value, position.lots) if position.lots else 0


def open_margin(position: Position, spare: int = 0) -> int:
    """The margin, and what else stands behind it, as a fraction of the value, in 10^-20."""
    return (position.margin + spare) * ONE // position.open_value if position.open_value else 0


def bankruptcy_price(position: Position, spare: int = 0) -> int:
    """Where the margin is used up, as money a unit; not below 0."""
    left = ONE - position.sign * open_margin(position, spare)
    return max(0, open_price(position) * left // ONE)


def liquidation_price(position: Position, spare: int = 0) -> int:
    """Where it is liquidated, as money a unit; not below 0."""
    maintenance = position.maintenance_rate * ONE // 10**RATE_PREC
    left = ONE - position.sign * (open_margin(position, spare) - maintenance)
    return max(0, open_price(position) * left // ONE)


def return_on_margin(position: Position, mark: int) -> int:
    """As a fraction in 10^-20, cut towards zero; 0 without a margin."""
    if not position.margin:
        return 0
    profit = position.unreal(mark)
    part = abs(profit) * ONE // position.margin
    return part if profit >= 0 else -part


def place_in_queue(position: Position, mark: int) -> int:
    """1, the first to be auto-deleveraged, to 5: by its return alone, for nobody else's is known here."""
    percent = return_on_margin(position, mark) * 100
    return next((place for least, place in ADL_STEPS if percent >= least * ONE), LAST_IN_QUEUE)


def removable(position: Position, mark: int) -> int:
    """How much margin can be taken out: what is above the initial margin at the mark price, losses counted.
    Nothing of a cross position's, which has all of the account behind it."""
    if position.type is PositionType.CROSS:
        return 0
    needed = position.terms.value(mark, position.lots) // position.leverage
    return max(0, position.margin + min(0, position.unreal(mark)) - needed)
