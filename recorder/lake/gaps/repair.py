"""What answers of the deals endpoint prove of a span in which trades were missed. Pure.

An answer holds the newest trades up to the moment it was asked for, without a hole, back to its oldest. So it
repairs a span whole if it reaches back to the last trade that was received before the span (its *anchor*).
Where it does not, what happened between the anchor and its oldest trade is a *hole* and remains. A span that
is still open is repaired up to the answer's moment, and the answer's newest trade is the next anchor: polls
that overlap repair an outage of any length. A span is settled by the first answer asked for after its end: a
later one reaches less far back.

An answer of fewer trades than the venue ever withholds is all that the market ever traded: it leaves no hole.
It does not join a trade that was there before either, so such a span is called partly repaired, and nothing
remains.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from recorder.lake.asked import Deals
from recorder.lake.spans import FOREVER_US, Spans, clip, spans_of
from recorder.lake.units import MINUTE_US

MARGIN_US: Final = 100_000
"""A hole ends so much after the answer's oldest trade: others of its instant may have been cut off, and the
lag between the clocks is not known any better."""
LEAP_US: Final = 60 * MINUTE_US
"""A lag that changes by more tells of a row that came late, or of another recording, not of a clock."""
DEALS_AT_LEAST: Final = 50
"""Trades that an answer holds at least, where the market has had so many."""


class Missing(msgspec.Struct):
    """A span in which rows of one topic were missed, in the recorder's clock; `end` None: it is open."""

    start: int
    reason: str
    detail: str
    end: int | None = None
    anchor: int | None = None
    """The last trade received before the span, or the newest of the last answer within it."""
    reach: int | None = None
    """Up to when answers have repaired it."""
    holes: list[tuple[int, int]] = []
    back_to: int | None = None
    """The oldest trade of the first answer that did not join; its time by the venue's clock."""
    joined: bool = True
    """Whether every answer so far reached back to the anchor."""
    lag_us: int | None = None
    """By how much pushes before the span were received after they happened; None where there was none."""
    lag_after_us: int | None = None
    """The same at its end."""

    @property
    def lags_us(self) -> tuple[int, int]:
        """The least and the greatest: between them lies what our clock showed beyond the venue's."""
        known = [lag for lag in (self.lag_us, self.lag_after_us) if lag is not None]
        if len(known) == 2 and abs(known[1] - known[0]) > LEAP_US:
            del known[1]
        return min(known, default=0), max(known, default=0)


class Repair(msgspec.Struct, frozen=True):
    """How much of a span is repaired: `none`, `partly`, `fully`; what remains, and by what it was."""

    repaired: str
    remains: tuple[int, int | None] | None
    by: str


def mend(missing: Missing, answer: Deals, lag_us: int) -> bool:
    """Take an answer into account; True when it settles the span.

    `lag_us` is by how much the last pushes were received after they happened. A clock may have been set since
    the answer's oldest trade: of that and the lags around the span, the one counts that leaves more missing.
    """
    if answer.asked_us < missing.start:
        return False
    if not (missing.anchor is not None and missing.anchor in answer.ids):
        missing.joined = False
        since = missing.start if missing.reach is None else missing.reach
        if answer.oldest_us is not None and len(answer.ids) >= DEALS_AT_LEAST:
            missing.holes.append((since, answer.oldest_us + max(lag_us, missing.lags_us[1]) + MARGIN_US))
            missing.back_to = answer.oldest_us if missing.back_to is None else missing.back_to
    missing.holes = list(spans_of(missing.holes))
    missing.reach = answer.asked_us
    if answer.newest_id is not None:
        missing.anchor = answer.newest_id
    return missing.end is not None and answer.asked_us >= missing.end


def repair_of(missing: Missing) -> Repair:
    """What the answers so far have repaired of it."""
    if missing.reach is None:
        return Repair("none", (missing.start, missing.end), "")
    end = FOREVER_US if missing.end is None else missing.end
    left = clip(spans_of([*missing.holes, (missing.reach, FOREVER_US)]), missing.start, end)
    if missing.end is not None and missing.joined and not left:
        return Repair("fully", None, "by deals, back to the last trade before it")
    if left == ((missing.start, end),):
        return Repair(
            "none", (missing.start, missing.end), f"deals reach back to {_time(missing.back_to)} only"
        )
    return Repair("partly", _hull(left), _told(missing, left))


def _hull(left: Spans) -> tuple[int, int | None] | None:
    if not left:
        return None
    end = left[-1][1]
    return left[0][0], None if end == FOREVER_US else end


def _told(missing: Missing, left: Spans) -> str:
    text = "by deals"
    if not missing.joined and missing.back_to is None:
        text += ", all that the market ever traded"
    elif not missing.joined:
        text += f", back to {_time(missing.back_to)}; that does not join a trade from before it"
    if len(left) > 1:
        text += f"; {len(left)} holes remain"
    return text


def _time(us: int | None) -> str:
    if us is None:
        return "no trade"
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
