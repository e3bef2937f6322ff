"""A UTC day that is over becomes one file a table, sorted, packed as tightly as is affordable, and rolled up.

What a row's neighbours make of it is known now: how long each book stood (`depth.dt`), which mid stood before
each trade (`trades.mid_before`), the sums of each market's minutes (`minutes`), and what its states told of
funding (`funding_told`). Rows that come later make the day due again. Everything is a function of the rows,
not of the files they lay in.

Markets are taken one at a time from all files together, and their rows in blocks: memory does not grow with
the day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.days.marketday import STATE_COLUMNS, MarketDay
from recorder.lake.days.merge import SortedFiles
from recorder.lake.gaps.missing import GapBook, MissingBooks, RecordedBy
from recorder.lake.store.files import DAY_COMPRESSION_LEVEL, ParquetFile
from recorder.lake.store.manifest import WHOLE_DAY, Commit, FileInfo, Manifest
from recorder.lake.store.minutes import MADE_OF
from recorder.lake.store.table import Table
from recorder.lake.store.tables import DEPTH, FUNDING_TOLD, GAPS, MINUTES, STATE, TABLES, TRADES
from recorder.lake.units import HOUR_US

FILE_ROWS: Final = 32_000_000
"""The first market after so many rows begins a new file: of books, after more than 1 GB."""
Stopped: TypeAlias = Callable[[], bool]
JOINED: Final = {TRADES.name, DEPTH.name}
"""Made together: a trade's `mid_before` is a book's."""
_MADE: Final = {MINUTES.name, FUNDING_TOLD.name}
"""Made of the others."""
_ROLLED_UP: Final = {*JOINED, STATE.name, *_MADE}


class CompactionError(Exception):
    """A day that cannot be compacted; nothing has changed. The message says what is wrong with which rows."""


def missing_books(gaps: pa.Table, recorded: RecordedBy) -> MissingBooks:
    """When books were missed and not repaired: from the rows of `gaps` that touch the day, and from when each
    recorder meant to record which market."""
    book = GapBook(gaps, recorded)
    return lambda market: book.of(market).remains.get("depth", ())


def due_days(manifest: Manifest, before: str) -> list[str]:
    """The days earlier than `before` (ISO date) with rows that are not compacted, oldest first."""
    days = {
        file.date for name in TABLES for file in manifest.files(name) if is_due(file) and file.date < before
    }
    return sorted(days)


def is_due(file: FileInfo) -> bool:
    """Whether a file has rows that are to be compacted, once its day is over. Gaps are left as they are."""
    return file.rows > 0 and file.level != WHOLE_DAY and file.table != GAPS.name


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day (`date`) of a lake, and all that its compaction follows from.

    `files` are all of the day, of all tables. `missing` says when books were not received. `again` names
    tables to be made though nothing of them is new: what they were made by has changed. `gone` names those of
    which retention has removed rows of the day. `stem` is new with every call; drafts lie below `work`.
    """

    lake: Path
    work: Path
    date: str
    stem: str
    files: list[FileInfo]
    missing: MissingBooks
    again: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    @property
    def start_us(self) -> int:
        return int(datetime.fromisoformat(self.date).replace(tzinfo=UTC).timestamp()) * 1_000_000

    def paths(self, table: Table) -> list[Path]:
        """The files that the lake has of one table."""
        return [self.lake / file.path for file in self.files if file.rows and file.table == table.name]

    def draft(self, table: Table, number: int) -> str:
        """The name below `work` of a table's file."""
        return f"day-{self.stem}-{table.name}-{number}.parquet"

    def discard(self) -> None:
        """Remove every draft."""
        for draft in self.work.glob(f"day-{self.stem}-*.parquet"):
            draft.unlink()


def compact_day(day: Day, stopped: Stopped) -> Commit:
    """Write what a day becomes below its work directory; returns the change, which is the caller's to commit.

    A table of which nothing is new is left alone. Raises MergeStoppedError when `stopped` turns true, and
    CompactionError; then no draft is left.
    """
    files = [file for file in day.files if file.rows]
    due = {file.table for file in files if is_due(file) or file.table in day.again}
    if due & JOINED:
        due |= {file.table for file in files if file.table in JOINED}
    rolled_up = _rolled_up(day, due) if due & _ROLLED_UP else set[str]()
    commit = Commit()
    try:
        for name in sorted(due - rolled_up):
            commit.added += _join(day, TABLES[name], stopped)
        if rolled_up:
            drafts = [day.work / draft for draft, info in commit.added if info.table == STATE.name]
            commit.added += _roll_up(day, rolled_up, drafts or day.paths(STATE), stopped)
    except BaseException:
        day.discard()
        raise
    kept = {info.path for _, info in commit.added}
    commit.removed = [file.path for file in files if file.table in due | rolled_up and file.path not in kept]
    return commit


