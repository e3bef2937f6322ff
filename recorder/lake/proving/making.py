"""Makes a lake from a journal alone, in a directory of its own, by the code that runs live."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from recorder.journal.reader import Position
from recorder.lake.proving.proof import Made, Tell
from recorder.lake.proving.snapshot import lake_at_rest
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.publishing.source import BUFFERED, Reach
from recorder.lake.store.manifest import Commit, Manifest

TELL_S: Final = 5.0
_DAMAGE: Final = "journal damage: "
_TORN: Final = f"{_DAMAGE}torn tail"
"""The end that was being written when a recorder was killed: nothing that was whole is lost by it."""


class Maker:
    """Owns the publisher of the lake that is made. A context manager."""

    def __init__(
        self,
        data_dir: Path,
        journal: Path,
        seed: Mapping[str, bytes],
        reaches: Mapping[str, Reach] | None,
        tell: Tell,
    ) -> None:
        """`seed` is what the lake remembers to begin with; `reaches`: see Publisher."""
        self._data_dir = data_dir
        self._reaches = reaches or {}
        self._tell = tell
        self._told = time.monotonic()
        self._received: dict[str, set[str]] = {}
        self._damage: Counter[str] = Counter()
        self._rows = 0
        data_dir.mkdir()
        if seed:
            with Manifest(data_dir) as manifest:
                manifest.commit(Commit(state=dict(seed)))
        self.publisher = Publisher(data_dir, journal, reaches)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.publisher.__exit__()

    def make(self, *, judge: bool) -> None:
        """Publish all that the journals hold, and judge it, unless it is not known when what was recorded."""
        more = True
        while more:
            more = self.publisher.read()
            self._note()
            self._rows += sum(self.publisher.publish().values())
            self._say()
        self._tell(f"{self._rows:,} rows made")
        while judge and not self.publisher.settle():
            pass

    def merge(self) -> None:
        """Make few files of many."""
        self.publisher.work_off()

    def compact(self, days: Iterable[str]) -> None:
        """Compact UTC days, those of them that there are."""
        for day in sorted(days):
            self._tell(f"compacting {day}")
            self.publisher.finish(self.publisher.compaction(day).run(lambda: False))

    def made(self) -> Made:
        """The lake as it is now."""
        received = {table: frozenset(names) for table, names in self._received.items()}
        damage = [f"{text}, {times} times" if times > 1 else text for text, times in self._damage.items()]
        return Made(lake_at_rest(self._data_dir), received, (*damage, *self._missing()))

    def _note(self) -> None:
        """Whose rows are in waiting, and what could not be read of which journal."""
        for source in self.publisher.sources():
            for table in BUFFERED:
                if source.rows[table.name]:
                    self._received.setdefault(table.name, set()).add(source.directory.name)
            for notice, times in source.notices.items():
                if notice.startswith(_DAMAGE) and notice != _TORN:
                    self._damage[f"{source.directory.name}: {notice}"] += times

    def _missing(self) -> list[str]:
        """The journals that end before the place up to which they had been read."""
        positions = {source.directory.name: source.position for source in self.publisher.sources()}
        return [
            f"{name}: the journal is gone from {_time(positions.get(name))} on, the lake had read it up to "
            f"{_time(reach.until)}"
            for name, reach in self._reaches.items()
            if _place(positions.get(name)) != _place(reach.until)
        ]

    def _say(self) -> None:
        if time.monotonic() - self._told >= TELL_S:
            self._told = time.monotonic()
            places = (
                f"{each.directory.name} up to {_time(each.position)}" for each in self.publisher.sources()
            )
            self._tell(f"{self._rows:,} rows made: {', '.join(places)}")


def _place(position: Position | None) -> tuple[int, int, int]:
    """By what a check line says: offsets count less where damage was passed over."""
    return (0, 0, 0) if position is None else (position.segment, position.seq, position.at)


def _time(position: Position | None) -> str:
    if position is None or not position.at:
        return "its beginning"
    return datetime.fromtimestamp(position.at // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
