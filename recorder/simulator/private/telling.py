"""Changes as news: what the owner of an account is pushed."""

from recorder.simulator.private.accounts import Account, Event
from recorder.simulator.private.desk import Desk, News
from recorder.simulator.private.orders import Order
from recorder.simulator.private.positions import Position
from recorder.simulator.private.shapes import asset_shape, order_shape, position_pushed


def tell_order(desk: Desk, order: Order) -> None:
    """An order is new, filled in part or in whole, or cancelled."""
    desk.news.append(News(order.user_id, desk.now_us, "order", order_shape(order)))


def tell_position(desk: Desk, account: Account, position: Position, event: Event) -> None:
    result: dict[str, object] = {
        "event": int(event),
        "position": position_pushed(desk, account, position),
    }
    desk.news.append(News(account.user_id, desk.now_us, "position", result))


def tell_assets(desk: Desk, account: Account, asset: str) -> None:
    """The balance, or how it is divided, has changed."""
    result: dict[str, object] = {asset: asset_shape(desk, account, asset)}
    desk.news.append(News(account.user_id, desk.now_us, "asset", result))
