"""One row a key, across frames, publishes and restarts.

Most rows are newer than anything the lake has of their market, and those are new by that alone: `Highs`
remembers the newest order (trade id, event time) of each market. Only the others, late or repeated, are
looked up in the files that can hold them.

A trade is known by its id. A book is known by its event time and its content: a snapshot that is pushed
again after a reconnect is one row, two different books of the same millisecond are two.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.store.columns import over
from recorder.lake.store.files import as_us
from recorder.lake.store.table import Table
from recorder.lake.store.tables import SOURCE
from recorder.lake.units import HOUR_US

LATE_SLACK_US: Final = HOUR_US
"""Two rows of one trade id carry the same time; this much difference is looked through all the same."""

_CONTENT: Final = {
    "trades": ("ts_event", "side", "price", "quantity"),
    "depth": ("bids", "asks", "last", "index_price", "mark_price"),
}
_ORDER: Final = {"trades": "trade_id", "depth": "ts_event"}

Stored: TypeAlias = Callable[[Table, int, int, pc.Expression], pa.Table]
"""(table, from us, to us, filter) -> the rows of the lake that match, any columns."""


class Highs(msgspec.Struct):
    """The newest order the lake holds, by market."""

    by_market: dict[str, int] = msgspec.field(default_factory=dict)

    def of(self, rows: pa.Table) -> npt.NDArray[np.int64]:
        """For each row its market's newest order so far."""
        encoded = rows["market"].combine_chunks().dictionary_encode()
        highs = [self.by_market.get(name, -(2**62)) for name in encoded.dictionary.to_pylist()]
        of_row: npt.NDArray[np.int64] = np.asarray(highs, dtype=np.int64)[np.asarray(encoded.indices)]
        return of_row

    def raise_to(self, rows: pa.Table, order: str) -> None:
        grouped = pa.table({"market": rows["market"], "order": pa.array(_orders(rows, order))})
        tops = grouped.group_by("market").aggregate([("order", "max")])
        for name, top in zip(tops["market"].to_pylist(), tops["order_max"].to_pylist(), strict=True):
            self.by_market[name] = max(top, self.by_market.get(name, top))


def _orders(rows: pa.Table, order: str) -> npt.NDArray[np.int64]:
    column = rows[order]
    return as_us(column) if pa.types.is_timestamp(column.type) else np.asarray(column.combine_chunks())


def new_rows(
    rows: pa.Table, table: Table, highs: Highs, stored: Stored
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Drop what is there already: (rows not yet in the lake, rows whose key is taken by other content).

    `rows` come in the order of arrival and the first of equal ones stays. `highs` is raised.
    """
    if not rows.num_rows:
        return rows, []
    order = _ORDER[table.name]
    orders = _orders(rows, order)
    suspects = _repeated_in_batch(rows, orders) | (orders <= highs.of(rows))
    conflicts: list[dict[str, Any]] = []
    if suspects.any():
        keep = np.ones(rows.num_rows, dtype=bool)
        places = np.flatnonzero(suspects)
        candidates = rows.take(pa.array(places))
        known = _known(_look_up(candidates, orders[places], table, order, stored), table)
        for place, row in zip(places, candidates.to_pylist(), strict=True):
            verdict = _admit(row, table, known)
            keep[place] = verdict is None
            if verdict == "conflict":
                conflicts.append(row)
        rows = rows.filter(pa.array(keep))
    if rows.num_rows:
        highs.raise_to(rows, order)
    return rows, conflicts


def _repeated_in_batch(rows: pa.Table, orders: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Every row whose (market, order) stands more than once among these rows."""
    markets = np.asarray(rows["market"].combine_chunks().dictionary_encode().indices)
    sorting = np.lexsort((orders, markets))
    same = (np.diff(orders[sorting]) == 0) & (np.diff(markets[sorting]) == 0)
    repeated = np.zeros(rows.num_rows, dtype=bool)
    repeated[sorting[1:][same]] = True
    repeated[sorting[:-1][same]] = True
    return repeated


def _look_up(
    candidates: pa.Table, orders: npt.NDArray[np.int64], table: Table, order: str, stored: Stored
) -> pa.Table:
    times = as_us(candidates[table.time])
    slack = LATE_SLACK_US if order != table.time else 0
    low: Any = pa.scalar(int(orders.min()), pa.int64())
    high: Any = pa.scalar(int(orders.max()), pa.int64())
    if order == table.time:
        low, high = low.cast(table.schema.field(order).type), high.cast(table.schema.field(order).type)
    wanted = (
        pc.field("market").isin(pc.unique(candidates["market"]))
        & (pc.field(order) >= low)
        & (pc.field(order) <= high)
    )
    return stored(table, int(times.min()) - slack, int(times.max()) + slack, wanted)


def _known(found: pa.Table, table: Table) -> dict[tuple[Any, ...], Any]:
    known: dict[tuple[Any, ...], Any] = {}
    for row in _only(found, table).to_pylist():
        _admit(row, table, known)
    return known


def _only(found: pa.Table, table: Table) -> pa.Table:
    return found.select(list(dict.fromkeys(("market", _ORDER[table.name], *_CONTENT[table.name]))))


def _admit(row: dict[str, Any], table: Table, known: dict[tuple[Any, ...], Any]) -> str | None:
    """None: the row is new, and known from here on. Else why it is not: `repeated` or `conflict`."""
    content = tuple(_frozen(row[name]) for name in _CONTENT[table.name])
    key: tuple[Any, ...] = (row["market"], row[_ORDER[table.name]])
    if table.name == "depth":
        key = (*key, content)
    if key not in known:
        known[key] = content
        return None
    return "repeated" if known[key] == content else "conflict"


def _frozen(value: Any) -> Any:
    """A value that can be compared and hashed; level lists become tuples."""
    if isinstance(value, list):
        return tuple((level["price"], level["quantity"]) for level in value)
    return value


def latest_candles(there: pa.Table, fresh: pa.Table) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """One row a candle, its last version, and which of the rows are of `fresh`; both in order of arrival.

    A candle only grows, so of two versions the one that counts more volume is the later one, whatever came
    last: an answer by REST may have been made before a push that overtook it, and pushes come late and
    twice. Of equal ones a push stays before an answer, for it needed no repair; else the last to arrive.
    """
    rows = pa.concat_tables([there, fresh]).combine_chunks()
    codes = [
        np.asarray(rows[name].combine_chunks().dictionary_encode().indices)
        for name in ("market", "period", "ts_open")
    ]
    pushed = np.asarray(pc.equal(rows["source"], SOURCE).combine_chunks())
    places = np.lexsort([np.arange(rows.num_rows), pushed, rows["volume"].to_numpy(), *codes])
    same = np.ones(max(rows.num_rows - 1, 0), dtype=bool)
    for code in codes:
        same &= code[places][1:] == code[places][:-1]
    last = np.append(~same, np.ones(min(rows.num_rows, 1), dtype=bool))
    kept = places[last]
    return rows.take(over(kept, pa.int64())), kept >= there.num_rows
