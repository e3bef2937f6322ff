"""Reads a lake while it is written: what is committed is listed, and listed again where files have gone."""

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import duckdb
import pyarrow as pa

from analytics.opened import Snapshot, Window, committed, refusal
from analytics.questions import Question, needed, open_questions, questions
from analytics.tail import Following
from analytics.views import MACROS, catalogue_view, empty_view, meanings_view, question_view
from recorder.lake.store.manifest import FileInfo, read_files

ATTEMPTS: Final = 20
RETRY_S: Final = 0.1
"""A file that was merged away between the listing and the reading: read the list again."""
T = TypeVar("T")
_SETTINGS: Final = (
    "SET TimeZone = 'UTC';",
    # A footer is read once as long as its file does not change, not twice for every query.
    "SET parquet_metadata_cache = true;",
    # Files are local, and nothing is waited for: to read columns ahead costs a copy, and to read row groups
    # ahead makes the threads wait for one another at each of them, though most are passed over.
    "SET disable_parquet_prefetching = true;",
    "SET read_ahead_depth = 0;",
)
_WORD: Final = re.compile(r"\w+")
_CATALOGUE: Final = frozenset(
    {"show", "describe", "summarize", "tables", "views", "columns", "duckdb_tables", "duckdb_views"}
)
"""Words of queries that ask which views there are."""


class Reader:
    """One lake. `ask` sees all of it in views of a database that is kept, `ask_within` a part of it."""

    def __init__(self, data_dir: Path, *, tail: bool) -> None:
        self.data_dir = data_dir.resolve()
        self._following = Following(self.data_dir) if tail else None
        self._files: list[FileInfo] | None = None
        self._listed: list[FileInfo] | None = None
        self._kept = _database()
        self._kept.execute(catalogue_view())
        self._tables: dict[str, str] = {}
        self._made: dict[str, tuple[Question, bool]] = {}
        self._day_is_open = False
        self.ask("")  # a lake that cannot be read says so here

    def snapshot(self) -> Snapshot:
        """What there is now. Raises LakeNotFoundError."""
        if self._following is not None:
            found = self._following.snapshot()
        else:
            files = read_files(self.data_dir)
            known = files if files and files == self._listed else committed(self.data_dir)
            found = Snapshot(self.data_dir, known)
        self._listed = found.files
        return found

    def ask(self, query: str) -> duckdb.DuckDBPyRelation | None:
        """Run statements over the whole lake; the last one's rows, None for no text."""

        def run() -> duckdb.DuckDBPyRelation | None:
            self._refresh()
            self._make_views(query)
            relation = self._kept.sql(query)
            return relation.materialize() if relation is not None else None

        return self._again(run)

    def columns(self, view: str) -> list[str]:
        """The columns of a view, which is not asked."""

        def run() -> list[str]:
            self._refresh()
            self._make_views(view)
            return list(self._kept.view(view).columns)

        return self._again(run)

    def ask_within(
        self,
        window: Window,
        tables: Collection[str],
        views: Sequence[Question],
        query: Callable[[duckdb.DuckDBPyConnection], str],
    ) -> duckdb.DuckDBPyRelation:
        """The rows of a query over a part of the lake, which has these tables and views, and those they read.

        `query` is given the database, to look at the views. Nothing else of the lake is read.
        """
        read = {*tables, *(name for view in views for name in view.source)}

        def run() -> duckdb.DuckDBPyRelation:
            snapshot = self.snapshot()
            database = _database(snapshot.tail)
            of_tables = (made for name, made in snapshot.views(window) if name in read)
            database.execute("\n".join((*of_tables, *map(question_view, views))))
            return database.sql(query(database)).materialize()

        return self._again(run)

    def _make_views(self, query: str) -> None:
        """Make the views that a query may mean, and all of them for one that asks what there is.

        Each view is bound to the files of all that it reads: to make them all takes long in a large lake.
        """
        words = set(_WORD.findall(query.lower()))
        if "meanings" in words:
            self._kept.execute(meanings_view())
        asks = bool(words & _CATALOGUE)
        wanted = [each for each in questions() if asks or each.name in words]
        for each in (view for asked in wanted for view in needed(asked)):
            if each.name not in self._made:
                self._make(each)

    def _make(self, view: Question) -> None:
        self._kept.execute(question_view(view))
        self._made[view.name] = view, self._day_is_open
        if not self._day_is_open and view in open_questions():
            self._kept.execute(_without_rows(self._kept, view.name))

    def _refresh(self) -> None:
        snapshot = self.snapshot()
        if snapshot.files == self._files and not snapshot.tail:
            return
        self._files = None  # what is broken off is done again
        _register(self._kept, snapshot.tail)
        for name, made in snapshot.views():  # each is bound to its files, which are opened for it
            if self._tables.get(name) != made:
                self._kept.execute(made)
                self._tables[name] = made
        self._day_is_open = snapshot.any_open()
        for view, was_open in [*self._made.values()]:  # a view of the user's may read any of them, unnamed
            if was_open != self._day_is_open:
                self._make(view)
        self._files = snapshot.files

    def _again(self, ask: Callable[[], T]) -> T:
        """Ask, and once more whenever files were moved away meanwhile, or may have been moved into place."""
        is_still = False
        for attempt in range(ATTEMPTS):
            try:
                return ask()
            except duckdb.Error as error:
                if not _is_of_files(error):
                    raise
                was_still, is_still = is_still, not self._overtaken()
                if attempt == ATTEMPTS - 1 or (was_still and is_still):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _overtaken(self) -> bool:
        """Whether the files have changed under a query, within the time that a commit takes to move them."""
        time.sleep(RETRY_S)
        files = read_files(self.data_dir)
        return files != self._listed or any(
            not (self.data_dir / "lake" / file.path).exists()
            for file in files or ()
            if refusal(self.data_dir, file.table) is None
        )


def _is_of_files(error: duckdb.Error) -> bool:
    """Whether a file may be behind it, not the query.

    DuckDB opens a file more than once for a query. One that is replaced in between is read by the footer of
    the one before, which is mostly no Thrift; such an error is of no class of its own.
    """
    return isinstance(error, duckdb.IOException) or type(error) is duckdb.Error


def _database(tail: Mapping[str, pa.Table] | None = None) -> duckdb.DuckDBPyConnection:
    """An empty database that speaks the words of the questions, in UTC."""
    made = duckdb.connect()
    made.execute("\n".join((*_SETTINGS, *MACROS)))
    _register(made, tail or {})
    return made


def _without_rows(database: duckdb.DuckDBPyConnection, name: str) -> str:
    """A question about open days where there are none: to plan it costs as much as to answer the others."""
    found = database.sql(f"DESCRIBE {name}").fetchall()
    return empty_view(name, {row[0]: row[1] for row in found})


def _register(database: duckdb.DuckDBPyConnection, tail: Mapping[str, pa.Table]) -> None:
    for table, rows in tail.items():
        database.register(f"tail_{table}", rows)
