"""Trades by REST wait a while for their push.

A trade that is pushed in time needs no repair, although an answer of the deals endpoint may bring it first:
by a moment only, where the recorder is healthy. So the trades of an answer take their place among the pushed
ones HOLD later than they were received, and the first of two equal rows stays. Before a session ends nothing
more can be pushed, so whatever waits is let go there. Where they take their place depends on the journal
alone, not on how it was read.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from recorder.lake.arrays import Ints
from recorder.lake.decoding.harvest import Record
from recorder.lake.store.files import as_us
from recorder.lake.store.tables import TRADES

HOLD_US: Final = 10_000_000
"""A push that comes later than this after an answer was late indeed: its trade was repaired by then."""
_ENDS: Final = ("start", "stop", "clock")
"""Records after which no push can come that was due before, or after which times mean something else."""


class Held:
    """The trades of answers that wait, in the order of their answers; saved with every commit."""

    def __init__(self, saved: Iterable[tuple[int, bytes]] = ()) -> None:
        self._waiting = [(release_us, _unpacked(packed)) for release_us, packed in saved]

    def save(self) -> list[tuple[int, bytes]]:
        """What waits, for the next process."""
        return [(release_us, _packed(rows)) for release_us, rows in self._waiting]

    def all(self) -> Iterator[pa.Table]:
        """Let everything go: no push can come any more."""
        waiting, self._waiting = self._waiting, []
        yield from (rows for _, rows in waiting)

    def among(
        self, trades: pa.Table, deals: pa.Table, records: Iterable[Record], end_us: int
    ) -> Iterator[pa.Table]:
        """The trades of a block in order, those by REST in their places; `end_us` is its last moment."""
        seqs, times = trades["seq"].to_numpy(), as_us(trades["ts_recv"])
        turns = [(record.seq, True) for record in records if record.kind in _ENDS]
        turns += [(int(seq), False) for seq in np.unique(deals["seq"].to_numpy())]
        given = at = 0
        for seq, ends in sorted(turns):
            until = int(np.searchsorted(seqs, seq))
            for place, rows in self._overtaken(times, at, until):
                yield trades.slice(given, place - given)
                yield rows
                given = place
            at = until
            if not ends:
                rows = deals.filter(pa.array(deals["seq"].to_numpy() == seq))
                self._waiting.append((int(as_us(rows["ts_recv"])[0]) + HOLD_US, rows))
            elif self._waiting:
                yield trades.slice(given, until - given)
                yield from self.all()
                given = until
        for place, rows in self._overtaken(times, at, trades.num_rows):
            yield trades.slice(given, place - given)
            yield rows
            given = place
        yield trades.slice(given)
        yield from self._due(end_us)

    def _overtaken(self, times: Ints, at: int, until: int) -> Iterator[tuple[int, pa.Table]]:
        """Where among the pushed trades from one place to another those that waited long enough stand."""
        while self._waiting and at < until:
            later = np.flatnonzero(times[at:until] >= self._waiting[0][0])
            if not later.size:
                return
            at += int(later[0])
            yield at, self._waiting.pop(0)[1]

    def _due(self, now_us: int) -> Iterator[pa.Table]:
        while self._waiting and self._waiting[0][0] <= now_us:
            yield self._waiting.pop(0)[1]


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TRADES.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _unpacked(packed: bytes) -> pa.Table:
    return pa.ipc.open_stream(packed).read_all()
