"""Which connection carries which topics. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from recorder.exchange.topics import Stream, Topic


def topics_of(market: str, streams: Sequence[Stream], periods: Sequence[str]) -> list[Topic]:
    """Every topic of one market; `state` is not among them, it covers all markets at once."""
    topics: list[Topic] = []
    for stream in streams:
        if stream == "kline":
            topics += [Topic(stream, market, period) for period in periods]
        elif stream != "state":
            topics.append(Topic(stream, market))
    return topics


@dataclass(slots=True)
class Shards:
    """Topics by connection number, never more than `limit` on one.

    The topics of a market stay together where they fit, so that its trades and books share one order of
    arrival. A connection that has room takes new ones before another is opened.
    """

    limit: int
    topics: dict[int, dict[Topic, None]] = field(default_factory=dict)

    def add(self, topics: Iterable[Topic]) -> dict[int, list[Topic]]:
        """Place topics that belong together; returns what each connection has to add."""
        wanted = [topic for topic in topics if not any(topic in held for held in self.topics.values())]
        placed: dict[int, list[Topic]] = {}
        while wanted:
            number = self._roomiest(min(len(wanted), self.limit))
            room = self.limit - len(self.topics[number])
            taken, wanted = wanted[:room], wanted[room:]
            self.topics[number].update(dict.fromkeys(taken))
            placed.setdefault(number, []).extend(taken)
        return placed

    def _roomiest(self, needed: int) -> int:
        for number, held in self.topics.items():
            if self.limit - len(held) >= needed:
                return number
        number = len(self.topics) + 1
        self.topics[number] = {}
        return number

    def drop(self, market: str) -> dict[int, list[Topic]]:
        """Give up every topic of a market; returns what each connection has to drop."""
        dropped: dict[int, list[Topic]] = {}
        for number, held in self.topics.items():
            gone = [topic for topic in held if topic.market == market]
            for topic in gone:
                del held[topic]
            if gone:
                dropped[number] = gone
        return dropped
