"""Removes what has been kept for long enough, and says so in the table `removed`.

Of the lake whole UTC days of a table go, each with the rows that tell of it in one commit, so that no reader
through the manifest sees half. Of the journal segments go whose every record is published and old enough:
they are told first and unlinked then, so that nothing ever goes untold.

What is removed stays removed: the journal's positions have moved on. A row of a removed day that comes late
is kept, for it was asked for and received, until the next retirement removes it like the others, and tells.

A minute whose rows were removed, of any table that it is judged by, is never judged again: it keeps the grade
that it had while they were there.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from recorder.journal.segment import Segment, segments, sync_directory
from recorder.lake.grades.changes import Remembered
from recorder.lake.publishing.milestones import RECORDER_STATE
from recorder.lake.publishing.source import reach_of
from recorder.lake.spans import FOREVER_US, Spans, clip, union
from recorder.lake.store.draft import add_file
from recorder.lake.store.files import day_of, read_file
from recorder.lake.store.manifest import Commit, FileInfo, Manifest
from recorder.lake.store.tables import DEPTH, KLINES, REMOVED, STATE, TRADES
from recorder.lake.units import DAY_US

JOURNAL: Final = "journal"
"""The name under which the retention of the journal is given, among those of tables."""
RETIRED_STATE: Final = "retired"
_EVIDENCE: Final = (TRADES.name, DEPTH.name, KLINES.name, STATE.name)
"""What minutes are judged by."""


@dataclass(frozen=True, slots=True)
class Gone:
    """One row of `removed`; `rows` None where they were not counted."""

    removed: str
    day_us: int | None
    rows: int | None
    bytes: int


class Retired(msgspec.Struct):
    """What follows from removals for judging. Spans and times are of the venue's clock, in us."""

    closed_us: int = 0
    """Minutes before it are not judged any more."""
    unjudged: dict[str, Spans] = msgspec.field(default_factory=dict)
    """Those of them that something came late for, by market or of all ("")."""


def retired(saved: bytes | None) -> Retired:
    """As the manifest keeps it under RETIRED_STATE."""
    return msgspec.msgpack.decode(saved, type=Retired) if saved else Retired()


