"""Receives frames at the transport, before the library's queue.

Nearly every byte a venue sends is a complete, unfragmented text frame. Cutting those out of what the
transport delivers, in one loop, costs about a tenth of what the library's receive queue costs, and stamps
them on the line after the receive. Everything else (the handshake, pings, pongs, close, fragments, binary
frames, and any fault of framing) goes through the library, which hands accepted data back to
`process_event`: all frames leave here, in the order of the wire. Once the library has seen the venue's
close or a fault, everything is the library's: what follows is not data.

The tap leans on members of the library's connection: `data_received`, `process_event`, and the protocol's
`state`, `close_rcvd` and `parser_exc`. `tap_works` proves them in memory at every start; where it fails,
the recorder receives through `recv()`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State
from websockets.uri import parse_uri
from websockets.utils import accept_key

from recorder.exchange.fields import MAX_FRAME_BYTES

_TEXT: Final = 0x81
_FIN: Final = 0x80
_DATA_OPCODES: Final = (0x0, 0x1, 0x2)
_SMALL_READ_BYTES: Final = 32 * 1024
"""A read that brought more shows that frames are waiting: no time to pause."""
_HEADER_END: Final = b"\r\n\r\n"

Sink = Callable[[int, list[bytes]], None]


class TapConnection(ClientConnection):
    """A client connection whose whole text frames go to `sink(recv_ns, frames)` and nowhere else."""

    sink: Sink
    pause_s: float = 0.0
    """Seconds without reading after a small read, so that the next one brings more than one frame. What is
    received later is stamped later, by at most this much."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tapping = False
        self._head = b""
        self._rest = bytearray()
        self._needed = 0
        self._frames: list[bytes] = []
        self._message = bytearray()
        self._in_fragments = False
        self._over = False
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        recv_ns = time.time_ns()
        if not self._tapping:
            data = self._handshake(data)
            if not data:
                return
        if self._over:
            super().data_received(data)
            return
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        frames = self._cut(data)
        if frames:
            self.sink(recv_ns, frames)
        if self.pause_s and len(data) < _SMALL_READ_BYTES:
            self.transport.pause_reading()
            self.loop.call_later(self.pause_s, self._resume)

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _handshake(self, data: bytes) -> bytes:
        """Pass the response through the library; returns the bytes after it once the socket is open."""
        seen = len(self._head)
        found = (self._head + data).find(_HEADER_END)
        if found < 0:
            self._head = (self._head + data)[-len(_HEADER_END) + 1 :]
            super().data_received(data)
            return b""
        end = found + len(_HEADER_END) - seen
        super().data_received(data[:end])
        self._head = b""
        if self.protocol.state is State.OPEN:
            self._tapping = True
            return data[end:]
        if data[end:]:
            super().data_received(data[end:])  # the body of a refusal
        return b""

    def _cut(self, data: bytes) -> list[bytes]:
        frames = self._frames = []
        at, end = 0, len(data)
        self._needed = 2
        while end - at >= 2:
            start, length = at + 2, data[at + 1]
            if length == 126:
                start = at + 4
                length = int.from_bytes(data[at + 2 : start])
            elif length == 127:
                start = at + 10
                length = int.from_bytes(data[at + 2 : start])
            elif length > 127:
                self._pass(data[at:])  # masked by a server: the library says why and closes
                return frames
            stop = start + length
            if stop > end or start > end or length > MAX_FRAME_BYTES:
                if start <= end and length > MAX_FRAME_BYTES:
                    self._pass(data[at:])  # past the library's limit: it closes with 1009
                    return frames
                self._needed = (stop if start <= end else start) - at
                break
            if data[at] == _TEXT and not self._in_fragments:
                frames.append(data[start:stop])
            else:
                if data[at] & 0x0F in _DATA_OPCODES:
                    self._in_fragments = not data[at] & _FIN
                self._pass(data[at:stop])
                if self._over:
                    return frames
            at = stop
        if at < end:
            self._rest += data[at:]
        return frames

    def _pass(self, data: bytes) -> None:
        super().data_received(data)
        self._over = self.protocol.close_rcvd is not None or self.protocol.parser_exc is not None

    def process_event(self, event: Event) -> None:
        """Called by the library with each frame it has accepted; it bounds the size of a whole message."""
        if not isinstance(event, Frame) or event.opcode not in _DATA_OPCODES:
            super().process_event(event)
            return
        self._message += event.data
        if event.fin:
            self._frames.append(bytes(self._message))
            self._message.clear()


class _MemoryTransport(asyncio.Transport):
    """Enough of a transport for the canary: it remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered here."""

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    def abort(self) -> None:
        """Nothing is open here."""

    def close(self) -> None:
        """Nothing is open here."""


async def tap_works() -> bool:
    """Whether the tap delivers what the installed library would: a canary, in memory, no socket."""
    got: list[bytes] = []
    try:
        connection, transport = _connected(lambda _, frames: got.extend(frames))
        ping = Frame(Opcode.PING, b"canary")
        song = [
            Frame(Opcode.TEXT, b'{"canary":1}'),
            ping,
            Frame(Opcode.TEXT, b'{"canary"', fin=False),
            ping,
            Frame(Opcode.CONT, b":2}"),
            Frame(Opcode.BINARY, b'{"canary":3}'),
            Frame(Opcode.TEXT, b'{"canary":4}'),
            Frame(Opcode.CLOSE, b""),
            Frame(Opcode.TEXT, b"after the end"),
        ]
        wire = b"".join(frame.serialize(mask=False) for frame in song)
        before = len(transport.written)
        connection.data_received(wire[:5])
        connection.data_received(wire[5:])
        whole = got == [b'{"canary":%d}' % number for number in (1, 2, 3, 4)]
        # A connection that fills the loop's buffer itself would never be asked for `data_received`.
        delivered = not isinstance(connection, asyncio.BufferedProtocol)
        return whole and delivered and len(transport.written) > before
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return False  # the library's inside has changed: the caller falls back to recv()


def _connected(sink: Sink) -> tuple[TapConnection, _MemoryTransport]:
    protocol = ClientProtocol(parse_uri("ws://canary/"))
    connection = TapConnection(protocol)
    connection.sink = sink
    transport = _MemoryTransport()
    connection.connection_made(transport)
    request = protocol.connect()
    protocol.send_request(request)
    protocol.data_to_send()
    connection.request = request
    connection.data_received(_switching(request.headers["Sec-WebSocket-Key"]))
    return connection, transport


def _switching(key: str) -> bytes:
    headers = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}"
    return f"HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n\r\n".encode()
