"""The venue's REST interface as data: paths, periods, limits and error codes. No I/O happens here."""

from dataclasses import dataclass
from typing import Final

API_PREFIX: Final = "/open/api/v2"

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
    """One public call: where it is, what it takes, and how often it may be asked."""

    name: str
    path: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    calls: int = 10
    """Calls allowed within `per_s` seconds."""
    per_s: float = 1.0


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

TOO_MANY_REQUESTS: Final = (1_010_007, 1_010_314)
INTERNAL_ERROR: Final = (12_026, 10_500)
PARAMETER_ERROR: Final = 80_005
UNKNOWN_MARKET: Final = 20_002
UNKNOWN_PERIOD: Final = 20_019
RETRYABLE_STATUS: Final = (429, 500, 502, 503, 504)
"""Gateways answer these with HTML; all of them pass."""


def retryable(status: int, code: int | None) -> bool:
    """Whether the same call may succeed later: decided here and nowhere else."""
    return status in RETRYABLE_STATUS or code in TOO_MANY_REQUESTS or code in INTERNAL_ERROR
