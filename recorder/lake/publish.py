"""Journal -> lake: follows the journals of a data directory and commits what they hold, whole or not at all.

Publishing is a function of the journal. The position up to which it was read is part of the same
transaction as the files made from it, so what was published is never published again, and what was not is
read again, whatever happened in between.
"""

import contextlib
import fcntl
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

from recorder.lake.dedupe import Highs, latest_candles, new_rows
from recorder.lake.files import (
    DAY_US,
    EMPTY_FILE,
    HOUR_US,
    PART_COMPRESSION_LEVEL,
    by_bucket,
    day_of,
    in_order,
    read_file,
    write_file,
)
from recorder.lake.gaps import Gap
from recorder.lake.manifest import MANIFEST, Commit, FileInfo, Manifest
from recorder.lake.merge import due_merge, merge_files
from recorder.lake.source import Source, market_table
from recorder.lake.tables import DEPTH, GAPS, KLINES, MARKETS, REJECTS, STATE, TABLES, TRADES, Table

BUFFER_BYTES: Final = 40 * 1024 * 1024
"""Rows in waiting beyond this are published at once: memory stays flat at any load."""
LOCK_NAME: Final = "publisher.lock"
DEDUPED: Final = (TRADES, DEPTH)


class LakeError(Exception):
    """The lake cannot be written: what happened, to what, what to do. `busy`: another publisher is at it."""

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy


@contextlib.contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"{data_dir}: another process publishes this lake; let it, or stop it"
            raise LakeError(message, busy=True) from None
        yield


