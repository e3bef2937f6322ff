"""The private REST interface: who asks is checked, rates are kept, and the calls are answered."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from recorder.exchange import refusals
from recorder.exchange.answers import encode_answer, encode_refusal
from recorder.exchange.endpoints import ACCOUNT, TRADING, WRITTEN_OLD, Endpoint, path_of
from recorder.simulator.limits import RateLimit
from recorder.simulator.private import reading, trading
from recorder.simulator.private.asked import read_body
from recorder.simulator.private.gate import Gate
from recorder.simulator.private.streams import NO_ACCOUNTS
from recorder.simulator.private.venue import Venue
from recorder.simulator.public_rest import Clock, answered
from recorder.simulator.refused import RefusedError

CALLS: Final = {**reading.READING, **trading.TRADING}


class PrivateInterface:
    """The calls of the accounts' owners. `catch_up` lets the markets come to the present, so that an order
    is of the time at which it was asked for; `clock` is the exchange's time in ns."""

    def __init__(
        self,
        venue: Venue | None,
        gate: Gate,
        clock: Clock,
        catch_up: Callable[[], None],
        *,
        limits: bool,
    ) -> None:
        self._venue = venue
        self._gate = gate
        self._clock = clock
        self._catch_up = catch_up
        self._limits: dict[str, RateLimit] | None = {} if limits else None

    def routes(self) -> list[web.RouteDef]:
        """One route a call, and one more where the document writes another path than its siblings."""
        return [
            web.route(endpoint.method, path, self._respond(endpoint))
            for endpoint in (*ACCOUNT, *TRADING)
            for path in {endpoint.path, path_of(endpoint, old=endpoint in WRITTEN_OLD)}
        ]

    def _respond(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            try:
                params = {**request.query, **(await _sent(request))}
                answer = self.call(endpoint, params, request.remote)
            except RefusedError as refusal:
                return answered(refusal.code, encode_refusal(refusal.code, refusal.message))
            return answered(0, encode_answer(answer))

        return respond

    def call(self, endpoint: Endpoint, params: Mapping[str, str], address: str | None) -> Any:
        """The `data` of one call's answer. Raises RefusedError."""
        venue = self._venue
        if venue is None:
            raise RefusedError(*NO_ACCOUNTS)
        client_id = self._gate.admit(params, address, self._clock() / 1e9)
        account = venue.account(client_id)
        if account is None:
            raise RefusedError(refusals.WRONG_SIGNATURE[0], "signature error")
        if self._limits is not None:
            limit = self._limits.setdefault(client_id, RateLimit())
            if not limit.admit(endpoint, time.monotonic()):
                raise RefusedError(refusals.TOO_MANY_REQUESTS[0], "too many requests")
        self._catch_up()
        try:
            return CALLS[endpoint](venue.desk, account, params)
        finally:
            market = params.get("market", "")
            if endpoint.access == "trading" and market in venue.desk.markets:
                venue.check(market, venue.desk.now_us)


async def _sent(request: web.Request) -> dict[str, str]:
    """The fields of a body: a form of either kind, or JSON. Raises RefusedError."""
    if request.content_type != "multipart/form-data":
        return read_body(await request.read())
    try:
        return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    except ValueError:
        raise RefusedError(refusals.PARAMETER_ERROR, "parameter error: the body is no form") from None
