"""Charts of what the views answer: functions of Polars frames with their columns. They ask no lake."""

from analytics.charts.account import (
    funding_charged,
    or_words,
    profit_parts,
    spread_kept,
    trading_costs,
)
from analytics.charts.calendar import coverage_map
from analytics.charts.compared import over_time
from analytics.charts.lines import basis, depth, open_interest, price, spread, volume
from analytics.charts.maps import depth_map, funding_map, funding_next, spread_map
from analytics.charts.profile import volume_profile

__all__ = [
    "basis",
    "coverage_map",
    "depth",
    "depth_map",
    "funding_charged",
    "funding_map",
    "funding_next",
    "open_interest",
    "or_words",
    "over_time",
    "price",
    "profit_parts",
    "spread",
    "spread_kept",
    "spread_map",
    "trading_costs",
    "volume",
    "volume_profile",
]
