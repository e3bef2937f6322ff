"""Connections, who is subscribed to what, and the way out: each push is framed once for all."""

import asyncio
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import structlog
from aiohttp import web

from recorder.exchange.topics import Topic
from recorder.simulator.merging import merged_push
from recorder.simulator.record import Record
from recorder.simulator.source import Push, Wanted

MAX_BACKLOG_BYTES: Final = 16 * 1024 * 1024
"""A client that leaves so much unread is cut off, as venues do."""
KEPT_PUSHES: Final = 10_000
"""The last pushes, for the fault that sends some again."""
TEXT: Final = 0x1
BINARY: Final = 0x2
NOBODY: Final = 0
"""The number of no connection."""
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""A lingering time of 0 s makes the close a reset."""

log = structlog.get_logger()


def frame_bytes(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole, unfragmented WebSocket frame as a server writes it."""
    size = len(payload)
    first = bytes((0x80 | opcode,))
    if size < 126:
        return first + bytes((size,)) + payload
    if size < 65_536:
        return first + b"\x7e" + size.to_bytes(2) + payload
    return first + b"\x7f" + size.to_bytes(8) + payload


class Connection:
    """One client. Frames gather in an outbox and leave together."""

    def __init__(self, number: int, ws: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self.number = number
        self.ws = ws
        self.topics: set[Topic] = set()
        self.merges: dict[str, Decimal] = {}
        """Steps of price by market, where its books are not wanted whole."""
        self.heard_s = time.monotonic()
        self.open = True
        peer = transport.get_extra_info("peername")
        self.address: str | None = peer[0] if isinstance(peer, tuple) else None
        self._transport = transport
        self._outbox: list[bytes] = []

    def send(self, frame: bytes) -> None:
        """Queue a frame for the next flush."""
        if self.open:
            self._outbox.append(frame)

    def flush(self) -> None:
        """Write what gathered; a client that does not read is cut off."""
        if not self._outbox:
            return
        if self._transport.is_closing():
            self._outbox.clear()
            return
        self._transport.write(b"".join(self._outbox))
        self._outbox.clear()
        if self._transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            log.warning("simulator cuts off a slow client", connection=self.number)
            self.abort()

    def abort(self) -> None:
        """Reset the connection without a word."""
        self.open = False
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    async def close(self) -> None:
        """Close politely, as a server that goes away."""
        self.flush()
        self.open = False
        await self.ws.close(code=1001, message=b"going away")


class Hub:
    """All connections and their topics. What goes out, and what does not, is told to the `record`."""

    def __init__(self, record: Record | None) -> None:
        self.connections: dict[int, Connection] = {}
        self.wanted = Wanted(every_trade=record is not None)
        self.sent: Counter[tuple[str, str | None]] = Counter()
        self.recent: deque[Push] = deque(maxlen=KEPT_PUSHES)
        self._subscribers: dict[Topic, dict[int, Connection]] = {}
        self._record = record
        self._last_number = 0

    def join(self, ws: web.WebSocketResponse, transport: asyncio.Transport) -> Connection:
        """A new client; numbers begin at 1."""
        self._last_number += 1
        connection = Connection(self._last_number, ws, transport)
        self.connections[connection.number] = connection
        if self._record is not None:
            self._record.event(connection.number, "open")
        return connection

    def leave(self, connection: Connection) -> None:
        """The client is gone, and its topics with it."""
        connection.open = False
        self.connections.pop(connection.number, None)
        for topic in tuple(connection.topics):
            self.unsubscribe(connection, topic)
        if self._record is not None:
            self._record.event(connection.number, "close")

    def subscribe(self, connection: Connection, topic: Topic) -> None:
        """Take a topic; one that is already there stays once."""
        connection.topics.add(topic)
        self._subscribers.setdefault(topic, {})[connection.number] = connection
        self._want(topic)

    def unsubscribe(self, connection: Connection, topic: Topic) -> None:
        """End a topic, if it is there."""
        connection.topics.discard(topic)
        there = self._subscribers.get(topic, {})
        there.pop(connection.number, None)
        if not there:
            self._subscribers.pop(topic, None)
            self._want(topic)

    def _want(self, topic: Topic) -> None:
        """Keep `wanted` in step with one topic."""
        wanted, market = self.wanted, topic.market or ""
        if topic.stream == "state":
            wanted.state = topic in self._subscribers
        elif topic.stream == "kline":
            periods = set(wanted.kline.get(market, ())) - {topic.period or ""}
            if topic in self._subscribers:
                periods.add(topic.period or "")
            wanted.kline[market] = tuple(sorted(periods))
        else:
            markets = wanted.trade if topic.stream == "trade" else wanted.depth
            (markets.add if topic in self._subscribers else markets.discard)(market)

    def publish(self, push: Push, *, again: bool = False) -> None:
        """Send a push to everyone who is subscribed; `again` where it was published before."""
        there = self._subscribers.get(push.topic)
        reached = 0
        if there:
            self.recent.append(push)
            reached = self._deliver(there.values(), push)
        if self._record is None or again or push.topic.stream != "trade":
            return
        if not reached or reached < len(self.connections):
            self._record.push(NOBODY, push.payload)

    def deliver(self, connection: Connection, push: Push) -> None:
        """Send a push to one client only."""
        self._deliver((connection,), push)

    def lose(self, push: Push, by: str) -> None:
        """A push that reaches nobody, for a fault of kind `by`."""
        if self._record is not None:
            self._record.lost(push.payload, by)

    def _deliver(self, connections: Iterable[Connection], push: Push) -> int:
        """Returns to how many it went."""
        whole = frame_bytes(push.payload)
        key = (push.topic.stream, push.topic.market)
        reached = 0
        for connection in connections:
            if not connection.open:
                continue
            step = connection.merges.get(push.topic.market or "") if push.topic.stream == "depth" else None
            payload = push.payload if step is None else merged_push(push.payload, step)
            connection.send(whole if step is None else frame_bytes(payload))
            reached += 1
            if self._record is not None:
                self._record.push(connection.number, payload)
        self.sent[key] += reached
        return reached

    def garbage(self, connection: Connection, payload: bytes, opcode: int) -> None:
        """Send something that is no message."""
        if connection.open:
            connection.send(frame_bytes(payload, opcode))
            if self._record is not None:
                self._record.garbage(connection.number, payload)

    def flush(self) -> None:
        """Everything queued leaves."""
        for connection in tuple(self.connections.values()):
            connection.flush()
