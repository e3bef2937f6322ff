"""Parquet files of the lake: how rows are ordered, encoded, split by day, written, and read back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recorder.lake.store.columns import over
from recorder.lake.store.table import Table
from recorder.lake.store.tables import LEVELS

PART_COMPRESSION_LEVEL: Final = 1
"""Parts live for an hour: cheap to write. A merge writes at MERGED_COMPRESSION_LEVEL."""
MERGED_COMPRESSION_LEVEL: Final = 6
"""The knee: beyond it bytes hardly fall."""
DAY_COMPRESSION_LEVEL: Final = 15
"""A day is written once, read for years. Against level 6 numbers are 3 to 8 % smaller, for 3 us a row ..."""
LISTS_COMPRESSION_LEVEL: Final = 12
"""... and level lists up to 4 %, for 8 us a book; 15 would give another 1 % for 35 us."""
PAGE_BYTES: Final = 64 * 1024
"""Where many files are read together, one page of each column of each is in memory: files that will be merged
have small pages. A reader of a few whole days can do with larger ones, and books are 7 % smaller so."""
DAY_PAGE_BYTES: Final = 1024 * 1024
ROW_GROUP_ROWS: Final = 16_384
"""A group is in memory, whole, while it is written: files that are merged side by side have small ones ..."""
DAY_ROW_GROUP_ROWS: Final = 32_768
"""... and a day larger ones. Small enough that one market of one hour is found by their statistics, but to
look at those of one group takes 10 us: groups of 16,384 rows were 30 ms of CPU for a day of 50 million
books."""
EMPTY_DATE: Final = "9999-12-31"
EMPTY_FILE: Final = f"date={EMPTY_DATE}/empty.parquet"
"""Every table has a file without rows: an empty table is readable, and its columns are known. It is the last
of a glob, for DuckDB plans for as many rows in each file as are in the first: were it none, an ASOF JOIN of
600,000 trades would take minutes, not a fraction of a second."""


def as_us(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.int64]:
    """A column of 64-bit integers without nulls; times as microseconds since the epoch."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(array.view(pa.int64()))


def day_of(us: int) -> str:
    """The UTC day of a time in microseconds, as the partition writes it."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%d")


def by_bucket(rows: pa.Table, table: Table, width_us: int) -> Iterator[tuple[int, pa.Table]]:
    """Split rows by the UTC day or hour of the table's own time: (bucket number since the epoch, rows)."""
    if not rows.num_rows:
        return
    buckets = as_us(rows[table.time]) // width_us
    if buckets[0] == buckets[-1] and buckets.min() == buckets.max():
        yield int(buckets[0]), rows
        return
    for bucket in np.unique(buckets):
        yield int(bucket), rows.filter(pa.array(buckets == bucket))


def in_order(rows: pa.Table, table: Table) -> pa.Table:
    """Rows in the order of the table's files.

    Rows that are equal in that follow each other by what else was received, level lists excepted: the same
    rows stand in the same order whatever files they came from.
    """
    keys = [_sort_key(rows[name]) for name in table.order]
    places = np.lexsort(keys[::-1])
    tied = np.ones(max(len(places) - 1, 0), np.bool_)
    for key in keys:
        ordered = key[places]
        tied &= ordered[1:] == ordered[:-1]
    if tied.any():
        others = [name for name in rows.schema.names if name not in {*table.order, *table.derived}]
        _settle(places, tied, rows.select(others))
    if np.array_equal(places, np.arange(len(places))):
        return rows
    taken = over(places, pa.int64())
    columns = [
        _take_lists(column, places) if column.type == LEVELS else column.take(taken)
        for column in rows.columns
    ]
    return pa.Table.from_arrays(columns, schema=rows.schema)


def _settle(places: npt.NDArray[np.int64], tied: npt.NDArray[np.bool_], others: pa.Table) -> None:
    """Order the places that are tied with their neighbours by the rows' other columns, in place."""
    group = np.append(0, np.cumsum(~tied))
    at = np.flatnonzero(np.append(tied, False) | np.append(False, tied))
    few = others.take(over(places[at], pa.int64()))
    ranks = [
        np.asarray(pc.rank(column, sort_keys="ascending", tiebreaker="dense"))
        for column in few.columns
        if not pa.types.is_nested(column.type)
    ]
    places[at] = places[at][np.lexsort([*reversed(ranks), group[at]])]


