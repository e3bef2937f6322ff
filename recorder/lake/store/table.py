"""What a table is: its columns, and how it is kept."""

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

TIME: Final = pa.timestamp("us", tz="UTC")
PRECISE: Final = pa.decimal128(38, 20)

Style = Literal["append", "replace"]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake.

    `style` append: each publish adds a part; replace: rows change, one file a bucket is swapped whole.
    `order` is the sort inside a file; `time` decides the UTC day of the partition. Texts and integers are
    written with a dictionary, doubles without: after zstd even prices that come again and again are smaller
    so. `plain`, `delta` and `coded` name the columns for which something else is better.
    """

    name: str
    schema: pa.Schema
    time: str
    order: tuple[str, ...]
    key: tuple[str, ...] = ()
    style: Style = "append"
    derived: tuple[str, ...] = ()
    """Columns that are null until the day is compacted: they say of a row what its neighbours make of it."""
    plain: tuple[str, ...] = ()
    """Integers without a dictionary."""
    delta: tuple[str, ...] = ()
    """Integers in DELTA_BINARY_PACKED: times, ids and counters that grow."""
    coded: tuple[str, ...] = ()
    """Doubles with a dictionary."""


def schema(*columns: tuple[str, pa.DataType] | tuple[str, pa.DataType, bool]) -> pa.Schema:
    """Columns as (name, type) required, or (name, type, True) nullable."""
    return pa.schema([pa.field(column[0], column[1], len(column) > 2) for column in columns])
