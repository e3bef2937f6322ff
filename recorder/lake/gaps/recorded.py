"""When each topic was meant to be recorded, by what sessions say of their settings and markets. Pure.

A market is meant to be recorded from its listing (or the start of the first session that wanted it) until it
is delisted or no longer wanted: downtime in between is within, for that is what gaps are about.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TypeAlias

Recorded: TypeAlias = dict[str, list[tuple[int, int | None]]]
"""By "stream market": [(start, end), ...] in us of the recorder's clock; end None: it still is."""


def record_markets(recorded: Recorded, streams: Iterable[str], markets: Iterable[str], since: int) -> None:
    """These markets are recorded from `since` on, unless they are already."""
    for topic in (f"{stream} {market}" for market in markets for stream in streams):
        spans = recorded.setdefault(topic, [])
        if not spans or spans[-1][1] is not None:
            spans.append((since, None))


def end_markets(recorded: Recorded, markets: AbstractSet[str], now: int) -> None:
    """These markets are no longer recorded."""
    _end(recorded, (topic for topic in recorded if topic.partition(" ")[2] in markets), now)


def end_streams(recorded: Recorded, streams: AbstractSet[str], now: int) -> None:
    """Only these streams are recorded from now on."""
    _end(recorded, (topic for topic in recorded if topic.partition(" ")[0] not in streams), now)


def _end(recorded: Recorded, topics: Iterable[str], now: int) -> None:
    for topic in topics:
        start, end = recorded[topic][-1]
        if end is None:
            recorded[topic][-1] = (start, max(start, now))
