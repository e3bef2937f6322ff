"""The tap gives what the library would give: the same frames, the same order, the same last word."""

import asyncio
import time
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, State
from websockets.uri import parse_uri

from recorder.capture import tap
from recorder.capture.tap import TapConnection, tap_works

DEADLINE_S = 10.0
LIMIT_BYTES = 70_000
"""Of a frame and a message within the tests in memory: past the reach of 16 bits, small enough to be fast."""


def wire(*frames):
    return b"".join(frame.serialize(mask=False) for frame in frames)


def text(data=b'{"a":1}', **more):
    return Frame(Opcode.TEXT, data, **more)


def cont(data, **more):
    return Frame(Opcode.CONT, data, **more)


PING = Frame(Opcode.PING, b"alive?")
CLOSE = Frame(Opcode.CLOSE, b"\x03\xe8bye")


def by_library(data):
    """What the library alone makes of a byte stream: (messages, its answers' opcodes, its close code)."""
    protocol = ClientProtocol(parse_uri("ws://x/"), max_size=LIMIT_BYTES)
    protocol.state = State.OPEN
    protocol.parser = protocol.parse()
    next(protocol.parser)
    protocol.receive_data(data)
    messages, parts = [], []
    for frame in protocol.events_received():
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            parts.append(frame.data)
            if frame.fin:
                messages.append(b"".join(parts))
                parts.clear()
    return messages, opcodes(b"".join(protocol.data_to_send())), closing(protocol)


def opcodes(written):
    """The opcodes of the masked client frames in some bytes (all of them short)."""
    found = []
    while len(written) >= 2:
        found.append(written[0] & 0x0F)
        written = written[6 + (written[1] & 0x7F) :]
    return found


def closing(protocol):
    return protocol.close_sent.code if protocol.close_sent else None


async def by_tap(data, cuts):
    """What the tap makes of the same bytes, cut anywhere."""
    got = []
    connection, transport = tap._connected(lambda _, frames: got.extend(frames))
    connection.protocol.max_message_size = LIMIT_BYTES
    transport.written.clear()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in pairwise(edges):
        if stop > start:
            connection.data_received(data[start:stop])
    return got, opcodes(bytes(transport.written)), closing(connection.protocol)


SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, LIMIT_BYTES]
DATA = {"text": Opcode.TEXT, "binary": Opcode.BINARY}


def frames_of(kind, *sizes):
    """The frames of one piece of a stream; several sizes are fragments, with pings between them."""
    if kind not in DATA:
        return [PING if kind == "ping" else Frame(Opcode.PONG, b"")]
    first, *others = (bytes([65 + number % 26]) * size for number, size in enumerate(sizes))
    if not others:
        return [Frame(DATA[kind], first)]
    middle = [each for data in others for each in (PING, cont(data, fin=False))]
    return [Frame(DATA[kind], first, fin=False), *middle, cont(b"end")]


def stream_of(pieces):
    return wire(*(frame for piece in pieces for frame in frames_of(*piece)))


kinds = st.sampled_from(list(DATA))
pieces = st.one_of(
    st.tuples(kinds, st.sampled_from(SIZES) | st.integers(0, 300)),
    st.tuples(st.sampled_from(["ping", "pong"])),
    st.tuples(kinds, st.integers(0, 9), st.integers(0, 9)),
    st.tuples(kinds, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
)
FAULTS = [
    b"",
    wire(CLOSE),
    wire(Frame(Opcode.CLOSE, b"")),
    text(b"masked").serialize(mask=True),
    text(b"x" * 300).serialize(mask=True),
    b"\xc1\x03rsv",  # a reserved bit
    b"\x83\x00",  # an opcode that does not exist
    wire(cont(b"of nothing")),
    wire(text(b"a", fin=False), text(b"b")),
    b"\x09\x00",  # a ping in fragments
    b"\x89\x7e\x00\x80" + b"x" * 128,  # a ping that is too long
    b"\x88\x01x",  # half a close code
    b"\x81\x7f" + (LIMIT_BYTES + 1).to_bytes(8, "big") + b"x" * (LIMIT_BYTES + 1),
    b"\x81\x7f\xff" + b"x" * 40,
    wire(text(b"x" * LIMIT_BYTES, fin=False), cont(b"xx")),
]


@pytest.fixture(autouse=True, scope="module")
def small_frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tap, "MAX_FRAME_BYTES", LIMIT_BYTES)
        yield


