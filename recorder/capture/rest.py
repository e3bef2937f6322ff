"""Asks the venue's REST interface, at its pace. Every answer goes into the journal like a frame, before it is
used."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import aiohttp

from recorder.capture.throttle import Throttle, Turns
from recorder.exchange.answers import Answer, parse_answer
from recorder.exchange.endpoints import PUBLIC, Endpoint
from recorder.exchange.messages import MAX_FRAME_BYTES, ProtocolError
from recorder.exchange.refusals import retryable

TIMEOUT_S: Final = 15.0


class Journal(Protocol):
    """What the REST client needs of the journal."""

    def append_rest(
        self,
        call: str,
        params: Mapping[str, Any],
        status: int | None,
        body: bytes | None,
        error: str | None = None,
        t_ns: int | None = None,
        asked_ns: int | None = None,
    ) -> None: ...


class RestError(Exception):
    """A call that gave no data. `retryable` says whether the same call may succeed later, `retry_after_s`
    when at the earliest, where the venue said so."""

    def __init__(self, message: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Given:
    """What a successful call gave, and when (ns) it was asked for: what had happened by then is in it."""

    data: Any
    asked_ns: int


class RestClient:
    """One HTTP session to the venue; use it as an async context manager."""

    def __init__(self, base_url: str, journal: Journal, limits: Path | None = None) -> None:
        """`limits` is the directory in which processes keep the venue's limits together."""
        self._base_url = base_url.rstrip("/")
        self._journal = journal
        self._session: aiohttp.ClientSession | None = None
        self._throttles = {
            endpoint.name: Throttle(endpoint, limits / f"{endpoint.name}.pace" if limits else None)
            for endpoint in PUBLIC
        }

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()
        for throttle in self._throttles.values():
            throttle.close()

    @property
    def turns(self) -> dict[str, Turns]:
        """How often each endpoint was called, and how often it had to be slowed down."""
        return {name: throttle.turns for name, throttle in self._throttles.items() if throttle.turns.calls}

    async def call(
        self, endpoint: Endpoint, params: Mapping[str, str] | None = None, *, urgent: bool = False
    ) -> Given:
        """What the venue gives to one call, in its turn. Raises RestError for anything but a success."""
        throttle = self._throttles[endpoint.name]
        async with throttle.turn(urgent=urgent):
            try:
                given = await self._ask(endpoint, dict(params or {}))
            except RestError as error:
                if error.retryable:
                    throttle.too_fast(str(error), error.retry_after_s)
                else:
                    throttle.fine()  # it was understood, and refused for what it asks
                raise
            throttle.fine()
            return given

    async def _ask(self, endpoint: Endpoint, asked: dict[str, str]) -> Given:
        asked_ns = time.time_ns()
        try:
            status, headers, body, recv_ns = await self._get(endpoint.path, asked)
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or f"no answer within {TIMEOUT_S:.0f} s"
            self._journal.append_rest(endpoint.name, asked, None, None, reason, asked_ns=asked_ns)
            raise RestError(f"GET {endpoint.path}: {reason}", retryable=True) from error
        self._journal.append_rest(endpoint.name, asked, status, body, t_ns=recv_ns, asked_ns=asked_ns)
        return Given(_checked(endpoint, status, headers, body).data, asked_ns)

    async def _get(self, path: str, params: dict[str, str]) -> tuple[int, Mapping[str, str], bytes, int]:
        assert self._session is not None, "use the client as a context manager"
        async with self._session.get(self._base_url + path, params=params) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_FRAME_BYTES:
                    raise aiohttp.ClientPayloadError(f"the answer is larger than {MAX_FRAME_BYTES} bytes")
            return response.status, response.headers, bytes(body), time.time_ns()


def _checked(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    if status != 200:
        message = f"GET {endpoint.path}: the venue answered HTTP {status}"
        after = headers.get("Retry-After", "")
        retry_after_s = float(after) if after.isdecimal() else None
        raise RestError(message, retryable=retryable(status, None), retry_after_s=retry_after_s)
    try:
        answer = parse_answer(body)
    except ProtocolError as error:
        raise RestError(f"GET {endpoint.path}: {error}", retryable=True) from error
    if answer.code != 0:
        message = f"GET {endpoint.path}: code {answer.code} {answer.message}"
        raise RestError(message, retryable=retryable(status, answer.code))
    return answer
