"""The files of `gaps`: one a day, in the day in which its gaps began, replaced when a row changes."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.arrays import Bools
from recorder.lake.gaps.state import Gap
from recorder.lake.store.draft import add_file
from recorder.lake.store.files import as_us, day_of, in_order, read_file
from recorder.lake.store.manifest import Commit, Manifest
from recorder.lake.store.tables import GAPS
from recorder.lake.units import DAY_US

MISSED: Final = "missed"
"""The reason of a gap that no record of the journal tells, but the witnesses of the minute do."""
NEVER: Final = pa.scalar(-DAY_US, pa.int64()).cast(GAPS.schema.field("minute").type)
"""Stands for the minute of all others."""


def gap_row(gap: Gap, recorder: str) -> dict[str, Any]:
    """A gap as a row of its table; times stay microseconds."""
    remains = gap.remains or (None, None)
    return {
        "stream": gap.stream or None,
        "market": gap.market or None,
        "ts_start": gap.ts_start,
        "ts_end": gap.ts_end,
        "reason": gap.reason,
        "repaired": gap.repaired,
        "detail": gap.detail,
        "period": gap.period or None,
        "remains_start": remains[0],
        "remains_end": remains[1],
        "recorder": recorder,
        "minute": None,
        "lag_low_us": gap.lags_us[0],
        "lag_high_us": gap.lags_us[1],
    }


def gap_table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=GAPS.schema)


def gaps_of_day(manifest: Manifest, day: int) -> pa.Table:
    """The rows of the gaps that began on a day (its number since the epoch), as committed."""
    path = manifest.lake / _path(day)
    return read_file(path, GAPS) if path.exists() else GAPS.schema.empty_table()


def gaps_touching(manifest: Manifest, from_us: int, to_us: int) -> pa.Table:
    """The rows of the files whose gaps may touch a span of time."""
    files = manifest.overlapping(GAPS.name, from_us, to_us)
    tables = [read_file(manifest.lake / file.path, GAPS) for file in files if file.rows]
    return pa.concat_tables([GAPS.schema.empty_table(), *tables])


def told_gaps(manifest: Manifest, from_us: int, to_us: int) -> pa.Table:
    """Of these the ones that records tell: those made from the grades say nothing that the grades do not."""
    gaps = gaps_touching(manifest, from_us, to_us)
    return gaps.filter(pc.not_equal(gaps["reason"], MISSED))


def replace_gaps(
    manifest: Manifest,
    commit: Commit,
    fresh: pa.Table,
    days: Iterable[int],
    keep: Callable[[pa.Table], Bools],
) -> None:
    """Write the files of `days` and of the fresh rows' days again: what `keep` keeps, with the fresh rows.

    A fresh row stands in the place of one with the same key. A day of which nothing changes is left alone.
    """
    days_of = as_us(fresh["ts_start"]) // DAY_US
    for day in sorted({*days, *np.unique(days_of).tolist()}):
        there = gaps_of_day(manifest, day)
        kept = there.filter(pa.array(keep(there))) if there.num_rows else there
        rows = _last_of_each(pa.concat_tables([kept, fresh.filter(pa.array(days_of == day))]))
        if not in_order(rows, GAPS).equals(there):
            add_file(manifest, commit, GAPS, rows, _path(day), day_of(day * DAY_US), day * 24)


def _path(day: int) -> str:
    return f"gaps/date={day_of(day * DAY_US)}/gaps.parquet"


def _last_of_each(rows: pa.Table) -> pa.Table:
    """One row a key, the last of those there are."""
    last = {
        key: place
        for place, key in enumerate(zip(*(_comparable(rows[name]) for name in GAPS.key), strict=True))
    }
    return rows.take(pa.array(sorted(last.values()), pa.int64()))


def _comparable(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        times: list[Any] = as_us(column).tolist()
        return times
    values: list[Any] = pc.fill_null(column, "").to_pylist()
    return values
