"""Candles by REST: which to ask for next, and asking until there is nothing left to ask.

What is wanted is what lies in the lookback, or in a gap, and was not answered yet. Every answer settles some
of it, whether it gave candles or not (`lake.asked`), so asking comes to an end whatever the venue withholds,
and goes on after a restart where it stopped, for the lake remembers the answers.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from recorder.capture.rest import RestClient, RestError
from recorder.exchange.endpoints import MARKET_KLINE, PERIOD_SECONDS
from recorder.exchange.messages import ProtocolError, parse_candles
from recorder.lake.asked import SECOND_US, SETTLE_US, answer_of, answered_span, has_candle
from recorder.lake.spans import Spans, clip, length, minus, spans_of, union
from recorder.lake.wanted import Wanted

ROWS_AN_ANSWER: Final = 1_000
"""Rows expected of one answer before one has shown more; the venue does not say how many it gives."""
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
    """Decides what to ask next: repairs first, then what is wanted, one market and period after another."""

    def __init__(self) -> None:
        self.offset_us = 0
        self.rows_seen = 0
        """The most rows that one answer held."""
        self.given = self.not_given = 0
        """Candles that answers held, and that they should have held and did not."""
        self._repairs: dict[str, Spans] = {}
        self._wanted: dict[str, Spans] = {}
        self._answered: dict[str, Spans] = {}
        self._refused: dict[str, float] = {}

    def want(self, wanted: Mapping[str, Spans]) -> None:
        """What should be there, by "market period": opens in us."""
        self._wanted = dict(wanted)

    def heed(self, said: Wanted, *, repairs: bool = True) -> None:
        """What the lake says: the clocks, what was answered, and (if `repairs`) what it lacks."""
        self.offset_us = said.offset_us
        if repairs:
            self._repairs = {topic: spans for topic, spans in said.repairs.items() if _width_us(topic)}
        for topic, spans in said.answered.items():
            self._answered[topic] = union(self._answered.get(topic, ()), spans)

    def next(self, now_us: int) -> Question | None:
        """The next question, None where nothing is to be asked now. `now_us` is our clock."""
        for urgent, wanted in ((True, self._repairs), (False, self._wanted)):
            for topic in list(wanted):
                pieces = self._open(topic, wanted[topic], now_us)
                if pieces:
                    wanted[topic] = wanted.pop(topic)  # its next turn comes after all the others
                    start, end = pieces[-1]
                    market, _, period = topic.rpartition(" ")
                    return Question(market, period, -(-start // SECOND_US), (end - 1) // SECOND_US, urgent)
        return None

    def left(self, now_us: int) -> Left:
        """How much there is to ask."""
        candles = requests = 0
        rows = self.rows_seen or ROWS_AN_ANSWER
        for topic in {*self._repairs, *self._wanted}:
            spans = union(self._repairs.get(topic, ()), self._wanted.get(topic, ()))
            pieces = self._open(topic, spans, now_us)
            counts = [-(-length((piece,)) // _width_us(topic)) for piece in pieces]
            candles += sum(counts)
            requests += sum(-(-count // rows) for count in counts)
        return Left(candles, requests)

    def _open(self, topic: str, spans: Spans, now_us: int) -> Spans:
        """What of the spans was not answered yet and is closed by now; refused markets have nothing open."""
        width = _width_us(topic)
        if self._refused.get(topic.rpartition(" ")[0], now_us) > now_us:
            return ()
        closed = clip(spans, 0, now_us - self.offset_us - SETTLE_US - width + 1)
        left = minus(closed, self._answered.get(topic, ()))
        return tuple(piece for piece in left if has_candle(piece, width))

    def answered(self, question: Question, asked_us: int, opens_s: list[int]) -> None:
        """An answer came; what it settles is not asked for again."""
        answer = answer_of(
            question.market, question.period, asked_us, (question.from_s, question.to_s), opens_s
        )
        width = _width_us(question.topic)
        span = answered_span(answer, width, self.offset_us)
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
        candles, _ = parse_candles(_rows(given.data), question.market)
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


async def keep_asking(client: RestClient, plan: CandlePlan) -> None:
    """Ask whatever there is to ask, for ever; the client keeps the pace."""
    while True:
        now_us = time.time_ns() // 1000
        question = plan.next(now_us)
        if question is None:
            await asyncio.sleep(IDLE_S)
        else:
            await ask(client, plan, question, now_us)
