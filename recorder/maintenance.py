"""What `recorder compact` and `recorder rebuild` do, and how they tell it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from recorder.lake.days.compact import CompactionError, is_due
from recorder.lake.proving.proof import Proof, TableProof
from recorder.lake.publishing.follow import catch_up, open_publisher
from recorder.lake.publishing.housekeeper import request_of
from recorder.lake.publishing.publisher import LakeError, Publisher
from recorder.lake.store.files import day_of
from recorder.lake.store.manifest import FileInfo, read_files
from recorder.show import size

POLL_S: Final = 0.5
DIFFERING_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Size:
    """What the closed days of a lake take."""

    files: int
    bytes: int


def compact(data_dir: Path, console: Console) -> tuple[Size, Size]:
    """Compact every closed UTC day; returns what they took before and after.

    Where a recorder publishes this lake, it is asked to, and waited for. Raises LakeError.
    """
    before = _closed(read_files(data_dir))
    with console.status("compacting"):
        while (publisher := _publisher(data_dir)) is None:
            if not _wait_for_another(data_dir):
                _refuse_unless_done(data_dir)
                return before, _closed(read_files(data_dir))
        with publisher:
            catch_up(publisher)
            before = _closed(read_files(data_dir))
            try:
                publisher.work_off(0.0)
            except CompactionError as error:
                raise LakeError(str(error)) from error
    return before, _closed(read_files(data_dir))


def _publisher(data_dir: Path) -> Publisher | None:
    """The publisher of a lake; None where another process has it."""
    try:
        return open_publisher(data_dir, wait_s=0.0)
    except LakeError as error:
        if error.busy:
            return None
        raise


def _wait_for_another(data_dir: Path) -> bool:
    """Ask the publisher at work; False when it is done, True when it has gone before."""
    request = request_of(data_dir)
    request.touch()
    try:
        while request.exists():
            time.sleep(POLL_S)
            if (publisher := _publisher(data_dir)) is not None:
                publisher.__exit__()
                return True
    finally:
        request.unlink(missing_ok=True)
    return False


def _refuse_unless_done(data_dir: Path) -> None:
    """The recorder gives up on a day that it cannot compact: that must not look like success."""
    today = day_of(time.time_ns() // 1000)
    if left := sorted(
        {file.date for file in read_files(data_dir) or () if is_due(file) and file.date < today}
    ):
        raise LakeError(
            f"the recorder has left {', '.join(left)} as it was, or rows came meanwhile: "
            "its log says what failed, else run this again"
        )


def _closed(files: list[FileInfo] | None) -> Size:
    today = day_of(time.time_ns() // 1000)
    closed = [file for file in files or () if file.rows and file.date < today]
    return Size(len(closed), sum(file.bytes for file in closed))


def compacted(before: Size, after: Size) -> str:
    """A sentence for a person."""
    if not after.files:
        return "Nothing to compact: no UTC day with rows is over yet."
    if before == after:
        return f"Nothing to compact: the closed days are {after.files:,} files, {size(after.bytes)}."
    return (
        f"Compacted: the closed days were {before.files:,} files, {size(before.bytes)}, "
        f"and are {after.files:,} files, {size(after.bytes)}."
    )


def show_proof(console: Console, proof: Proof) -> None:
    """What was compared, and the first difference of each table."""
    table = Table("table", "rows", "days", "content", "", box=None, pad_edge=False)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for each in proof.tables:
        said = "equal" if each.first is None else f"[red]{len(each.differing)} days differ[/red]"
        table.add_row(each.table, f"{each.rows:,}", f"{each.days:,}", each.content, said)
    console.print(table)
    for each in proof.tables:
        if each.first is not None:
            console.print(f"\n{_difference(each)}", markup=False, highlight=False)
    for title, lines in (("left out:", proof.left_out), ("the journal is damaged:", proof.damage)):
        if lines:
            console.print(f"\n{title}", highlight=False)
            for line in lines:
                console.print(f"  {line}", markup=False, highlight=False)
    if proof.since is not None:
        console.print(f"\nThe journal reaches back to {proof.since}: what is older was not compared.")


def _difference(proof: TableProof) -> str:
    days = ", ".join(proof.differing[:DIFFERING_SHOWN])
    others = len(proof.differing) - DIFFERING_SHOWN
    more = f" and {others} more" if others > 0 else ""
    return f"{proof.table} differs on {days}{more}; first:\n{proof.first}"
