"""A lake and its journal as they are at one instant, held fast while a publisher and a recorder go on.

Files of the lake are replaced and never changed, so that a hard link keeps each as it was. The manifest is
read in one transaction, and the links count only if it has not changed until the last of them was made.
"""

import contextlib
import errno
import fcntl
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.journal.reader import Segment, segments
from recorder.lake.publishing.milestones import RECORDER_STATE
from recorder.lake.publishing.publisher import LakeError
from recorder.lake.publishing.source import Reach, reach_of
from recorder.lake.store.manifest import BUSY_TIMEOUT_S, MANIFEST, FileInfo
from recorder.lake.store.owner import make_private

SCRATCH: Final = "rebuild"
"""The directory, below the data directory, in which a lake is made for comparison or for taking over."""
LOCK_NAME: Final = "rebuild.lock"
ATTEMPTS: Final = 300
RETRY_S: Final = 0.1
"""A publisher's commits come in bursts; half a minute without a pause between them is not to be expected."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was committed at one instant. Below `lake` and `journal` lie its files, under their own names."""

    lake: Path
    journal: Path
    files: tuple[FileInfo, ...]
    state: dict[str, bytes]

    @property
    def recorders(self) -> dict[str, bytes]:
        """What the commit remembered of each recorder."""
        return {
            name.removeprefix(RECORDER_STATE): saved
            for name, saved in self.state.items()
            if name.startswith(RECORDER_STATE)
        }

    @property
    def reaches(self) -> dict[str, Reach]:
        """How far each recorder's journal had been read."""
        return {name: reach_of(saved) for name, saved in self.recorders.items()}


@contextlib.contextmanager
def scratch(data_dir: Path) -> Iterator[Path]:
    """An empty directory below `data_dir`, removed at the end; what a killed run left goes first.

    Raises LakeError (busy) where another process has it.
    """
    with (data_dir / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"{data_dir}: another process makes or proves this lake; let it, or stop it"
            raise LakeError(message, busy=True) from None
        directory = data_dir / SCRATCH
        shutil.rmtree(directory, ignore_errors=True)
        make_private(directory)  # whatever is of an account lies there, too
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def take_snapshot(data_dir: Path, into: Path) -> Snapshot:
    """Hold the lake and the journal that it was made from below `into`, on the same file system.

    Raises LakeError where there is no lake, or where it never stands still.
    """
    path = data_dir / MANIFEST
    if not path.is_file():
        raise LakeError(f"there is no lake in {data_dir}: `recorder publish` makes one from the journal")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    with closing(database):
        for _ in range(ATTEMPTS):
            shutil.rmtree(into, ignore_errors=True)
            found = _held(database, data_dir, into)
            if found is not None:
                return found
            time.sleep(RETRY_S)
    raise LakeError(f"{data_dir}: the lake changed {ATTEMPTS} times while it was looked at: try again later")


def lake_at_rest(data_dir: Path) -> Snapshot:
    """What a lake holds that nobody writes now."""
    with closing(sqlite3.connect(f"file:{data_dir / MANIFEST}?mode=ro", uri=True)) as database:
        files, state = _committed(database)
    return Snapshot(data_dir / "lake", data_dir / "journal", files, state)


def _committed(database: sqlite3.Connection) -> tuple[tuple[FileInfo, ...], dict[str, bytes]]:
    files = [FileInfo(*row) for row in database.execute("SELECT * FROM files ORDER BY path")]
    state = dict(database.execute("SELECT name, value FROM state").fetchall())
    return tuple(file for file in files if file.rows), state


def _held(database: sqlite3.Connection, data_dir: Path, into: Path) -> Snapshot | None:
    """One try; None where the lake changed meanwhile."""
    version = database.execute("PRAGMA data_version").fetchone()
    database.execute("BEGIN")
    moving = database.execute("SELECT count(*) FROM moves").fetchone()[0]
    files, state = _committed(database)
    database.execute("COMMIT")
    if moving:
        return None
    found = Snapshot(into / "lake", into / "journal", files, state)
    try:
        for file in found.files:
            _link(data_dir / "lake" / file.path, found.lake / file.path)
    except FileNotFoundError:
        return None
    if database.execute("PRAGMA data_version").fetchone() != version:
        return None
    for name, reach in found.reaches.items():
        _hold_journal(segments(data_dir / "journal" / name), found.journal / name, reach)
    return found


def _hold_journal(there: list[Segment], into: Path, reach: Reach) -> None:
    """Segments up to the one in which reading stopped; the oldest may be removed while this looks."""
    into.mkdir(parents=True)
    for segment in there:
        if segment.ordinal <= reach.until.segment:
            with contextlib.suppress(FileNotFoundError):
                _link(segment.path, into / segment.path.name)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno != errno.EXDEV or not source.exists():
            raise
        target.symlink_to(source.resolve())  # on another file system: it is read where it lies
