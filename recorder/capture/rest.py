"""Asks the venue's REST interface. Every answer goes into the journal like a frame, before it is used."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

import aiohttp

from recorder.exchange.answers import Answer, parse_answer
from recorder.exchange.endpoints import Endpoint, retryable
from recorder.exchange.messages import MAX_FRAME_BYTES, ProtocolError

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
    ) -> None: ...


class RestError(Exception):
    """A call that gave no data. `retryable` says whether the same call may succeed later."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class RestClient:
    """One HTTP session to the venue; use it as an async context manager."""

    def __init__(self, base_url: str, journal: Journal) -> None:
        self._base_url = base_url.rstrip("/")
        self._journal = journal
        self._session: aiohttp.ClientSession | None = None

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

    async def call(self, endpoint: Endpoint, params: Mapping[str, str] | None = None) -> Answer:
        """The venue's answer to one call. Raises RestError for anything but a success."""
        asked = dict(params or {})
        try:
            status, body, recv_ns = await self._get(endpoint.path, asked)
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or f"no answer within {TIMEOUT_S:.0f} s"
            self._journal.append_rest(endpoint.name, asked, None, None, reason)
            raise RestError(f"GET {endpoint.path}: {reason}", retryable=True) from error
        self._journal.append_rest(endpoint.name, asked, status, body, t_ns=recv_ns)
        return _checked(endpoint, status, body)

    async def _get(self, path: str, params: dict[str, str]) -> tuple[int, bytes, int]:
        assert self._session is not None, "use the client as a context manager"
        async with self._session.get(self._base_url + path, params=params) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_FRAME_BYTES:
                    raise aiohttp.ClientPayloadError(f"the answer is larger than {MAX_FRAME_BYTES} bytes")
            return response.status, bytes(body), time.time_ns()


def _checked(endpoint: Endpoint, status: int, body: bytes) -> Answer:
    if status != 200:
        message = f"GET {endpoint.path}: the venue answered HTTP {status}"
        raise RestError(message, retryable=retryable(status, None))
    try:
        answer = parse_answer(body)
    except ProtocolError as error:
        raise RestError(f"GET {endpoint.path}: {error}", retryable=True) from error
    if answer.code != 0:
        message = f"GET {endpoint.path}: code {answer.code} {answer.message}"
        raise RestError(message, retryable=retryable(status, answer.code))
    return answer
