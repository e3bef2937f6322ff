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

from recorder.lake.columns import over
from recorder.lake.tables import LEVELS, Table

PART_COMPRESSION_LEVEL: Final = 1
"""Parts live for an hour: cheap to write. A merge writes at MERGED_COMPRESSION_LEVEL."""
MERGED_COMPRESSION_LEVEL: Final = 6
"""The knee: beyond it bytes hardly fall."""
ROW_GROUP_ROWS: Final = 16_384
"""Small enough that one market of one hour is found by row-group statistics."""
DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
EMPTY_FILE: Final = "date=1970-01-01/empty.parquet"
"""Every table has a file without rows: an empty table is readable, and its columns are known."""


def as_us(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.int64]:
    """A column of times, without nulls, as microseconds since the epoch."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(array.cast(pa.int64()))


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
    """Rows in the order of the table's files."""
    places = np.lexsort([_sort_key(rows[name]) for name in reversed(table.order)])
    taken = over(places, pa.int64())
    columns = [
        _take_lists(column, places) if column.type == LEVELS else column.take(taken)
        for column in rows.columns
    ]
    return pa.Table.from_arrays(columns, schema=rows.schema)


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
    """One file being written, in the table's encodings. Rows must come in the table's order."""

    def __init__(self, path: Path, table: Table, level: int) -> None:
        encoded = dict.fromkeys(table.delta, "DELTA_BINARY_PACKED")
        dictionary = [name for name in _leaves(table.schema) if name not in (*table.plain, *table.delta)]
        self._path = path
        self._time = table.time
        self._writer = pq.ParquetWriter(
            path,
            table.schema,
            compression="zstd",
            compression_level=level,
            use_dictionary=dictionary,
            column_encoding=encoded,
            write_statistics=True,
        )
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
        self._writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)

    def close(self) -> int:
        """Finish the file; returns its bytes."""
        self._writer.close()
        return self._path.stat().st_size


def _leaves(schema: pa.Schema) -> list[str]:
    """Parquet's names of the leaf columns, as the writer's options want them."""
    found: list[str] = []

    def walk(prefix: str, kind: pa.DataType) -> None:
        if pa.types.is_list(kind):
            walk(f"{prefix}.list.element", kind.value_type)
        elif pa.types.is_struct(kind):
            for index in range(kind.num_fields):
                walk(f"{prefix}.{kind.field(index).name}", kind.field(index).type)
        else:
            found.append(prefix)

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
