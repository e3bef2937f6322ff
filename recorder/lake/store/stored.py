"""Reads rows back from the files of the lake, through the manifest and row-group statistics."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from recorder.lake.store.manifest import Manifest
from recorder.lake.store.table import Table


def stored(
    manifest: Manifest,
    table: Table,
    from_us: int,
    to_us: int,
    wanted: Any = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Rows whose files overlap [from_us, to_us] and that match `wanted`; in no order."""
    files = manifest.overlapping(table.name, from_us, to_us)
    paths = [str(manifest.lake / file.path) for file in files if file.rows]
    names = list(columns) if columns is not None else table.schema.names
    if not paths:
        return table.schema.empty_table().select(names)
    return ds.dataset(paths, schema=table.schema, format="parquet").to_table(columns=names, filter=wanted)


def between(table: Table, from_us: int, to_us: int, markets: Sequence[str] | None = None) -> Any:
    """The condition that a row's time lies in [from_us, to_us), and its market among `markets`."""
    kind = table.schema.field(table.time).type
    low, high = (pa.scalar(us, pa.int64()).cast(kind) for us in (from_us, to_us))
    wanted = (pc.field(table.time) >= low) & (pc.field(table.time) < high)
    return wanted if markets is None else wanted & pc.field("market").isin(list(markets))
