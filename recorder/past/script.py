"""What goes wrong in the days of the past: some of everything, so that a lake has something to admit.

hour 3     the recorder is killed, and comes back
hour 6     every other day it is stopped, and started again
hour 9     one stream falls silent for some minutes, each day another
hour 11    a few trades of the quietest market are never pushed: the next answer by REST has them
hour 14    the connection is lost and refused for some minutes, when most is going on
hour 16    a few trades of the busiest market are never pushed, and too much happens until the next answer
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from recorder.exchange.topics import Stream
from recorder.past.agenda import SECOND_NS

HOUR_NS: Final = 3_600 * SECOND_NS
DAY_NS: Final = 24 * HOUR_NS
SILENT_IN_TURN: Final[tuple[Stream, ...]] = ("depth", "trade", "kline", "state")
LOST_TRADES: Final = (3, 6)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something goes wrong from one instant to another; `lose` takes at most so many `trades` of a market."""

    kind: Literal["disconnect", "restart", "silence", "crash", "lose"]
    start_ns: int
    end_ns: int
    stream: Stream | None = None
    market: str | None = None
    trades: int = 0


def script(start_ns: int, days: int, markets: Sequence[str], seed: int) -> list[Trouble]:
    """The troubles of so many days from a midnight on; `markets` in the order of their activity."""
    chance = Random(f"{seed}:script")  # noqa: S311 - a simulation
    return [
        trouble for day in range(days) for trouble in _of_day(start_ns + day * DAY_NS, day, markets, chance)
    ]


def _of_day(midnight_ns: int, day: int, markets: Sequence[str], chance: Random) -> Iterator[Trouble]:
    def span(hour: int, least_s: float, most_s: float) -> tuple[int, int]:
        start_ns = midnight_ns + hour * HOUR_NS + int(chance.uniform(0, 2_400) * SECOND_NS)
        return start_ns, start_ns + int(chance.uniform(least_s, most_s) * SECOND_NS)

    def loss(hour: int, market: str) -> Trouble:
        return Trouble("lose", *span(hour, 300, 300), market=market, trades=chance.randint(*LOST_TRADES))

    yield Trouble("crash", *span(3, 20, 90))
    if day % 2:
        yield Trouble("restart", *span(6, 5, 20))
    yield Trouble("silence", *span(9, 360, 600), SILENT_IN_TURN[day % len(SILENT_IN_TURN)])
    yield loss(11, markets[-1])
    yield Trouble("disconnect", *span(14, 300, 600))
    yield loss(16, markets[0])
