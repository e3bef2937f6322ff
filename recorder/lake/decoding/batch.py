"""Lines of one layout into rows of their table, all at once."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder.exchange.topics import Stream
from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.decoding.block import Block, texts
from recorder.lake.decoding.books import fits_books, read_books
from recorder.lake.decoding.layout import Layout
from recorder.lake.decoding.reading import Misfit, Reading, matches, read, require
from recorder.lake.decoding.states import fits_states, read_states
from recorder.lake.store.columns import Batch, doubles, optional_doubles, origin, over, table, timestamps
from recorder.lake.store.tables import KLINES, TRADES

ATTEMPTS_LIMIT: Final = 8
"""Each attempt leaves out what did not fit in the one before; lines that need more are read plainly."""


def read_batch(block: Block, layout: Layout, lines: Ints, first_seq: int) -> Batch | None:
    """Those of the lines that fit the layout, read; None where none does."""
    if len(block.pairs) <= layout.form.reach:
        return None
    lines = _candidates(block, layout, lines)
    for _ in range(ATTEMPTS_LIMIT):
        if not len(lines):
            return None
        try:
            batch = _READERS[layout.stream](block, layout, lines, first_seq)
        except Misfit as misfit:
            lines = lines[misfit.fits]
            continue
        for notice in layout.notices:
            batch.notices[notice] += len(lines)
        return batch
    return None


def _candidates(block: Block, layout: Layout, lines: Ints) -> Ints:
    """Lines with as many quotes as the layout may have and the method's name in its place."""
    form, quotes = layout.form, block.quotes[lines]
    if layout.books is not None:
        lines = lines[fits_books(layout.books, quotes)]
    elif layout.objects is not None:
        lines = lines[fits_states(layout.objects, quotes)]
    else:
        lines = lines[quotes == form.width - 1]
    column, from_last = layout.probe_column
    mark = block.last[lines] - column if from_last else block.first[lines] + column
    place = np.clip(block.marks[mark] + form.offsets[layout.probe], 0, len(block.pairs) - 1)
    word = block.pairs[place].view(np.uint64).reshape(-1, 2) & form.masks[layout.probe]
    fits: Bools = (word == form.values[layout.probe]).all(axis=1)
    return lines[fits]


def _read_form(block: Block, layout: Layout, lines: Ints) -> Reading:
    columns = block.columns(block.first[lines], layout.form.width)
    require(matches(block, layout.form, columns))
    return read(block, layout.form, columns)


def _read_trades(block: Block, layout: Layout, lines: Ints, first_seq: int) -> Batch:
    reading = _read_form(block, layout, lines)
    notices: Counter[str] = Counter()
    reading.count_digits({"price": "trade.price", "amount": "trade.amount"}, notices)
    columns = origin(reading.numbers["t"] // 1000, lines + first_seq)
    columns |= {
        "market": reading.text("market"),
        "trade_id": over(reading.numbers["id"], pa.int64()),
        "ts_event": timestamps(np.rint(reading.numbers["time"] * 1e6).astype(np.int64)),
        "side": reading.text("type"),
        "price": doubles(reading.numbers["price"]),
        "quantity": doubles(reading.numbers["amount"]),
        "mid_before": pa.nulls(len(lines), pa.float64()),
    }
    return Batch(lines, table(TRADES.schema, columns), notices)


def _read_klines(block: Block, layout: Layout, lines: Ints, first_seq: int) -> Batch:
    reading = _read_form(block, layout, lines)
    rows = range(layout.rows)
    prices = np.stack([_by_row(reading, f"price{index}", rows) for index in range(1, 5)])
    order = _column_order(prices)
    require(np.all((order >= 0).reshape(len(lines), layout.rows), axis=1))
    notices: Counter[str] = Counter()
    for at, name in enumerate(_ORDERS):
        if count := int(np.count_nonzero(order == at)):
            notices[f"candle order {name}"] += count
    for row in rows:
        digits = {f"price{index}/{row}": "kline.price" for index in range(1, 5)}
        digits |= {f"{name}/{row}": f"kline.{name}" for name in ("volume", "amount")}
        reading.count_digits(digits, notices)
    old = order == _ORDERS.index("ochl")
    columns = origin(
        np.repeat(reading.numbers["t"] // 1000, layout.rows), np.repeat(lines + first_seq, layout.rows)
    )
    columns |= {
        "market": _text_by_row(reading, "market", rows),
        "period": _text_by_row(reading, "period", rows),
        "ts_open": timestamps(_by_row(reading, "time", rows) * 1_000_000),
        "open": doubles(prices[0]),
        "high": doubles(np.where(old, prices[2], prices[1])),
        "low": doubles(np.where(old, prices[3], prices[2])),
        "close": doubles(np.where(old, prices[1], prices[3])),
        "volume": doubles(_by_row(reading, "volume", rows)),
        "turnover": optional_doubles(_amounts(reading, rows), len(order)),
        "column_order": pa.array(_ORDERS, pa.string()).take(over(order, pa.int64())),
    }
    return Batch(lines, table(KLINES.schema, columns), notices)


_ORDERS: Final = ("ohlc", "ochl", "flat")


def _column_order(prices: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index in _ORDERS for each column of four prices, -1 where none fits: as `parse_candle` decides."""
    top, bottom = prices.max(axis=0), prices.min(axis=0)
    modern = (prices[1] == top) & (prices[2] == bottom)
    old = (prices[2] == top) & (prices[3] == bottom)
    return np.select([modern & (top == bottom), modern, old], [2, 0, 1], -1)


def _by_row(reading: Reading, name: str, rows: range) -> NDArray[Any]:
    """A slot of every row of every line, the rows of a line together."""
    return np.stack([reading.numbers[f"{name}/{row}"] for row in rows], axis=1).reshape(-1)


def _amounts(reading: Reading, rows: range) -> Floats | None:
    known = [reading.numbers.get(f"amount/{row}") for row in rows]
    if all(values is None for values in known):
        return None
    empty = np.full(len(reading.numbers["t"]), np.nan)
    return np.stack([empty if values is None else values for values in known], axis=1).reshape(-1)


def _text_by_row(reading: Reading, name: str, rows: range) -> pa.Array:
    """A text of every row: its own where the row has one, that of the line where not."""
    names = [f"{name}/{row}" if f"{name}/{row}" in reading.starts else name for row in rows]
    if len(set(names)) == len(names):
        starts = np.stack([reading.starts[each] for each in names], axis=1).reshape(-1)
        ends = np.stack([reading.ends[each] for each in names], axis=1).reshape(-1)
        return texts(reading.block, starts, ends)
    lines = np.arange(len(reading.numbers["t"]))
    parts = pa.chunked_array([reading.text(each) for each in names]).combine_chunks()
    places = np.stack([lines + len(lines) * at for at in range(len(names))], axis=1).reshape(-1)
    return parts.take(over(places, pa.int64()))


_Reader: TypeAlias = Callable[[Block, Layout, Ints, int], Batch]
_READERS: Final[dict[Stream, _Reader]] = {
    "trade": _read_trades,
    "depth": read_books,
    "kline": _read_klines,
    "state": read_states,
}
