"""Keeps files few: parts of an hour of publishing become one, a market at a time.

Within the running hour, FAN_IN files of one level become one of the next; once the hour is over, whatever
it left becomes one file. So a day holds about 24 files a table and a few of the running hour, far below the
budget of 200, at any publish interval. A day that is over becomes one file by the same reading (`compact`).
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recorder.lake.spans import FOREVER_US
from recorder.lake.store.files import MERGED_COMPRESSION_LEVEL, ParquetFile, as_us, in_order
from recorder.lake.store.manifest import WHOLE_DAY, FileInfo, Manifest
from recorder.lake.store.table import Table
from recorder.lake.store.tables import TABLES

FAN_IN: Final = 16
WHOLE_HOUR: Final = 9
"""The level of the one file of a finished hour."""
MAX_FILES: Final = 64
"""Files that one merge holds open; more are merged in turns."""
READ_ROWS: Final = 2_048
"""Rows of one file read at a time ..."""
HELD_ROWS: Final = 16_384
"""... and fewer where many files are open, so that those of all together are no more than this."""
READ_BYTES: Final = 32 * 1024
"""Of a column of one file, at a time: without, each file's whole row group is held beside what is read of it.
A merge of 16 files of books takes 70 MiB, and 160 without this and without giving back on the way."""


class MergeStoppedError(Exception):
    """The merge was asked to end before it was done; nothing has changed."""


def due_merge(manifest: Manifest, current_hour: int) -> list[FileInfo]:
    """The next group of files to make one of, or none."""
    for table in TABLES.values():
        if table.style != "append":
            continue
        groups: dict[tuple[str, int], list[FileInfo]] = {}
        for file in manifest.files(table.name):
            if file.level < WHOLE_DAY:
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

    Raises MergeStoppedError when `stopped` turns true; nothing is left at `target` then.
    """
    first = files[0]
    table = TABLES[first.table]
    level = WHOLE_HOUR if first.hour < current_hour else max(file.level for file in files) + 1
    output = ParquetFile(target, table, MERGED_COMPRESSION_LEVEL)
    try:
        merged = SortedFiles([lake / file.path for file in files], table, stopped)
        while (market := merged.market) is not None:
            for rows in merged.rows(market):
                output.write(rows)
            pa.default_memory_pool().release_unused()  # 8 % more CPU for 20 MiB less
    except BaseException:
        output.close()
        target.unlink()
        raise
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


class SortedFiles:
    """Files of one table read together as one, from front to back: market after market, each in order.

    Of each file little more than one block is held, however many rows a market has. All rows of one instant
    come in one block. A table without markets is one market without a name.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        table: Table,
        stopped: Callable[[], bool],
        columns: Sequence[str] | None = None,
    ) -> None:
        """`columns` names those that are read, all by default; the table's order must be among them."""
        block_rows = max(1, min(READ_ROWS, HELD_ROWS // max(len(paths), 1)))
        self._table = table
        self._stopped = stopped
        self._runs = [_Run(path, table, block_rows, columns) for path in paths]

    @property
    def market(self) -> str | None:
        """The market that comes next, None at the end."""
        return min((run.market for run in self._runs if run.market is not None), default=None)

    def rows(self, market: str) -> Iterator[pa.Table]:
        """The blocks of the market that comes next; of another one there are none.

        Raises MergeStoppedError.
        """
        while runs := [run for run in self._runs if run.market == market]:
            if self._stopped():
                raise MergeStoppedError
            until_us = min(run.known_us for run in runs)
            pieces = [piece for run in runs for piece in run.take(until_us)]
            if pieces:
                yield in_order(pa.concat_tables(pieces), self._table)


class _Run:
    """One file read once from front to back. It holds the next rows of one market, sorted by time."""

    def __init__(self, path: Path, table: Table, block_rows: int, columns: Sequence[str] | None) -> None:
        names = list(columns) if columns is not None else table.schema.names
        self._by_market = table.order[0] == "market"
        self._time = table.time
        self._schema = pa.schema([table.schema.field(name) for name in names])
        self._pieces = self._cut(path, block_rows)
        self._ahead = next(self._pieces, None)
        self._held: list[tuple[npt.NDArray[np.int64], pa.Table]] = []
        self.market: str | None = None
        self._begin()

    def _begin(self) -> None:
        """Turn to the market that comes next in the file."""
        self.market = self._ahead[0] if self._ahead else None
        self._load()

    def _load(self) -> None:
        """Hold one piece more, if there is one of this market."""
        if self._ahead is not None and self._ahead[0] == self.market:
            self._held.append((as_us(self._ahead[1][self._time]), self._ahead[1]))
            self._ahead = next(self._pieces, None)

    @property
    def known_us(self) -> int:
        """Every row of the market before this time is held."""
        if self._ahead is None or self._ahead[0] != self.market:
            return FOREVER_US
        return int(self._held[-1][0][-1])

    def take(self, until_us: int) -> list[pa.Table]:
        """Give away the rows before a time up to which they are known, and read on where nothing is left."""
        read_on = self.known_us <= until_us
        pieces: list[pa.Table] = []
        left: list[tuple[npt.NDArray[np.int64], pa.Table]] = []
        for times, rows in self._held:
            before = int(np.searchsorted(times, until_us))
            if before:
                pieces.append(rows.slice(0, before))
            if before < len(times):
                left.append((times[before:], rows.slice(before)))
        self._held = left
        if read_on:
            self._load()
        if not self._held:
            self._begin()
        return pieces

    def _cut(self, path: Path, block_rows: int) -> Iterator[tuple[str, pa.Table]]:
        """The file in pieces of one market each."""
        with pq.ParquetFile(path, buffer_size=READ_BYTES, pre_buffer=False) as file:
            for batch in file.iter_batches(block_rows, columns=self._schema.names, use_threads=False):
                rows = pa.Table.from_batches([batch]).select(self._schema.names).cast(self._schema)
                if not self._by_market:
                    yield "", rows
                    continue
                markets = rows["market"].combine_chunks().dictionary_encode()
                codes = np.asarray(markets.indices)
                edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
                for start, end in itertools.pairwise(edges):
                    yield markets.dictionary[int(codes[start])].as_py(), rows.slice(start, end - start)
