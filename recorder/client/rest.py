"""Asks the venue's REST interface, at its pace, and signs where it must.

Where there is a journal, every answer goes into it like a frame, before it is used. What is signed is cut
from all that is written down: a question is kept without its signature, and so is an answer that repeats it.
"""

import contextlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

import aiohttp

from recorder.client.came import OK, Came, name_of, read, refusal
from recorder.client.errors import DeniedError, NoCredentialsError, RestError, TradingNotAllowedError
from recorder.client.throttle import Throttle, Turns
from recorder.exchange.answers import Answer
from recorder.exchange.clock import VenueClock, told_time
from recorder.exchange.endpoints import ENDPOINTS, MARKET_LIST, WRITTEN_OLD, Endpoint, path_of
from recorder.exchange.fields import MAX_FRAME_BYTES
from recorder.exchange.redaction import Redaction, Signed
from recorder.exchange.refusals import Denial
from recorder.exchange.signing import TS_WINDOW_S, Credentials, sign, without_signature

TIMEOUT_S: Final = 15.0
NOT_FOUND: Final = 404
NONCE_BYTES: Final = 16


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


class _Nowhere:
    """The journal of a client that keeps none."""

    def append_rest(self, *answer: object, **more: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Given:
    """What a successful call gave, and when (ns) it was asked for: what had happened by then is in it."""

    data: Any
    asked_ns: int


class RestClient:
    """One HTTP session to the venue; use it as an async context manager."""

    def __init__(  # every property by its name
        self,
        base_url: str,
        journal: Journal | None = None,
        limits: Path | None = None,
        *,
        credentials: Credentials | None = None,
        trading: bool = False,
        body: Literal["form", "json"] = "form",
        old_paths: bool = False,
    ) -> None:
        """`limits` is the directory in which processes keep the venue's limits together.

        Without `trading` nothing can be changed by this client. `body` is how a POST is sent: the document's
        tables say JSON, its samples send a form. `old_paths` asks for positions first where the document
        writes them, below /open/api/2; where a venue has no such place, the other one is asked.
        """
        self.clock = VenueClock()
        self._tells_time = False
        self._signed_off_s = 0.0
        self._base_url = base_url.rstrip("/")
        self._journal = journal or _Nowhere()
        self._credentials = credentials
        self.redaction = Redaction(credentials) if credentials is not None else None
        self._trading = trading
        self._body = body
        self._old_paths = old_paths
        self._session: aiohttp.ClientSession | None = None
        self._throttles = {
            endpoint.name: Throttle(endpoint, limits / f"{endpoint.name}.pace" if limits else None)
            for endpoint in ENDPOINTS
            if endpoint.access == "public" or credentials is not None
        }

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        if self.signs:
            # Where a connection is lost the library sends a GET again, with the nonce that the venue knows.
            self._session._retry_connection = False  # noqa: SLF001  # no public name; a test holds it
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
        self._check_access(endpoint)
        asked = without_signature(params or {})
        try:
            return await self._in_place(endpoint, asked, urgent=urgent)
        except DeniedError as error:
            # Neither was carried out. A clock is known better now; but where requests are sent twice, the
            # first one may have been, and what trades is not sent a third time.
            again = await self._time_was_wrong(error, urgent=urgent)
            again |= error.denial is Denial.USED_NONCE and endpoint.access == "account"
            if not again:
                raise
        return await self._in_turn(endpoint, asked, urgent=urgent)

    async def _time_was_wrong(self, error: DeniedError, *, urgent: bool) -> bool:
        """Whether what was denied may be taken with the time as it is known now.

        A refusal need not tell the time, and its `Date` may be another machine's: a public answer is asked
        what the venue itself says.
        """
        if error.denial not in (Denial.WRONG_TIME, Denial.WRONG_KEY):
            return False
        before_s = self._signed_off_s
        if not error.told_time:
            with contextlib.suppress(RestError):
                await self._in_turn(MARKET_LIST, {}, urgent=urgent)
        return error.denial is Denial.WRONG_TIME or abs(self.clock.offset_s - before_s) > TS_WINDOW_S / 2

    async def _in_place(self, endpoint: Endpoint, asked: dict[str, str], *, urgent: bool) -> Given:
        """A call of which document and siblings write two paths: the other one, where there is none."""
        is_old = self._old_paths
        try:
            return await self._in_turn(endpoint, asked, urgent=urgent)
        except RestError as error:
            if endpoint not in WRITTEN_OLD or error.status != NOT_FOUND:
                raise
            self._old_paths = not is_old  # as others do that were asked at the same time
        return await self._in_turn(endpoint, asked, urgent=urgent)

    def _check_access(self, endpoint: Endpoint) -> None:
        if endpoint.access == "trading" and not self._trading:
            raise TradingNotAllowedError(
                f"{name_of(endpoint)} changes something, and this client only reads: make it with "
                "trading=True"
            )
        if endpoint.access != "public" and self._credentials is None:
            raise NoCredentialsError(f"{name_of(endpoint)} is of an account: give the client its credentials")

    async def _in_turn(self, endpoint: Endpoint, asked: dict[str, str], *, urgent: bool) -> Given:
        throttle = self._throttles[endpoint.name]
        async with throttle.turn(urgent=urgent):
            try:
                given = await self._ask(endpoint, asked)
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
        signed = {} if endpoint.access == "public" else self.sign()
        came = await self._send(endpoint, Signed(asked | signed))
        if isinstance(came, str):
            self._journal.append_rest(endpoint.name, asked, None, None, came, asked_ns=asked_ns)
            raise RestError(f"{name_of(endpoint)}: {came}", retryable=True)
        self._journal.append_rest(
            endpoint.name, asked, came.status, came.body, t_ns=came.read_ns, asked_ns=asked_ns
        )
        answer = read(endpoint, came)
        told = self._heed_time(answer, came, asked_ns)
        if answer is None or answer.code != 0 or came.status != OK:
            off_s = told - int(signed["ts"]) if told is not None and signed else None
            raise refusal(endpoint, came, answer, off_s)
        return Given(answer.data, asked_ns)

    def _heed_time(self, answer: Answer | None, came: Came, asked_ns: int) -> float | None:
        """The time that an answer tells. `Date` is the gateway's: it counts until the venue tells its own."""
        time_s = answer.time if answer is not None else None
        if time_s is not None and not self._tells_time:
            self._tells_time, self.clock = True, VenueClock()
        told = told_time(time_s, None if self._tells_time else came.headers.get("Date"))
        if told is None:
            return None
        self.clock.saw(*told, asked_ns / 1e9, came.read_ns / 1e9)
        return told[0]

    async def measure_clock(self) -> None:
        """Ask something, if nothing was answered yet: an answer tells the venue's time."""
        if not self.clock.known:
            with contextlib.suppress(RestError):  # then it is taken for ours
                await self.call(MARKET_LIST)

    @property
    def signs(self) -> bool:
        """Whether there are credentials."""
        return self._credentials is not None

    def sign(self) -> dict[str, str]:
        """The parameters of a signature of now, by the venue's clock, with a nonce of its own."""
        assert self._credentials is not None
        assert self.redaction is not None
        self._signed_off_s = self.clock.offset_s
        ts = self.clock.ts(time.time())
        signed = Signed(sign(self._credentials, secrets.token_hex(NONCE_BYTES), ts))
        self.redaction.remember(signed)
        return signed

    async def _send(self, endpoint: Endpoint, params: dict[str, str]) -> Came | str:
        """What came, or why nothing did: without what signed it, whoever tells of it."""
        cut = self.redaction
        try:
            came = await self._exchange(endpoint, params)
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or f"no answer within {TIMEOUT_S:.0f} s"
            return reason if cut is None else cut.cut_text(reason)
        return came if cut is None else replace(came, body=cut.cut(came.body))

    async def _exchange(self, endpoint: Endpoint, params: dict[str, str]) -> Came:
        assert self._session is not None, "use the client as a context manager"
        reads, form = endpoint.method == "GET", self._body == "form"
        request = self._session.request(
            endpoint.method,
            self._base_url + path_of(endpoint, old=self._old_paths),
            params=params if reads else None,
            data=params if form and not reads else None,
            json=None if form or reads else params,
            # A signed question goes to nobody else, whatever the venue's gateway says.
            allow_redirects=endpoint.access == "public",
        )
        async with request as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_FRAME_BYTES:
                    raise aiohttp.ClientPayloadError(f"the answer is larger than {MAX_FRAME_BYTES} bytes")
            return Came(response.status, response.headers, bytes(body), time.time_ns())
