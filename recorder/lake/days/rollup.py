"""A market's day as sums by minute. Pure: arrays in, arrays out; `minutes.COLUMNS` says what each sum is.

Rows are added in their order, each sum one value after the other: the result does not depend on how the rows
were cut into blocks.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.days.levels import Side, near_and_price
from recorder.lake.store.minutes import COLUMNS
from recorder.lake.units import DAY_US

MINUTE_US: Final = 60_000_000
_MINUTES: Final = DAY_US // MINUTE_US
_LATER_US: Final = 2**62
_DURATIONS: Final = ("observed", "cost_buy", "cost_sell", "basis", "mid_basis", "premium", "last_basis")
"""Seconds alone, summed as whole microseconds: a minute that was seen whole has exactly 60."""
_TYPES: Final = {"count": np.int64, "time": np.int64, "sum": np.float64, "value": np.float64}
_LEAST: Final = ("low", "spread_min")
_GREATEST: Final = ("high", "spread_max")


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """Books of one market in order, arrays of one length: prices are NaN where there is none."""

    ts_event: Ints
    bid_price: Floats
    bid_quantity: Floats
    ask_price: Floats
    ask_quantity: Floats
    index_price: Floats
    mark_price: Floats
    last: Floats
    bids: Side
    asks: Side

    @property
    def mid(self) -> Floats:
        """Half of best bid + best ask: NaN unless both are there, and above zero together."""
        both = self.bid_price + self.ask_price
        return np.where(both > 0, both / 2, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Trades of one market in order, arrays of one length; a mid is NaN where no book stood."""

    ts_event: Ints
    trade_id: Ints
    buys: Bools
    price: Floats
    quantity: Floats
    mid_before: Floats
    mid_after: Floats


