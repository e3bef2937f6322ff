"""What stands before the REST interface, and answers in its place when a fault says so."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

from aiohttp import web
from aiohttp.typedefs import Middleware

from recorder.exchange.answers import encode_refusal
from recorder.exchange.signing import without_signature
from recorder.simulator.mischief import Mischief
from recorder.simulator.public_rest import CODE, Clock, answered
from recorder.simulator.record import Record

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """`clock` is the exchange's time in ns: answers tell it in their Date, so that a client can find out how
    far its own is off. Requests for `socket_path` are not recorded as calls."""

    def __init__(self, mischief: Mischief, record: Record | None, clock: Clock, socket_path: str) -> None:
        self._mischief = mischief
        self._record = record
        self._clock = clock
        self._socket_path = socket_path

    def middleware(self) -> Middleware:
        """For the application."""

        @web.middleware
        async def stand_before(request: web.Request, handler: Handler) -> web.StreamResponse:
            t_ns, now_s = time.time_ns(), time.monotonic()
            instead = self._instead(request.path, now_s)
            if request.path == self._socket_path:
                return await handler(request) if instead is None else instead
            try:
                answer = await handler(request) if instead is None else instead
            except web.HTTPException as unknown:
                self._called(t_ns, request, unknown.status, None)
                raise
            self._called(t_ns, request, answer.status, answer.get(CODE))
            answer.headers["Date"] = formatdate(self._clock() / 1e9, usegmt=True)
            await asyncio.sleep(self._mischief.slowness_s(request.path, now_s))
            return answer

        return stand_before

    def _instead(self, path: str, now_s: float) -> web.Response | None:
        """The answer of a fault, where one strikes this path."""
        status = self._mischief.gateway(path, now_s)
        if status is not None:
            html = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
            return web.Response(status=status, text=html, content_type="text/html")
        code = self._mischief.code(path, now_s)
        return None if code is None else answered(code, encode_refusal(code, "simulated"))

    def _called(self, t_ns: int, request: web.Request, status: int, code: int | None) -> None:
        if self._record is not None:
            asked = without_signature(request.query)
            self._record.call(t_ns, request.path, asked, status, code)