def _sort_key(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Integers in the order of the values, nulls last. Texts are ranked: there are few different ones."""
    if not pa.types.is_string(column.type):
        return as_us(column)
    encoded = column.combine_chunks().dictionary_encode()
    names = len(encoded.dictionary)
    rank = np.append(np.argsort(pc.sort_indices(encoded.dictionary)), names)
    rank = rank.astype(np.min_scalar_type(names))  # numpy sorts small integers in linear time
    key: npt.NDArray[Any] = rank[np.asarray(encoded.indices.fill_null(names))]
    return key


def _take_lists(column: pa.ChunkedArray, places: npt.NDArray[np.int64]) -> pa.Array:
    """Level lists in another order: numpy gathers their numbers five times faster than Arrow's take."""
    lists = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    offsets = np.asarray(lists.offsets).astype(np.int64)
    lengths = np.diff(offsets)[places]
    moved = np.zeros(len(places) + 1, np.int64)
    np.cumsum(lengths, out=moved[1:])
    source = np.repeat(offsets[places] - moved[:-1], lengths) + np.arange(moved[-1])
    levels = lists.values
    numbers = [pa.array(np.asarray(levels.field(name)).take(source)) for name in ("price", "quantity")]
    fields = [LEVELS.value_type.field(name) for name in ("price", "quantity")]
    taken = pa.StructArray.from_arrays(numbers, fields=fields)
    return pa.ListArray.from_arrays(pa.array(moved.astype(np.int32)), taken, type=LEVELS)


class ParquetFile:
    """One file being written, in the table's encodings. Rows must come in the table's order.

    However they come, row groups have as many rows as the level says, the last one what is left.
    """

    def __init__(self, path: Path, table: Table, level: int) -> None:
        leaves = _leaves(table.schema)
        self._path = path
        self._time = table.time
        self._group_rows = DAY_ROW_GROUP_ROWS if level >= DAY_COMPRESSION_LEVEL else ROW_GROUP_ROWS
        self._writer = pq.ParquetWriter(
            path,
            table.schema,
            compression="zstd",
            compression_level={
                name: min(level, LISTS_COMPRESSION_LEVEL) if ".list." in name else level for name in leaves
            },
            use_dictionary=[
                name
                for name, kind in leaves.items()
                if name in table.coded or not (name in {*table.plain, *table.delta} or kind == pa.float64())
            ],
            column_encoding=dict.fromkeys(table.delta, "DELTA_BINARY_PACKED"),
            data_page_size=DAY_PAGE_BYTES if level >= DAY_COMPRESSION_LEVEL else PAGE_BYTES,
            write_statistics=True,
        )
        self._held: list[pa.Table] = []
        self._held_rows = 0
        self.rows = 0
        self.min_us = 2**62
        self.max_us = -(2**62)

    def write(self, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        times = as_us(rows[self._time])
        self.rows += rows.num_rows
        self.min_us = min(self.min_us, int(times.min()))
        self.max_us = max(self.max_us, int(times.max()))
        self._held.append(rows)
        self._held_rows += rows.num_rows
        self._write_groups(self._held_rows // self._group_rows * self._group_rows)

    def _write_groups(self, count: int) -> None:
        """Write the first `count` of the rows held."""
        if not count:
            return
        held = pa.concat_tables(self._held)
        self._writer.write_table(held.slice(0, count), row_group_size=self._group_rows)
        self._held_rows -= count
        self._held = [held.slice(count)] if self._held_rows else []

    def close(self) -> int:
        """Finish the file; returns its bytes."""
        self._write_groups(self._held_rows)
        self._writer.close()
        return self._path.stat().st_size


def _leaves(schema: pa.Schema) -> dict[str, pa.DataType]:
    """Parquet's names of the leaf columns, as the writer's options want them, and their types."""
    found: dict[str, pa.DataType] = {}

    def walk(prefix: str, kind: pa.DataType) -> None:
        if pa.types.is_list(kind):
            walk(f"{prefix}.list.element", kind.value_type)
        elif pa.types.is_struct(kind):
            for index in range(kind.num_fields):
                walk(f"{prefix}.{kind.field(index).name}", kind.field(index).type)
        else:
            found[prefix] = kind

    for column in schema:
        walk(column.name, column.type)
    return found


def write_file(path: Path, table: Table, rows: pa.Table, level: int) -> ParquetFile:
    """Write rows, already in order, as one whole file; returns its counts."""
    file = ParquetFile(path, table, level)
    file.write(rows)
    file.close()
    return file


def read_file(path: Path, table: Table) -> pa.Table:
    """All rows of one file, in the catalogue's schema."""
    return pq.ParquetFile(path).read().cast(table.schema)
