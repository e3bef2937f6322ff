"""The witnesses of market-minutes, gathered from the rows of an hour or less into arrays. No files here.

Everything lies in dense arrays with one place a market-minute: market * minutes + minute. Times are the
venue's, microseconds since the epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.gaps.state import NEAR
from recorder.lake.grades.clocks import Clocks
from recorder.lake.store.files import as_us
from recorder.lake.store.tables import SOURCE
from recorder.lake.units import MINUTE_US

BOOK_AGE_US: Final = MINUTE_US
"""A book older than this says nothing of the side of a trade."""
LAG_AGE_US: Final = MINUTE_US
SHORTLY_US: Final = 2_000_000
"""Of a busy recording so long before a bound is enough to find NEAR pushes, and few rows are looked at."""
_ON_GRID: Final = 1e-6
"""How near a quantity times its scale is to a whole number, if its decimals are those of the market."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Which markets and minutes the arrays are of."""

    markets: tuple[str, ...]
    start_us: int
    minutes: int

    @property
    def size(self) -> int:
        return len(self.markets) * self.minutes

    def codes(self, rows: pa.Table) -> Ints:
        """The place of each row's market among the markets, -1 for one that is not among them."""
        found = pc.index_in(rows["market"], value_set=pa.array(self.markets, pa.string()))
        return np.asarray(found.combine_chunks().fill_null(-1))

    def places(self, rows: pa.Table, times: Ints) -> Ints:
        """The place of each row; its time lies within the frame."""
        return self.codes(rows).astype(np.int64) * self.minutes + (times - self.start_us) // MINUTE_US


@dataclass(frozen=True, slots=True)
class Trades:
    """The trades' figures, one a place; prices NaN where there was no trade."""

    count: Ints
    rest: Ints
    volume: Floats
    turnover: Floats
    inverse_turnover: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    sides_compared: Ints
    sides_agreed: Ints


def gather_trades(rows: pa.Table, books: pa.Table, frame: Frame, scales: Sequence[float]) -> Trades:
    """Sum up trades. `scales` are 10 to the decimals of each market's quantities, 0 where unknown."""
    times = as_us(rows["ts_event"])
    places = frame.places(rows, times)
    order = np.lexsort([rows["trade_id"].to_numpy(), times, places])
    rows, places = rows.take(pa.array(order)), places[order]
    price, quantity = rows["price"].to_numpy(), rows["quantity"].to_numpy()
    first = np.flatnonzero(np.diff(places, prepend=-1))
    last = np.append(first[1:], len(places)) - 1
    at = places[first]

    def dense(values: NDArray[np.float64]) -> Floats:
        found = np.full(frame.size, np.nan)
        found[at] = values
        return found

    def summed(values: NDArray[np.float64]) -> Floats:
        found = np.zeros(frame.size)
        found[at] = np.add.reduceat(values, first) if len(first) else 0.0
        return found

    volume = summed(quantity)
    compared, agreed = _sides(rows, books, frame)
    by_rest = np.asarray(pc.not_equal(rows["source"], SOURCE).combine_chunks())
    return Trades(
        count=np.bincount(places, minlength=frame.size),
        rest=np.bincount(places[by_rest], minlength=frame.size),
        volume=_on_grid(volume, places, quantity, np.repeat(np.asarray(scales), frame.minutes)),
        turnover=summed(price * quantity),
        inverse_turnover=summed(quantity / np.where(price == 0, np.nan, price)),
        open=dense(price[first]),
        high=dense(np.maximum.reduceat(price, first) if len(first) else price),
        low=dense(np.minimum.reduceat(price, first) if len(first) else price),
        close=dense(price[last] if len(first) else price),
        sides_compared=np.bincount(places[compared], minlength=frame.size),
        sides_agreed=np.bincount(places[agreed], minlength=frame.size),
    )


def _on_grid(sums: Floats, places: Ints, values: Floats, scales: Floats) -> Floats:
    """Sums as the decimals they are: rounding to the market's last place undoes what adding doubles did.

    Only where every value summed has no finer place.
    """
    scale = scales[places]
    units = values * scale
    fine = (scale == 0) | (np.abs(units - np.rint(units)) > _ON_GRID)
    coarse = (scales > 0) & (np.bincount(places[fine], minlength=len(sums)) == 0)
    safe = np.where(scales > 0, scales, 1.0)
    return np.where(coarse, np.rint(sums * safe) / safe, sums)


