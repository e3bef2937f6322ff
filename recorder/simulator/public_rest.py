"""The public REST interface: parameters checked, rates kept, errors as the venue words them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from recorder.exchange import endpoints, refusals
from recorder.exchange.answers import encode_answer, encode_refusal
from recorder.exchange.endpoints import PERIOD_SECONDS, Endpoint
from recorder.simulator.limits import RateLimit
from recorder.simulator.merging import merged_book, step_of
from recorder.simulator.refused import RefusedError
from recorder.simulator.source import Source

MAX_KLINE_ROWS: Final = 1_000
"""Rows of one answer; a longer question has its start clamped, and nobody says so."""
MAX_TIME_S: Final = 1 << 40

Query = Mapping[str, str]
Clock = Callable[[], int]
"""The exchange's time in ns."""
CODE: Final = web.ResponseKey("code", int)
"""Where a response keeps the code that its body tells."""


def answered(code: int, body: bytes) -> web.Response:
    """The interface's word: HTTP 200, whatever the code."""
    response = web.Response(body=body, content_type="application/json")
    response[CODE] = code
    return response


class RestInterface:
    """The six public calls over one source."""

    def __init__(self, source: Source, clock: Clock, *, limits: bool) -> None:
        self._source = source
        self._clock = clock
        self._limit = RateLimit() if limits else None
        self._calls: dict[Endpoint, Callable[[Query], Any]] = {
            endpoints.MARKET_LIST: self._list,
            endpoints.MARKET_KLINE: self._kline,
            endpoints.MARKET_DEALS: self._deals,
            endpoints.MARKET_DEPTH: self._depth,
            endpoints.MARKET_STATE: self._state,
            endpoints.MARKET_STATE_ALL: self._states,
        }

    def routes(self) -> list[web.RouteDef]:
        """One GET route a call."""
        return [web.get(endpoint.path, self._respond(endpoint)) for endpoint in self._calls]

    def _respond(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            code, body = self._answer(endpoint, request.query)
            return answered(code, body)

        return respond

    def _answer(self, endpoint: Endpoint, query: Query) -> tuple[int, bytes]:
        """The code of the answer, and its body."""
        if self._limit is not None and not self._limit.admit(endpoint, time.monotonic()):
            code = refusals.TOO_MANY_REQUESTS[0]
            return code, encode_refusal(code, "too many requests")
        try:
            return 0, encode_answer(self._calls[endpoint](query))
        except RefusedError as refusal:
            return refusal.code, encode_refusal(refusal.code, refusal.message)

    def _list(self, query: Query) -> Any:
        del query
        return self._source.market_list()

    def _deals(self, query: Query) -> Any:
        return self._source.deals(self._market(query))

    def _state(self, query: Query) -> Any:
        return self._source.state(self._market(query))

    def _states(self, query: Query) -> Any:
        del query
        return self._source.states()

    def _depth(self, query: Query) -> Any:
        market, step = self._market(query), step_of(query.get("merge"))
        book = self._source.depth(market)
        if book and step is not None:
            book = merged_book(book, step)
        return {name: value for name, value in book.items() if name != "market"} if book else book

    def _kline(self, query: Query) -> Any:
        market = self._market(query)
        period = query.get("type")
        if period not in PERIOD_SECONDS:
            raise RefusedError(refusals.UNKNOWN_PERIOD, "kline type error")
        now_s = self._clock() // 1_000_000_000
        end_s = min(_time(query, "end_time", refusals.END_TIME_ERROR, now_s), now_s)
        start_s = max(_time(query, "start_time", refusals.START_TIME_ERROR, 0), 0)
        if start_s > end_s:
            return []
        period_s = PERIOD_SECONDS[period]
        earliest = end_s // period_s * period_s - (MAX_KLINE_ROWS - 1) * period_s
        return self._source.klines(market, period, max(start_s, earliest), end_s)

    def _market(self, query: Query) -> str:
        market = query.get("market")
        if not market:
            raise RefusedError(refusals.PARAMETER_ERROR, "parameter error: market is missing")
        if market not in self._source.names():
            raise RefusedError(refusals.UNKNOWN_MARKET, "market error")
        return market


def _time(query: Query, name: str, code: int, default: int) -> int:
    text = query.get(name)
    if text is None or text == "":
        return default
    if not text.isdecimal() or int(text) > MAX_TIME_S:
        raise RefusedError(code, f"{name} error: give seconds since the epoch")
    return int(text)
