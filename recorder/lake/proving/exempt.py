"""What is left out when a lake is compared with what its journal makes, because neither can be held to it.

- minutes that the lake has still to judge, or that came late for days which retention had removed; the gaps
  that follow from them; gaps in candles whose repair is still to be worked out
- where several recorders received the same rows: which copy was kept, and what follows from that. It is the
  one that was read first, which depends on when the journals were looked at. All copies tell the same, so the
  lake is right either way, but the journals do not say which of them it has.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.arrays import Bools, Ints
from recorder.lake.gaps.files import MISSED, NEVER
from recorder.lake.grades.changes import Remembered, mend_topics
from recorder.lake.grades.coverage import ALL
from recorder.lake.publishing.intake import ID_TAKEN
from recorder.lake.publishing.once import ONCE
from recorder.lake.spans import Spans, clip, spans_of, union, within
from recorder.lake.store.compare import Keep
from recorder.lake.store.files import as_us
from recorder.lake.store.table import Table
from recorder.lake.store.tables import COVERAGE, DEPTH, GAPS, KLINES, REJECTS, TRADES
from recorder.lake.units import HOUR_US

_ORIGIN: Final = {
    TRADES.name: ("ts_recv", "source", "seq"),
    DEPTH.name: ("ts_recv", "source", "seq"),
    KLINES.name: ("ts_recv", "seq"),
    **{table.name: ("ts_recv", "source", "seq") for table in ONCE},
}
"""Of rows that several recorders received: what tells which copy it is."""
_OF_COPIES: Final = (
    *("grade", "reason", "missed", "rest_trades", "due_from", "due_until"),
    *("gap_seconds", "trade_gap_seconds", "depth_gap_seconds", "kline_gap_seconds", "state_gap_seconds"),
    *("trade_seconds", "depth_seconds", "kline_seconds", "state_seconds"),
)
"""Columns of `coverage` that follow from when and how the copies that were kept were received."""


@dataclass(frozen=True, slots=True)
class Exempt:
    """`received`: by table, the recorders that had rows of it. `unjudged`: see `Retired`."""

    live: Remembered
    fresh: Remembered
    unjudged: Mapping[str, Spans]
    received: Mapping[str, Collection[str]]

    @property
    def shared(self) -> tuple[str, ...]:
        """The tables of which several recorders received rows."""
        return tuple(name for name in _ORIGIN if len(self.received.get(name, ())) > 1)

    @property
    def _copies(self) -> bool:
        return TRADES.name in self.shared or DEPTH.name in self.shared

    def columns(self, table: Table, *, derived: bool) -> tuple[str, ...]:
        """The columns to compare; `derived`: those of compacted days too."""
        left_out = set() if derived else set(table.derived)
        if table.name in self.shared:
            left_out.update(_ORIGIN[table.name])
        if table is COVERAGE and self._copies:
            left_out.update(_OF_COPIES)
        return tuple(name for name in table.schema.names if name not in left_out)

    def keep(self, table: Table) -> Keep | None:
        """Which rows to compare; None: all of them."""
        found: dict[str, Keep] = {COVERAGE.name: self._judged, GAPS.name: self._certain}
        if TRADES.name in self.shared:
            found[REJECTS.name] = _of_frames
        return found.get(table.name)

    def _judged(self, rows: pa.Table) -> Bools:
        return ~self._open(rows, as_us(rows["minute"]), 1)

    def _certain(self, rows: pa.Table) -> Bools:
        missed = _is(rows["reason"], MISSED)
        minutes = as_us(pc.fill_null(rows["minute"], NEVER))
        doubtful = missed if self._copies else missed & self._open(rows, minutes, HOUR_US)
        topics = {*self.live.mend, *self.fresh.mend}
        names = zip(rows["market"].to_pylist(), rows["period"].to_pylist(), strict=True)
        mending = np.array([not topics.isdisjoint(mend_topics(*name)) for name in names], np.bool_)
        certain: Bools = ~(doubtful | (mending & _is(rows["stream"], "kline")))
        return certain

    def _open(self, rows: pa.Table, times: Ints, width_us: int) -> Bools:
        """Which rows lie in minutes not judged on either side, or in a span of `width_us` that has such."""
        markets = np.array(rows["market"].to_pylist(), object)
        found = np.zeros(rows.num_rows, np.bool_)
        for market in set(markets.tolist()):
            own = markets == market
            found[own] = within(times[own], _widened(self._open_minutes(market), width_us))
        return found

    def _open_minutes(self, market: str | None) -> Spans:
        horizons = sorted((self.live.horizon_us, self.fresh.horizon_us))
        dirty, late = (
            union(*(marks.get(name, ()) for name in (ALL, market or ALL)))
            for marks in (self.live.dirty, self.unjudged)
        )
        beyond = spans_of([(horizons[0], horizons[1])])
        return union(clip(dirty, 0, self.live.horizon_us), late, beyond)


def _of_frames(rows: pa.Table) -> Bools:
    """A trade whose id another one has is rejected; which of the two, their order says."""
    return ~_is(rows["reason"], ID_TAKEN)


def _is(column: pa.ChunkedArray, text: str) -> Bools:
    return np.asarray(pc.fill_null(pc.equal(column, text), False).combine_chunks())


def _widened(spans: Spans, width_us: int) -> Spans:
    return spans_of((start // width_us * width_us, -(-end // width_us) * width_us) for start, end in spans)
