"""Answers from the lake."""

from analytics.errors import AnalyticsError, BucketError, EmptyRangeError, LakeNotFoundError, UnknownNameError
from analytics.lake import Lake, open_lake

__all__ = [
    "AnalyticsError",
    "BucketError",
    "EmptyRangeError",
    "Lake",
    "LakeNotFoundError",
    "UnknownNameError",
    "open_lake",
]
