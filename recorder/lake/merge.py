"""Keeps files few: parts of an hour of publishing become one, a market at a time.

Within the running hour, FAN_IN files of one level become one of the next; once the hour is over, whatever
it left becomes one file. So a day holds about 24 files a table and a few of the running hour, far below the
budget of 200, at any publish interval.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recorder.lake.files import MERGED_COMPRESSION_LEVEL, ROW_GROUP_ROWS, ParquetFile, in_order
from recorder.lake.manifest import FileInfo, Manifest
from recorder.lake.tables import TABLES, Table

FAN_IN: Final = 16
WHOLE_HOUR: Final = 9
"""The level of the one file of a finished hour."""
MAX_FILES: Final = 64
"""Files that one merge holds open; more are merged in turns."""
READ_ROWS: Final = 2_048


class MergeStoppedError(Exception):
    """The merge was asked to end before it was done; nothing has changed."""


def due_merge(manifest: Manifest, current_hour: int) -> list[FileInfo]:
    """The next group of files to make one of, or none."""
    for table in TABLES.values():
        if table.style != "append":
            continue
        groups: dict[tuple[str, int], list[FileInfo]] = {}
        for file in manifest.files(table.name):
            groups.setdefault((file.date, file.hour), []).append(file)
        for (_, hour), files in groups.items():
            if hour < current_hour and len(files) > 1:
                return sorted(files, key=lambda file: file.level)[:MAX_FILES]
            for level in range(WHOLE_HOUR):
                peers = [file for file in files if file.level == level]
                if len(peers) >= FAN_IN:
                    return peers
    return []


def merge_files(
    lake: Path, files: list[FileInfo], target: Path, current_hour: int, stopped: Callable[[], bool]
) -> FileInfo:
    """Write the rows of `files` to `target`, in order; returns what the lake will hold instead of them.

    The files are sorted by market, so markets are taken one at a time, each from all files. Raises
    MergeStoppedError when `stopped` turns true.
    """
    first = files[0]
    table = TABLES[first.table]
    level = WHOLE_HOUR if first.hour < current_hour else max(file.level for file in files) + 1
    runs = [_Run(lake / file.path, table) for file in files]
    output = ParquetFile(target, table, MERGED_COMPRESSION_LEVEL)
    held: list[pa.Table] = []
    held_rows = 0
    while names := [run.market for run in runs if run.market is not None]:
        if stopped():
            output.close()
            raise MergeStoppedError
        market = min(names)
        rows = in_order(pa.concat_tables(piece for run in runs for piece in run.take(market)), table)
        held.append(rows)
        held_rows += rows.num_rows
        if held_rows >= ROW_GROUP_ROWS:
            output.write(pa.concat_tables(held).combine_chunks())
            held, held_rows = [], 0
    if held:
        output.write(pa.concat_tables(held).combine_chunks())
    size = output.close()
    return FileInfo(
        path=f"{first.table}/date={first.date}/{first.hour % 24:02d}-{target.stem}.parquet",
        table=first.table,
        date=first.date,
        hour=first.hour,
        level=level,
        rows=output.rows,
        bytes=size,
        min_us=output.min_us,
        max_us=output.max_us,
    )


class _Run:
    """One file read once from front to back, cut where the market changes."""

    def __init__(self, path: Path, table: Table) -> None:
        self._by_market = table.order[0] == "market"
        self._schema = table.schema
        self._pieces = self._cut(path)
        self._ahead: tuple[str, pa.Table] | None = next(self._pieces, None)

    @property
    def market(self) -> str | None:
        """The market that comes next, None at the end."""
        return self._ahead[0] if self._ahead else None

    def take(self, market: str) -> Iterator[pa.Table]:
        """The next pieces, as long as they are this market's."""
        while self._ahead is not None and self._ahead[0] == market:
            yield self._ahead[1]
            self._ahead = next(self._pieces, None)

    def _cut(self, path: Path) -> Iterator[tuple[str, pa.Table]]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=READ_ROWS):
                rows = pa.Table.from_batches([batch]).cast(self._schema)
                if not self._by_market:
                    yield "", rows
                    continue
                markets = rows["market"].combine_chunks().dictionary_encode()
                codes = np.asarray(markets.indices)
                edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
                for start, end in itertools.pairwise(edges):
                    yield markets.dictionary[int(codes[start])].as_py(), rows.slice(start, end - start)
