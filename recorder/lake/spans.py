"""Sets of whole numbers as sorted, disjoint, half-open spans: times that were missed, asked for, changed."""

from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

FOREVER_US: Final = 2**62
"""A time that never comes."""
Span: TypeAlias = tuple[int, int]
Spans: TypeAlias = tuple[Span, ...]
"""[(start, end), ...] in order; every start < end, and no two touch."""


def spans_of(pieces: Iterable[Span]) -> Spans:
    """The union of any pieces; those without extent vanish."""
    joined: list[Span] = []
    for start, end in sorted(piece for piece in pieces if piece[0] < piece[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def union(*sets: Spans) -> Spans:
    """What is in any of the sets."""
    return spans_of(span for spans in sets for span in spans)


def minus(spans: Spans, other: Spans) -> Spans:
    """What is in the first set and not in the second."""
    left: list[Span] = []
    for start, end in spans:
        at = start
        for cut_start, cut_end in other:
            if cut_end <= at:
                continue
            if cut_start >= end:
                break
            if cut_start > at:
                left.append((at, cut_start))
            at = cut_end
        if at < end:
            left.append((at, end))
    return tuple(left)


def both(spans: Spans, other: Spans) -> Spans:
    """What is in both sets."""
    return minus(spans, minus(spans, other))


def clip(spans: Spans, start: int, end: int) -> Spans:
    """What of a set lies within [start, end)."""
    return tuple((max(a, start), min(b, end)) for a, b in spans if max(a, start) < min(b, end))


def length(spans: Spans) -> int:
    """How much the set holds."""
    return sum(end - start for start, end in spans)


def within(times: NDArray[np.int64], spans: Spans) -> NDArray[np.bool_]:
    """Which of many times are in the set."""
    edges = np.array([edge for span in spans for edge in span], np.int64)
    inside: NDArray[np.bool_] = np.searchsorted(edges, times, "right") % 2 == 1
    return inside
