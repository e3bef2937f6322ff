"""Whether two sets of files hold the same rows, however they are cut and sorted, and where they differ first.

Sets are equal if count, sum and xor of a 64-bit hash of their rows are. Doubles are hashed by their bits, so
that 0.0 and -0.0 differ. Memory is bounded: rows are streamed, and what DuckDB cannot hold it writes to disk.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from recorder.lake.arrays import Bools
from recorder.lake.store.table import Table

MEMORY_MB: Final = 512
THREADS: Final = 2
READ_ROWS: Final = 8_192
TEXT_CHARACTERS: Final = 120
"""A value is written up to this length where a row is told."""
_ODD: Final = """
CREATE OR REPLACE TEMP TABLE odd AS
SELECT h, coalesce(live.n, 0) AS live_n, coalesce(fresh.n, 0) AS fresh_n
FROM live FULL JOIN fresh USING (h)
WHERE coalesce(live.n, 0) <> coalesce(fresh.n, 0)
"""
_ODD_COUNTS: Final = """
SELECT coalesce(sum(live_n - fresh_n) FILTER (live_n > fresh_n), 0)::BIGINT,
       coalesce(sum(fresh_n - live_n) FILTER (fresh_n > live_n), 0)::BIGINT
FROM odd
"""

Keep: TypeAlias = Callable[[pa.Table], Bools]
"""rows, of all columns -> which of them are compared."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table in any files: these columns of those that `keep` keeps."""

    paths: tuple[str, ...]
    table: Table
    columns: tuple[str, ...]
    keep: Keep | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What tells rows apart, as far as it is compared."""
        return tuple(name for name in self.table.key or self.table.order if name in self.columns)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([self.table.schema.field(name) for name in self.columns])


class Digest(NamedTuple):
    """What equal sets of rows have in common; `left_out` counts the rows that were not compared."""

    rows: int
    sum: int
    xor: int
    left_out: int

    @property
    def content(self) -> tuple[int, int, int]:
        return self.rows, self.sum, self.xor


@dataclass(frozen=True, slots=True)
class Difference:
    """The first of the rows that differ. `live` and `fresh` are that row on either side, None where it is not
    there at all; `columns` those that differ; `copies` how often it stands on either side."""

    table: str
    date: str
    columns: tuple[str, ...]
    live: dict[str, Any] | None
    fresh: dict[str, Any] | None
    copies: tuple[int, int]
    only_live: int
    only_fresh: int

    def __str__(self) -> str:
        counts = f"{self.only_live} rows only in the lake, {self.only_fresh} only in what the journal makes"
        return f"{self.table} of {self.date}: {counts}; the first: {self._first()}"

    def _first(self) -> str:
        if self.live is None:
            return f"not in the lake: {_told(self.fresh or {})}"
        if self.fresh is None:
            return f"not made by the journal: {_told(self.live)}"
        if not self.columns:
            times = f"{self.copies[0]} times in the lake, {self.copies[1]} times made by the journal"
            return f"{times}: {_told(self.live)}"
        fresh = _told({name: self.fresh[name] for name in self.columns})
        return f"in the lake {_told(self.live)}; made by the journal with {fresh}"


class Comparer:
    """Owns a DuckDB. A context manager; `spill` is a directory for what memory does not hold."""

    def __init__(self, spill: Path) -> None:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{MEMORY_MB}MB",
            "threads": THREADS,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
        }
        self._connection = duckdb.connect(config=settings)
        self._connection.execute("SET TimeZone = 'UTC'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def digest(self, rows: Rows) -> Digest:
        """The digest of a set of rows: of their order and files it knows nothing."""
        stream = _Stream(rows)
        hashes = self._hashed(stream).project("h")
        sums = hashes.aggregate("count(*), coalesce(sum(h), 0), coalesce(bit_xor(h), 0)").fetchall()
        count, total, xor = (int(number) for number in sums[0])
        return Digest(count, total, xor, stream.left_out)

    def first_difference(self, live: Rows, fresh: Rows, date: str) -> Difference:
        """What differs, of two sets whose digests do."""
        for name, rows in (("live", live), ("fresh", fresh)):
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")
            self._hashed(_Stream(rows)).aggregate("h, count(*) AS n", "h").create(name)
        self._connection.execute(_ODD)
        ours, theirs = self._first_odd(live), self._first_odd(fresh)
        only_live, only_fresh = self._connection.sql(_ODD_COUNTS).fetchall()[0]
        if ours is not None and theirs is not None and ours.key != theirs.key:
            ours, theirs = (ours, None) if ours.key < theirs.key else (None, theirs)
        row, other = (found and found.row for found in (ours, theirs))
        columns: tuple[str, ...] = ()
        if row is not None and other is not None:
            columns = tuple(name for name in live.columns if not _same(row[name], other[name]))
        copies = (ours.copies[0] if ours else 0, theirs.copies[1] if theirs else 0)
        return Difference(live.table.name, date, columns, row, other, copies, only_live, only_fresh)

    def _hashed(self, stream: "_Stream") -> duckdb.DuckDBPyRelation:
        columns = ", ".join(f'"{name}"' for name in stream.rows.columns)
        return self._connection.from_arrow(stream.reader()).project(f"*, hash({columns}) AS h")

    def _first_odd(self, rows: Rows) -> "_Odd | None":
        """The first row, by key, that one side has more often than the other."""
        order = ", ".join(f'"{name}" NULLS LAST' for name in rows.key)
        odd = self._hashed(_Stream(rows)).join(self._connection.table("odd"), "h").order(order).limit(1)
        found = odd.to_arrow_table()
        if not found.num_rows:
            return None
        copies = found["live_n"][0].as_py(), found["fresh_n"][0].as_py()
        arrays = [_viewed(found[field.name].combine_chunks(), field.type) for field in rows.schema]
        row = pa.Table.from_arrays(arrays, schema=rows.schema).to_pylist()[0]
        return _Odd(tuple((row[name] is None, row[name]) for name in rows.key), row, copies)


class _Odd(NamedTuple):
    key: tuple[tuple[bool, Any], ...]
    row: dict[str, Any]
    copies: tuple[int, int]


class _Stream:
    """One reading of a set of rows, with its doubles as the integers of the same bits."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.left_out = 0

    def reader(self) -> pa.RecordBatchReader:
        kinds = [pa.field(field.name, _bit_type(field.type)) for field in self.rows.schema]
        return pa.RecordBatchReader.from_batches(pa.schema(kinds), self._batches(pa.schema(kinds)))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        rows = self.rows
        if not rows.paths:
            return
        names = rows.columns if rows.keep is None else rows.table.schema.names
        files = ds.dataset(list(rows.paths), schema=rows.table.schema, format="parquet")
        ahead = {"batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
        for batch in files.to_batches(columns=list(names), batch_size=READ_ROWS, **ahead):
            kept = batch
            if rows.keep is not None:
                kept = batch.filter(pa.array(rows.keep(pa.Table.from_batches([batch]))))
                self.left_out += batch.num_rows - kept.num_rows
            arrays = [_viewed(kept.column(field.name), field.type) for field in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _bit_type(kind: pa.DataType) -> pa.DataType:
    """The type with an int64 wherever a double is."""
    if pa.types.is_list(kind):
        return pa.list_(_bit_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _bit_type(field.type)) for field in kind])
    return pa.int64() if pa.types.is_float64(kind) else kind


def _viewed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The same bits as another type: doubles as int64 or back. Lists and structs are never null here."""
    if pa.types.is_list(kind):
        lengths = array.value_lengths().to_numpy(zero_copy_only=False)
        offsets = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
        return pa.ListArray.from_arrays(offsets, _viewed(array.flatten(), kind.value_type), type=kind)
    if pa.types.is_struct(kind):
        children = zip(array.flatten(), kind, strict=True)
        arrays = [_viewed(child, field.type) for child, field in children]
        return pa.StructArray.from_arrays(arrays, fields=list(kind))
    if pa.types.is_float64(kind) or pa.types.is_float64(array.type):
        return array.view(kind)
    return array if array.type == kind else array.cast(kind)


def _told(row: dict[str, Any]) -> str:
    return " ".join(f"{name}={_text(value)}" for name, value in row.items())


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    text = "null" if value is None else str(value)
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}..."


def _same(one: Any, other: Any) -> bool:
    """Equal also in the sign of zero: as `repr` writes them."""
    return repr(one) == repr(other)
