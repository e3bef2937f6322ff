"""What of a lake is read: its committed files, the parts of tables that questions ask for, and less of both
where less is asked about. SQL comes out; nothing is opened here but the manifest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from analytics.questions import PARTS
from analytics.views import quoted, table_view
from recorder.lake.store.manifest import FORMAT, FORMAT_STATE, WHOLE_DAY, FileInfo, read_files, read_state
from recorder.lake.store.tables import TABLES

_ROLLED_UP: Final = frozenset({"trades", "depth", "state"})
"""The tables of which `minutes` is made."""
_WHOLE: Final = frozenset({"gaps", "markets"})
"""Tables of which a row says something of later days, too: they are read whole."""


class LakeNotFoundError(Exception):
    """There is no lake where one was expected; the message says what makes one."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a question is about: these markets (none: all), from the first UTC day to the last (None: any)."""

    markets: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None

    def covers(self, file: FileInfo) -> bool:
        """Whether a file may hold rows of it."""
        if file.table in _WHOLE or not file.rows:
            return True
        day = date.fromisoformat(file.date)
        return (self.first or day) <= day <= (self.last or day)

    def condition(self, table: str) -> str:
        """Which rows of a table it is about, as SQL; nothing where all are."""
        if not self.markets or "market" not in TABLES[table].schema.names:
            return ""
        wanted = f"market IN ({', '.join(map(quoted, self.markets))})"
        return f"market IS NULL OR {wanted}" if table == "gaps" else wanted


EVERYTHING: Final = Window()


def committed(data_dir: Path) -> list[FileInfo]:
    """The files of the lake as last committed. Raises LakeNotFoundError where there is none to be read."""
    files = read_files(data_dir)
    if not files:
        raise LakeNotFoundError(
            f"there is no lake in {data_dir}: `recorder run` or `recorder demo` makes one, "
            "--data-dir or RECORDER_DATA_DIR says where it is"
        )
    if read_state(data_dir, FORMAT_STATE) != FORMAT:
        raise LakeNotFoundError(
            f"the lake in {data_dir} is of another version: `recorder publish` says what to do"
        )
    return files


def closed_days(files: Iterable[FileInfo]) -> set[str]:
    """The days (ISO dates) whose `minutes` are made of all their rows."""
    held = [file for file in files if file.rows]
    with_minutes = {file.date for file in held if file.table == "minutes"}
    loose = {file.date for file in held if file.table in _ROLLED_UP and file.level != WHOLE_DAY}
    return with_minutes - loose


def any_open(files: Iterable[FileInfo]) -> bool:
    """Whether there are rows of a day whose `minutes` are not made of all its rows."""
    held = [file for file in files if file.rows and file.table in _ROLLED_UP]
    return bool({file.date for file in held} - closed_days(files))


def source_views(data_dir: Path, files: list[FileInfo], window: Window = EVERYTHING) -> Iterator[str]:
    """Statements that make every table, and every part of one, a view of the files that hold it."""
    closed = closed_days(files)
    wanted = [file for file in files if window.covers(file)]
    for name in (*TABLES, *PARTS):
        table = PARTS.get(name, name)
        of_table = [file for file in wanted if file.table == table]
        if name in PARTS:
            is_open = name.startswith("open")
            of_table = [file for file in of_table if not file.rows or (file.date not in closed) == is_open]
        # How many rows there are is guessed from the first file: one without rows is read where it is alone.
        of_table = [file for file in of_table if file.rows] or of_table
        paths = ", ".join(quoted(str(data_dir / "lake" / file.path)) for file in of_table)
        yield table_view(name, f"[{paths}]", table=table, where=window.condition(table))
