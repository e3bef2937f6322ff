"""The wire between a simulated exchange and its recorder: what is pushed arrives some milliseconds later.

Unless there is trouble: connections may be refused, streams fall silent, single trades get lost.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from recorder.exchange.encoding import encode_reply
from recorder.exchange.requests import parse_request, parse_topic
from recorder.exchange.topics import PrivateStream, Stream
from recorder.past.agenda import MS
from recorder.simulator.living import LivingExchange
from recorder.simulator.source import Push, Wanted

LEAST_LAG_NS: Final = 3 * MS
TYPICAL_LAG_NS: Final = 5 * MS
"""Beyond the least: the median."""
SPREAD_OF_LAGS: Final = 0.7
"""Standard deviation of the logarithm: one push in a hundred takes five times the median."""


class Arrival(NamedTuple):
    """A frame and when it is received; `stream` is None for the reply to a request."""

    recv_ns: int
    stream: Stream | PrivateStream | None
    payload: bytes


class Line:
    """What the venue sends to one client's connection at a time. `arrived` hands out what came."""

    def __init__(self, now_ns: int, chance: Random) -> None:
        self._chance = chance
        self._under_way: deque[Arrival] = deque()
        self._sent_ns = now_ns
        self._arrives_ns = now_ns

    def send(self, t_ns: int, stream: Stream | PrivateStream | None, payload: bytes) -> int:
        """When it arrives: what leaves at one instant arrives at one, and nothing overtakes."""
        if t_ns != self._sent_ns:
            self._sent_ns = t_ns
            lag = LEAST_LAG_NS + int(TYPICAL_LAG_NS * math.exp(self._chance.gauss(0.0, SPREAD_OF_LAGS)))
            self._arrives_ns = max(self._arrives_ns, t_ns + lag)
        self._under_way.append(Arrival(self._arrives_ns, stream, payload))
        return self._arrives_ns

    def arrived(self, now_ns: int) -> Iterator[Arrival]:
        """What is received by now, in order, each once."""
        while self._under_way and self._under_way[0].recv_ns <= now_ns:
            yield self._under_way.popleft()

    def hang_up(self) -> None:
        """The connection is gone, with all that was under way."""
        self._under_way.clear()


class Wire(Line):
    """The market data's. `advance` lets the exchange live."""

    def __init__(self, exchange: LivingExchange, now_ns: int, seed: int) -> None:
        super().__init__(now_ns, Random(f"{seed}:wire"))  # noqa: S311 - a simulation
        self.exchange = exchange
        self.refusing = False
        self.silent: set[Stream | PrivateStream] = set()
        self._losing: Counter[str] = Counter()
        self._wanted = Wanted()

    def advance(self, to_ns: int) -> None:
        """Let everything happen by then: no more at once than the exchange takes (`catch_up_s`)."""
        for push in self.exchange.advance(to_ns, self._wanted):
            if not self._lost(push):
                self.send(push.t_ns, push.topic.stream, push.payload)

    def lose(self, market: str, trades: int) -> None:
        """So many of the next pushes of a market's trades reach nobody."""
        self._losing[market] = trades

    def _lost(self, push: Push) -> bool:
        stream, market = push.topic.stream, push.topic.market or ""
        if stream in self.silent:
            return True
        if stream != "trade" or not self._losing[market]:
            return False
        self._losing[market] -= 1
        return True

    def answer(self, text: str, now_ns: int) -> int:
        """Take a client's text, and say when its reply arrives; a subscriber gets at once what there is."""
        request = parse_request(text)
        if request.method == "ping":
            return self.send(now_ns, None, encode_reply(request, "success"))
        topic = parse_topic(request)
        if topic.stream == "state":
            self._wanted.state = True
        elif topic.stream == "kline":
            self._wanted.kline[topic.market or ""] = (topic.period or "",)
        else:
            wanted = self._wanted.trade if topic.stream == "trade" else self._wanted.depth
            wanted.add(topic.market or "")
        arrives_ns = self.send(now_ns, None, encode_reply(request, {"status": "success"}))
        snapshot = self.exchange.snapshot(topic)
        if snapshot is not None and topic.stream not in self.silent:
            self.send(now_ns, topic.stream, snapshot.payload)
        return arrives_ns

    def hang_up(self) -> None:
        """... and all that was wanted."""
        super().hang_up()
        self._wanted = Wanted()
