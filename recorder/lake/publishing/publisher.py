"""Journal -> lake: follows the journals of a data directory and commits what they hold, whole or not at all.

In three steps, each a commit or several: the rows of the journals (`intake`), what follows from them
(`settle`), and fewer, larger files (`upkeep`).
"""

import contextlib
import fcntl
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import msgspec
import pyarrow as pa

from recorder.lake.days.upkeep import CLOSED_S, Job, Upkeep
from recorder.lake.grades.changes import Changes
from recorder.lake.grades.settle import SETTLE_STATE, settle, wanted
from recorder.lake.grades.wanted import WANTED_STATE
from recorder.lake.publishing.intake import Intake
from recorder.lake.publishing.milestones import RECORDER_STATE, Milestones
from recorder.lake.publishing.retention import Gone, Retention
from recorder.lake.publishing.source import Reach, Source
from recorder.lake.store.files import EMPTY_DATE, EMPTY_FILE, write_file
from recorder.lake.store.manifest import FORMAT, FORMAT_STATE, MANIFEST, Commit, FileInfo, Manifest
from recorder.lake.store.tables import TABLES

BUFFER_BYTES: Final = 32 * 1024 * 1024
"""Rows in waiting beyond this are published at once: memory stays flat at any load."""
LOCK_NAME: Final = "publisher.lock"
SETTLE_COMMITS: Final = 60
"""Windows of minutes judged after one publish at most: ten hours. A long absence is caught up with in turns,
and rows go on being published."""


class LakeError(Exception):
    """The lake cannot be written: what happened, to what, what to do. `busy`: another publisher is at it."""

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy


@contextlib.contextmanager
def publishing(data_dir: Path) -> Iterator[None]:
    """Be the one that writes this lake. Raises LakeError (busy) where another process is."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"{data_dir}: another process publishes this lake; let it, or stop it"
            raise LakeError(message, busy=True) from None
        yield


def refuse_orphans(manifest: Manifest) -> None:
    """Rows without a manifest would be published twice: refuse before harm is done."""
    if manifest.state("commits") is None and any(manifest.lake.rglob("*.parquet")):
        raise LakeError(
            f"{manifest.lake} has files that {manifest.lake.parent / MANIFEST} does not know: "
            "move that directory away, and the lake is made again from the journal"
        )


def refuse_another_format(manifest: Manifest) -> None:
    """Rows of another version's tables cannot stand beside ours."""
    if manifest.state("commits") is not None and manifest.state(FORMAT_STATE) != FORMAT:
        raise LakeError(
            f"{manifest.lake} was made by another version: move it and {manifest.lake.parent / MANIFEST} "
            "away, and `recorder publish` makes the lake again from the journal"
        )


class Publisher:
    """The one writer of a lake. Use it as a context manager; `read` and `publish` alternate."""

    def __init__(
        self, data_dir: Path, journal: Path | None = None, reaches: Mapping[str, Reach] | None = None
    ) -> None:
        """Take the lake, complete what a killed publisher left. Raises LakeError where that cannot be.

        `journal` is where the recorders' journals lie, if not below `data_dir`. `reaches` are the recorders
        to read, and how far; without, all of them as far as they go.
        """
        self.data_dir = data_dir
        self._journal = journal or data_dir / "journal"
        self._reaches = reaches
        with contextlib.ExitStack() as resources:
            resources.enter_context(publishing(data_dir))
            self._manifest = resources.enter_context(Manifest(data_dir))
            refuse_orphans(self._manifest)
            refuse_another_format(self._manifest)
            self._changes = Changes(self._manifest.state(SETTLE_STATE))
            self._intake = Intake(self._manifest, self._changes)
            self._sources: dict[str, Source] = {}
            self._saved_sources = self._manifest.states(RECORDER_STATE)
            self._milestones = Milestones(self._manifest)
            self._upkeep = Upkeep(self._manifest, self._changes)
            self._retention = Retention(self._manifest, self._journal)
            self._number = int(self._manifest.state("commits") or b"0")
            self._make_readable()
            self._resources = resources.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _make_readable(self) -> None:
        """Give every table a file without rows: both engines raise on an empty directory."""
        commit = Commit()
        for table in TABLES.values():
            path = f"{table.name}/{EMPTY_FILE}"
            if not (self._manifest.lake / path).exists():
                work = f"empty-{table.name}.parquet"
                write_file(self._manifest.work / work, table, table.schema.empty_table(), 1)
                commit.added.append((work, FileInfo(path, table.name, EMPTY_DATE, 0, 0, 0, 0, 0, -1)))
        if commit.added:
            commit.state["commits"] = str(self._number).encode()
            commit.state[FORMAT_STATE] = FORMAT
            self._manifest.commit(commit)

    # --- reading ----------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        """Every recorder's journal below the data directory; new ones join."""
        for directory in sorted(self._journal.glob("*/")):
            name = directory.name
            if name not in self._sources and (self._reaches is None or name in self._reaches):
                reach = None if self._reaches is None else self._reaches[name]
                self._sources[name] = Source(directory, self._saved_sources.get(name), reach)
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
        commit, gained = self._intake.commit_of(self._sources, self._next_number())
        self._milestones.note(commit)
        self._commit(commit)
        for source in self._sources.values():
            source.taken()
        return gained

    def settle(self, limit: int = SETTLE_COMMITS) -> bool:
        """Judge what the committed rows have touched; False where the limit left some for the next time."""
        self._retention.spare(self._changes.known)
        for count, commit in enumerate(settle(self._manifest, self._changes), 1):
            self._commit(commit)
            if count == limit:
                return False
        self._say_what_is_wanted()
        return True

    def _say_what_is_wanted(self) -> None:
        until_us = {name: source.seen_until_ns // 1000 for name, source in self._sources.items()}
        said = msgspec.msgpack.encode(wanted(self._manifest, self._changes, until_us))
        if said != self._manifest.state(WANTED_STATE):
            self._manifest.commit(Commit(state={WANTED_STATE: said}))

    # --- upkeep -----------------------------------------------------------------------------------

    def due_job(self, closed_for_s: float | None = CLOSED_S) -> Job | None:
        """The next merge or compaction, see `Upkeep.due`. What it makes goes to `finish`."""
        return self._upkeep.due(self._next_number(), int(time.time()) // 3600, closed_for_s)

    def compaction(self, date: str) -> Job:
        """The compaction of a UTC day, whether it is due or not."""
        return self._upkeep.compaction(self._next_number(), date)

    def finish(self, made: Commit) -> None:
        """Commit what a job made, unless what it was made of has changed."""
        if made.added and self._upkeep.valid(made):
            made.state["commits"] = str(self._number).encode()
            self._commit(made)

    def work_off(self, closed_for_s: float | None = None) -> None:
        """Do every job that is due, see `due_job`; by default merges alone."""
        while (job := self.due_job(closed_for_s)) is not None:
            self.finish(job.run(lambda: False))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _commit(self, commit: Commit) -> None:
        self._upkeep.note(commit)
        self._manifest.commit(commit)
        pa.default_memory_pool().release_unused()  # what a commit took is not kept until the next one

    # --- retention --------------------------------------------------------------------------------

    def retire(self, keep: Mapping[str, timedelta], now_us: int | None = None) -> list[Gone]:
        """Remove what is older than `keep` says, see `Retention.retire`; returns what that was."""
        return self._retention.retire(keep, time.time_ns() // 1000 if now_us is None else now_us)