def _sides(trades: pa.Table, books: pa.Table, frame: Frame) -> tuple[Bools, Bools]:
    """Which trades stand off the mid of the book before them, and which of those on the side they claim."""
    if not books.num_rows or not trades.num_rows:
        none = np.zeros(trades.num_rows, np.bool_)
        return none, none
    book_us, trade_us = as_us(books["ts_event"]), as_us(trades["ts_event"])
    width = int(max(book_us.max(), trade_us.max())) + 1 - int(min(book_us.min(), trade_us.min()))
    origin = int(min(book_us.min(), trade_us.min()))
    keys = frame.codes(books).astype(np.int64) * width + (book_us - origin)
    order = np.argsort(keys, kind="stable")
    mids = ((books["bid_price"].to_numpy() + books["ask_price"].to_numpy()) / 2)[order]
    keys, book_us = keys[order], book_us[order]
    wanted = frame.codes(trades).astype(np.int64) * width + (trade_us - origin)
    before = (
        np.searchsorted(keys, wanted) - 1
    )  # strictly before: a book of the same instant may know the trade
    there = (
        (before >= 0)
        & (keys[before] // width == wanted // width)
        & (trade_us - book_us[before] <= BOOK_AGE_US)
    )
    mid = np.where(there, mids[before], np.nan)
    price = trades["price"].to_numpy()
    compared = ~np.isnan(mid) & (price != mid)
    buys = np.asarray(pc.equal(trades["side"], "buy").combine_chunks())
    return compared, compared & (buys == (price > mid))


def count_rows(rows: pa.Table, times: Ints, frame: Frame) -> Ints:
    """How many rows each place has; those before and after the frame have none."""
    inside = (times >= frame.start_us) & (times < frame.start_us + frame.minutes * MINUTE_US)
    return np.bincount(frame.places(rows, times)[inside], minlength=frame.size)


def _last_pushes(tables: Sequence[pa.Table], bounds: Ints) -> tuple[Ints, Ints]:
    """Event and receive times of pushes in no order: at least the NEAR last ones before each bound."""
    for age_us in (SHORTLY_US, LAG_AGE_US):
        happened, received = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for rows in tables:
            times = as_us(rows["ts_event"])
            after = np.searchsorted(bounds, times, "right").clip(max=len(bounds) - 1)
            near = np.flatnonzero(bounds[after] - times <= age_us)
            own = rows.select(["ts_event", "ts_recv", "source"]).take(pa.array(near))
            own = own.filter(pc.equal(own["source"], SOURCE))
            happened.append(as_us(own["ts_event"]))
            received.append(as_us(own["ts_recv"]))
        found = np.concatenate(happened)
        counts = np.bincount(np.searchsorted(bounds, found, "right"), minlength=len(bounds))[: len(bounds)]
        if counts.min() >= NEAR:
            break
    return found, np.concatenate(received)


def lags(tables: Sequence[pa.Table], frame: Frame, clocks: Clocks) -> tuple[Ints, Ints]:
    """The least and greatest lag (receive minus event time) of pushes at each bound of the minutes.

    Of the NEAR last pushes of any market before the bound, none older than LAG_AGE_US; how the clocks
    stood where there is none. Only what happened before counts: it is all there when the minute is judged.
    """
    bounds = frame.start_us + np.arange(frame.minutes + 1) * MINUTE_US
    happened, received = _last_pushes(tables, bounds)
    order = np.lexsort([received, happened])
    happened, lag = happened[order], (received - happened)[order]
    ends = np.searchsorted(happened, bounds)
    begins = np.maximum(np.searchsorted(happened, bounds - LAG_AGE_US), ends - NEAR)
    low = np.array([clocks.ours(bound) - bound for bound in bounds.tolist()], np.int64)
    high = low.copy()
    for at in np.flatnonzero(ends > begins):
        near = lag[begins[at] : ends[at]]
        low[at], high[at] = near.min(), near.max()
    return low, high
