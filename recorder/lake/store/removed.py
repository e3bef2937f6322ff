"""What retention has removed, by the table that tells of it."""

from collections.abc import Iterable
from pathlib import Path

from recorder.lake.store.files import as_us, day_of, read_file
from recorder.lake.store.manifest import FileInfo
from recorder.lake.store.tables import REMOVED


def removed_days(lake: Path, files: Iterable[FileInfo]) -> set[tuple[str, str]]:
    """(table, day) of which rows were removed, by the files of a lake; rows that came later may be there."""
    told = [
        read_file(lake / file.path, REMOVED) for file in files if file.table == REMOVED.name and file.rows
    ]
    days = [rows.filter(rows["day"].is_valid()) for rows in told]
    return {
        (name, day_of(us))
        for rows in days
        for name, us in zip(rows["removed"].to_pylist(), as_us(rows["day"]).tolist(), strict=True)
    }