@settings(max_examples=150, deadline=None)
@given(
    st.lists(pieces, max_size=6),
    st.integers(0, len(FAULTS) - 1),
    st.lists(pieces, max_size=2),
    st.lists(st.integers(0, 200_000) | st.integers(0, 40), max_size=8),
)
async def test_the_tap_gives_what_the_library_would_give_however_it_is_cut(before, fault, after, cuts):
    """The same messages in the same order, the same answers, the same close code; nothing after the end."""
    data = stream_of(before) + FAULTS[fault] + stream_of(after)
    assert await by_tap(data, cuts) == by_library(data)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
async def test_a_frame_of_any_length_form_is_whole_when_it_arrives_byte_by_byte(size):
    data = wire(text(b"y" * size), text(b"last"))
    edges = range(len(data)) if size < 1000 else [*range(20), *range(len(data) - 20, len(data))]
    assert await by_tap(data, list(edges)) == ([b"y" * size, b"last"], [], None)


@pytest.mark.parametrize("size", [127, 65_536])
async def test_a_length_in_a_longer_form_than_needed_is_read(size):
    data = b"\x81\x7f" + size.to_bytes(8, "big") + b"z" * size
    assert await by_tap(data, [3]) == ([b"z" * size], [], None)


async def test_text_that_is_not_utf8_is_kept_and_closes_nothing():
    data = wire(text(b'{"a":"\xff\xfe"}'), text(b"next"))
    assert await by_tap(data, [5]) == ([b'{"a":"\xff\xfe"}', b"next"], [], None)


async def test_the_rest_of_a_refused_frame_is_never_taken_for_frames():
    """An oversize or masked frame whose inside looks like frames gives none of them."""
    inside = wire(text(b"forged")) * 50
    for head in (b"\x81\x7f" + (LIMIT_BYTES * 2).to_bytes(8, "big"), b"\x81\xff" + (5000).to_bytes(8, "big")):
        got, answers, code = await by_tap(head + inside, [len(head), len(head) + 30])
        assert got == []
        assert answers == [Opcode.CLOSE]
        assert code in (1002, 1009)


async def test_a_stamp_is_taken_once_a_read_between_its_arrival_and_the_next():
    stamps = []
    connection, _ = tap._connected(lambda recv_ns, frames: stamps.append((recv_ns, len(frames))))
    before = time.time_ns()
    connection.data_received(wire(text(), PING, text(b"f", fin=False), cont(b"g")))
    after = time.time_ns()
    assert [count for _, count in stamps] == [2]
    assert before <= stamps[0][0] <= after


class TestRealSockets:
    """Against the library's own server, and against bytes written by hand behind a real handshake."""

    @staticmethod
    @asynccontextmanager
    async def tapped(handler, **options):
        """A tapped connection to a server: (connection, frames received)."""
        got = []

        def build(*args, **kwargs):
            connection = TapConnection(*args, **kwargs)
            connection.sink = lambda _, frames: got.extend(frames)
            return connection

        async with websockets.serve(handler, "127.0.0.1", 0, compression=None, **options) as server:
            port = server.sockets[0].getsockname()[1]
            async with connect(
                f"ws://127.0.0.1:{port}",
                create_connection=build,
                compression=None,
                max_size=LIMIT_BYTES,
                proxy=None,
                close_timeout=2,
            ) as connection:
                yield connection, got

    async def test_frames_of_all_sizes_arrive_in_order_and_the_close_is_seen(self):
        sent = [b"%d:" % number + b"x" * (number * 37 % 3000) for number in range(500)]

        async def handler(ws):
            for number, data in enumerate(sent):
                await ws.send(data if number % 7 == 0 else data.decode())
            await ws.send([b"in ", b"three ", b"parts"])
            await ws.close(1001, "going away")

        async with self.tapped(handler) as (connection, got):
            with pytest.raises(ConnectionClosed, match="going away"):
                await asyncio.wait_for(connection.recv(), DEADLINE_S)
        assert got == [*sent, b"in three parts"]

    async def test_pings_of_the_server_are_answered(self):
        answered = asyncio.Event()

        async def handler(ws):
            await ws.send("before")
            await (await ws.ping(b"there?"))
            answered.set()
            await ws.wait_closed()

        async with self.tapped(handler) as (_, got):
            await asyncio.wait_for(answered.wait(), DEADLINE_S)
        assert got == [b"before"]

    async def test_what_the_server_sends_until_it_answers_our_close_arrives(self, eventually):
        async def handler(ws):
            await ws.send("first")
            while ws.protocol.state is State.OPEN:
                sent.append(b"%d" % len(sent))
                await ws.send(sent[-1], text=True)
                await asyncio.sleep(0)  # one loop serves both sides: let the other have its turn
            await ws.wait_closed()

        sent = []
        async with self.tapped(handler) as (connection, got):
            await eventually(lambda: got)
            await asyncio.wait_for(connection.close(), DEADLINE_S)
        assert got == [b"first", *sent]

    @pytest.mark.parametrize(
        ("bad", "code"),
        [
            (text(b"masked").serialize(mask=True), 1002),
            (b"\x81\x7f" + (LIMIT_BYTES + 1).to_bytes(8, "big") + b"\x81\x01x" * 20_000, 1009),
        ],
        ids=["masked", "too long"],
    )
    async def test_a_frame_against_the_rules_is_answered_with_the_right_close_code(self, bad, code):
        seen = []

        async def handler(ws):
            ws.transport.write(wire(text(b"good")) + bad)
            await ws.wait_closed()
            seen.append(ws.close_code)

        async with self.tapped(handler, close_timeout=1) as (connection, got):
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(connection.recv(), DEADLINE_S)
        assert got == [b"good"]
        assert seen == [code]

    async def test_frames_that_come_with_the_handshakes_answer_are_not_lost(self):
        got = []

        async def handler(reader, writer):
            request = await reader.readuntil(b"\r\n\r\n")
            key = next(
                line.split(b": ")[1]
                for line in request.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-key")
            )
            writer.write(tap._switching(key.decode()) + wire(text(b"first"), text(b"second"))[:-3])
            await writer.drain()
            writer.write(wire(text(b"second"), CLOSE)[-len(wire(CLOSE)) - 3 :])
            await reader.readexactly(11)  # the echo of the close
            writer.close()

        def build(*args, **kwargs):
            connection = TapConnection(*args, **kwargs)
            connection.sink = lambda _, frames: got.extend(frames)
            return connection

        async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            connection = await connect(f"ws://127.0.0.1:{port}", create_connection=build, proxy=None)
            with pytest.raises(ConnectionClosed, match="bye"):
                await asyncio.wait_for(connection.recv(), DEADLINE_S)
        assert got == [b"first", b"second"]


