"""What the lake holds and how far the journal has been read: one SQLite file beside the lake.

A publish touches several files in several tables, and any instant may be the last. So it is a redo log:

1. the new files are written and fsynced under `work/`, outside the tree that readers glob;
2. one transaction records the moves still to be made, the files as they will be, the journal positions and
   all state that belongs to them;
3. the moves are made, directories fsynced, and the record of them deleted.

Killed before 2, nothing has happened and the journal is read again. Killed after 2, the next opening makes
the moves that are left; each can be made twice.
"""

import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

FORMAT: Final = b"9"
"""Of a lake: another one with every change of a table's columns, or of what the manifest remembers."""
FORMAT_STATE: Final = "format"
WHOLE_DAY: Final = 10
"""The level of a file made of a whole day: merges leave it alone."""
MANIFEST: Final = "manifest.sqlite"
BUSY_TIMEOUT_S: Final = 30.0
_CANNOT_WRITE: Final = (
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY,      -- below lake/
    table_name TEXT NOT NULL,
    date TEXT NOT NULL,
    hour INTEGER NOT NULL,      -- the hour of publishing (append) or of the rows (replace), since the epoch
    level INTEGER NOT NULL,     -- how often merged
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    min_us INTEGER NOT NULL,
    max_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_of_table ON files (table_name, date, hour, level);
CREATE TABLE IF NOT EXISTS moves (
    id INTEGER PRIMARY KEY,
    work TEXT,                  -- below work/; null: remove
    path TEXT NOT NULL          -- below lake/
);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file of the lake; `path` is below `lake/`, times are the row's own, in us."""

    path: str
    table: str
    date: str
    hour: int
    level: int
    rows: int
    bytes: int
    min_us: int
    max_us: int


@dataclass(slots=True)
class Commit:
    """What one publish or merge changes, all of it or nothing."""

    added: list[tuple[str, FileInfo]] = field(default_factory=list)
    """(name below work/, the file it becomes); a path that exists is replaced."""
    removed: list[str] = field(default_factory=list)
    state: dict[str, bytes] = field(default_factory=dict)


class Manifest:
    """Owns the manifest file. One writer at a time; readers use `read_files`."""

    def __init__(self, data_dir: Path) -> None:
        self.lake = data_dir / "lake"
        self.work = data_dir / "work"
        self.lake.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(mode=0o700, parents=True, exist_ok=True)  # drafts of an account's rows lie there, too
        self._database = sqlite3.connect(data_dir / MANIFEST, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise

    def _open(self) -> None:
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)
        self._make_moves()
        for left in self.work.iterdir():
            left.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def state(self, name: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def states(self, prefix: str) -> dict[str, bytes]:
        """Every state whose name begins with `prefix`, by the rest of its name."""
        rows = self._database.execute(
            "SELECT substr(name, ?), value FROM state WHERE substr(name, 1, ?) = ?",
            (len(prefix) + 1, len(prefix), prefix),
        )
        return dict(rows.fetchall())

    def files(self, table: str, date: str | None = None) -> list[FileInfo]:
        """The files of a table, or of one day of it, by path."""
        rows = self._database.execute(
            "SELECT * FROM files WHERE table_name = ?1 AND date = coalesce(?2, date) ORDER BY path",
            (table, date),
        )
        return [FileInfo(*row) for row in rows]

    def overlapping(self, table: str, min_us: int, max_us: int) -> list[FileInfo]:
        """The files of a table that may hold rows of this span of time."""
        rows = self._database.execute(
            "SELECT * FROM files WHERE table_name = ? AND min_us <= ? AND max_us >= ? ORDER BY path",
            (table, max_us, min_us),
        )
        return [FileInfo(*row) for row in rows]

    def commit(self, commit: Commit) -> None:
        """Make the change: recorded in one transaction, then carried out."""
        for name, _ in commit.added:
            _fsync(self.work / name)
        if commit.added:
            _fsync(self.work)
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            self._record(commit)
        self._make_moves()

    def _record(self, commit: Commit) -> None:
        execute = self._database.execute
        for path in commit.removed:
            execute("DELETE FROM files WHERE path = ?", (path,))
        for work, info in commit.added:
            values = (
                info.path, info.table, info.date, info.hour, info.level,
                info.rows, info.bytes, info.min_us, info.max_us,
            )  # fmt: skip
            execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            execute("INSERT INTO moves (work, path) VALUES (?, ?)", (work, info.path))
        for path in commit.removed:
            execute("INSERT INTO moves (work, path) VALUES (NULL, ?)", (path,))
        for name, value in commit.state.items():
            execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))

    def _make_moves(self) -> None:
        moves = self._database.execute("SELECT work, path FROM moves ORDER BY id").fetchall()
        if not moves:
            return
        touched: set[Path] = set()
        for work, path in moves:
            target = self.lake / path
            if work is None:
                target.unlink(missing_ok=True)
            elif (self.work / work).exists():  # else an earlier try has moved it
                if not target.parent.is_dir():
                    target.parent.mkdir(parents=True)
                    touched.add(target.parent.parent)
                (self.work / work).replace(target)
            touched.add(target.parent)
        for directory in sorted(touched):
            _fsync(directory)
        self._database.execute("DELETE FROM moves")


