"""The questions of `sql/` on Polars' LazyFrames: the same figures, by the same rules, under the same names.

Every function takes LazyFrames of the lake's tables, with the column `date` that `scan_files` gives them, and
returns a LazyFrame; nothing is read before it is collected.

    books = frames.books(depth, gaps)
    frames.with_coverage(frames.spread(books, "1h"), coverage, "1h").collect()
"""

from analytics.lazy.funding import funding_settlements
from analytics.lazy.grades import with_coverage
from analytics.lazy.levels import costs, liquidity
from analytics.lazy.standing import books
from analytics.lazy.states import open_interest
from analytics.lazy.touch import basis, spread
from analytics.lazy.trading import bars, effective_spread, trade_mids

__all__ = [
    "bars",
    "basis",
    "books",
    "costs",
    "effective_spread",
    "funding_settlements",
    "liquidity",
    "open_interest",
    "spread",
    "trade_mids",
    "with_coverage",
]
