"""What the venue tells of an account, as records. docs/records.md has the meaning and unit of every field.

Money is `Decimal`, exactly as it came; times are float seconds. Amounts are in base units, or in contracts
where a market counts these. Only what names a record is required: the venue leaves fields out, and has more
of them than its document says. What neither it nor its siblings explain is called undocumented here.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, TypeAlias

from recorder.exchange.enums import (
    OrderStatus,
    OrderType,
    PositionSide,
    PositionType,
    PriceType,
    Role,
    Side,
    StopStatus,
)
from recorder.exchange.values import (
    read_decimal,
    read_id_text,
    read_integer,
    read_one_of,
    read_text,
    read_time,
)

Money: TypeAlias = Annotated[Decimal | None, read_decimal]
Number: TypeAlias = Annotated[int | None, read_integer]
Text: TypeAlias = Annotated[str | None, read_text]
IdText: TypeAlias = Annotated[str | None, read_id_text]
Time: TypeAlias = Annotated[float | None, read_time]
OrderStatusValue: TypeAlias = Annotated[OrderStatus | int | None, read_one_of(OrderStatus)]
OrderTypeValue: TypeAlias = Annotated[OrderType | int | None, read_one_of(OrderType)]
PositionSideValue: TypeAlias = Annotated[PositionSide | int | None, read_one_of(PositionSide)]
PositionTypeValue: TypeAlias = Annotated[PositionType | int | None, read_one_of(PositionType)]
PriceTypeValue: TypeAlias = Annotated[PriceType | int | None, read_one_of(PriceType)]
RoleValue: TypeAlias = Annotated[Role | int | None, read_one_of(Role)]
SideValue: TypeAlias = Annotated[Side | int | None, read_one_of(Side)]
StopStatusValue: TypeAlias = Annotated[StopStatus | int | None, read_one_of(StopStatus)]
"""An int where the venue has a number that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One currency of the account, in its own units.

    `balance_total` is `available` + `frozen` (held for orders) + `margin` (of positions), without open
    profits (`profit_unreal`); `transfer` is what may be withdrawn, `bonus` what the venue gave.
    """

    asset: Annotated[str, read_text]
    available: Money = None
    frozen: Money = None
    margin: Money = None
    balance_total: Money = None
    profit_unreal: Money = None
    transfer: Money = None
    bonus: Money = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open (or, in a push, just closed) position; amounts in base units, money in quote units.

    `open_margin`, `mainten_margin` and `roe` are fractions, `liq_price` is where it would be liquidated,
    `bkr_price` where its margin is used up, `adl_sort` its place (1 to 5) in the queue of auto-deleveraging.
    `open_val` is the value at which it was opened, `margin_amount` what it holds, `mainten_margin_amount` the
    least that it may hold; `profit_unreal` is open, `profit_real` closed profits with fees and funding;
    `close_left` is what no order closes yet, `*_max` the most there was, `liq_*` of its liquidation.
    Undocumented: `profit_clearing`, `*_imply`, `adl_sort_val`, `deal_asset_fee`, `fee_asset`, `finish_type`,
    `sys`, `total`.
    """

    position_id: Annotated[int, read_integer]
    market: Annotated[str, read_text]
    side: PositionSideValue = None
    type: PositionTypeValue = None
    amount: Money = None
    close_left: Money = None
    open_price: Money = None
    open_val: Money = None
    open_margin: Money = None
    margin_amount: Money = None
    leverage: Money = None
    profit_unreal: Money = None
    profit_real: Money = None
    profit_clearing: Money = None
    liq_price: Money = None
    bkr_price: Money = None
    mainten_margin: Money = None
    mainten_margin_amount: Money = None
    amount_max: Money = None
    open_val_max: Money = None
    deal_asset_fee: Money = None
    fee_asset: Text = None
    open_margin_imply: Money = None
    liq_price_imply: Money = None
    bkr_price_imply: Money = None
    liq_order_price: Money = None
    liq_amount: Money = None
    liq_profit: Money = None
    liq_order_time: Time = None
    liq_time: Time = None
    adl_sort: Number = None
    adl_sort_val: Money = None
    roe: Money = None
    stop_loss_price: Money = None
    take_profit_price: Money = None
    finish_type: Number = None
    sys: Number = None
    total: Number = None
    user_id: Number = None
    create_time: Time = None
    update_time: Time = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order, whatever has become of it. `amount`, `left` and `filled` in base units, prices, `deal_stock`
    (the value of what is filled) and `deal_fee` (paid for it) in quote units; `price` is 0 for a market
    order, `avg_price` the mean of its fills, `position_id` 0 unless it closes a position."""

    order_id: Annotated[int, read_integer]
    market: Annotated[str, read_text]
    position_id: Number = None
    type: OrderTypeValue = None
    side: SideValue = None
    position_type: PositionTypeValue = None
    status: OrderStatusValue = None
    price: Money = None
    avg_price: Money = None
    amount: Money = None
    left: Money = None
    filled: Money = None
    deal_stock: Money = None
    deal_fee: Money = None
    leverage: Money = None
    stop_loss_price: Money = None
    take_profit_price: Money = None
    client_oid: Text = None
    create_time: Time = None
    update_time: Time = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    """An order that waits for a price: `trigger_price`, of the price that `trigger_type` says. `size` in base
    units, prices in quote units; `order_price` 0 means at the market's, `cut_price` is the last price when it
    was placed; `order_id` is 0 until it is triggered. `contract_order_id` has 19 digits, and is text on the
    wire. Undocumented: `contract_order_type`, `entrust_id`."""

    contract_order_id: Annotated[str, read_id_text]
    market: Annotated[str, read_text]
    order_id: Number = None
    position_id: Number = None
    contract_order_type: Number = None
    trigger_type: PriceTypeValue = None
    trigger_price: Money = None
    order_price: Money = None
    size: Money = None
    cut_price: Money = None
    status: StopStatusValue = None
    side: SideValue = None
    position_type: PositionTypeValue = None
    leverage: Money = None
    entrust_id: IdText = None
    order_time: Time = None
    update_time: Time = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of an order. `amount` in base units; `deal_stock`, `deal_fee` and `deal_profit` in quote
    units, the profit being None where it opens. The venue gives no id of its own: order, time, price and
    amount together name it. Undocumented: `filled_type`, `trade_type`."""

    order_id: Annotated[int, read_integer]
    market: Annotated[str, read_text]
    time: Annotated[float, read_time]
    price: Annotated[Decimal, read_decimal]
    amount: Annotated[Decimal, read_decimal]
    side: SideValue = None
    role: RoleValue = None
    position_type: PositionTypeValue = None
    leverage: Money = None
    deal_fee: Money = None
    deal_stock: Money = None
    deal_profit: Money = None
    filled_type: Number = None
    trade_type: Number = None
    user_id: Number = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A change of a balance: `change` and the `balance` after it, in the asset's units; `business` is the
    venue's word for why."""

    id: Annotated[int, read_integer]
    time: Annotated[float, read_time]
    asset: Annotated[str, read_text]
    business: Text = None
    change: Money = None
    balance: Money = None
    user_id: Number = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leverage:
    """How positions of a market are opened from now on; `leverage` is their value by their margin."""

    leverage: Money = None
    position_type: PositionTypeValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustableMargin:
    """How much margin of a position can be put in (`available`) or taken out (`max_removable_margin`), and
    what it holds (`margin_amount`), in quote units; `amount` is the position's, in base units."""

    amount: Money = None
    available: Money = None
    leverage: Money = None
    margin_amount: Money = None
    max_removable_margin: Money = None
