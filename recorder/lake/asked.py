"""What the venue has been asked for and has answered, and of candles which of them: given or not given.

The venue may cap the rows of an answer, and clamp the question, without saying so. So an answer tells of what
lies between its first row and its last; of the rest of the question it tells only where it has no row at
all. What it has answered is never asked for again, whether it gave a candle or not: every answer shrinks what
is left, and asking ends. Only a closed candle counts; a running one will be another tomorrow. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from recorder.lake.spans import Span
from recorder.lake.units import DAY_US, SECOND_US

SETTLE_US: Final = 10 * SECOND_US
"""So long after its close a minute is settled: what was pushed of it has come."""
AGREE_US: Final = 30 * SECOND_US
"""Clocks that differ by less are both right; by more, one is elsewhere: a replay, a machine without time."""
FINAL_US: Final = SETTLE_US + AGREE_US
"""So long after its close, as far as one clock tells of the other, a candle is the venue's last word."""


@dataclass(frozen=True, slots=True)
class Deals:
    """What an answer of the deals endpoint proves: every trade of the market from its oldest to the moment
    it was asked for is in it. Times are us: `asked_us` on our clock, `oldest_us` on the venue's."""

    market: str
    asked_us: int
    ids: frozenset[int]
    newest_id: int | None
    oldest_us: int | None


@dataclass(frozen=True, slots=True)
class Candles:
    """What an answer of the kline endpoint was asked for, and how far it reaches; times of opens in us,
    both ends included. `first_us` and `last_us` bound the rows that lie within the question."""

    market: str
    period: str
    asked_us: int
    from_us: int
    to_us: int
    first_us: int | None
    last_us: int | None

    @property
    def topic(self) -> str:
        return f"{self.market} {self.period}"


def answer_of(
    market: str, period: str, asked_us: int, bounds_s: tuple[int, int], opens_s: Iterable[int]
) -> Candles:
    """What an answer proves whose rows open at `opens_s`, asked for the opens within `bounds_s`."""
    inside = [open_s for open_s in opens_s if bounds_s[0] <= open_s <= bounds_s[1]]
    first_us, last_us = (min(inside) * SECOND_US, max(inside) * SECOND_US) if inside else (None, None)
    return Candles(
        market, period, asked_us, bounds_s[0] * SECOND_US, bounds_s[1] * SECOND_US, first_us, last_us
    )


def answered_span(answer: Candles, period_us: int, asked_us: int) -> Span:
    """[start, end) of the opens that an answer settles; empty (start >= end) where it settles none.

    `asked_us` is when it was asked for by the venue's clock.
    """
    last_closed = asked_us - FINAL_US - period_us
    if answer.first_us is None or answer.last_us is None:
        return answer.from_us, min(answer.to_us, last_closed) + 1
    behind = max(0, -(-(answer.last_us - last_closed) // period_us))
    return answer.first_us, answer.last_us - (behind - 1) * period_us


def opens_closing_within(start_us: int, end_us: int, period_us: int, slack_us: int) -> Span:
    """[start, end) of the opens of candles whose close lies in a span, or so little beside it."""
    return start_us - slack_us - period_us + 1, end_us + slack_us - period_us + 1


def has_candle(span: Span, period_us: int) -> bool:
    """Whether a candle can open within a span: days and shorter open at whole multiples of themselves."""
    return period_us > DAY_US or -(-span[0] // period_us) * period_us < span[1]
