"""What of a lake is read: its committed files, the parts of tables that questions ask for, and less of both
where less is asked about. SQL comes out; nothing is opened here but the manifest."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa

from analytics.errors import LakeNotFoundError
from analytics.questions import PARTS, Part
from analytics.views import quoted, refusing_view, table_view
from recorder.lake.store.manifest import FORMAT, FORMAT_STATE, WHOLE_DAY, FileInfo, read_files, read_state
from recorder.lake.store.minutes import MADE_OF, SUMMED_TABLES
from recorder.lake.store.owner import OWNED
from recorder.lake.store.removed import removed_days
from recorder.lake.store.tables import TABLES

LASTING: Final = frozenset({"gaps", "markets"})
"""Tables of which a row says something of later days, too."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a question is about: these markets (none: all), from the first UTC day to the last (None: any)."""

    markets: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None

    def covers(self, file: FileInfo) -> bool:
        """Whether a file may hold rows of it."""
        if file.table in LASTING or not file.rows:
            return True
        day = date.fromisoformat(file.date)
        return (self.first or day) <= day <= (self.last or day)

    def condition(self, table: str) -> str:
        """Which rows of a table it is about, as SQL; nothing where all are."""
        if not self.markets or "market" not in TABLES[table].schema.names:
            return ""
        wanted = among(self.markets)
        return f"market IS NULL OR {wanted}" if table == "gaps" else wanted


EVERYTHING: Final = Window()


def among(markets: Iterable[str]) -> str:
    """Which rows are of these markets, as SQL."""
    return f"market IN ({', '.join(map(quoted, markets))})"


@dataclass(frozen=True)
class Snapshot:
    """A lake at one commit, and by table the rows of the journals' tail where they are read, too."""

    data_dir: Path
    files: list[FileInfo]
    tail: Mapping[str, pa.Table] = field(default_factory=dict)

    @cached_property
    def _removed(self) -> set[tuple[str, str]]:
        return removed_days(self.data_dir / "lake", self.files)

    def closed_days(self, made: str = "minutes") -> set[str]:
        """The days (ISO dates) of which a table of MADE_OF is made of all rows, or no more can be."""
        added = {day for name in MADE_OF[made] for day in self._tail_days(name)}
        return closed_days(self.files, made, self._removed, added)

    def _tail_days(self, name: str) -> set[str]:
        rows = self.tail.get(name)
        if rows is None or not rows.num_rows:
            return set()
        days = rows[TABLES[name].time].cast(pa.timestamp("us")).cast(pa.date32()).unique()
        return {str(day) for day in days.to_pylist()}

    def views(self, window: Window = EVERYTHING) -> Iterator[tuple[str, str]]:
        """Every table and every part of one: its name, and what makes it a view of the files that hold it.

        The rows of the tail are read from tables of the names `tail_<table>`, which whoever runs them makes.
        """
        wanted = [each for each in self.files if window.covers(each)]
        closed = {made: self.closed_days(made) for made in MADE_OF}
        for name in TABLES:
            of_table = [each for each in wanted if each.table == name]
            if (why := refusal(self.data_dir, name)) is not None:
                yield name, refusing_view(name, why)
            else:
                yield name, self._view(name, name, of_table, window, with_tail=True)
        for name, part in PARTS.items():
            of_part = files_of_part(wanted, part, closed[part.made])
            late = self._tail_days(part.table) & closed[part.made]
            yield (
                name,
                self._view(name, part.table, of_part, window, with_tail=not part.is_closed, without=late),
            )

    def _view(  # every property by its name
        self,
        name: str,
        table: str,
        files: list[FileInfo],
        window: Window,
        *,
        with_tail: bool,
        without: Collection[str] = (),
    ) -> str:
        # How many rows there are is guessed from the first file: one without rows stands only alone.
        read = [each for each in files if each.rows] or files
        paths = ", ".join(quoted(str(self.data_dir / "lake" / each.path)) for each in read)
        where, with_tail = window.condition(table), with_tail and table in self.tail
        if with_tail and without:
            days = f"date NOT IN ({', '.join(map(quoted, sorted(without)))})"
            where = f"({where}) AND {days}" if where else days
        return table_view(name, f"[{paths}]", table=table, where=where, with_tail=with_tail)

    def any_open(self) -> bool:
        """Whether there are rows of a day whose `minutes` are not made of all its rows."""
        days = {each.date for each in self.files if each.rows and each.table in SUMMED_TABLES}
        days |= {day for name in SUMMED_TABLES for day in self._tail_days(name)}
        return bool(days - self.closed_days())

    def range(self) -> tuple[datetime, datetime] | None:
        """The time of the first and of the last row of what the exchange told; None where there is none."""
        held = [each for each in self.files if each.rows and each.table in {*SUMMED_TABLES, "klines"}]
        if not held:
            return None
        ends = min(each.min_us for each in held), max(each.max_us for each in held)
        first, last = (datetime.fromtimestamp(us // 1_000_000, UTC) for us in ends)
        return first, last


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


def refusal(data_dir: Path, table: str) -> str | None:
    """Why we may not read a table, if so: those that tell of an account are open to the owner alone."""
    place = data_dir / "lake" / table
    if table not in OWNED or not place.exists() or os.access(place, os.R_OK | os.X_OK):
        return None
    return f"{table} tells of the account, and only the owner of {data_dir} may read it"


def closed_days(
    files: Iterable[FileInfo], made: str, removed: Collection[tuple[str, str]], added: Collection[str] = ()
) -> set[str]:
    """The days (ISO dates) of which a table of MADE_OF is made of all the rows of these files.

    `removed` are tables and days of which retention removed rows, `added` days with rows beside the files.
    Where rows were removed that it was made of, none can be made with those that came later.
    """
    held = [each for each in files if each.rows]
    there = {each.date for each in held if each.table == made}
    loose = {each.date for each in held if each.table in MADE_OF[made] and each.level != WHOLE_DAY}
    gone = {day for table, day in removed if table in MADE_OF[made]}
    return there - (loose.union(added) - gone)


def files_of_part(files: Iterable[FileInfo], part: Part, closed: set[str]) -> list[FileInfo]:
    """The files of a part, and that of its table without rows; `closed` days are those closed for `made`."""
    return [
        each
        for each in files
        if each.table == part.table and (not each.rows or (each.date in closed) == part.is_closed)
    ]
