"""Compaction of a day: CPU against reading the same rows, rows a second, and peak memory.

The day is made of the corpus: its rows as published, moved to one hour after the other, a file each, so
that every market lies in every file. `python benchmarks/compact.py DATA_DIR` compacts a lake and says what
it took, in a process of its own, so that its memory is its own.
"""

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from corpus import Frame
from report import InvalidError, Row, cpu_s
from stored import publish, write_journal

from recorder.lake.days.compact import Day, compact_day, due_days
from recorder.lake.days.merge import MERGED_COMPRESSION_LEVEL, WHOLE_HOUR, SortedFiles
from recorder.lake.store.files import as_us, day_of, write_file
from recorder.lake.store.manifest import Commit, FileInfo, Manifest, read_files
from recorder.lake.store.table import TIME, Table
from recorder.lake.store.tables import DEPTH, STATE, TABLES, TRADES
from recorder.lake.units import DAY_US, HOUR_US

HOURS: Final = 4
SHORT_HOURS: Final = 1
"""A shorter day beside it: memory that grew with the day would show."""
_EVER: Final = "9999"


def measure(frames: Sequence[Frame]) -> list[Row]:
    """What compacting a day takes; the bar is that memory does not grow with it."""
    with tempfile.TemporaryDirectory() as scratch:
        published = Path(scratch) / "published"
        write_journal(frames, published)
        publish(published)
        runs = {hours: _run(published, Path(scratch) / str(hours), hours) for hours in (SHORT_HOURS, HOURS)}
    long, short = runs[HOURS], runs[SHORT_HOURS]
    rows = long["rows"]
    return [
        Row(
            f"compaction of {HOURS} h, {rows / 1e6:.1f} M rows",
            f"{long['compact_s'] / rows * 1e6:.2f} us a row, {rows / long['compact_s']:,.0f}/s",
            f"reading them {long['read_s'] / rows * 1e6:.2f} us",
            long["compact_s"] / long["read_s"],
        ),
        Row(
            "compaction, peak memory",
            f"{long['peak_mib']:,.0f} MiB",
            f"of a day of {SHORT_HOURS} h {short['peak_mib']:,.0f} MiB",
            long["peak_mib"] / short["peak_mib"],
            bar=1.25,
        ),
    ]


def compact_all(data_dir: Path) -> list[FileInfo]:
    """Compact every day of a lake that nobody publishes to; returns the files that it has then."""
    with Manifest(data_dir) as manifest:
        for number in itertools.count(1):
            if not (dates := due_days(manifest, _EVER)):
                break
            files = [file for name in TABLES for file in manifest.files(name, dates[0])]
            day = Day(manifest.lake, manifest.work, dates[0], f"bench{number}", files, lambda _: ())
            manifest.commit(compact_day(day, lambda: False))
    return [file for file in read_files(data_dir) or [] if file.rows]


def _run(published: Path, data_dir: Path, hours: int) -> dict[str, float]:
    """Make a day of so many hours, and compact it in a process of its own."""
    with Manifest(data_dir) as manifest:
        for table in (TRADES, DEPTH, STATE):
            rows = _rows(published, table)
            for hour in range(hours):
                manifest.commit(Commit([_hour_file(manifest, table, rows, hour)]))
    command = [sys.executable, __file__, str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InvalidError(f"the compaction failed: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _rows(data_dir: Path, table: Table) -> pa.Table:
    """All rows of a table, in order."""
    paths = [data_dir / "lake" / file.path for file in read_files(data_dir) or [] if file.table == table.name]
    files = SortedFiles(paths, table, lambda: False)
    blocks = []
    while (market := files.market) is not None:
        blocks += files.rows(market)
    return pa.concat_tables(blocks)


def _hour_file(manifest: Manifest, table: Table, rows: pa.Table, hour: int) -> tuple[str, FileInfo]:
    """The rows, moved to an hour of their day, as a merged file of that hour."""
    first_us = int(as_us(rows[table.time]).min())
    move_us = hour * HOUR_US - first_us % DAY_US
    for name in ("ts_event", "ts_recv"):
        if name in rows.schema.names:
            moved = pa.chunked_array([pa.array(as_us(rows[name]) + move_us).cast(TIME)])
            rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), moved)
    if "trade_id" in rows.schema.names:
        ids = pa.chunked_array([pa.array(as_us(rows["trade_id"]) + hour * len(rows))])
        rows = rows.set_column(rows.schema.get_field_index("trade_id"), rows.schema.field("trade_id"), ids)
    draft = f"{table.name}-{hour}.parquet"
    file = write_file(manifest.work / draft, table, rows, MERGED_COMPRESSION_LEVEL)
    size = (manifest.work / draft).stat().st_size
    date = day_of(file.min_us)
    path = f"{table.name}/date={date}/{hour:02d}-{hour:09d}.parquet"
    number = file.min_us // HOUR_US
    return draft, FileInfo(
        path, table.name, date, number, WHOLE_HOUR, file.rows, size, file.min_us, file.max_us
    )


def _main(data_dir: Path) -> None:
    files = [file for file in read_files(data_dir) or [] if file.rows]
    before = cpu_s()
    for file in files:
        for _ in pq.ParquetFile(data_dir / "lake" / file.path).iter_batches(2048, use_threads=False):
            pass
    read_s = cpu_s() - before
    before = cpu_s()
    compact_all(data_dir)
    print(
        json.dumps(
            {
                "rows": sum(file.rows for file in files),
                "read_s": read_s,
                "compact_s": cpu_s() - before,
                "peak_mib": _peak_kib() / 1024,
            }
        )
    )


def _peak_kib() -> int:
    """The most this process has had resident. (`ru_maxrss` knows the parent's, too.)"""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
