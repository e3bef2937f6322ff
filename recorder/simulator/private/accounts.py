"""Accounts, and the pots on the other side of every change of a balance.

A balance is all that an account has of an asset: available, frozen by orders, and margin. Freezing and
margins move nothing out of it, so only these change it, each with a line in the ledger: deposits, trading
fees, closed profits, funding and liquidations. What an account gets a pot gives: the sum over all accounts
and pots is 0 at any time, deposits being a pot as well.
"""

import enum
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from recorder.exchange.enums import PositionType
from recorder.simulator.private.orders import Fill, Order, StopOrder
from recorder.simulator.private.positions import Position
from recorder.simulator.private.terms import DEFAULT_LEVERAGE

KEPT: Final = 20_000
"""Of each kind of an account's past: older entries are forgotten."""


class Business(enum.StrEnum):
    """The ledger's words: "Close pnl" is the document's, the others are after its pattern."""

    DEPOSIT = "Deposit"
    FEE = "Trading fee"
    PNL = "Close pnl"
    FUNDING = "Funding fee"
    LIQUIDATION = "Liquidation"


class Pot(enum.Enum):
    """Who is on the other side."""

    OUTSIDE = "outside"
    """Where deposits come from."""
    PUBLIC = "public"
    """The simulated public: one book of what all accounts won and lost by their trades."""
    FEES = "fees"
    FUNDING = "funding"
    """What the public pays and gets at settlements."""
    INSURANCE = "insurance"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger: `balance` is what the account has of the asset after it."""

    id: int
    time_us: int
    user_id: int
    asset: str
    business: Business
    change: int
    balance: int


class Event(enum.IntEnum):
    """What a push of a position tells of; the venue's own numbers are not documented."""

    OPENED = 1
    CHANGED = 2
    CLOSED = 3
    LIQUIDATED = 4


@dataclass(slots=True)
class Account:
    """All of one client. Positions by market; orders and stop orders by id, oldest first."""

    user_id: int
    client_id: str
    balances: Counter[str] = field(default_factory=Counter)
    ledger: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    stops: dict[int, StopOrder] = field(default_factory=dict)
    finished: deque[Order] = field(default_factory=lambda: deque(maxlen=KEPT))
    finished_stops: deque[StopOrder] = field(default_factory=lambda: deque(maxlen=KEPT))
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=KEPT))
    settings: dict[str, tuple[int, PositionType]] = field(default_factory=dict)
    """Leverage and position type by market."""

    def setting(self, market: str) -> tuple[int, PositionType]:
        return self.settings.get(market, (DEFAULT_LEVERAGE, PositionType.ISOLATED))

    def margin(self, asset: str) -> int:
        """What is bound in positions."""
        return sum(each.margin for each in self.positions.values() if each.terms.asset == asset)

    def frozen(self, asset: str) -> int:
        """What is held for orders."""
        return sum(each.frozen for each in self.orders.values() if each.terms.asset == asset)

    def available(self, asset: str) -> int:
        return self.balances[asset] - self.margin(asset) - self.frozen(asset)

    def orders_of(self, market: str) -> list[Order]:
        return [order for order in self.orders.values() if order.terms.market == market]

    def stops_of(self, market: str) -> list[StopOrder]:
        return [stop for stop in self.stops.values() if stop.terms.market == market]

    def close_left(self, position: Position) -> int:
        """Lots that no order is closing yet."""
        closing = (order.left for order in self.orders.values() if order.position_id == position.id)
        return position.lots - sum(closing)
