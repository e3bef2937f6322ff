"""Answers from the lake."""

from analytics.lake import Lake, open_lake
from analytics.opened import LakeNotFoundError

__all__ = ["Lake", "LakeNotFoundError", "open_lake"]
