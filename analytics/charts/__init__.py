"""Charts of what the views answer: functions of Polars frames with their columns. They ask no lake."""

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
    "funding_map",
    "funding_next",
    "open_interest",
    "over_time",
    "price",
    "spread",
    "spread_map",
    "volume",
    "volume_profile",
]
