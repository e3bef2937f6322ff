"""Opens a lake for SQL. Readers here never see a merge half done: the file list comes from the manifest."""

import time
from pathlib import Path
from typing import Final

import duckdb

from analytics.views import MACROS, question_views, quoted, table_view
from recorder.lake.store.manifest import FORMAT, FORMAT_STATE, FileInfo, read_files, read_state
from recorder.lake.store.tables import TABLES

ATTEMPTS: Final = 20
RETRY_S: Final = 0.1
"""A file that was merged away between the listing and the reading: read the list again."""


class LakeNotFoundError(Exception):
    """There is no lake where one was expected; the message says what makes one."""


class Lake:
    """A lake opened with DuckDB. Every query sees what is committed when it begins."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._files: list[FileInfo] | None = None
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        # A lake that cannot be read says so here; views look at files, which may be merged away meanwhile.
        self.sql("\n".join((*MACROS, *question_views())))

    def sql(self, query: str) -> duckdb.DuckDBPyRelation | None:
        """Run statements; the last one's rows as a relation (`.pl()`, `.df()`, `.arrow()`), None for no text.

        Raises duckdb.Error for a mistake in the query.
        """
        for attempt in range(ATTEMPTS):
            try:
                self._refresh()
                relation = self._connection.sql(query)
                return relation.materialize() if relation is not None else None
            except duckdb.IOException:
                if attempt == ATTEMPTS - 1 or not self._overtaken():
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _overtaken(self) -> bool:
        """Whether the files have changed under a query, within the time that a commit takes to move them."""
        time.sleep(RETRY_S)
        files = read_files(self._data_dir)
        return files != self._files or any(
            not (self._data_dir / "lake" / file.path).exists() for file in files or ()
        )

    def files(self) -> list[FileInfo]:
        """The files of the lake as last committed."""
        return _listed(self._data_dir)

    def _refresh(self) -> None:
        files = _listed(self._data_dir)
        if files == self._files:
            return
        if read_state(self._data_dir, FORMAT_STATE) != FORMAT:
            raise LakeNotFoundError(
                f"the lake in {self._data_dir} is of another version: `recorder publish` says what to do"
            )
        paths: dict[str, list[str]] = {name: [] for name in TABLES}
        for file in files:
            paths[file.table].append(quoted(str(self._data_dir / "lake" / file.path)))
        for name, quoted_paths in paths.items():
            self._connection.execute(table_view(name, f"[{', '.join(quoted_paths)}]"))
        self._files = files


def _listed(data_dir: Path) -> list[FileInfo]:
    files = read_files(data_dir)
    if not files:
        raise LakeNotFoundError(
            f"there is no lake in {data_dir}: `recorder run` or `recorder demo` makes one, "
            "--data-dir or RECORDER_DATA_DIR says where it is"
        )
    return files


def open_lake(data_dir: str | Path) -> Lake:
    """Open the lake below `data_dir`. Raises LakeNotFoundError where there is none."""
    return Lake(Path(data_dir))
