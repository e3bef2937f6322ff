"""One market's UTC day: its books with how long each stood, its trades with the mid before each, its minutes.

Arrow in, Arrow out, no files. Rows come in blocks, in the tables' order; of the whole day only the times and
mids of the books are held.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.days.funding import PRICES, RATES, FundingTold
from recorder.lake.days.levels import Side
from recorder.lake.days.rollup import Books, MinuteSums, Trades
from recorder.lake.days.standing import Mids, standing_us
from recorder.lake.spans import Spans
from recorder.lake.store.columns import over
from recorder.lake.store.files import as_us
from recorder.lake.store.minutes import AFTER_S
from recorder.lake.store.table import TIME
from recorder.lake.store.tables import MINUTES
from recorder.lake.units import DAY_US

Blocks: TypeAlias = Iterator[pa.Table]

STATE_COLUMNS: Final = ("market", "ts_recv", "open_interest", "ts_funding", *RATES, *PRICES, "seq")
"""What is needed of a state."""


class MarketDay:
    """Takes a market's books, then its trades and its states; `minutes` is what they were together, and
    `funding_told` what the states told of funding."""

    def __init__(self, market: str, day_us: int, missed: Spans) -> None:
        """`day_us` is when the day begins; `missed` when books were not received, by the recorder's clock."""
        self._market = market
        self._end_us = day_us + DAY_US
        self._missed = missed
        self._sums = MinuteSums(day_us)
        self._funding = FundingTold()
        self._mids = Mids(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    def books(self, blocks: Blocks) -> Blocks:
        """The books with `dt`."""
        history: list[tuple[Ints, Ints, Floats]] = []
        for block, next_us in _with_next(blocks, self._end_us):
            books = _books(block)
            stood_us = standing_us(books.ts_event, as_us(block["ts_recv"]), next_us, self._missed)
            self._sums.add_books(books, stood_us)
            history.append((books.ts_event, stood_us, books.mid))
            yield _with_column(block, "dt", stood_us / 1e6)
        if history:
            self._mids = Mids(*(np.concatenate(parts) for parts in zip(*history, strict=True)))

    def trades(self, blocks: Blocks) -> Blocks:
        """The trades with `mid_before`."""
        for block in blocks:
            ts_event = as_us(block["ts_event"])
            before = self._mids.before(ts_event)
            after = self._mids.at(ts_event + AFTER_S * 1_000_000)
            self._sums.add_trades(
                Trades(
                    ts_event,
                    as_us(block["trade_id"]),
                    np.asarray(pc.equal(block["side"], "buy")),
                    _numbers(block["price"]),
                    _numbers(block["quantity"]),
                    before,
                    after,
                )
            )
            yield _with_column(block, "mid_before", before, ~np.isnan(before))

    def add_states(self, blocks: Blocks) -> None:
        """The states; STATE_COLUMNS are enough of them."""
        for block in blocks:
            self._sums.add_states(as_us(block["ts_recv"]), _numbers(block["open_interest"]))
            self._funding.add(block)

    def funding_told(self) -> pa.Table:
        """The rows of `funding_told`."""
        return self._funding.table(self._market)

    def minutes(self) -> pa.Table:
        """The rows of `minutes`."""
        minute, found = self._sums.columns()
        columns = [pa.repeat(self._market, len(minute)), over(minute, TIME)]
        for field in list(MINUTES.schema)[len(columns) :]:
            values = found[field.name]
            valid = None
            if field.nullable:
                valid = values > 0 if field.type == TIME else ~np.isnan(values)
            columns.append(over(values, field.type, valid))
        return pa.Table.from_arrays(columns, schema=MINUTES.schema)


def _with_next(blocks: Blocks, end_us: int) -> Iterable[tuple[pa.Table, int]]:
    """Each block, whole in memory, with the time of the book after it; `end_us` after the last."""
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        yield block.combine_chunks(), end_us if following is None else int(as_us(following["ts_event"])[0])
        block = following


def _books(block: pa.Table) -> Books:
    return Books(
        ts_event=as_us(block["ts_event"]),
        bid_price=_numbers(block["bid_price"]),
        bid_quantity=_numbers(block["bid_quantity"]),
        ask_price=_numbers(block["ask_price"]),
        ask_quantity=_numbers(block["ask_quantity"]),
        index_price=_numbers(block["index_price"]),
        mark_price=_numbers(block["mark_price"]),
        last=_numbers(block["last"]),
        bids=_side(block["bids"]),
        asks=_side(block["asks"]),
    )


def _side(column: pa.ChunkedArray) -> Side:
    lists = column.chunk(0)
    levels = lists.values
    numbers = (np.asarray(levels.field(name)) for name in ("price", "quantity"))
    return Side(np.asarray(lists.offsets).astype(np.int64), *numbers)


def _numbers(column: pa.ChunkedArray) -> Floats:
    """Doubles, NaN for null."""
    numbers: Floats = column.to_numpy(zero_copy_only=False)
    return numbers


def _with_column(block: pa.Table, name: str, values: Floats, valid: Bools | None = None) -> pa.Table:
    place = block.schema.get_field_index(name)
    return block.set_column(place, block.schema.field(place), over(values, pa.float64(), valid))
