"""Which rows a question reads beside those of the days and markets that it is asked about.

Its file says so in its head under `Reach`: `2 before`, `1 before, 1 after`, or `all`, in days; and
`all markets` where a row follows from rows of other markets, too.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple


class Reach(NamedTuple):
    """Days of rows that a row needs beside those of its own day, and whether it needs all markets'."""

    before: int = 0
    after: int = 0
    all_markets: bool = False

    def joined(self, other: "Reach") -> "Reach":
        """What a question of this reach needs that reads another one of that."""
        all_markets = self.all_markets or other.all_markets
        return Reach(self.before + other.before, self.after + other.after, all_markets)

    @property
    def all_days(self) -> bool:
        return max(self.before, self.after) >= _EVER


_EVER: Final = 100_000
ALL_DAYS: Final = Reach(_EVER, _EVER)


def read_reach(text: str) -> Reach:
    """What the head of a question says."""
    reach = ALL_DAYS if "all" in text.split(", ") else Reach(_days(text, "before"), _days(text, "after"))
    return reach._replace(all_markets="all markets" in text)


def farthest(reaches: Iterable[Reach]) -> Reach:
    """What one needs that reads questions of these reaches."""
    found = [Reach(), *reaches]
    return Reach(
        max(each.before for each in found),
        max(each.after for each in found),
        any(each.all_markets for each in found),
    )


def _days(text: str, way: str) -> int:
    found = re.search(rf"(\d+) {way}", text)
    return int(found[1]) if found else 0
