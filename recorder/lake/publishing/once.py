"""Rows of an account that come again are one row: by what they say, across answers, pushes and restarts.

What is received twice has the same time of the venue's and so lies in the same day: of the lake only the
days of the rows in hand are looked at, and only for rows that did not come of late.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.store.account_tables import (
    ACCOUNT_FILLS,
    ACCOUNT_LEDGER,
    ACCOUNT_ORDERS,
    ACCOUNT_STOP_ORDERS,
)
from recorder.lake.store.files import as_us, by_bucket
from recorder.lake.store.table import Table
from recorder.lake.units import DAY_US

RECENT_LIMIT: Final = 50_000
"""Rows of a table that are remembered without a look at the lake; the oldest make room."""
ONCE: Final = (ACCOUNT_ORDERS, ACCOUNT_STOP_ORDERS, ACCOUNT_FILLS, ACCOUNT_LEDGER)
_ORIGIN: Final = ("ts_recv", "source", "seq")

Key: TypeAlias = tuple[Any, ...]
Stored: TypeAlias = Callable[[Table, int, int, pc.Expression], pa.Table]
"""(table, from us, to us, filter) -> the rows of the lake that match."""


def key_of(table: Table) -> tuple[str, ...]:
    """What makes two rows one: a fill's and a line's key, of an order all that is told of it."""
    if table in (ACCOUNT_FILLS, ACCOUNT_LEDGER):
        return table.key
    return tuple(name for name in table.schema.names if name not in _ORIGIN)


class Once:
    """Drops the rows that are there already; the first to arrive stays."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._recent: dict[str, dict[Key, None]] = {table.name: {} for table in ONCE}

    def fresh(self, rows: pa.Table, table: Table) -> pa.Table:
        """Those of the rows, in order of arrival, that the lake has not. They are taken to be committed."""
        recent = self._recent[table.name]
        keep: list[int] = []
        known = {key for day in self._days(rows, table) for key in day}
        for at, key in enumerate(_keys(rows, table)):
            if key not in recent and key not in known:
                keep.append(at)
            recent.pop(key, None)
            recent[key] = None
        for key in list(recent)[: max(len(recent) - RECENT_LIMIT, 0)]:
            del recent[key]
        return rows.take(pa.array(keep, pa.int64()))

    def _days(self, rows: pa.Table, table: Table) -> Iterator[Iterator[Key]]:
        """By day of the rows that did not come of late, what the lake has of their times."""
        recent = self._recent[table.name]
        unknown = [at for at, key in enumerate(_keys(rows, table)) if key not in recent]
        for _, of_day in by_bucket(rows.take(pa.array(unknown, pa.int64())), table, DAY_US):
            times = as_us(of_day[table.time])
            wanted = pc.field(table.time).isin(of_day[table.time].combine_chunks().unique())
            yield _keys(self._stored(table, int(times.min()), int(times.max()), wanted), table)


def _keys(rows: pa.Table, table: Table) -> Iterator[Key]:
    columns = [rows[name].to_pylist() for name in key_of(table)]
    return iter(zip(*columns, strict=True))
