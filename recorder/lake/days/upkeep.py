"""Which files to make fewer and larger next: jobs that run beside the publishing, one at a time.

A job only writes drafts below work/. What it changes is committed when it is done, unless what it was made of
has changed meanwhile; then it is done again.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from recorder.lake.days.compact import Day, Stopped, compact_day, due_days, missing_books
from recorder.lake.days.merge import due_merge, merge_files
from recorder.lake.gaps.files import told_gaps
from recorder.lake.gaps.missing import MissingBooks
from recorder.lake.grades.changes import GAP_REACH_US, Changes, Remembered
from recorder.lake.spans import clip
from recorder.lake.store.files import day_of
from recorder.lake.store.manifest import Commit, Manifest
from recorder.lake.store.minutes import MADE_OF, SUMMED_TABLES
from recorder.lake.store.removed import removed_days
from recorder.lake.store.tables import DEPTH, REMOVED, TABLES
from recorder.lake.units import DAY_US

CLOSED_S: Final = 3_600.0
"""A UTC day is taken for closed so long after its end and after its last row came: few come later."""
COMPACTED: Final = "compacted/"
"""Before a date, the name in the manifest of what its durations and sums were made by beside its rows: when
books were missed, and of which tables rows had been removed."""


@dataclass(frozen=True, slots=True)
class Job:
    """`run` may run in a thread; it ends early, with MergeStoppedError, when the call it is given says so."""

    name: str
    run: Callable[[Stopped], Commit]


class Upkeep:
    """Finds the jobs, and says whether what one made may be committed."""

    def __init__(self, manifest: Manifest, changes: Changes) -> None:
        self._manifest = manifest
        self._changes = changes
        self._touched_s: dict[str, float] = {}
        self._changed: set[tuple[str, str]] = set()
        """(table, date) of what was committed since the job in hand was made."""

    def note(self, commit: Commit) -> None:
        """Whatever is committed is told here: what a job in hand was made of may not be there any more."""
        now_s = time.monotonic()
        for _, file in commit.added:
            self._changed.add((file.table, file.date))
            self._touched_s[file.date] = now_s

    def due(self, number: int, hour: int, closed_for_s: float | None) -> Job | None:
        """The next job, if there is one; `number` is new with every call, `hour` is the running one.

        `closed_for_s` is how long a day must be over, and quiet, to be compacted; None: none is.
        """
        return self._merge(number, hour) or self._compaction(number, closed_for_s)

    def valid(self, commit: Commit) -> bool:
        """Whether what a job made may be committed; if not, its drafts are removed."""
        made = {(file.table, file.date) for _, file in commit.added}
        replaced = {(table, date) for table, date in made if TABLES[table].style == "replace"}
        there = {file.path for name in TABLES for file in self._manifest.files(name)}
        if there.issuperset(commit.removed) and not replaced & self._changed:
            return True
        for draft, _ in commit.added:
            (self._manifest.work / draft).unlink()
        return False

    # --- jobs -----------------------------------------------------------------------------------------

    def _merge(self, number: int, hour: int) -> Job | None:
        files = due_merge(self._manifest, hour)
        if not files:
            return None
        self._changed.clear()
        lake, target = self._manifest.lake, self._manifest.work / f"m{number:09d}.parquet"

        def run(stopped: Stopped) -> Commit:
            info = merge_files(lake, files, target, hour, stopped)
            return Commit([(target.name, info)], [file.path for file in files])

        return Job(f"merge of {len(files)} files of {files[0].table}", run)

    def _compaction(self, number: int, closed_for_s: float | None) -> Job | None:
        if closed_for_s is None:
            return None
        before = day_of(int((time.time() - closed_for_s) * 1e6))
        for date in due_days(self._manifest, before):
            if self._quiet_for_s(date) >= closed_for_s:
                return self.compaction(number, date)
        return None

    def _quiet_for_s(self, date: str) -> float:
        """For how long nothing of a day was committed; of the time before this process its files tell."""
        if (touched_s := self._touched_s.get(date)) is not None:
            return time.monotonic() - touched_s
        files = (file for name in TABLES for file in self._manifest.files(name, date))
        paths = [self._manifest.lake / file.path for file in files]
        return time.time() - max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)

    def compaction(self, number: int, date: str) -> Job:
        """The job that compacts one day."""
        self._changed.clear()
        manifest, stem = self._manifest, f"{number:09d}"
        files = [file for name in TABLES for file in manifest.files(name, date)]
        missing = books_missing(manifest, self._changes.known, date)
        name, made_by = f"{COMPACTED}{date}", digest_of(missing, self._changes.known, date)
        removed = removed_days(manifest.lake, manifest.files(REMOVED.name))
        gone = frozenset(table for table in SUMMED_TABLES if (table, date) in removed)
        made_by += " ".join(sorted(gone)).encode()
        made = manifest.state(name)
        again = frozenset({DEPTH.name}) if made not in (None, made_by) else frozenset[str]()
        day = Day(manifest.lake, manifest.work, date, stem, files, missing, again, gone)

        def run(stopped: Stopped) -> Commit:
            commit = compact_day(day, stopped)
            if any(info.table in (*MADE_OF, *SUMMED_TABLES) for _, info in commit.added):
                commit.state[name] = made_by
            return commit

        return Job(f"compaction of {date}", run)


def books_missing(manifest: Manifest, known: Remembered, date: str) -> MissingBooks:
    """When books of a day were missed, by what is known now."""
    start_us, end_us = _by_our_clock(known, date)
    return missing_books(told_gaps(manifest, start_us, end_us), known.recorded)


def digest_of(missing: MissingBooks, known: Remembered, date: str) -> bytes:
    """What the durations of a day's books follow from beside the books, as a hash."""
    start_us, end_us = _by_our_clock(known, date)
    names = {topic for topics in known.recorded.values() for topic in topics}
    markets = sorted(name.removeprefix("depth ") for name in names if name.startswith("depth "))
    found = [(market, clip(missing(market), start_us, end_us)) for market in markets]
    told = msgspec.msgpack.encode([pair for pair in found if pair[1]])
    return hashlib.blake2b(told, digest_size=16).digest()


def _by_our_clock(known: Remembered, date: str) -> tuple[int, int]:
    start_us = int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1_000_000
    clocks = known.clocks
    return clocks.ours(start_us) - GAP_REACH_US, clocks.ours(start_us + DAY_US) + GAP_REACH_US
