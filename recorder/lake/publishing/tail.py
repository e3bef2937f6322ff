"""What the journals hold beyond the lake's last commit, for readers who cannot wait for the next one.

A reader follows the journals from where that commit left them, decodes with the code that publishes, and
drops what the lake has already. It writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

from recorder.lake.publishing.milestones import RECORDER_STATE
from recorder.lake.publishing.source import Source
from recorder.lake.store.dedupe import Highs, new_rows
from recorder.lake.store.manifest import FileInfo, read_committed, read_files
from recorder.lake.store.table import Table
from recorder.lake.store.tables import DEPTH, KLINES, STATE, TRADES

TAILED: Final = (TRADES, DEPTH, KLINES, STATE)
"""The tables that a tail has rows of."""
_ONCE: Final = (TRADES, DEPTH)
"""Of these, those whose rows come once by their key. A candle comes again with every version."""
RECENT_ROWS: Final = 200_000
"""Rows of a table that are remembered, so that none is given twice before the lake has it."""


@dataclass(frozen=True, slots=True)
class Base:
    """A commit, as a reader found it: its files, and what it remembered."""

    files: list[FileInfo]
    states: Mapping[str, bytes]

    @property
    def places(self) -> dict[str, bytes]:
        """How far each recorder's journal is in the lake, as its source saved it."""
        return {
            name.removeprefix(RECORDER_STATE): value
            for name, value in self.states.items()
            if name.startswith(RECORDER_STATE)
        }


def read_base(data_dir: Path) -> Base | None:
    """The last commit; None where nothing was ever published."""
    found = read_committed(data_dir, RECORDER_STATE, *(f"highs/{table.name}" for table in _ONCE))
    return None if found is None else Base(*found)


class Tail:
    """Follows the journals from a commit on; each `read` gives the rows that came since the one before."""

    def __init__(self, data_dir: Path, base: Base) -> None:
        self._data_dir = data_dir
        self._base = base
        self._sources: dict[str, Source] = {}
        self._highs = {table.name: self._saved_highs(table) for table in _ONCE}
        self._recent = {table.name: table.schema.empty_table() for table in _ONCE}

    def _saved_highs(self, table: Table) -> Highs:
        saved = self._base.states.get(f"highs/{table.name}")
        return msgspec.msgpack.decode(saved, type=Highs) if saved else Highs()

    def read(self) -> dict[str, pa.Table]:
        """The new rows by table, in the order of their arrival; of candles, each version."""
        for directory in sorted((self._data_dir / "journal").glob("*/")):
            if directory.name not in self._sources:
                self._sources[directory.name] = Source(directory, self._base.places.get(directory.name))
        found: dict[str, list[pa.Table]] = {table.name: [] for table in TAILED}
        for source in self._sources.values():
            source.read(lambda: False)
            for name in found:
                found[name] += source.rows[name]
            source.taken()
        rows = {
            table.name: pa.concat_tables([table.schema.empty_table(), *found[table.name]]).combine_chunks()
            for table in TAILED
        }
        for table in _ONCE:
            fresh, _ = new_rows(rows[table.name], table, self._highs[table.name], self._there)
            rows[table.name] = fresh
            recent = pa.concat_tables([self._recent[table.name], fresh])
            self._recent[table.name] = recent.slice(max(recent.num_rows - RECENT_ROWS, 0))
        return rows

    def _there(self, table: Table, from_us: int, to_us: int, wanted: Any) -> pa.Table:
        """Rows that were given before, or that the commit has, as `new_rows` asks for them."""
        known = [self._recent[table.name].filter(wanted)]
        if paths := self._paths(table, from_us, to_us):
            known.append(ds.dataset(paths, schema=table.schema, format="parquet").to_table(filter=wanted))
        return pa.concat_tables(known)

    def _paths(self, table: Table, from_us: int, to_us: int) -> list[str]:
        """The commit's files of a span; where some were merged meanwhile, those that there are now."""
        for files in (self._base.files, read_files(self._data_dir) or []):
            paths = [
                self._data_dir / "lake" / file.path
                for file in files
                if file.table == table.name and file.rows and file.min_us <= to_us and file.max_us >= from_us
            ]
            if all(path.exists() for path in paths):
                break
        return [str(path) for path in paths if path.exists()]
