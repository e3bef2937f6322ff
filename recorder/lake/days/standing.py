"""How long a book stood, and which mid stood at an instant. Pure: arrays in, arrays out.

A book stands until the next one of its market, by the venue's clock. It is not believed in longer than
STALE_AFTER_S, nor past the end of its UTC day, nor into a time in which books were missed: that is known in
the recorder's clock, so it counts from the book's receipt.
"""

from dataclasses import dataclass

import numpy as np

from recorder.lake.arrays import Floats, Ints
from recorder.lake.spans import FOREVER_US, Spans
from recorder.lake.store.minutes import STALE_AFTER_S


def standing_us(ts_event: Ints, ts_recv: Ints, next_us: int, missed: Spans) -> Ints:
    """For how many microseconds each of a market's books, in order, stood.

    `next_us` is when the book after the last one came, or the day ended. `missed` are spans in which books
    were not received: one received within a span did not stand at all.
    """
    stood = np.minimum(np.diff(ts_event, append=next_us), STALE_AFTER_S * 1_000_000)
    if not missed:
        return stood
    starts, ends = (np.array(bounds, np.int64) for bounds in zip(*missed, strict=True))
    begun = np.searchsorted(starts, ts_recv, "right")
    whole_us = np.append(starts, FOREVER_US)[begun] - ts_recv
    within = ts_recv < np.append(-FOREVER_US, ends)[begun]
    return np.where(within, 0, np.minimum(stood, whole_us))


@dataclass(frozen=True, slots=True, eq=False)
class Mids:
    """The mids of a market's books in order: from `since` (us) for `stood` us; NaN for a book without."""

    since: Ints
    stood: Ints
    mid: Floats

    def before(self, at: Ints) -> Floats:
        """The mid of the last book before each instant, NaN where it no longer stood."""
        return self._still(np.searchsorted(self.since, at, "left") - 1, at)

    def at(self, at: Ints) -> Floats:
        """The mid of the last book up to each instant, NaN where it no longer stood."""
        return self._still(np.searchsorted(self.since, at, "right") - 1, at)

    def _still(self, book: Ints, at: Ints) -> Floats:
        mids = np.full(len(at), np.nan)
        there = np.flatnonzero(book >= 0)
        book = book[there]
        stands = at[there] - self.since[book] <= self.stood[book]
        mids[there[stands]] = self.mid[book[stands]]
        return mids
