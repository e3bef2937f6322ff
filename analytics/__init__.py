"""Answers from the lake."""

from analytics.errors import (
    AnalyticsError,
    BucketError,
    EmptyRangeError,
    HorizonError,
    LakeNotFoundError,
    MomentError,
    NotAllowedError,
    UnknownNameError,
)
from analytics.lake import Lake, open_lake

__all__ = [
    "AnalyticsError",
    "BucketError",
    "EmptyRangeError",
    "HorizonError",
    "Lake",
    "LakeNotFoundError",
    "MomentError",
    "NotAllowedError",
    "UnknownNameError",
    "open_lake",
]
