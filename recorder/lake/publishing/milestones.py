"""Where the lake can be made again from, once the journal before is gone.

What a commit remembers (each recorder's place, gaps and markets, and what is to be judged) comes from the
whole journal up to there. So once a day, with a commit, all of it is kept: from there on the journal alone is
enough, as long as the segment is still there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import zstandard

from recorder.journal.reader import segments
from recorder.lake.grades.settle import SETTLE_STATE
from recorder.lake.publishing.source import reach_of
from recorder.lake.store.manifest import Commit, Manifest
from recorder.lake.units import DAY_US

MILESTONES_STATE: Final = "milestones"
MILESTONES_LIMIT: Final = 400
"""Days: a journal that is kept for longer is proven for as many."""
BASE_WITHIN_US: Final = 2 * DAY_US
"""Where the journal begins so long before the next milestone, more is proven without one."""
RECORDER_STATE: Final = "recorder/"


class Milestone(msgspec.Struct, frozen=True):
    """What a commit remembered. `at_us`: up to when the journals had been read, by the recorder's clock."""

    at_us: int
    recorders: dict[str, bytes]
    settle: bytes

    def segment(self, recorder: str) -> int:
        """The segment in which reading a recorder's journal goes on; 0 where it had none yet."""
        saved = self.recorders.get(recorder)
        return reach_of(saved).until.segment if saved else 0


class _Kept(msgspec.Struct):
    """Oldest first; each is compressed."""

    at_us: list[int] = msgspec.field(default_factory=list)
    packed: list[bytes] = msgspec.field(default_factory=list)


class Milestones:
    """Adds one to the first commit of each day."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        at_us = _kept(manifest.state(MILESTONES_STATE)).at_us
        self._last_us = at_us[-1] if at_us else None

    def note(self, commit: Commit) -> None:
        """Keep what a commit of the journals' rows remembers, if it is the first of its day."""
        recorders = {
            name.removeprefix(RECORDER_STATE): saved
            for name, saved in commit.state.items()
            if name.startswith(RECORDER_STATE)
        }
        at_us = max((reach_of(saved).until.at for saved in recorders.values()), default=0) // 1000
        if not at_us or (self._last_us is not None and at_us // DAY_US <= self._last_us // DAY_US):
            return
        self._last_us = at_us
        kept = _kept(self._manifest.state(MILESTONES_STATE))
        fresh = Milestone(at_us, recorders, commit.state[SETTLE_STATE])
        kept.at_us.append(at_us)
        kept.packed.append(zstandard.compress(msgspec.msgpack.encode(fresh)))
        kept = _Kept(kept.at_us[-MILESTONES_LIMIT:], kept.packed[-MILESTONES_LIMIT:])
        commit.state[MILESTONES_STATE] = msgspec.msgpack.encode(kept)


def _kept(saved: bytes | None) -> _Kept:
    return msgspec.msgpack.decode(saved, type=_Kept) if saved else _Kept()


def milestones(saved: bytes | None) -> list[Milestone]:
    """All that are kept, oldest first; `saved` is the state of the manifest."""
    return [
        msgspec.msgpack.decode(zstandard.decompress(packed), type=Milestone) for packed in _kept(saved).packed
    ]


@dataclass(frozen=True, slots=True)
class Beginning:
    """From when on what is left of the journals makes a lake.

    `since_us`: by the recorder's clock; None: nothing is gone, it makes all of it. `base` is what was
    remembered then; without it gaps, and what is judged by them, cannot be made.
    """

    since_us: int | None
    base: Milestone | None

    @property
    def knows_gaps(self) -> bool:
        return self.since_us is None or self.base is not None


def beginning_of(journal: Path, recorders: Mapping[str, bytes], kept: bytes | None) -> Beginning:
    """`recorders` is what a lake remembers of each, `kept` its milestones."""
    first = {name: _first_segment(journal / name) for name in recorders}
    gone = {
        name: _begun_us(journal / name, saved)
        for name, saved in recorders.items()
        if first[name] != 1 and reach_of(saved).until.segment > 0
    }
    if not gone:
        return Beginning(None, None)
    since_us = max(gone.values())
    for milestone in milestones(kept):
        there = all(0 < first[name] <= milestone.segment(name) for name in gone)
        if there and milestone.at_us - since_us < BASE_WITHIN_US:
            return Beginning(milestone.at_us, milestone)
    return Beginning(since_us, None)


def _first_segment(directory: Path) -> int:
    """The ordinal of the oldest segment that is left; 0 for none."""
    return next((segment.ordinal for segment in segments(directory)), 0)


def _begun_us(directory: Path, saved: bytes) -> int:
    """What was received from then on is all there; where no segment is, only what comes will be."""
    created_ns = next((segment.created_ns for segment in segments(directory)), None)
    return (reach_of(saved).until.at if created_ns is None else created_ns) // 1000
