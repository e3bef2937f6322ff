"""Candles by REST: which to ask for next, and asking until there is nothing left to ask.

What is wanted is what lies in the lookback, or in a gap, and was not answered yet. Every answer settles some
of it, whether it gave candles or not (`lake.asked`), so asking comes to an end whatever the venue withholds,
and goes on after a restart where it stopped, for the lake remembers the answers.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from recorder.client.errors import RestError
from recorder.client.rest import RestClient
from recorder.exchange.candles import parse_candles
from recorder.exchange.endpoints import MARKET_KLINE, PERIOD_SECONDS
from recorder.exchange.fields import ProtocolError
from recorder.lake.asked import FINAL_US, answer_of, answered_span, has_candle
from recorder.lake.grades.wanted import Wanted
from recorder.lake.spans import Spans, clip, length, minus, spans_of, union
from recorder.lake.units import SECOND_US

ROWS_AN_ANSWER: Final = 1_000
"""Rows expected of one answer before one has shown more; the venue does not say how many it gives."""
TOPICS_AT_ONCE: Final = 50
"""Of a survey; half a millisecond."""
IDLE_S: Final = 1.0
REFUSED_FOR_S: Final = 3_600.0
"""A market that the venue refuses is not asked for again for so long."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Question:
    """Candles to ask for: the bounds of their opens in seconds, both included."""

    market: str
    period: str
    from_s: int
    to_s: int
    urgent: bool

    @property
    def topic(self) -> str:
        return f"{self.market} {self.period}"

    @property
    def params(self) -> dict[str, str]:
        bounds = {"start_time": str(self.from_s), "end_time": str(self.to_s)}
        return {"market": self.market, "type": self.period, **bounds}


@dataclass(frozen=True, slots=True)
class Left:
    """What is still to be asked: candles, and at how many requests that is put."""

    candles: int
    requests: int


