"""A lake that was made again takes the place of the one that is there, in one commit of the manifest.

So a reader through the manifest sees the one or the other, and a kill costs nothing: before the commit the
old lake is whole, after it the next opening of the publisher makes the moves that are left.
"""

import msgspec

from recorder.lake.proving.proof import first_day, known, makes
from recorder.lake.proving.snapshot import Snapshot
from recorder.lake.publishing.intake import DEDUPED
from recorder.lake.publishing.milestones import MILESTONES_STATE, Beginning
from recorder.lake.store.dedupe import Highs
from recorder.lake.store.manifest import Commit, FileInfo, Manifest
from recorder.lake.store.removed import removed_days
from recorder.lake.store.tables import TABLES


def take_over(manifest: Manifest, old: Snapshot, fresh: Snapshot, beginning: Beginning) -> None:
    """Replace the days that the journal makes whole, but for those that retention removed; others stay."""
    since = {
        table.name: first_day(beginning, table, known(old).clocks)
        for table in TABLES.values()
        if makes(beginning, table)
    }
    removed = removed_days(old.lake, old.files)

    def replaced(file: FileInfo) -> bool:
        made = file.table in since and file.date >= since[file.table]
        return made and (file.table, file.date) not in removed

    commit = Commit(state=_state(old, fresh, beginning))
    for number, file in enumerate(filter(replaced, fresh.files)):
        work = f"rebuilt-{number:06d}.parquet"
        (manifest.work / work).hardlink_to(fresh.lake / file.path)
        commit.added.append((work, file))
    kept = {file.path for _, file in commit.added}
    commit.removed = [file.path for file in filter(replaced, old.files) if file.path not in kept]
    manifest.commit(commit)


def _state(old: Snapshot, fresh: Snapshot, beginning: Beginning) -> dict[str, bytes]:
    """What the lake remembers from then on."""
    if beginning.since_us is None:
        return fresh.state
    state = {f"highs/{table.name}": _highs(old, fresh, f"highs/{table.name}") for table in DEDUPED}
    state["commits"] = fresh.state["commits"]
    if not beginning.knows_gaps:
        return state  # the journals were read exactly as far, and of before the old lake knows more
    return {**fresh.state, **state, MILESTONES_STATE: old.state[MILESTONES_STATE]}


def _highs(old: Snapshot, fresh: Snapshot, name: str) -> bytes:
    """The newest of each market that either has: the days before stay."""
    highs = Highs()
    for lake in (old, fresh):
        for market, high in _saved(lake, name).by_market.items():
            highs.by_market[market] = max(high, highs.by_market.get(market, high))
    return msgspec.msgpack.encode(highs)


def _saved(lake: Snapshot, name: str) -> Highs:
    saved = lake.state.get(name)
    return msgspec.msgpack.decode(saved, type=Highs) if saved else Highs()
