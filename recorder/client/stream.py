"""The venue's streams, typed: subscribe, read, reconnect.

    async with client.stream(Topic("trade", "BTCUSDT"), Topic("order")) as stream:
        async for arrived in stream:
            ...

What arrives is a push, read, or a `Break`: the time in which nothing was received, once the streams flow
again. A frame that cannot be read is a `Break` of no length, with its reason: nothing is left out silently.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from recorder.client.backoff import Backoff
from recorder.client.errors import DeniedError
from recorder.exchange.account import PrivatePush, read_private
from recorder.exchange.candles import KlinePush
from recorder.exchange.fields import MAX_FRAME_BYTES, ProtocolError, json_object
from recorder.exchange.lifecycle import State
from recorder.exchange.messages import Reply, parse
from recorder.exchange.pushes import DepthPush, StatePush, TradePush
from recorder.exchange.redaction import Redaction
from recorder.exchange.refusals import Denial, denial, said
from recorder.exchange.session import Note, Output, Session
from recorder.exchange.signin import Signer
from recorder.exchange.topics import PRIVATE_STREAMS, Topic

OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 2.0
TICK_S: Final = 0.5
UNHEARD: Final = logging.getLogger("recorder.signed")
"""The library logs every frame where debugging is on; one that signs is in no log."""
UNHEARD.setLevel(logging.INFO)
BACKLOG: Final = 10_000
"""Pushes that may wait to be read: whoever reads more slowly than they come is told of a break."""

Push: TypeAlias = TradePush | DepthPush | KlinePush | StatePush | PrivatePush


@dataclass(frozen=True, slots=True)
class Arrived:
    """A push, and when (ns) its frame was received."""

    recv_ns: int
    push: Push


@dataclass(frozen=True, slots=True)
class Break:
    """Nothing was received, or could be read, from `start_ns` to `end_ns`, and why."""

    start_ns: int
    end_ns: int
    reason: str


class PushStream:
    """One connection, kept up until it is left; use it as an async context manager and iterator.

    Raises DeniedError, from the iteration, where the venue does not take the signature. A topic that it
    refuses is asked for again each minute; `notices` counts how often it did, with its words.
    """

    def __init__(  # only the client makes one
        self,
        url: str,
        topics: tuple[Topic, ...],
        signer: Signer | None,
        redaction: Redaction | None,
        notices: Counter[str],
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        """`ready` is awaited before each connection: what a signature needs is known then."""
        self._url = url
        self._ready = ready
        self._session = Session(topics, signer)
        self._redaction = redaction
        self._notices = notices
        self._arrived: asyncio.Queue[Arrived | Break | BaseException] = asyncio.Queue(BACKLOG)
        self._task: asyncio.Task[None] | None = None
        self._last_ns = 0
        self._broken: str | None = None

    async def __aenter__(self) -> Self:
        self._last_ns = time.time_ns()
        self._task = asyncio.create_task(self._run(), name=f"stream {self._url}")
        self._task.add_done_callback(self._ended)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[Arrived | Break]:
        while True:
            arrived = await self._arrived.get()
            if isinstance(arrived, BaseException):
                raise arrived
            yield arrived

    def _ended(self, task: asyncio.Task[None]) -> None:
        """It does not end by itself: what nobody foresaw is raised where the pushes are awaited."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            if self._arrived.full():
                self._arrived.get_nowait()
            self._arrived.put_nowait(error)

    # --- life of the connection ---------------------------------------------------------------------------

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            began_s = time.monotonic()
            self._session.dial()
            try:
                await self._ready()
                async with connect(
                    self._url,
                    open_timeout=OPEN_TIMEOUT_S,
                    close_timeout=CLOSE_TIMEOUT_S,
                    max_size=MAX_FRAME_BYTES,
                    compression=None,
                    proxy=None,  # as the REST calls, and the recorder
                    logger=UNHEARD if self._redaction is not None else None,
                ) as socket:
                    await self._converse(socket)
            except (OSError, TimeoutError, WebSocketException) as error:
                self._broken = self._broken or str(error) or type(error).__name__
            self._session.lost()
            backoff.healthy_for(time.monotonic() - began_s)
            await asyncio.sleep(backoff.next_delay_s())

    async def _converse(self, socket: ClientConnection) -> None:
        """Subscribe and read until the connection ends."""
        await self._act(socket, self._session.opened(time.monotonic()))
        while True:
            now_s = time.monotonic()
            # wait_for of Python 3.11 forgets that it is cancelled where a frame comes at the same moment.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    frame = await socket.recv(decode=False)
                recv_ns = time.time_ns()
                if self._redaction is not None:
                    frame = self._redaction.cut(frame)
                await self._act(socket, self._heed(frame, recv_ns, now_s))
            await self._act(socket, self._session.tick(time.monotonic()))
            if self._session.state is State.LIVE:
                self._mend(time.time_ns())

    async def _act(self, socket: ClientConnection, output: Output) -> None:
        for note in output.notes:
            self._heed_note(note)
        if output.denied is not None:
            error = output.denied
            why = denial(error.code, error.message) or Denial.WRONG_KEY
            words = f"sign: {said(error.code, error.message)}"
            self._tell(DeniedError(words, why, error.code))
        for text in output.texts:
            await socket.send(text)
        if output.give_up is not None:
            self._broken = output.give_up
            raise ConnectionClosed(None, None)

    def _heed_note(self, note: Note) -> None:
        if note.kind == "refused":
            self._notices[f"refused: {note.fields['error']}"] += 1

    # --- what arrives -------------------------------------------------------------------------------------

    def _heed(self, frame: str | bytes, recv_ns: int, now_s: float) -> Output:
        self._session.alive(now_s)
        try:
            message = read_push(frame)
        except ProtocolError as error:
            self._tell(Break(recv_ns, recv_ns, f"a frame that cannot be read: {error}"))
            return Output()
        if isinstance(message, Reply):
            return self._session.heard(message, now_s)
        self._mend(recv_ns)
        self._notices.update(message.notices)
        if self._tell(Arrived(recv_ns, message)):
            self._last_ns = recv_ns
        return self._saw(message, recv_ns, now_s)

    def _mend(self, now_ns: int) -> None:
        """What is subscribed flows again: a break, if there was one, is over."""
        if self._broken is not None and self._tell(Break(self._last_ns, now_ns, self._broken)):
            self._broken, self._last_ns = None, now_ns

    def _saw(self, push: Push, recv_ns: int, now_s: float) -> Output:
        match push:
            case TradePush():
                return self._session.saw("trade", now_s, recv_ns)
            case DepthPush():
                return self._session.saw("depth", now_s, recv_ns)
            case KlinePush():
                return self._session.saw("kline", now_s, recv_ns)
            case StatePush():
                return self._session.saw("state", now_s, recv_ns)
            case _:
                return Output()

    def _tell(self, item: Arrived | Break | BaseException) -> bool:
        """Whether there was room for it; a push for which there is none becomes part of a break."""
        try:
            self._arrived.put_nowait(item)
        except asyncio.QueueFull:
            self._broken = self._broken or f"more than {BACKLOG:,} pushes waited to be read"
            return False
        return True


def read_push(frame: str | bytes) -> Push | Reply:
    """One server text, of any stream. Raises ProtocolError."""
    message = parse(frame)
    if not isinstance(message, Reply):
        return message
    method = message.method or ""
    stream = method.removeprefix("update.")
    if stream == method or stream not in PRIVATE_STREAMS:
        return message
    if message.error is not None:
        raise ProtocolError(f"{method} carries an error")
    return read_private(stream, json_object(frame).get("result"))