class CandlePlan:
    """Decides what to ask next: repairs first, then what is wanted, whatever was asked for longest ago first.

    `survey` finds what is open among all markets and periods, which may be thousands; `next` takes from that.
    """

    def __init__(self) -> None:
        self.offset_us = 0
        self.rows_seen = 0
        """The most rows that one answer held."""
        self.given = self.not_given = 0
        """Candles that answers held, and that they should have held and did not."""
        self.left = Left(0, 0)
        """What there was to ask at the last survey."""
        self._lacking: dict[str, Spans] = {}
        self._wanted: dict[str, Spans] = {}
        self._known: dict[str, Spans] = {}
        self._answered: dict[str, Spans] = {}
        self._refused: dict[str, float] = {}
        self._urgent: deque[str] = deque()
        self._usual: deque[str] = deque()
        self._turns: dict[str, int] = {}
        self._counter = itertools.count(1)

    def want(self, wanted: Mapping[str, Spans]) -> None:
        """What should be there, by "market period": opens in us."""
        self._wanted = dict(wanted)

    def heed(self, said: Wanted, *, repairs: bool = True) -> None:
        """What the lake says: the clocks, what was answered, and (if `repairs`) what it lacks."""
        self.offset_us = said.offset_us
        self._known = said.answered
        if repairs:
            self._lacking = {topic: spans for topic, spans in said.repairs.items() if _width_us(topic)}

    def survey(self, now_us: int) -> Iterator[None]:
        """Find what is open at `now_us`, our clock; pauses on the way, for whoever has other things to do."""
        urgent: list[str] = []
        usual: list[str] = []
        candles = requests = 0
        for number, topic in enumerate(dict.fromkeys((*self._lacking, *self._wanted)), 1):
            if topic in self._known:
                self._answered[topic] = union(self._answered.get(topic, ()), self._known[topic])
            lacking = self._open(topic, self._lacking.get(topic, ()), now_us)
            wanted = self._open(topic, self._wanted.get(topic, ()), now_us)
            urgent += [topic] if lacking else []
            usual += [topic] if wanted else []
            counts = [-(-length((piece,)) // _width_us(topic)) for piece in union(lacking, wanted)]
            candles += sum(counts)
            requests += sum(-(-count // (self.rows_seen or ROWS_AN_ANSWER)) for count in counts)
            if not number % TOPICS_AT_ONCE:
                yield
        for queue in (urgent, usual):
            queue.sort(key=lambda topic: self._turns.get(topic, 0))
        self._urgent, self._usual = deque(urgent), deque(usual)
        self.left = Left(candles, requests)

    def next(self, now_us: int) -> Question | None:
        """The next question, None where the survey left nothing to be asked. `now_us` is our clock."""
        queues = ((True, self._urgent, self._lacking), (False, self._usual, self._wanted))
        for urgent, queue, wanted in queues:
            while queue:
                topic = queue.popleft()
                pieces = self._open(topic, wanted.get(topic, ()), now_us)
                if pieces:
                    queue.append(topic)
                    self._turns[topic] = next(self._counter)
                    start, end = pieces[-1]
                    market, _, period = topic.rpartition(" ")
                    return Question(market, period, -(-start // SECOND_US), (end - 1) // SECOND_US, urgent)
        return None

    def _open(self, topic: str, spans: Spans, now_us: int) -> Spans:
        """What of the spans was not answered yet and is closed by now; refused markets have nothing open."""
        width = _width_us(topic)
        if self._refused.get(topic.rpartition(" ")[0], now_us) > now_us:
            return ()
        closed = clip(spans, 0, now_us - self.offset_us - FINAL_US - width + 1)
        left = minus(closed, self._answered.get(topic, ()))
        return tuple(piece for piece in left if has_candle(piece, width))

    def answered(self, question: Question, asked_us: int, opens_s: list[int]) -> None:
        """An answer came; what it settles is not asked for again."""
        answer = answer_of(
            question.market, question.period, asked_us, (question.from_s, question.to_s), opens_s
        )
        width = _width_us(question.topic)
        span = answered_span(answer, width, asked_us - self.offset_us)
        before = self._answered.get(question.topic, ())
        self._answered[question.topic] = union(before, spans_of([span]))
        self.rows_seen = max(self.rows_seen, len(opens_s))
        inside = {open_s for open_s in opens_s if span[0] <= open_s * SECOND_US < span[1]}
        self.given += len(inside)
        self.not_given += max(0, -(-(span[1] - span[0]) // width) - len(inside))

    def refused(self, question: Question, now_us: int) -> None:
        """The venue does not know the market, or does not want to be asked for it."""
        self._refused[question.market] = now_us + int(REFUSED_FOR_S * SECOND_US)


def _width_us(topic: str) -> int:
    return PERIOD_SECONDS.get(topic.rpartition(" ")[2], 0) * SECOND_US


def lookback(
    markets: Iterable[str], periods: Iterable[str], span: timedelta, now_us: int
) -> dict[str, Spans]:
    """The candles of the last while, by "market period"; of longer candles, the last one closed."""
    wanted: dict[str, Spans] = {}
    width = int(span.total_seconds() * SECOND_US)
    if not width:
        return wanted
    for market in markets:
        for period in periods:
            back = max(width, 2 * PERIOD_SECONDS[period] * SECOND_US)
            wanted[f"{market} {period}"] = ((now_us - back, now_us + width),)
    return wanted


async def ask(client: RestClient, plan: CandlePlan, question: Question, now_us: int) -> bool:
    """Ask one question and note the answer; False where there was none, and it may be asked again."""
    try:
        given = await client.call(MARKET_KLINE, question.params, urgent=question.urgent)
    except RestError as error:
        if not error.retryable:
            plan.refused(question, now_us)
            log.warning("no candles", market=question.market, period=question.period, reason=str(error))
        return False
    try:
        rows = _rows(given.data)
        # A day of them takes 15 ms, in which the loop has frames to read.
        candles, _ = await asyncio.to_thread(parse_candles, rows, question.market)
    except ProtocolError as error:
        plan.refused(question, now_us)
        log.warning("no candles", market=question.market, period=question.period, reason=str(error))
        return False
    plan.answered(question, given.asked_ns // 1000, [candle.time for candle in candles])
    return True


def _rows(data: object) -> list[object]:
    if not isinstance(data, list):
        raise ProtocolError("kline is not a list")
    return data


async def survey(plan: CandlePlan) -> None:
    """Have the plan find what is open, and let others go on meanwhile."""
    for _ in plan.survey(time.time_ns() // 1000):
        await asyncio.sleep(0)


async def keep_asking(client: RestClient, plan: CandlePlan) -> None:
    """Ask whatever a survey finds, for ever; the client keeps the pace."""
    while True:
        now_us = time.time_ns() // 1000
        question = plan.next(now_us)
        if question is None:
            await asyncio.sleep(IDLE_S)
        else:
            await ask(client, plan, question, now_us)