class Publisher:
    """The one writer of a lake. Use it as a context manager; `read` and `publish` alternate."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lake, complete what a killed publisher left. Raises LakeError where that cannot be."""
        self.data_dir = data_dir
        with contextlib.ExitStack() as resources:
            resources.enter_context(_lock(data_dir))
            self._manifest = resources.enter_context(Manifest(data_dir))
            self._refuse_orphans()
            self._highs = {table.name: self._saved_highs(table) for table in DEDUPED}
            self._sources: dict[str, Source] = {}
            self._saved_sources = self._manifest.states("recorder/")
            self._number = int(self._manifest.state("commits") or b"0")
            self._notices = Counter(json.loads(self._manifest.state("notices") or b"{}"))
            self._open_gaps: set[Gap] | None = None
            self._make_readable()
            self._resources = resources.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _refuse_orphans(self) -> None:
        """Rows without a manifest would be published twice: refuse before harm is done."""
        if self._manifest.state("commits") is None and any(self._manifest.lake.rglob("*.parquet")):
            raise LakeError(
                f"{self._manifest.lake} has files that {self.data_dir / MANIFEST} does not know: "
                "move that directory away, and the lake is made again from the journal"
            )

    def _saved_highs(self, table: Table) -> Highs:
        saved = self._manifest.state(f"highs/{table.name}")
        return msgspec.msgpack.decode(saved, type=Highs) if saved else Highs()

    def _make_readable(self) -> None:
        """Give every table a file without rows: both engines raise on an empty directory."""
        commit = Commit()
        for table in TABLES.values():
            path = f"{table.name}/{EMPTY_FILE}"
            if not (self._manifest.lake / path).exists():
                work = f"empty-{table.name}.parquet"
                write_file(self._manifest.work / work, table, table.schema.empty_table(), 1)
                commit.added.append((work, FileInfo(path, table.name, "1970-01-01", 0, 0, 0, 0, 0, -1)))
        if commit.added:
            commit.state["commits"] = str(self._number).encode()
            self._manifest.commit(commit)

    # --- reading ----------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        """Every recorder's journal below the data directory; new ones join."""
        for directory in sorted((self.data_dir / "journal").glob("*/")):
            if directory.name not in self._sources:
                saved = self._saved_sources.get(directory.name)
                self._sources[directory.name] = Source(directory, saved)
        return list(self._sources.values())

    def read(self) -> bool:
        """Read what the journals hold by now. True: the buffer is full, publish before reading on."""
        for source in self.sources():
            source.read(self._full)
            if self._full():
                return True
        return False

    def _full(self) -> bool:
        return sum(source.buffered_bytes for source in self._sources.values()) >= BUFFER_BYTES

    # --- publishing -------------------------------------------------------------------------------

    def publish(self) -> dict[str, int]:
        """Commit the rows in waiting; returns how many each table gained. Nothing new changes nothing."""
        self._number += 1
        commit = Commit()
        gained: Counter[str] = Counter()
        rejects = [rows for source in self._sources.values() for rows in source.rows["rejects"]]
        for table in DEDUPED:
            rows, conflicts = new_rows(self._waiting(table), table, self._highs[table.name], self._stored)
            gained[table.name] += self._append(commit, table, rows)
            rejects.append(_conflict_rejects(conflicts))
        gained["state"] += self._append(commit, STATE, self._waiting(STATE))
        gained["rejects"] += self._append(commit, REJECTS, pa.concat_tables(rejects))
        market_rows = [row for source in self._sources.values() for row in source.market_rows]
        gained["markets"] += self._append(commit, MARKETS, market_table(market_rows))
        gained["klines"] += self._replace_klines(commit)
        gained["gaps"] += self._replace_gaps(commit)
        self._record_state(commit)
        self._manifest.commit(commit)
        for source in self._sources.values():
            source.taken()
        return dict(gained)

    def _waiting(self, table: Table) -> pa.Table:
        parts = [rows for source in self._sources.values() for rows in source.rows[table.name]]
        return pa.concat_tables([table.schema.empty_table(), *parts]).combine_chunks()

    def _append(self, commit: Commit, table: Table, rows: pa.Table) -> int:
        hour = int(time.time()) // 3600
        for day, of_day in by_bucket(rows, table, DAY_US):
            date = day_of(day * DAY_US)
            stem = f"{self._number:09d}"
            path = f"{table.name}/date={date}/{hour % 24:02d}-{stem}.parquet"
            self._write(commit, table, in_order(of_day, table), path, date, hour)
        return int(rows.num_rows)

    def _write(self, commit: Commit, table: Table, rows: pa.Table, path: str, date: str, hour: int) -> None:
        work = path.replace("/", "_")
        file = write_file(self._manifest.work / work, table, rows, PART_COMPRESSION_LEVEL)
        size = (self._manifest.work / work).stat().st_size
        info = FileInfo(path, table.name, date, hour, 0, file.rows, size, file.min_us, file.max_us)
        commit.added.append((work, info))

    def _replace_klines(self, commit: Commit) -> int:
        """Candles live in one file an hour; the last version of each is kept."""
        rows = self._waiting(KLINES)
        for hour, of_hour in by_bucket(rows, KLINES, HOUR_US):
            date = day_of(hour * HOUR_US)
            path = f"klines/date={date}/{hour % 24:02d}.parquet"
            there = self._manifest.lake / path
            parts = [read_file(there, KLINES), of_hour] if there.exists() else [of_hour]
            self._write(commit, KLINES, in_order(latest_candles(parts), KLINES), path, date, hour)
        return int(rows.num_rows)

    def _replace_gaps(self, commit: Commit) -> int:
        """Gaps live in one file a day: rows that are final stay, open ones are written as they are now."""
        closed = [gap for source in self._sources.values() for gap in source.gaps()[0]]
        still_open = {gap for source in self._sources.values() for gap in source.gaps()[1]}
        if not closed and still_open == self._open_gaps:
            return 0
        touched = {gap.ts_start // DAY_US for gap in (*closed, *still_open, *(self._open_gaps or ()))}
        if self._open_gaps is None:  # after a restart: whichever day has rows that were open then
            touched |= {file.min_us // DAY_US for file in self._manifest.files("gaps") if file.rows}
            touched |= {file.max_us // DAY_US for file in self._manifest.files("gaps") if file.rows}
        for day in sorted(touched):
            date = day_of(day * DAY_US)
            path = f"gaps/date={date}/gaps.parquet"
            there = self._manifest.lake / path
            final = read_file(there, GAPS) if there.exists() else GAPS.schema.empty_table()
            final = final.filter(final["ts_end"].is_valid())
            fresh = [gap for gap in (*closed, *still_open) if gap.ts_start // DAY_US == day]
            rows = pa.concat_tables([final, _gap_table(fresh)])
            self._write(commit, GAPS, in_order(rows, GAPS), path, date, day * 24)
        self._open_gaps = still_open
        return len(closed)

    def _record_state(self, commit: Commit) -> None:
        for source in self._sources.values():
            self._notices.update(source.notices)
        for name, source in self._sources.items():
            commit.state[f"recorder/{name}"] = source.save()
        for table in DEDUPED:
            commit.state[f"highs/{table.name}"] = msgspec.msgpack.encode(self._highs[table.name])
        commit.state["commits"] = str(self._number).encode()
        commit.state["notices"] = json.dumps(self._notices).encode()
        report = {
            "published_at_ns": time.time_ns(),
            "journal_until_ns": {name: source.seen_until_ns for name, source in self._sources.items()},
        }
        commit.state["report"] = json.dumps(report).encode()

    def _stored(self, table: Table, from_us: int, to_us: int, wanted: Any) -> pa.Table:
        """Rows of the lake that match, read through row-group statistics."""
        files = self._manifest.overlapping(table.name, from_us, to_us)
        paths = [str(self._manifest.lake / file.path) for file in files]
        if not paths:
            return table.schema.empty_table()
        return ds.dataset(paths, schema=table.schema, format="parquet").to_table(filter=wanted)

    # --- merging ----------------------------------------------------------------------------------

    def due_merge(self) -> Callable[[Callable[[], bool]], tuple[FileInfo, list[FileInfo]]] | None:
        """The next merge as a call that may run in a thread, or None. Its result goes to `merged`."""
        hour = int(time.time()) // 3600
        files = due_merge(self._manifest, hour)
        if not files:
            return None
        self._number += 1
        target = self._manifest.work / f"m{self._number:09d}.parquet"
        lake = self._manifest.lake
        return lambda stopped: (merge_files(lake, files, target, hour, stopped), files)

    def merged(self, info: FileInfo, files: list[FileInfo]) -> None:
        """Swap a finished merge in for the files it was made of."""
        work = info.path.rsplit("-", 1)[1]
        state = {"commits": str(self._number).encode()}
        self._manifest.commit(Commit([(work, info)], [file.path for file in files], state))


def _gap_table(gaps: list[Gap]) -> pa.Table:
    rows = [
        {
            "stream": gap.stream or None,
            "market": gap.market or None,
            "ts_start": gap.ts_start,
            "ts_end": gap.ts_end,
            "reason": gap.reason,
            "repaired": "none",
            "detail": gap.detail,
        }
        for gap in gaps
    ]
    return pa.Table.from_pylist(rows, schema=GAPS.schema)


def _conflict_rejects(rows: list[dict[str, Any]]) -> pa.Table:
    """A trade whose id is taken by another one is kept here, as what was understood of it."""
    return pa.Table.from_pylist(
        [
            {
                "ts_recv": row["ts_recv"],
                "connection": 0,
                "reason": "trade id seen before with other content",
                "frame": json.dumps(row, default=str),
            }
            for row in rows
        ],
        schema=REJECTS.schema,
    )
