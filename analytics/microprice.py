"""The micro-price of Stoikov (2018): where the mid is expected to be once the book's imbalance has told.

A book is in a state: a bucket of its imbalance, bid quantity / (bid + ask quantity) at the best prices, and
its spread in ticks. From pairs of successive books follow, by state: Q, how often the mid stays and which
state comes next; T, how often it moves and which state comes next; r, by how much it moves on average,
staying included. The mid's first move is expected to be G = (I - Q)^-1 r. Each further one is that of the
state to which the move before it led: B G, with B = (I - Q)^-1 T. The micro-price is the mid + G + B G +
B B G + ...

Each pair counts a second time as seen in a mirror, bid for ask: the expected moves then cancel out over all
states, which is what lets the sum end. Pure but for `of_books`: arrays in, arrays out.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

IMBALANCES: Final = 9
"""Buckets of the imbalance; an odd number, so that an even book is in a bucket of its own."""
SPREADS: Final = 4
"""Buckets of the spread: 1, 2, ... ticks; the last one holds all wider ones, too."""
MIN_PAIRS: Final = 100
"""A state that was left less often, the mirror's pairs included, has no adjustment."""
NEGLIGIBLE_TICKS: Final = 1e-9
"""The sum ends with the first term that is nowhere larger ..."""
MAX_TERMS: Final = 20_000
"""... and is not believed in if it does not end within so many."""
COLUMNS: Final = ("ts_event", "seq", "bid_price", "bid_quantity", "ask_price", "ask_quantity", "stood_us")
"""What is needed of `books`."""


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """A market's best prices, book after book; NaN where a side is empty."""

    bid_price: Floats
    bid_quantity: Floats
    ask_price: Floats
    ask_quantity: Floats

    @property
    def mid(self) -> Floats:
        return (self.bid_price + self.ask_price) / 2


@dataclass(frozen=True, slots=True, eq=False)
class MicroPrice:
    """What was learned: arrays by imbalance (most offered first) and spread (1 tick first)."""

    tick_size: float
    adjustment: Floats
    """Micro-price - mid in ticks; NaN where it is not known."""
    first_move: Floats
    """The expected first move of the mid in ticks, likewise."""
    pairs: Ints
    """How often each state was left, the mirror's pairs included."""
    terms: int | None
    """How many terms the sum has; None where it does not end, and then no adjustment is known."""

    def of(self, books: Books) -> Floats:
        """The micro-price of each book; NaN where its state's adjustment is not known."""
        state = _states(books, self.tick_size, *self.adjustment.shape)
        known = np.append(self.adjustment.ravel(), np.nan)
        return books.mid + self.tick_size * known[state]


def estimate(
    books: Books,
    follows: Bools,
    tick_size: float,
    *,
    imbalances: int = IMBALANCES,
    spreads: int = SPREADS,
    min_pairs: int = MIN_PAIRS,
) -> MicroPrice:
    """Learn the adjustments from a market's books.

    `follows[i]` says whether book i + 1 came while book i still stood: other pairs tell nothing. Books with
    an empty side or without a spread are in no state.
    """
    state = _states(books, tick_size, imbalances, spreads)
    pair = np.flatnonzero(follows & (state[:-1] >= 0) & (state[1:] >= 0))
    move = np.round(2 * (books.mid[pair + 1] - books.mid[pair]) / tick_size) / 2
    start, end = state[pair], state[pair + 1]
    start = np.concatenate((start, _mirrored(start, imbalances, spreads)))
    end = np.concatenate((end, _mirrored(end, imbalances, spreads)))
    move = np.concatenate((move, -move))

    count = imbalances * spreads
    pairs = np.bincount(start, minlength=count)
    first, total, terms = _expected(*_chain(start, end, move, pairs))
    known = pairs >= min_pairs
    first, total = (np.where(known, values, np.nan).reshape(imbalances, spreads) for values in (first, total))
    return MicroPrice(tick_size, total, first, pairs.reshape(imbalances, spreads), terms)


def of_books(rows: Any, tick_size: float, **options: int) -> MicroPrice:
    """Learn from rows of the view `books` of one market: a DuckDB relation, a Polars frame or an Arrow table.

    Of its columns COLUMNS are read; any order will do. `options` are those of `estimate`. Raises ValueError
    for rows of several markets, where `market` is among the columns.
    """
    given = pa.table(rows)
    if "market" in given.column_names and len(given["market"].unique()) > 1:
        raise ValueError("the books are of several markets: each has a micro-price of its own")
    table = given.select(COLUMNS).sort_by([("ts_event", "ascending"), ("seq", "ascending")])
    stood = _ints(table["stood_us"])
    stands = stood > 0
    since = _ints(table["ts_event"].cast(pa.timestamp("us", table["ts_event"].type.tz)))[stands]
    books = Books(*(_floats(table[name])[stands] for name in COLUMNS[2:6]))
    return estimate(books, since[:-1] + stood[stands][:-1] >= since[1:], tick_size, **options)


def _ints(column: Any) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def _floats(column: Any) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _states(books: Books, tick_size: float, imbalances: int, spreads: int) -> Ints:
    """The number of each book's state, row by row of (imbalance, spread); -1 for none.

    A book and its mirror are in mirrored states, also at the edge of two buckets.
    """
    both = books.bid_quantity + books.ask_quantity
    ticks = np.round((books.ask_price - books.bid_price) / tick_size)
    there = (ticks >= 1) & (both > 0)  # false for NaN
    both = np.where(there, both, 1.0)
    bid, ask = (np.where(there, side, 0.0) / both for side in (books.bid_quantity, books.ask_quantity))
    low, high = np.floor(imbalances * bid), imbalances - 1 - np.floor(imbalances * ask)
    spread = np.minimum(np.where(there, ticks, 1), spreads) - 1
    number: Ints = (np.where(bid <= ask, low, high) * spreads + spread).astype(np.int64)
    return np.where(there, number, -1)


def _mirrored(state: Ints, imbalances: int, spreads: int) -> Ints:
    return (imbalances - 1 - state // spreads) * spreads + state % spreads


def _chain(start: Ints, end: Ints, move: Floats, pairs: Ints) -> tuple[Floats, Floats, Floats]:
    """(Q, T, r): each state's pairs by where they led, as shares, without and with a move; the mean move."""
    count = len(pairs)
    left = np.maximum(pairs, 1)
    places = start * count + end
    stays, moves = (
        np.bincount(places[chosen], minlength=count * count).reshape(count, count) / left[:, np.newaxis]
        for chosen in (move == 0, move != 0)
    )
    return stays, moves, np.bincount(start, move, count) / left


def _expected(stays: Floats, moves: Floats, mean: Floats) -> tuple[Floats, Floats, int | None]:
    """(G, G + B G + ..., how many terms): NaN for a state from which no move was ever reached."""
    moving = np.asarray(moves.any(axis=1))
    while (further := moving | (stays @ moving > 0)).sum() > moving.sum():
        moving = further
    within = np.eye(len(mean)) - np.where(moving[:, np.newaxis], stays, 0.0)
    solved = np.linalg.solve(within, np.column_stack((mean, moves)))
    first, led_to = np.where(moving, solved[:, 0], np.nan), solved[:, 1:]
    total = term = solved[:, 0]
    for terms in range(1, MAX_TERMS + 1):
        term = led_to @ term
        if np.abs(term).max() <= NEGLIGIBLE_TICKS:
            return first, np.where(moving, total, np.nan), terms
        total = total + term
    return first, np.full(len(mean), np.nan), None