def _rolled_up(day: Day, due: set[str]) -> set[str]:
    """The tables to be made, or written with what is derived, from all rows together.

    What was made of rows that retention has removed since stays as it is, and so does what was derived from
    them: rows that came later are then merged in without being summed up.
    """
    kept = {file.table for file in day.files if file.rows and file.table in _MADE}
    kept = {name for name in kept if day.gone.intersection(MADE_OF[name])}
    derived = set[str]() if day.gone & JOINED or MINUTES.name in kept else due & JOINED
    return (_MADE - kept) | derived


class _DayFiles:
    """The files that one table's day becomes, written one after the other."""

    def __init__(self, day: Day, table: Table) -> None:
        self.table = table
        self._day = day
        self._file: ParquetFile | None = None
        self._done: list[tuple[str, FileInfo]] = []

    @property
    def _number(self) -> int:
        return len(self._done) + 1

    def write(self, rows: pa.Table) -> None:
        """Add rows, in the table's order."""
        if not rows.num_rows:
            return
        if self._file is None:
            draft = self._day.work / self._day.draft(self.table, self._number)
            self._file = ParquetFile(draft, self.table, DAY_COMPRESSION_LEVEL)
        self._file.write(rows)

    def end_market(self) -> None:
        """The next rows are another market's: here a file may end."""
        if self._file is not None and self._file.rows >= FILE_ROWS:
            self._finish(self._file)

    def close(self) -> list[tuple[str, FileInfo]]:
        """Finish; returns (name below work/, the file it becomes) of each."""
        if self._file is not None:
            self._finish(self._file)
        return self._done

    def _finish(self, file: ParquetFile) -> None:
        day, size = self._day, file.close()
        info = FileInfo(
            path=f"{self.table.name}/date={day.date}/{self._name()}.parquet",
            table=self.table.name,
            date=day.date,
            hour=day.start_us // HOUR_US,
            level=WHOLE_DAY,
            rows=file.rows,
            bytes=size,
            min_us=file.min_us,
            max_us=file.max_us,
        )
        self._done.append((day.draft(self.table, self._number), info))
        self._file = None

    def _name(self) -> str:
        """A file whose rows are replaced later is found by its name; the others get a name that is new."""
        stem = "day" if self.table.style == "replace" else f"day-{self._day.stem}"
        return stem if self._number == 1 else f"{stem}-{self._number}"


def _join(day: Day, table: Table, stopped: Stopped) -> list[tuple[str, FileInfo]]:
    """Write a table's rows again as they are, in one order."""
    made = _DayFiles(day, table)
    files = SortedFiles(day.paths(table), table, stopped)
    while (market := files.market) is not None:
        for block in files.rows(market):
            if table.style == "replace":
                _refuse_doubles(block, table, day.date)
            made.write(block)
        made.end_market()
    return made.close()


def _refuse_doubles(block: pa.Table, table: Table, date: str) -> None:
    """Rows of one key lie in one block, for they are of one market and instant."""
    keys = block.group_by(list(table.key)).aggregate([([], "count_all")])
    doubles = keys.filter(pc.field("count_all") > 1)
    if doubles.num_rows:
        raise CompactionError(
            f"{table.name} of {date} holds two rows with one key, {doubles.slice(0, 1).to_pylist()[0]}: "
            "one of its files is a leftover; move the lake away and let it be made again from the journal"
        )


def _roll_up(day: Day, due: set[str], states: list[Path], stopped: Stopped) -> list[tuple[str, FileInfo]]:
    """Write what is made of the day's rows, and of trades and books those that are due."""
    made = {name: _DayFiles(day, TABLES[name]) for name in sorted(due)}
    trades = SortedFiles(day.paths(TRADES), TRADES, stopped)
    depth = SortedFiles(day.paths(DEPTH), DEPTH, stopped)
    state = SortedFiles(states, STATE, stopped, STATE_COLUMNS)
    while names := [name for files in (trades, depth, state) if (name := files.market) is not None]:
        market = min(names)
        of_market = MarketDay(market, day.start_us, day.missing(market))
        for block in of_market.books(depth.rows(market)):  # first: the trades look back at the books
            if DEPTH.name in due:
                made[DEPTH.name].write(block)
        for block in of_market.trades(trades.rows(market)):
            if TRADES.name in due:
                made[TRADES.name].write(block)
        of_market.add_states(state.rows(market))
        if MINUTES.name in due:
            made[MINUTES.name].write(of_market.minutes())
        if FUNDING_TOLD.name in due:
            made[FUNDING_TOLD.name].write(of_market.funding_told())
        for written in made.values():
            written.end_market()
    return [added for written in made.values() for added in written.close()]
