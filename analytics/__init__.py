"""Answers from the lake."""

from analytics.lake import Lake, LakeNotFoundError, open_lake

__all__ = ["Lake", "LakeNotFoundError", "open_lake"]
