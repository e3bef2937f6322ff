"""What a block of the journal gave: rows on their way into Arrow, records, rejects and notices."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pyarrow as pa

from recorder.lake.asked import Candles, Deals
from recorder.lake.store.account_tables import ACCOUNT
from recorder.lake.store.tables import DEPTH, KLINES, LEVELS, REJECTS, STATE, TRADES

NOTICE_CHARACTERS: Final = 120
"""A name the venue made up is quoted in a notice up to this length."""

Row: TypeAlias = tuple[Any, ...]
PUSH_TABLES: Final = {"trade": TRADES, "depth": DEPTH, "kline": KLINES, "state": STATE}


@dataclass(frozen=True, slots=True)
class Record:
    """A journal line that is no push of a table: an event, a REST answer (`rest`, its parsed body under
    `body`), a `reply`, or an `other` push that no table keeps. `t` is the receive time in ns."""

    seq: int
    t: int
    connection: int | None
    kind: str
    fields: dict[str, Any]
    answer: Deals | Candles | None = None
    """What a successful answer proves, for the endpoints whose rows repair."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A block of the journal as tables of the catalogue, in journal order, and what is no row."""

    trades: pa.Table
    depth: pa.Table
    klines: pa.Table
    state: pa.Table
    deals: pa.Table
    """Trades by REST, as `trades`: most of them come, or came, as pushes too."""
    account: dict[str, pa.Table]
    """Rows of the account's tables by name, of those that have any."""
    rejects: pa.Table
    records: list[Record]
    notices: Counter[str]
    frames: int


@dataclass(slots=True)
class Harvest:
    """Rows by stream, each in the column order of its table; times are in us, levels (price, quantity)."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {stream: [] for stream in PUSH_TABLES})
    deals: list[Row] = field(default_factory=list)
    account: dict[str, list[Row]] = field(default_factory=dict)
    rejects: list[Row] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    notices: Counter[str] = field(default_factory=Counter)
    frames: int = 0

    def notice(self, text: str, times: int = 1) -> None:
        """Count a notice; the same words in every block, so that counts can be added."""
        self.notices[text[:NOTICE_CHARACTERS]] += times

    def reject(self, recv_us: int, connection: int, reason: str, text: bytes) -> None:
        """Keep what could not be read, with its reason."""
        self.rejects.append((recv_us, connection, reason, text.decode(errors="backslashreplace")))

    def table(self, stream: str) -> pa.Table:
        """The rows of one stream as its table."""
        return _table(self.rows[stream], PUSH_TABLES[stream].schema)

    def deal_table(self) -> pa.Table:
        return _table(self.deals, TRADES.schema)

    def account_tables(self) -> dict[str, pa.Table]:
        return {
            table.name: _table(rows, table.schema)
            for table in ACCOUNT
            if (rows := self.account.get(table.name))
        }

    def reject_table(self) -> pa.Table:
        return _table(self.rejects, REJECTS.schema)


def _table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    if not rows:
        return schema.empty_table()
    columns = zip(zip(*rows, strict=True), schema, strict=True)
    return pa.Table.from_arrays([_column(values, column.type) for values, column in columns], schema=schema)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == LEVELS:
        return _levels(values)
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _levels(books: Sequence[Sequence[tuple[float, float]]]) -> pa.Array:
    flat = [level for book in books for level in book]
    offsets = [0]
    for book in books:
        offsets.append(offsets[-1] + len(book))
    sides = [pa.array([level[side] for level in flat], pa.float64()) for side in (0, 1)]
    struct = pa.StructArray.from_arrays(sides, fields=list(LEVELS.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), struct, type=LEVELS)
