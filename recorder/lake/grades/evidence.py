"""What some minutes are judged by, read from the lake's files."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.gaps.files import told_gaps
from recorder.lake.gaps.state import MINUTE_PERIOD
from recorder.lake.grades.changes import GAP_REACH_US, Changes
from recorder.lake.grades.coverage import Evidence
from recorder.lake.grades.precisions import Precisions
from recorder.lake.grades.witness import BOOK_AGE_US
from recorder.lake.spans import Spans
from recorder.lake.store.files import as_us
from recorder.lake.store.manifest import Manifest
from recorder.lake.store.stored import between, stored
from recorder.lake.store.table import Table
from recorder.lake.store.tables import DEPTH, KLINES, SOURCE, STATE, TRADES
from recorder.lake.units import MINUTE_US

_TRADE_COLUMNS: Final = ("market", "trade_id", "ts_event", "ts_recv", "side", "price", "quantity", "source")
_BOOK_COLUMNS: Final = ("market", "ts_event", "ts_recv", "bid_price", "ask_price", "source")
_STATE_COLUMNS: Final = ("market", "ts_recv")
_STATES: Final = STATE.schema.empty_table().select(_STATE_COLUMNS)


def evidence_of(
    manifest: Manifest, changes: Changes, precisions: Precisions, start_us: int, end_us: int
) -> Evidence:
    """Everything that the minutes in [start, end) of the venue's clock are judged by."""
    known, clocks = changes.known, changes.clocks
    before = start_us - BOOK_AGE_US

    def rows(table: Table, columns: tuple[str, ...]) -> pa.Table:
        return stored(manifest, table, before, end_us, between(table, before, end_us), columns)

    trades, books = rows(TRADES, _TRADE_COLUMNS), rows(DEPTH, _BOOK_COLUMNS)
    ours = clocks.origins(start_us, end_us)
    near = [clocks.ours(start_us), clocks.ours(end_us), *(us for span in ours for us in span)]
    near += [*_received(trades), *_received(books)]
    minutely = between(KLINES, start_us, end_us) & (pc.field("period") == MINUTE_PERIOD)
    return Evidence(
        start_us=start_us,
        minutes=(end_us - start_us) // MINUTE_US,
        trades=trades,
        books=books,
        states=pa.concat_tables([_STATES, *_states(manifest, ours)]),
        candles=stored(manifest, KLINES, start_us, end_us, minutely),
        gaps=told_gaps(manifest, min(near) - GAP_REACH_US, max(near) + GAP_REACH_US),
        recorded=known.recorded,
        answered={
            topic.removesuffix(f" {MINUTE_PERIOD}"): spans
            for topic, spans in changes.answered.items()
            if topic.endswith(f" {MINUTE_PERIOD}")
        },
        first_us=known.first_us,
        precision=precisions.at(clocks.ours(start_us + MINUTE_US)),
        clocks=clocks,
    )


def _received(rows: pa.Table) -> list[int]:
    """When the first and the last of them were received that were pushed, by our clock."""
    times = as_us(rows.filter(pc.equal(rows["source"], SOURCE))["ts_recv"])
    return [int(times.min()), int(times.max())] if len(times) else []


def _states(manifest: Manifest, spans: Spans) -> Iterator[pa.Table]:
    for start_us, end_us in spans:
        yield stored(manifest, STATE, start_us, end_us, between(STATE, start_us, end_us), _STATE_COLUMNS)
