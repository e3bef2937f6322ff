"""The venue's clock against ours, from the answers it gives.

An answer that tells the venue's time was written between the moment it was asked for and the moment it was
read. So each one bounds the offset (the venue's clock less ours) from both sides, and what all of them allow
is known ever better: to the fastest answer's delay, and finer than the whole seconds that are told. Where an
answer allows nothing that the earlier ones do, a clock was set or has drifted, and it alone is believed.
"""

from email.utils import parsedate_to_datetime
from typing import Final

DRIFT: Final = 2e-4
"""How fast two clocks may part, in seconds a second: older bounds are worth less by it."""


class VenueClock:
    """What is known of the offset. All times are wall-clock seconds, ours unless it is said."""

    def __init__(self) -> None:
        self._least_s: float | None = None
        self._most_s = 0.0
        self._at_s = 0.0

    @property
    def known(self) -> bool:
        """Whether any answer has told the venue's time."""
        return self._least_s is not None

    @property
    def offset_s(self) -> float:
        """The venue's clock less ours; 0 before it is known."""
        return 0.0 if self._least_s is None else (self._least_s + self._most_s) / 2

    @property
    def uncertainty_s(self) -> float | None:
        """How far off `offset_s` may be; None before it is known."""
        return None if self._least_s is None else (self._most_s - self._least_s) / 2

    def saw(self, venue_s: float, step_s: float, asked_s: float, read_s: float) -> None:
        """An answer told `venue_s`, a time rounded down to whole steps of `step_s`."""
        least_s, most_s = venue_s - read_s, venue_s + step_s - asked_s
        if most_s < least_s:
            return  # our clock was set back in between
        if self._least_s is not None:
            aged_s = DRIFT * abs(read_s - self._at_s)
            before = self._least_s - aged_s, self._most_s + aged_s
            if max(least_s, before[0]) <= min(most_s, before[1]):
                least_s, most_s = max(least_s, before[0]), min(most_s, before[1])
        self._least_s, self._most_s, self._at_s = least_s, most_s, read_s

    def ts(self, now_s: float) -> int:
        """The venue's whole seconds now, for a signature."""
        return int(now_s + self.offset_s)

    def wait_s(self, venue_s: float, now_s: float) -> float:
        """How long it is at most until the venue's clock shows `venue_s`; not above 0 where it did."""
        return venue_s - now_s - self.offset_s + (self.uncertainty_s or 0.0)


def told_time(told: float | None, date: str | None) -> tuple[float, float] | None:
    """The venue's seconds and their step, from an answer's `time` or else its `Date` header."""
    if told is not None:
        return told, 1.0 if told == int(told) else 1e-3
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp(), 1.0
    except ValueError:
        return None
