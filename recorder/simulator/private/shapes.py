"""What the wire tells of accounts: the fields, their order and their form are the document's own samples'.

Sums that the document cuts to four decimals are cut here, too (fees, values and profits of orders and fills);
balances, the ledger and the whole form of a position have all their digits.
"""

from collections.abc import Callable
from typing import Any, Final

from recorder.exchange.enums import OrderStatus, PositionType
from recorder.simulator.private.accounts import Account, Entry
from recorder.simulator.private.desk import Desk
from recorder.simulator.private.orders import Fill, Order, StopOrder
from recorder.simulator.private.positions import (
    Position,
    Trigger,
    bankruptcy_price,
    liquidation_price,
    open_margin,
    open_price,
    place_in_queue,
    removable,
    return_on_margin,
)
from recorder.simulator.private.terms import Terms
from recorder.simulator.private.units import ONE, cut, exact, padded, share

US: Final = 1_000_000
NO_PRICE: Final = "-"
NO_PROFIT: Final = "--"


def seconds(us: int) -> float:
    """Microseconds as the wire's float seconds."""
    return us / US


def trigger_price(terms: Terms, trigger: Trigger | None) -> str:
    return NO_PRICE if trigger is None else terms.spec.price(trigger.ticks)


def asset_shape(desk: Desk, account: Account, asset: str) -> dict[str, Any]:
    """One asset. `transfer` is what may be withdrawn."""
    return {
        "available": exact(account.available(asset)),
        "frozen": exact(account.frozen(asset)),
        "margin": exact(account.margin(asset)),
        "balance_total": exact(account.balances[asset]),
        "profit_unreal": exact(desk.unreal(account, asset)),
        "transfer": exact(max(0, desk.free(account, asset))),
        "bonus": "0",
    }


def entry_shape(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "time": seconds(entry.time_us),
        "user_id": entry.user_id,
        "asset": entry.asset,
        "business": entry.business.value,
        "change": exact(entry.change),
        "balance": exact(entry.balance),
    }


def order_shape(order: Order) -> dict[str, Any]:
    """An order; while it is open its quantities have all their decimals, as in the document. Its samples
    have no `client_oid`: it is told where the client gave one."""
    terms = order.terms
    is_open = order.status in (OrderStatus.OPEN, OrderStatus.PARTLY_FILLED)
    amount = terms.amount if is_open else terms.spec.amount
    mean = "" if not order.filled else cut(terms.unit_price(order.deal_value, order.filled), _prec(terms))
    return {
        "order_id": order.id,
        "position_id": order.position_id,
        "market": terms.market,
        "type": int(order.type),
        "side": int(order.side),
        "left": amount(order.left),
        "amount": amount(order.lots),
        "filled": amount(order.filled),
        "deal_fee": cut(order.fee),
        "price": terms.spec.price(order.ticks),
        "avg_price": mean,
        "deal_stock": cut(order.deal_value),
        "position_type": int(order.position_type),
        "leverage": str(order.leverage),
        "update_time": seconds(order.update_us),
        "create_time": seconds(order.create_us),
        "status": int(order.status),
        "stop_loss_price": trigger_price(terms, order.stop_loss),
        "take_profit_price": trigger_price(terms, order.take_profit),
        **({"client_oid": order.client_oid} if order.client_oid else {}),
    }


def stop_shape(stop: StopOrder) -> dict[str, Any]:
    """A stop order; its times are whole seconds."""
    spec = stop.terms.spec
    return {
        "contract_order_id": str(stop.id),
        "order_id": stop.order_id,
        "position_id": 0,
        "market": spec.name,
        "contract_order_type": 0,
        "trigger_type": int(stop.price_type),
        "trigger_price": spec.price(stop.trigger.ticks),
        "order_price": spec.price(stop.ticks),
        "size": spec.amount(stop.lots),
        "order_time": stop.create_us // US,
        "update_time": stop.update_us // US,
        "cut_price": stop.cut_price,
        "status": int(stop.status),
        "side": int(stop.side),
        "position_type": int(stop.position_type),
        "leverage": str(stop.leverage),
        "entrust_id": stop.entrust_id,
    }


def fill_shape(fill: Fill) -> dict[str, Any]:
    order, terms = fill.order, fill.order.terms
    return {
        "position_type": int(order.position_type),
        "market": terms.market,
        "time": seconds(fill.time_us),
        "side": int(order.side),
        "leverage": str(order.leverage),
        "user_id": order.user_id,
        "order_id": order.id,
        "role": int(fill.role),
        "amount": terms.spec.amount(fill.lots),
        "price": terms.spec.price(fill.ticks),
        "deal_fee": cut(fill.fee),
        "deal_stock": cut(terms.value(fill.ticks, fill.lots)),
        "filled_type": fill.filled_type,
        "trade_type": fill.trade_type,
        "deal_profit": NO_PROFIT if fill.profit is None else cut(fill.profit),
    }


