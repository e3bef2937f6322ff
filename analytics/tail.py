"""The lake with the journals' last seconds: what a reader sees who cannot wait for the next publish."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from analytics.errors import LakeNotFoundError
from analytics.opened import Snapshot, committed
from recorder.lake.publishing.tail import TAILED, Base, Tail, read_base
from recorder.lake.store.dedupe import latest_candles
from recorder.lake.store.tables import KLINES, TABLES


class Following:
    """Reads on in the journals with every snapshot, and begins anew whenever more of them is in the lake."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._places: dict[str, bytes] | None = None
        self._tail: Tail | None = None
        self._rows: dict[str, pa.Table] = {}

    def snapshot(self) -> Snapshot:
        """The last commit, and the rows that came after it."""
        base = _base(self._data_dir)
        if self._tail is None or base.places != self._places:
            self._places, self._tail = base.places, Tail(self._data_dir, base)
            self._rows = {table.name: table.schema.empty_table() for table in TAILED}
        for name, rows in self._tail.read().items():
            if name == KLINES.name:
                self._rows[name], _ = latest_candles(self._rows[name], rows)
            elif rows.num_rows:
                self._rows[name] = pa.concat_tables([self._rows[name], rows])
        return Snapshot(self._data_dir, base.files, dict(self._rows))


def arrivals(data_dir: Path, table: str) -> Iterator[pa.Table]:
    """The rows of a table that come from now on, as often as the next ones are asked for.

    The first answer is what the journals held beyond the lake when this began. `table` is one of TAILED.
    Raises LakeNotFoundError.
    """
    tail = Tail(data_dir, _base(data_dir))
    while True:
        yield tail.read()[TABLES[table].name]


def _base(data_dir: Path) -> Base:
    committed(data_dir)  # says what is wrong, where something is
    base = read_base(data_dir)
    if base is None:
        raise LakeNotFoundError(f"there is no lake in {data_dir}")
    return base