class TestPause:
    """Between two small reads the tap rests, so that one wake-up serves several frames."""

    async def test_reading_rests_after_a_small_read_and_goes_on_by_itself(self, monkeypatch, eventually):
        said = []
        connection, transport = tap._connected(lambda _, frames: said.append(len(frames)))
        connection.pause_s = 0.01
        monkeypatch.setattr(transport, "pause_reading", lambda: said.append("pause"))
        monkeypatch.setattr(transport, "resume_reading", lambda: said.append("resume"))
        connection.data_received(wire(text(), text()))
        assert said == [2, "pause"]
        await eventually(lambda: said == [2, "pause", "resume"])

    async def test_a_large_read_is_followed_by_the_next_at_once(self, monkeypatch):
        said = []
        connection, transport = tap._connected(lambda _, frames: said.append(len(frames)))
        connection.pause_s = 0.01
        monkeypatch.setattr(transport, "pause_reading", lambda: said.append("pause"))
        connection.data_received(wire(text(b"x" * 40_000)))
        assert said == [1]

    async def test_a_transport_that_closed_meanwhile_is_left_alone(self, monkeypatch):
        connection, transport = tap._connected(lambda *_: None)
        monkeypatch.setattr(transport, "is_closing", lambda: True)
        monkeypatch.setattr(transport, "resume_reading", None)
        connection._resume()
        assert transport.is_closing()


class TestCanary:
    async def test_it_sings_with_the_installed_library(self):
        assert await tap_works() is True

    @pytest.mark.parametrize(
        ("owner", "name", "value"),
        [
            (Connection, "data_received", None),
            (Connection, "data_received", lambda _self, _data: None),
            (ClientConnection, "process_event", None),
            (ClientConnection, "data_received", lambda self, data: self.protocol.receive_data(data)),
            (Protocol, "receive_data", lambda _self, _data: None),
            (Protocol, "parser_exc", property()),
            (Protocol, "state", property(lambda _self: "open", lambda _self, _value: None)),
        ],
    )
    async def test_it_falls_silent_when_the_library_has_changed(self, monkeypatch, owner, name, value):
        monkeypatch.setattr(owner, name, value, raising=False)
        assert await tap_works() is False

    async def test_it_falls_silent_when_the_library_fills_the_loops_buffer_itself(self, monkeypatch):
        class Buffered(TapConnection, asyncio.BufferedProtocol):
            pass

        monkeypatch.setattr(tap, "TapConnection", Buffered)
        assert await tap_works() is False
