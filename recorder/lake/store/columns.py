"""Numpy arrays as Arrow columns without a copy, and what the rows of every push have in common."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.store.table import TIME
from recorder.lake.store.tables import SOURCE


@dataclass(frozen=True, slots=True)
class Batch:
    """What lines (by index in the block) gave: their rows in order, and what was noticed in them."""

    lines: Ints
    table: pa.Table
    notices: Counter[str]


def over(values: NDArray[Any], kind: pa.DataType, valid: Bools | None = None) -> pa.Array:
    """An array over numpy's memory, taken as `kind` of the same width; null where not `valid`.

    `pa.array` would do, but looks for pandas on every call: 60 us where it is not installed.
    """
    present = None
    if valid is not None and not valid.all():
        present = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [present, pa.py_buffer(np.ascontiguousarray(values))])


def timestamps(us: Ints, valid: Bools | None = None) -> pa.Array:
    return over(us, TIME, valid)


def doubles(values: Floats) -> pa.Array:
    return over(values, pa.float64())


def optional_doubles(values: Floats | None, rows: int) -> pa.Array:
    """Doubles with null for NaN; all null where the lines have no such field."""
    if values is None:
        return pa.nulls(rows, pa.float64())
    return over(values, pa.float64(), ~np.isnan(values))


def origin(ts_recv: Ints, seq: Ints) -> dict[str, pa.Array]:
    """The columns that say where a row came from; all rows of a batch came over the WebSocket."""
    rows, source = len(seq), SOURCE.encode()
    offsets = np.arange(rows + 1, dtype=np.int32) * len(source)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(source * rows)]
    return {
        "ts_recv": timestamps(ts_recv),
        "source": pa.Array.from_buffers(pa.string(), rows, buffers),
        "seq": over(seq, pa.int64()),
    }


def table(schema: pa.Schema, columns: dict[str, pa.Array]) -> pa.Table:
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