class MinuteSums:
    """The minutes of one market's UTC day, while its rows are added in order."""

    def __init__(self, day_us: int) -> None:
        """`day_us` is when the day begins, in microseconds since the epoch."""
        self._day_us = day_us
        self._sums: dict[str, NDArray[Any]] = {
            name: np.zeros(_MINUTES, _TYPES[column.kind]) for name, column in COLUMNS.items()
        }
        for names, start in ((_LEAST, np.inf), (_GREATEST, -np.inf)):
            for name in names:
                self._sums[name].fill(start)
        for name in ("open_interest_first", "open_interest_last"):
            self._sums[name].fill(np.nan)
        self._sums["ts_first"].fill(_LATER_US)
        self._ids = {name: np.zeros(_MINUTES, np.int64) for name in ("ts_first", "ts_last")}
        self._durations = {name: np.zeros(_MINUTES, np.int64) for name in _DURATIONS}
        self._stood = np.zeros(_MINUTES, np.bool_)

    def _minute(self, us: Ints) -> Ints:
        minute: Ints = (us - self._day_us) // MINUTE_US
        return minute

    # --- books ------------------------------------------------------------------------------------

    @np.errstate(all="ignore")
    def add_books(self, books: Books, stood_us: Ints) -> None:
        """Add books, each of which stood for `stood_us` microseconds, a minute at most."""
        first = self._minute(books.ts_event)
        np.add.at(self._sums["snapshots"], first, 1)
        # A book reaches into one minute more at most: the parts of one book follow each other.
        in_first = np.minimum(stood_us, (first + 1) * MINUTE_US - (books.ts_event - self._day_us))
        us = np.stack((in_first, stood_us - in_first), axis=1).ravel()
        minute = np.stack((first, first + 1), axis=1).ravel()
        parts = np.flatnonzero(us > 0)
        stays = _Stays(parts // 2, minute[parts], us[parts])
        self._stood[stays.minute] = True
        self._add_touch(books, stays)
        self._add_levels(books, stays)
        self._add_basis(books, stays)

    def _add_touch(self, books: Books, stays: "_Stays") -> None:
        mid, spread = books.mid, books.ask_price - books.bid_price
        bid, ask = books.bid_quantity, books.ask_quantity
        values = {
            "spread": spread,
            "relative_spread_bps": 1e4 * spread / mid,
            "mid": mid,
            "bid_quantity": bid,
            "ask_quantity": ask,
            "imbalance": np.where(bid + ask > 0, (bid - ask) / (bid + ask), 0.0),
        }
        two_sided = stays.of(~np.isnan(mid))
        self._integrate("observed", two_sided, values)
        spreads = spread[two_sided.book]
        np.minimum.at(self._sums["spread_min"], two_sided.minute, spreads)
        np.maximum.at(self._sums["spread_max"], two_sided.minute, spreads)

    def _add_levels(self, books: Books, stays: "_Stays") -> None:
        mid = books.mid
        bid_depth, sold_at = near_and_price(books.bids, mid)
        ask_depth, bought_at = near_and_price(books.asks, mid)
        buy, sell = 1e4 * (bought_at / mid - 1), 1e4 * (1 - sold_at / mid)
        self._integrate(None, stays.of(~np.isnan(mid)), {"bid_depth": bid_depth, "ask_depth": ask_depth})
        self._integrate("cost_buy", stays.of(~np.isnan(buy)), {"cost_buy_bps": buy})
        self._integrate("cost_sell", stays.of(~np.isnan(sell)), {"cost_sell_bps": sell})
        index = books.index_price
        premium = 1e4 * (np.maximum(sold_at / index - 1, 0) - np.maximum(1 - bought_at / index, 0))
        is_known = (index > 0) & ~np.isnan(premium) & ~np.isnan(mid)
        self._integrate("premium", stays.of(is_known), {"premium_bps": premium})

    def _add_basis(self, books: Books, stays: "_Stays") -> None:
        index, mark, last = books.index_price, books.mark_price, books.last
        basis, mid_basis = 1e4 * (mark / index - 1), 1e4 * (books.mid / index - 1)
        values = {"index_price": index, "mark_price": mark, "basis_bps": basis}
        self._integrate("basis", stays.of((index > 0) & ~np.isnan(mark)), values)
        self._integrate(
            "mid_basis", stays.of((index > 0) & ~np.isnan(books.mid)), {"mid_basis_bps": mid_basis}
        )
        values = {"last_price": last, "last_basis_bps": 1e4 * (last / index - 1)}
        self._integrate("last_basis", stays.of((index > 0) & ~np.isnan(last)), values)

    def _integrate(self, duration: str | None, stays: "_Stays", values: dict[str, Floats]) -> None:
        """Add each value times the seconds for which it stood, and the time itself to `duration`."""
        if duration is not None:
            np.add.at(self._durations[duration], stays.minute, stays.us)
        seconds = stays.us / 1e6
        for name, value in values.items():
            np.add.at(self._sums[f"{name}_seconds"], stays.minute, value[stays.book] * seconds)

    # --- trades -----------------------------------------------------------------------------------

    @np.errstate(all="ignore")
    def add_trades(self, trades: Trades) -> None:
        minute, turnover = self._minute(trades.ts_event), trades.price * trades.quantity
        count = np.ones(len(minute), np.int64)
        sums = {"trades": count, "volume": trades.quantity, "turnover": turnover}
        self._add(minute, count > 0, sums)
        self._add(minute, trades.buys, {f"buy_{name}": values for name, values in sums.items()})
        np.minimum.at(self._sums["low"], minute, trades.price)
        np.maximum.at(self._sums["high"], minute, trades.price)
        self._add_ends(trades, minute)
        self._add_costs(trades, minute, turnover)

    def _add(self, minute: Ints, chosen: Bools, sums: dict[str, NDArray[Any]]) -> None:
        """Add the values of the chosen rows."""
        for name, values in sums.items():
            np.add.at(self._sums[name], minute[chosen], values[chosen])

    def _add_ends(self, trades: Trades, minute: Ints) -> None:
        """First and last trade of each minute, by time and then by id: their order in the file is by seq."""
        order = np.lexsort((trades.trade_id, trades.ts_event))
        edge = np.flatnonzero(np.diff(minute[order])) + 1
        self._keep(trades, order[np.append(0, edge)], minute, ("ts_first", "open"), -1)
        self._keep(trades, order[np.append(edge, len(order)) - 1], minute, ("ts_last", "close"), 1)

    def _keep(self, trades: Trades, rows: Ints, minute: Ints, names: tuple[str, str], direction: int) -> None:
        """Keep time and price of rows, one a minute, that lie further in a direction than what is kept."""
        ts, ids, price = (self._sums[names[0]], self._ids[names[0]], self._sums[names[1]])
        at = minute[rows]
        ahead = direction * (trades.ts_event[rows] - ts[at])
        further = (ahead > 0) | ((ahead == 0) & (direction * (trades.trade_id[rows] - ids[at]) > 0))
        rows, at = rows[further], at[further]
        ts[at], ids[at], price[at] = trades.ts_event[rows], trades.trade_id[rows], trades.price[rows]

    def _add_costs(self, trades: Trades, minute: Ints, turnover: Floats) -> None:
        before, after, price = trades.mid_before, trades.mid_after, trades.price
        twice = np.where(trades.buys, 2e4, -2e4)
        effective, realised = twice * (price - before) / before, twice * (price - after) / before
        impact = twice * (after - before) / before
        sums = {
            "trades": np.ones(len(minute), np.int64),
            "bps": effective,
            "turnover": turnover,
            "bps_turnover": effective * turnover,
        }
        known = ~np.isnan(before)
        self._add(minute, known, {f"effective_{name}": values for name, values in sums.items()})
        sums |= {"bps": realised, "bps_turnover": realised * turnover}
        known &= ~np.isnan(after)
        self._add(minute, known, {f"realised_{name}": values for name, values in sums.items()})
        self._add(minute, known, {"impact_bps": impact, "impact_bps_turnover": impact * turnover})

    # --- states -----------------------------------------------------------------------------------

    def add_states(self, ts_recv: Ints, open_interest: Floats) -> None:
        """Add states in order; an open interest is NaN where it is not known."""
        minute = self._minute(ts_recv)
        np.add.at(self._sums["state_rows"], minute, 1)
        np.maximum.at(self._sums["ts_state_last"], minute, ts_recv)
        known = ~np.isnan(open_interest)
        minute, open_interest = minute[known], open_interest[known]
        self._sums["open_interest_last"][minute] = open_interest  # of equal minutes the last one stays
        first, at = np.unique(minute, return_index=True)
        new = np.isnan(self._sums["open_interest_first"][first])
        self._sums["open_interest_first"][first[new]] = open_interest[at[new]]

    # --- result -----------------------------------------------------------------------------------

    def columns(self) -> tuple[Ints, dict[str, NDArray[Any]]]:
        """The minutes in which there was anything, as microseconds since the epoch, and their columns.

        Where there is no value, a float is NaN and a time 0.
        """
        sums = self._sums
        rows = np.flatnonzero(self._stood | (sums["snapshots"] + sums["trades"] + sums["state_rows"] > 0))
        found = {name: values[rows] for name, values in sums.items()}
        for name, durations in self._durations.items():
            found[f"{name}_seconds"] = durations[rows] / 1e6
        for name in ("open", "high", "low", "close"):
            found[name] = np.where(found["trades"] > 0, found[name], np.nan)
        for name in ("spread_min", "spread_max"):
            found[name] = np.where(found["observed_seconds"] > 0, found[name], np.nan)
        found["ts_first"] = np.where(found["trades"] > 0, found["ts_first"], 0)
        return rows * MINUTE_US + self._day_us, found


@dataclass(frozen=True, slots=True, eq=False)
class _Stays:
    """Parts of the time in which books stood, each within a minute: which book, which minute, how long."""

    book: Ints
    minute: Ints
    us: Ints

    def of(self, books: Bools) -> "_Stays":
        """The parts of some of the books."""
        chosen = books[self.book]
        return _Stays(self.book[chosen], self.minute[chosen], self.us[chosen])