class Retention:
    """The part of the publisher that removes."""

    def __init__(self, manifest: Manifest, journal: Path) -> None:
        self._manifest = manifest
        self._journal = journal
        self._retired = retired(manifest.state(RETIRED_STATE))

    def spare(self, known: Remembered) -> None:
        """Strike out what is not to be judged any more from what is to be judged."""
        closed_us = self._retired.closed_us
        if not closed_us:
            return
        late = {market: own for market, spans in known.dirty.items() if (own := clip(spans, 0, closed_us))}
        for market, spans in late.items():
            self._retired.unjudged[market] = union(self._retired.unjudged.get(market, ()), spans)
        if late:
            state = {RETIRED_STATE: msgspec.msgpack.encode(self._retired)}
            self._manifest.commit(Commit(state=state))
        known.dirty = _since(known.dirty, closed_us)
        known.doubts = _since(known.doubts, closed_us)
        ours_us = known.clocks.ours(closed_us)
        known.mend = {
            topic: (max(start, ours_us), end) for topic, (start, end) in known.mend.items() if end > ours_us
        }

    def retire(self, keep: Mapping[str, timedelta], now_us: int) -> list[Gone]:
        """Remove what is older than `keep` says, by table or JOURNAL; what is not named is kept for ever."""
        gone = self._retire_days(keep, now_us)
        if (journal := keep.get(JOURNAL)) is not None:
            gone += self._retire_segments(now_us - _us(journal), now_us)
        return gone

    # --- the lake -------------------------------------------------------------------------------------

    def _retire_days(self, keep: Mapping[str, timedelta], now_us: int) -> list[Gone]:
        commit, gone, closed_us = Commit(), list[Gone](), self._retired.closed_us
        for name, age in keep.items():
            limit = day_of(
                max(0, now_us - age // timedelta(microseconds=1))
            )  # its own day has not ended then
            for date, files in _old_days(self._manifest, name, limit):
                start_us = _start_us(date)
                rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
                gone.append(Gone(name, start_us, rows, size))
                commit.removed += [file.path for file in files]
                if name in _EVIDENCE:
                    closed_us = max(closed_us, start_us + DAY_US)
        if gone:
            self._retired.closed_us = closed_us
            commit.state[RETIRED_STATE] = msgspec.msgpack.encode(self._retired)
            self._tell(commit, gone, now_us)
        return gone

    def _tell(self, commit: Commit, gone: list[Gone], now_us: int) -> None:
        """Make a commit with the rows of `removed` that tell of it, in the file of the running day."""
        path = f"{REMOVED.name}/date={day_of(now_us)}/removed.parquet"
        rows = pa.Table.from_pylist(
            [
                {
                    "removed": each.removed,
                    "day": each.day_us,
                    "rows": each.rows,
                    "bytes": each.bytes,
                    "ts_removed": now_us,
                }
                for each in gone
            ],
            schema=REMOVED.schema,
        )
        if (self._manifest.lake / path).exists():
            rows = pa.concat_tables([read_file(self._manifest.lake / path, REMOVED), rows])
        add_file(self._manifest, commit, REMOVED, rows, path, day_of(now_us), now_us // DAY_US * 24)
        self._manifest.commit(commit)

    # --- the journal ----------------------------------------------------------------------------------

    def _retire_segments(self, before_us: int, now_us: int) -> list[Gone]:
        """Remove segments whose successor was begun before `before_us`: all their records are older."""
        old = {
            f"{JOURNAL}/{name}/{segment.path.name}": segment
            for name, saved in self._manifest.states(RECORDER_STATE).items()
            for segment in _old_segments(self._journal / name, reach_of(saved).until.segment, before_us)
        }
        if not old:
            return []
        told = set(self._told())
        gone = [Gone(name, None, None, each.path.stat().st_size) for name, each in old.items()]
        if untold := [each for each in gone if each.removed not in told]:
            self._tell(Commit(), untold, now_us)
        for segment in old.values():
            segment.path.unlink(missing_ok=True)
        for directory in {segment.path.parent for segment in old.values()}:
            sync_directory(directory)
        return gone

    def _told(self) -> Iterator[str]:
        """The segments that `removed` tells of: one that is still there was told of before a kill."""
        for file in self._manifest.files(REMOVED.name):
            if file.rows:
                names = read_file(self._manifest.lake / file.path, REMOVED)["removed"]
                yield from names.filter(pc.starts_with(names, JOURNAL)).to_pylist()


def _old_days(manifest: Manifest, name: str, limit: str) -> Iterator[tuple[str, list[FileInfo]]]:
    """The days of a table before `limit` that have rows, with their files."""
    files = [file for file in manifest.files(name) if file.rows and file.date < limit]
    for date, own in itertools.groupby(sorted(files, key=lambda file: file.date), lambda file: file.date):
        yield date, list(own)


def _old_segments(directory: Path, reading: int, before_us: int) -> list[Segment]:
    """The oldest segments, up to the first that is still being read or too young."""
    own = segments(directory)
    done = itertools.takewhile(
        lambda pair: pair[0].ordinal < reading and pair[1].created_ns // 1000 <= before_us,
        itertools.pairwise(own),
    )
    return [segment for segment, _ in done]


def _since(spans: Mapping[str, Spans], start_us: int) -> dict[str, Spans]:
    left = {market: clip(own, start_us, FOREVER_US) for market, own in spans.items()}
    return {market: own for market, own in left.items() if own}


def _us(age: timedelta) -> int:
    return age // timedelta(microseconds=1)


def _start_us(date: str) -> int:
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1_000_000
