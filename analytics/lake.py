"""Opens a lake for SQL. Readers here never see a merge half done: the file list comes from the manifest."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from analytics.opened import committed, source_views
from analytics.views import MACROS, question_views
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
        # A lake that cannot be read says so here; views look at files, which may be merged away meanwhile.
        self.sql("\n".join(question_views()))

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
        self._files = files


def connection() -> duckdb.DuckDBPyConnection:
    """An empty database that speaks the words of the questions, in UTC."""
    made = duckdb.connect()
    made.execute("\n".join(("SET TimeZone = 'UTC';", *MACROS)))
    return made


def open_lake(data_dir: str | Path) -> Lake:
    """Open the lake below `data_dir`. Raises LakeNotFoundError where there is none."""
    return Lake(Path(data_dir))
