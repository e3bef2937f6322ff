"""The venue's REST interface as data: paths, parameters, periods and limits. No I/O happens here."""

from dataclasses import dataclass
from typing import Final, Literal

API_PREFIX: Final = "/open/api/v2"
OLD_PREFIX: Final = "/open/api/2"
"""Where the exchange's document writes two of the position's calls; its siblings answer at v2."""

Access = Literal["public", "account", "trading"]
"""Who may call: anybody; the account's owner, to read; the owner, and something changes by it."""

PERIOD_SECONDS: Final[dict[str, int]] = {
    "1min": 60,
    "5min": 300,
    "15min": 900,
    "30min": 1_800,
    "1hour": 3_600,
    "4hour": 14_400,
    "6hour": 21_600,
    "12hour": 43_200,
    "1day": 86_400,
    "1week": 604_800,
}
"""Candle periods of the venue by the wire's name, in seconds."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call: where it is, what it takes, and how often it may be asked."""

    name: str
    path: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    calls: int = 10
    """Calls allowed within `per_s` seconds."""
    per_s: float = 1.0
    method: Literal["GET", "POST"] = "GET"
    access: Access = "public"
    paged: bool = False
    """Takes `page` and `page_size` too, and answers in pages."""


MARKET_LIST: Final = Endpoint("market_list", f"{API_PREFIX}/market/list")
MARKET_KLINE: Final = Endpoint(
    "market_kline", f"{API_PREFIX}/market/kline", ("market", "type"), ("start_time", "end_time"), calls=1
)
MARKET_DEALS: Final = Endpoint("market_deals", f"{API_PREFIX}/market/deals", ("market",))
MARKET_DEPTH: Final = Endpoint(
    "market_depth", f"{API_PREFIX}/market/depth", ("market",), ("merge",), calls=1, per_s=10.0
)
MARKET_STATE: Final = Endpoint("market_state", f"{API_PREFIX}/market/state", ("market",))
MARKET_STATE_ALL: Final = Endpoint("market_state_all", f"{API_PREFIX}/market/state/all")

PUBLIC: Final = (MARKET_LIST, MARKET_KLINE, MARKET_DEALS, MARKET_DEPTH, MARKET_STATE, MARKET_STATE_ALL)

_STOPS: Final = ("stop_loss_price", "stop_loss_price_type", "take_profit_price", "take_profit_price_type")


def _reading(
    name: str,
    path: str,
    required: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    *,
    calls: int = 10,
    paged: bool = False,
) -> Endpoint:
    path = f"{API_PREFIX}/{path}"
    return Endpoint(name, path, required, optional, calls, access="account", paged=paged)


def _trading(name: str, path: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Endpoint:
    return Endpoint(name, f"{API_PREFIX}/{path}", required, optional, method="POST", access="trading")


ASSET_QUERY: Final = _reading("asset_query", "asset/query")
ASSET_HISTORY: Final = _reading(
    "asset_history", "asset/history", (), ("asset", "business", "start_time", "end_time"), paged=True
)
POSITION_PENDING: Final = _reading("position_pending", "position/pending", (), ("market",))
MARGIN_ADJUSTABLE: Final = _reading("margin_adjustable", "position/margin", ("position_id", "market"))
ORDER_PENDING: Final = _reading("order_pending", "order/pending", (), ("market",), paged=True)
ORDER_FINISHED: Final = _reading(
    "order_finished", "order/finished", ("market",), ("start_time", "end_time"), calls=1, paged=True
)
ORDER_DETAIL: Final = _reading("order_detail", "order/detail", ("market", "order_id"))
ORDER_DEALS: Final = _reading(
    "order_deals", "order/deals", ("market",), ("start_time", "end_time"), paged=True
)
STOP_PENDING: Final = _reading("stop_pending", "order/stop/pending", (), ("market",), paged=True)
STOP_FINISHED: Final = _reading("stop_finished", "order/stop/finished", (), ("market",), paged=True)
LEVERAGE: Final = _reading("leverage", "setting/leverage", ("market",))

ACCOUNT: Final = (
    ASSET_QUERY, ASSET_HISTORY, POSITION_PENDING, MARGIN_ADJUSTABLE, ORDER_PENDING, ORDER_FINISHED,
    ORDER_DETAIL, ORDER_DEALS, STOP_PENDING, STOP_FINISHED, LEVERAGE,
)  # fmt: skip

LIMIT_ORDER: Final = _trading(
    "limit_order", "order/limit", ("market", "side", "price", "quantity"), ("client_oid", "is_stop", *_STOPS)
)
MARKET_ORDER: Final = _trading(
    "market_order", "order/market", ("market", "side", "quantity", "client_oid"), ("is_stop", *_STOPS)
)
ORDER_CANCEL: Final = _trading("order_cancel", "order/cancel", ("market", "order_id"))
ORDER_CANCEL_ALL: Final = _trading("order_cancel_all", "order/cancel/all", ("market",))
STOP_ORDER: Final = _trading(
    "stop_order",
    "order/stop",
    ("market", "side", "stop_price", "cut_price", "stop_price_type", "quantity"),
    ("order_price",),
)
STOP_CANCEL: Final = _trading("stop_cancel", "order/stop/cancel", ("market", "order_id"))
STOP_CANCEL_ALL: Final = _trading("stop_cancel_all", "order/stop/cancel/all", ("market",))
SET_LEVERAGE: Final = _trading("set_leverage", "setting/leverage", ("market", "leverage", "position_type"))
ADJUST_MARGIN: Final = _trading("adjust_margin", "position/margin", ("market", "type", "quantity"))
CLOSE_LIMIT: Final = _trading(
    "close_limit", "position/close/limit", ("market", "position_id", "quantity", "price"), ("client_oid",)
)
CLOSE_MARKET: Final = _trading(
    "close_market", "position/close/market", ("market", "position_id"), ("client_oid",)
)
CLOSE_STOP: Final = _trading("close_stop", "position/close/stop", ("market", "position_id"), _STOPS)

TRADING: Final = (
    LIMIT_ORDER, MARKET_ORDER, ORDER_CANCEL, ORDER_CANCEL_ALL, STOP_ORDER, STOP_CANCEL, STOP_CANCEL_ALL,
    SET_LEVERAGE, ADJUST_MARGIN, CLOSE_LIMIT, CLOSE_MARKET, CLOSE_STOP,
)  # fmt: skip

ENDPOINTS: Final = (*PUBLIC, *ACCOUNT, *TRADING)
"""Every request of the exchange's document."""
WRITTEN_OLD: Final = (POSITION_PENDING, MARGIN_ADJUSTABLE)
"""Those that the document writes below `OLD_PREFIX`."""


def path_of(endpoint: Endpoint, *, old: bool = False) -> str:
    """Where a call is, at a venue that has the position's readings at the document's own place if `old`."""
    if old and endpoint in WRITTEN_OLD:
        return endpoint.path.replace(API_PREFIX, OLD_PREFIX, 1)
    return endpoint.path
