"""Files of a commit in the making: written below work/, with what the manifest will say of them."""

import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.spans import FOREVER_US
from recorder.lake.store.files import PART_COMPRESSION_LEVEL, as_us, day_of, in_order, write_file
from recorder.lake.store.manifest import Commit, FileInfo, Manifest
from recorder.lake.store.table import Table
from recorder.lake.store.tables import GAPS
from recorder.lake.units import HOUR_US


def add_file(
    manifest: Manifest, commit: Commit, table: Table, rows: pa.Table, path: str, date: str, hour: int
) -> None:
    """Write rows, in any order, as the file that `path` below lake/ becomes with the commit."""
    work = path.replace("/", "_")
    rows = in_order(rows, table)
    file = write_file(manifest.work / work, table, rows, PART_COMPRESSION_LEVEL)
    size = (manifest.work / work).stat().st_size
    max_us = _last_us(rows) if table is GAPS and rows.num_rows else file.max_us
    info = FileInfo(path, table.name, date, hour, 0, file.rows, size, file.min_us, max_us)
    commit.added.append((work, info))


def _last_us(gaps: pa.Table) -> int:
    """Up to when the gaps of a file reach: they lie in the day in which they began."""
    return int(as_us(pc.fill_null(gaps["ts_end"].cast(pa.int64()), FOREVER_US)).max())


def bucket(manifest: Manifest, table: Table, hour: int) -> tuple[str, str, int]:
    """(path, date, hour) of the file in which a table that replaces rows keeps those of an hour.

    A day that was compacted has one file; before, each hour has its own.
    """
    date = day_of(hour * HOUR_US)
    whole = f"{table.name}/date={date}/day.parquet"
    if any(file.path == whole for file in manifest.files(table.name, date)):
        return whole, date, hour // 24 * 24
    return f"{table.name}/date={date}/{hour % 24:02d}.parquet", date, hour
