"""One connection to the venue's stream, kept up for ever: dial, subscribe, record, reconnect.

The receive path stamps and appends, nothing else. Everything that needs a look at a frame (which stream it
belongs to, whether it answers a request) happens a moment later, in `_housekeeping`.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final, Protocol, TypeAlias

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from recorder.capture.arrivals import ConnectionStats, reply_of, sorted_out
from recorder.capture.dial import dial, reason_of
from recorder.client.backoff import Backoff
from recorder.exchange.lifecycle import State
from recorder.exchange.redaction import Redaction
from recorder.exchange.session import Note, Output, Session
from recorder.exchange.signin import Signer
from recorder.exchange.topics import Topic

HOUSEKEEPING_S: Final = 0.1
SEND_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()

Listener: TypeAlias = Callable[[Note], None]


class Journal(Protocol):
    """What capture needs of the journal."""

    def append_frames(self, t_ns: int, connection: int, frames: list[bytes]) -> None: ...

    def append_event(
        self, kind: str, fields: dict[str, Any], connection: int | None = None, t_ns: int | None = None
    ) -> None: ...


class StreamConnection:
    """Owns one socket and its session. `run` returns only after `stop`, or when it is cancelled."""

    def __init__(  # noqa: PLR0913  # every property by its name
        self,
        number: int,
        url: str,
        journal: Journal,
        *,
        tapped: bool,
        pause_s: float = 0.0,
        listener: Listener | None = None,
        signer: Signer | None = None,
        redaction: Redaction | None = None,
        pushed: Callable[[bytes], None] | None = None,
    ) -> None:
        """`listener` is told every note after it was journalled.

        With a `signer` it is an account's: it may be silent for weeks, and how it is refused is for the
        listener to tell; `redaction` cuts from its frames what signs them. `pushed` is told each push of such
        a connection.
        """
        self.number = number
        self.stats = ConnectionStats()
        self._url = url
        self._journal = journal
        self._tapped = tapped
        self._pause_s = pause_s
        self._listener = listener
        self._session = Session((), signer)
        self._signs = signer is not None
        self._redaction = redaction
        self._pushed = pushed
        self._socket: ClientConnection | None = None
        self._fresh: list[tuple[int, list[bytes]]] = []
        self._wanted_add: dict[Topic, None] = {}
        self._wanted_drop: dict[Topic, None] = {}
        self._stopping = asyncio.Event()
        self._first_push: float | None = None
        self._last_push = 0.0

    @property
    def state(self) -> str:
        return self._session.state.value

    @property
    def topics(self) -> int:
        """How many topics this connection carries, those about to be asked for included."""
        return len(self._session.topics) + len(self._wanted_add) - len(self._wanted_drop)

    def change(self, add: Iterable[Topic], drop: Iterable[Topic]) -> None:
        """Carry other topics; asked for within a tenth of a second when the connection is up."""
        for topic in add:
            self._wanted_drop.pop(topic, None)
            if topic not in self._session.topics:
                self._wanted_add[topic] = None
        for topic in drop:
            self._wanted_add.pop(topic, None)
            if topic in self._session.topics:
                self._wanted_drop[topic] = None

    def sign_soon(self) -> None:
        """Sign in again now rather than a minute after it was refused."""
        self._session.sign_soon()

    # --- the receive path -------------------------------------------------------------------------

    def received(self, recv_ns: int, frames: list[bytes]) -> None:
        """Append what one read brought. Nothing here may wait, parse or fail."""
        if self._redaction is not None:
            frames = [self._redaction.cut(frame) for frame in frames]
        self._journal.append_frames(recv_ns, self.number, frames)
        self._fresh.append((recv_ns, frames))

    # --- life of a connection ---------------------------------------------------------------------

    async def run(self) -> None:
        """Connect again and again, each time after a longer wait unless data flowed for a minute."""
        backoff = Backoff()
        await self._try(backoff)
        while not self._stopping.is_set():
            delay_s = backoff.next_delay_s()
            log.info("reconnecting", connection=self.number, after_s=round(delay_s, 2))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
                return
            await self._try(backoff)

    async def stop(self) -> None:
        """Close as the protocol says: what the venue sent before it saw our close still arrives."""
        self._stopping.set()
        if self._socket is not None:
            await self._socket.close()

    async def _try(self, backoff: Backoff) -> None:
        """One connection from dial to end. A mistake of ours costs this connection, not the recording."""
        try:
            await self._connect_once(backoff)
        except Exception as error:
            log.exception("a connection failed in a way nobody foresaw", connection=self.number)
            if self._session.state is not State.DOWN:
                self._session.lost()
            self._down(f"unforeseen: {error!r}")

    async def _connect_once(self, backoff: Backoff) -> None:
        self._session.dial()
        try:
            socket = await dial(
                self._url,
                sink=self.received if self._tapped else None,
                pause_s=self._pause_s,
                signs=self._signs,
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            self._session.lost()
            self._down(f"connect: {reason_of(error)}")
            return
        if self._stopping.is_set():  # in the meantime: nothing was asked for
            self._session.lost()
            socket.transport.abort()
            return
        reason = "cancelled"
        try:
            reason = await self._converse(socket)
        finally:
            socket.transport.abort()
            self._socket = None
            self._note(self._observe(time.monotonic()))
            self._session.lost()
            backoff.healthy_for(self._delivered_s())
            self._down("stop" if self._stopping.is_set() else reason)

    def _delivered_s(self) -> float:
        """For how long this connection delivered: from its first push to its last."""
        return self._last_push - self._first_push if self._first_push is not None else 0.0

    async def _converse(self, socket: ClientConnection) -> str:
        """Subscribe and keep house until the connection ends; returns why it did."""
        self._socket = socket
        self.stats.up = True
        self.stats.connects += 1
        self.stats.last_error = None
        self._journal.append_event("up", {"url": self._url}, self.number)
        log.info("connected", connection=self.number, topics=self.topics)
        reader = asyncio.ensure_future(self._read(socket))
        keeper = asyncio.ensure_future(self._keep_house(reader))
        try:
            done, _ = await asyncio.wait((reader, keeper), return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in (reader, keeper):
                task.cancel()
            await asyncio.gather(reader, keeper, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> str:
        """Wait for the end; where there is no tap, everything arrives here until then."""
        try:
            while True:
                frame = await socket.recv(decode=False)
                self.received(time.time_ns(), [frame])
        except ConnectionClosed as closed:
            return reason_of(closed)

    async def _keep_house(self, reader: asyncio.Future[str]) -> str:
        try:
            self._change(time.monotonic())
            output = self._session.opened(time.monotonic())
            while True:
                await self._act(output)
                if output.give_up is not None:
                    return output.give_up
                await asyncio.sleep(HOUSEKEEPING_S)
                output = self._housekeeping(time.monotonic())
        except ConnectionClosed:
            return await reader  # which first reads what arrived before the end
        except TimeoutError:
            return f"sending took more than {SEND_TIMEOUT_S:.0f} s"

    def _housekeeping(self, now: float) -> Output:
        output = self._observe(now)
        if self._wanted_add or self._wanted_drop:
            _merge(output, self._change(now))
        _merge(output, self._session.tick(now))
        return output

    def _change(self, now: float) -> Output:
        """Tell the session which topics are wanted; it only remembers them until the connection is open."""
        add, drop = list(self._wanted_add), list(self._wanted_drop)
        self._wanted_add.clear()
        self._wanted_drop.clear()
        return self._session.change(add, drop, now)

    def _observe(self, now: float) -> Output:
        """Look at what arrived since the last time: count by stream, hand answers to the session."""
        output = Output()
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return output
        self._session.alive(now)
        pushes, others = sorted_out(chain.from_iterable(frames for _, frames in fresh), self._pushed)
        self.stats.frames += sum(len(frames) for _, frames in fresh)
        recv_ns = self.stats.last_recv_ns = self.stats.newest_recv_ns = fresh[-1][0]
        for stream, count in pushes.items():
            self.stats.streams[stream] += count
            _merge(output, self._session.saw(stream, now, recv_ns))
            self._delivered(now)
        if self._signs:
            self._delivered(now)  # a pong is all that may come
        for frame in others:
            if (reply := reply_of(frame)) is not None:
                _merge(output, self._session.heard(reply, now))
        return output

    def _delivered(self, now: float) -> None:
        self._last_push = now
        self._first_push = now if self._first_push is None else self._first_push

    async def _act(self, output: Output) -> None:
        """Journal what happened, then say what is to be said: a record never waits for a slow peer."""
        self._note(output)
        assert self._socket is not None
        async with asyncio.timeout(SEND_TIMEOUT_S):
            for text in output.texts:
                await self._socket.send(text)

    def _note(self, output: Output) -> None:
        for note in output.notes:
            self._journal.append_event(note.kind, note.fields, self.number)
            if note.kind == "silence":
                log.warning("a stream is silent", connection=self.number, stream=note.fields["stream"])
            elif note.kind == "refused" and not self._signs:
                log.warning("refused", connection=self.number, **note.fields)
            if self._listener is not None:
                self._listener(note)

    def _down(self, reason: str) -> None:
        last_recv_ns, self.stats.last_recv_ns = self.stats.last_recv_ns, None
        self._first_push = None
        self.stats.up = False
        self.stats.last_error = reason
        self._journal.append_event("down", {"reason": reason, "last": last_recv_ns}, self.number)
        tell = log.info if reason == "stop" else log.warning
        tell("disconnected", connection=self.number, reason=reason)


def _merge(output: Output, more: Output) -> None:
    output.texts += more.texts
    output.notes += more.notes
    output.give_up = output.give_up or more.give_up