def position_row(desk: Desk, account: Account, position: Position) -> dict[str, Any]:
    """A position as position/pending tells it."""
    terms, mark = position.terms, desk.mark(position.terms.market)
    spare = desk.spare(account, position)
    return {
        "position_id": position.id,
        "create_time": seconds(position.create_us),
        "update_time": seconds(position.update_us),
        "user_id": position.user_id,
        "market": terms.market,
        "type": int(position.type),
        "side": int(position.side),
        "amount": terms.amount(position.lots),
        "close_left": terms.amount(account.close_left(position)),
        "open_price": cut(open_price(position), _prec(terms)),
        "open_margin": exact(open_margin(position)),
        "margin_amount": exact(position.margin),
        "leverage": str(position.leverage),
        "profit_unreal": cut(position.unreal(mark)),
        "liq_price": cut(liquidation_price(position, spare), _prec(terms)),
        "mainten_margin": _rate(position),
        "mainten_margin_amount": exact(position.maintenance),
        "adl_sort": place_in_queue(position, mark),
        "roe": cut(return_on_margin(position, mark)),
        "stop_loss_price": trigger_price(terms, position.stop_loss),
        "take_profit_price": trigger_price(terms, position.take_profit),
    }


def position_whole(desk: Desk, account: Account, position: Position) -> dict[str, Any]:
    """A position as position/margin answers it: every field with every digit."""
    terms, mark = position.terms, desk.mark(position.terms.market)
    spare = desk.spare(account, position)
    return {
        "position_id": position.id,
        "profit_unreal": exact(position.unreal(mark)),
        "finish_type": position.finish_type,
        "liq_time": seconds(position.liq_us) if position.liq_us else 0,
        "create_time": seconds(position.create_us),
        "update_time": seconds(position.update_us),
        "mainten_margin": _rate(position),
        "user_id": position.user_id,
        "market": terms.market,
        "adl_sort_val": cut(return_on_margin(position, mark), 8),
        "type": int(position.type),
        "liq_price": padded(liquidation_price(position, spare)),
        "side": int(position.side),
        "open_val_max": padded(position.open_value_max),
        "sys": 0,
        "margin_amount": padded(position.margin),
        "amount": terms.amount(position.lots),
        "open_margin": padded(open_margin(position)),
        "deal_asset_fee": "0",
        "amount_max": terms.amount(position.lots_max),
        "close_left": terms.amount(account.close_left(position)),
        "open_price": padded(open_price(position)),
        "open_val": padded(position.open_value),
        "open_margin_imply": _implied(open_margin, position, spare),
        "mainten_margin_amount": padded(position.maintenance),
        "leverage": str(position.leverage),
        "profit_real": padded(position.profit_real),
        "profit_clearing": padded(position.profit_real),
        "liq_order_time": seconds(position.liq_us) if position.liq_us else 0,
        "liq_amount": terms.amount(position.liq_lots),
        "liq_profit": exact(position.liq_profit),
        "liq_order_price": terms.spec.price(position.liq_ticks),
        "fee_asset": "",
        "bkr_price": padded(bankruptcy_price(position, spare)),
        "liq_price_imply": _implied(liquidation_price, position, spare),
        "bkr_price_imply": _implied(bankruptcy_price, position, spare),
        "adl_sort": place_in_queue(position, mark),
        "total": position.fills,
    }


def position_pushed(desk: Desk, account: Account, position: Position) -> dict[str, Any]:
    """A position as pushes tell it: what a call would read then, and what else there is to tell, such as the
    profit that it has made and how it ended."""
    return {**position_whole(desk, account, position), **position_row(desk, account, position)}


def adjustable_shape(desk: Desk, account: Account, position: Position) -> dict[str, Any]:
    """How much margin of a position can be put in, or taken out."""
    terms = position.terms
    return {
        "amount": terms.amount(position.lots),
        "available": padded(max(0, desk.free(account, terms.asset))),
        "leverage": str(position.leverage),
        "margin_amount": exact(position.margin),
        "max_removable_margin": exact(removable(position, desk.mark(terms.market))),
    }


def _implied(formula: Callable[[Position, int], int], position: Position, spare: int) -> str:
    """A figure with all that stands behind a cross position; 0 for an isolated one, as in the document."""
    return padded(formula(position, spare)) if position.type is PositionType.CROSS else "0"


def _prec(terms: Terms) -> int:
    """The decimals of the market's prices."""
    return terms.spec.price_prec


def _rate(position: Position) -> str:
    return exact(share(ONE, position.maintenance_rate))