def read_files(data_dir: Path) -> list[FileInfo] | None:
    """Every file of the lake as last committed, for a reader; None where nothing was ever published.

    A file that is named may be moved into place, or merged away, in the next instant: a reader that misses
    one reads this list again.
    """
    rows = _read(data_dir, "files", "SELECT * FROM files ORDER BY path")
    return None if rows is None else [FileInfo(*row) for row in rows]


def read_state(data_dir: Path, name: str) -> bytes | None:
    """A state as last committed, for a reader; None where there is none."""
    rows = _read(data_dir, "state", "SELECT value FROM state WHERE name = ?", name)
    return rows[0][0] if rows else None


def read_committed(data_dir: Path, *states: str) -> tuple[list[FileInfo], dict[str, bytes]] | None:
    """The files of the lake and the states whose names begin so, of one commit; None as in `read_files`."""
    if not (data_dir / MANIFEST).is_file():
        return None
    with closing(open_to_read(data_dir)) as database:
        database.execute("BEGIN")
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
            return None
        files = [FileInfo(*row) for row in database.execute("SELECT * FROM files ORDER BY path")]
        named = database.execute("SELECT name, value FROM state")
        return files, {name: value for name, value in named if name.startswith(states)}


def _read(data_dir: Path, table: str, query: str, *values: str) -> list[tuple[Any, ...]] | None:
    """The rows of a query as last committed; None where there is no manifest, or it is just being made."""
    if not (data_dir / MANIFEST).is_file():
        return None
    with closing(open_to_read(data_dir)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return None
        return database.execute(query, values).fetchall()


def open_to_read(data_dir: Path) -> sqlite3.Connection:
    """The database of a lake, for a reader, in autocommit.

    Whoever opens it first makes a small file beside it. Where there is no room for that, as on a full disk
    whose publisher has ended, or another user's, this is a copy in memory. Raises sqlite3.Error.
    """
    path = data_dir / MANIFEST
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        database.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        database.close()
        if error.sqlite_errorcode & 0xFF not in _CANNOT_WRITE:
            raise
        return _copy_in_memory(path)
    return database


def _copy_in_memory(path: Path) -> sqlite3.Connection:
    """Only while nobody has it open: then what is committed lies in the file and its log, and both rest."""
    parts = [path, path.with_name(f"{path.name}-wal")]
    memory = Path("/dev/shm")  # noqa: S108  # the system's, where it has one: the disk is full
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
        copied = None
        while copied != (there := [_stamp(part) for part in parts if part.exists()]):
            copied = there
            for part in parts:
                (Path(place) / part.name).unlink(missing_ok=True)
                if part.exists():
                    shutil.copyfile(part, Path(place) / part.name)
        with closing(sqlite3.connect(Path(place) / path.name)) as copy:
            database = sqlite3.connect(":memory:", isolation_level=None)
            copy.backup(database)
    return database


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def read_notices(data_dir: Path) -> dict[str, int]:
    """What was unlike the protocol but could be read, and how often, since the lake began."""
    return dict(json.loads(read_state(data_dir, "notices") or b"{}"))


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
