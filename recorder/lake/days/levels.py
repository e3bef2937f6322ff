"""What the levels of books hold: how much stands near the mid, and what taking an amount from a side costs.

Pure: arrays in, arrays out. Levels are taken rank by rank, all books at once: the sums of a book are added up
in the order of its levels, and do not depend on which other books it came with.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.store.minutes import NEAR_BPS, TAKEN_QUOTE


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of n books. The levels of book i stand from offsets[i] up to offsets[i + 1], best first."""

    offsets: Ints
    """n + 1 positions in the two arrays of all levels."""
    prices: Floats
    quantities: Floats

    def ranks(self) -> Iterator[tuple[Floats, Floats]]:
        """The best level of each book as (prices, quantities), then the second, and so on.

        A level that is not there, or is no offer, has the price 1 and the quantity 0.
        """
        lengths = np.diff(self.offsets)
        for rank in range(int(lengths.max(initial=0))):
            there: Bools = rank < lengths
            places = np.where(there, self.offsets[:-1] + rank, self.offsets[0])
            prices, quantities = self.prices[places], self.quantities[places]
            there &= (prices > 0) & (quantities > 0)
            yield np.where(there, prices, 1.0), np.where(there, quantities, 0.0)


def near_and_price(side: Side, mids: Floats) -> tuple[Floats, Floats]:
    """For each book: quote units within NEAR_BPS of the mid, and the mean price of taking TAKEN_QUOTE.

    The price is NaN where the levels hold less. Where the mid is NaN nothing is near it.
    """
    width = mids * (NEAR_BPS / 1e4)
    near, bought = np.zeros(len(mids)), np.zeros(len(mids))
    wanted = np.full(len(mids), TAKEN_QUOTE)
    for prices, quantities in side.ranks():
        value = prices * quantities
        near += np.where(np.abs(prices - mids) <= width, value, 0.0)
        part = np.minimum(value, wanted)
        wanted -= part
        bought += part / prices
    price = np.full(len(mids), np.nan)
    np.divide(TAKEN_QUOTE, bought, out=price, where=wanted == 0)
    return near, price
