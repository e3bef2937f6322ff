"""Orders, stop orders and fills, as the accounts' engine keeps them."""

from dataclasses import dataclass

from recorder.exchange.enums import OrderStatus, OrderType, PositionType, PriceType, Role, Side, StopStatus
from recorder.simulator.private.positions import Trigger
from recorder.simulator.private.terms import Terms

OPENS, CLOSES = 1, 2
"""The trade type of a fill."""
USUAL, BY_LIQUIDATION = 1, 2
"""The filled type of a fill."""


@dataclass(slots=True)
class Order:
    """An order, whatever has become of it. Price in ticks (0: the market's), quantities in lots."""

    id: int
    user_id: int
    terms: Terms
    type: OrderType
    side: Side
    ticks: int
    lots: int
    position_type: PositionType
    leverage: int
    create_us: int
    update_us: int
    position_id: int = 0
    """Of the position that it closes, and never more than closes; 0 for a plain order."""
    stop_loss: Trigger | None = None
    take_profit: Trigger | None = None
    client_oid: str = ""
    """The client's own name of it, only told again."""
    left: int = 0
    deal_value: int = 0
    fee: int = 0
    frozen: int = 0
    """Money that is held for what it may open."""
    status: OrderStatus = OrderStatus.OPEN

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY

    @property
    def filled(self) -> int:
        return self.lots - self.left


@dataclass(slots=True)
class StopOrder:
    """An order that waits for a price. `rising` where the price has to come from below. Its leverage and
    position type are the market's setting, which it follows until it ends."""

    id: int
    user_id: int
    terms: Terms
    side: Side
    trigger: Trigger
    rising: bool
    lots: int
    ticks: int
    """Of the order that it becomes; 0: the market's."""
    cut_price: str
    position_type: PositionType
    leverage: int
    entrust_id: str
    create_us: int
    update_us: int
    order_id: int = 0
    status: StopStatus = StopStatus.WAITING

    @property
    def price_type(self) -> PriceType:
        return self.trigger.price_type


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `profit` is None for one that opens."""

    order: Order
    time_us: int
    ticks: int
    lots: int
    role: Role
    fee: int
    profit: int | None
    filled_type: int = USUAL

    @property
    def trade_type(self) -> int:
        return OPENS if self.profit is None else CLOSES
