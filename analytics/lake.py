"""Opens a lake for SQL. Readers here never see a merge half done: the file list comes from the manifest."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from analytics.opened import any_open, committed, source_views
from analytics.questions import open_questions, questions
from analytics.views import MACROS, empty_view, question_view
from recorder.lake.store.manifest import FileInfo, read_files

ATTEMPTS: Final = 20
RETRY_S: Final = 0.1
"""A file that was merged away between the listing and the reading: read the list again."""
T = TypeVar("T")


class Lake:
    """A lake opened with DuckDB. Every query sees what is committed when it begins."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._files: list[FileInfo] | None = None
        self._connection = connection()
        self._without_rows: dict[str, str] = {}
        # A lake that cannot be read says so here; views look at files, which may be merged away meanwhile.
        self.sql("")

    def sql(self, query: str) -> duckdb.DuckDBPyRelation | None:
        """Run statements; the last one's rows as a relation (`.pl()`, `.df()`, `.arrow()`), None for no text.

        Raises duckdb.Error for a mistake in the query.
        """

        def ask() -> duckdb.DuckDBPyRelation | None:
            self._refresh()
            relation = self._connection.sql(query)
            return relation.materialize() if relation is not None else None

        return self._again(ask)

    def files(self) -> list[FileInfo]:
        """The files of the lake as last committed."""
        return committed(self._data_dir)

    def _again(self, ask: Callable[[], T]) -> T:
        """Ask, and once more whenever files were moved away meanwhile."""
        for attempt in range(ATTEMPTS):
            listed = read_files(self._data_dir)
            try:
                return ask()
            except duckdb.IOException:
                if attempt == ATTEMPTS - 1 or not self._overtaken(listed):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _overtaken(self, listed: list[FileInfo] | None) -> bool:
        """Whether the files have changed under a query, within the time that a commit takes to move them."""
        time.sleep(RETRY_S)
        files = read_files(self._data_dir)
        return files != listed or any(
            not (self._data_dir / "lake" / file.path).exists() for file in files or ()
        )

    def _refresh(self) -> None:
        files = committed(self._data_dir)
        if files == self._files:
            return
        for statement in source_views(self._data_dir, files):
            self._connection.execute(statement)
        if self._files is None:
            self._make_questions()
        day_is_open = any_open(files)
        for each in open_questions():
            view = question_view(each) if day_is_open else self._without_rows[each.name]
            self._connection.execute(view)
        self._files = files

    def _make_questions(self) -> None:
        """Every question as a view. Those of open days are without rows: to plan them costs as much as to
        answer from what is stored, so they are only made where a day is open."""
        of_open_days = {each.name for each in open_questions()}
        for each in questions():
            self._connection.execute(question_view(each))
            if each.name in of_open_days:
                found = self._connection.sql(f"DESCRIBE {each.name}").fetchall()
                view = empty_view(each.name, {row[0]: row[1] for row in found})
                self._connection.execute(view)
                self._without_rows[each.name] = view


def connection() -> duckdb.DuckDBPyConnection:
    """An empty database that speaks the words of the questions, in UTC."""
    made = duckdb.connect()
    # Each file's footer is read once as long as it does not change, not twice for every query.
    made.execute("\n".join(("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true;", *MACROS)))
    return made


def open_lake(data_dir: str | Path) -> Lake:
    """Open the lake below `data_dir`. Raises LakeNotFoundError where there is none."""
    return Lake(Path(data_dir))
