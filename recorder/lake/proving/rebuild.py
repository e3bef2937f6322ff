"""The lake made again from the journal alone: to prove the one that is there, or to take its place.

Both make a fresh lake in a directory of its own, by the code that runs live. To prove, it is made of exactly
what the lake was made of at one instant, so it works beside a recorder and a publisher. To take the place,
its files are moved in by one commit of the manifest.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from recorder.lake.grades.changes import Changes
from recorder.lake.grades.settle import SETTLE_STATE
from recorder.lake.proving.making import Maker
from recorder.lake.proving.proof import Proof, Tell, first_day, known, prove
from recorder.lake.proving.snapshot import Snapshot, lake_at_rest, scratch, take_snapshot
from recorder.lake.proving.takeover import take_over
from recorder.lake.publishing.follow import publish_once
from recorder.lake.publishing.milestones import MILESTONES_STATE, RECORDER_STATE, Beginning, beginning_of
from recorder.lake.publishing.publisher import (
    LakeError,
    publishing,
    refuse_another_format,
    refuse_orphans,
)
from recorder.lake.store.manifest import FORMAT, FORMAT_STATE, WHOLE_DAY, FileInfo, Manifest
from recorder.lake.store.tables import TRADES

SPACE_FACTOR: Final = 2
"""What is made is compressed less than what was merged and compacted."""
SPACE_LEFT_BYTES: Final = 256 * 1024**2
"""A recorder that runs must not meet a full disk for this."""


def verify(data_dir: Path, tell: Tell) -> Proof:
    """Compare the lake with what its journal makes, both as they are now; a recorder may go on meanwhile.

    Where no publisher runs, what is left is published first. Days that the lake has compacted are compacted
    in the other one, too. `tell` gets lines of progress. Raises LakeError where there is no journal or no
    room, and (busy) where another process proves the lake or makes it again.
    """
    _refuse_without_journal(data_dir)
    with scratch(data_dir) as at:
        _publish_rest(data_dir, tell)
        live = take_snapshot(data_dir, at / "live")
        _refuse_without_space(data_dir, live.files)
        beginning = beginning_of(live.journal, live.recorders, live.state.get(MILESTONES_STATE))
        with Maker(at / "fresh", live.journal, _seed(beginning), live.reaches, tell) as maker:
            maker.make(judge=beginning.knows_gaps)
            maker.compact(_compacted(live))
            made = maker.made()
        return prove(live, made, beginning, at / "spill", tell)


def rebuild(data_dir: Path, tell: Tell, *, partial: bool = False) -> dict[str, int]:
    """Put a lake made from the journal in the place of the one that is there; returns its rows by table.

    Where the journal no longer reaches back as far as the lake, it is refused, unless `partial`: then the
    days that the journal makes whole are made again, those before stay as they are. What retention removed
    stays removed. Raises LakeError, (busy) where a publisher runs.
    """
    _refuse_without_journal(data_dir)
    with scratch(data_dir) as at:
        if partial:
            publish_once(data_dir, wait_s=0)
        with publishing(data_dir), Manifest(data_dir) as manifest:
            refuse_orphans(manifest)
            refuse_another_format(manifest)
            old = lake_at_rest(data_dir)
            _refuse_without_space(data_dir, old.files)
            journal = data_dir / "journal"
            beginning = beginning_of(journal, old.recorders, old.state.get(MILESTONES_STATE))
            whole = beginning.since_us is None
            if not (whole or partial):
                raise LakeError(_reaches_not(beginning, old))
            seed = {**_seed(beginning), "commits": old.state.get("commits", b"0"), FORMAT_STATE: FORMAT}
            with Maker(at / "fresh", journal, seed, None if whole else old.reaches, tell) as maker:
                maker.make(judge=beginning.knows_gaps)
                maker.merge()
                maker.compact(_compacted(old))
                made = maker.made()
            take_over(manifest, old, made.lake, beginning)
    return _count(made.lake.files)


def _publish_rest(data_dir: Path, tell: Tell) -> None:
    try:
        publish_once(data_dir, wait_s=0)
    except LakeError as error:
        if not error.busy:
            raise
        tell("a recorder is publishing: the lake is compared as it is now")


def _refuse_without_journal(data_dir: Path) -> None:
    if not (data_dir / "journal").is_dir():
        raise LakeError(f"there is no journal in {data_dir}, and without it nothing to make a lake of")


def _refuse_without_space(data_dir: Path, files: Iterable[FileInfo]) -> None:
    free = shutil.disk_usage(data_dir).free
    needed = SPACE_FACTOR * sum(file.bytes for file in files) + SPACE_LEFT_BYTES
    if free < needed:
        raise LakeError(
            f"{data_dir}: a second lake beside this one may need {needed / 1e9:.1f} GB, "
            f"and {free / 1e9:.1f} GB are free: make room first"
        )


def _reaches_not(beginning: Beginning, old: Snapshot) -> str:
    day = first_day(beginning, TRADES, known(old).clocks)
    return (
        f"the journal begins later than the lake: what is older than {day} cannot be made again; "
        "`--partial` makes the days from then on again and leaves those before as they are"
    )


def _seed(beginning: Beginning) -> dict[str, bytes]:
    """What a lake remembers before it is made: nothing, or what was kept where the journal begins."""
    if beginning.base is None:
        return {}
    changes = Changes(beginning.base.settle)
    kept = changes.known
    kept.dirty, kept.mend = {}, {}  # of days before the first that counts
    recorders = {f"{RECORDER_STATE}{name}": saved for name, saved in beginning.base.recorders.items()}
    return {**recorders, SETTLE_STATE: changes.save(), FORMAT_STATE: FORMAT, "commits": b"0"}


def _compacted(lake: Snapshot) -> set[str]:
    return {file.date for file in lake.files if file.level == WHOLE_DAY}


def _count(files: Iterable[FileInfo]) -> dict[str, int]:
    rows = Counter[str]()
    for file in files:
        rows[file.table] += file.rows
    return dict(rows)
