import pytest
from websockets.frames import Frame
from websockets.streams import StreamReader

from recorder.exchange.messages import Topic
from recorder.simulator.hub import BINARY, TEXT, Hub, frame_bytes
from recorder.simulator.source import Push


def read_frame(data):
    """A frame as the websockets library reads it."""
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=False)
    try:
        next(parsing)
    except StopIteration as done:
        return done.value
    raise AssertionError("the frame is not whole")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_frames_of_every_length_are_whole_and_read_by_another_library(size, opcode):
    frame = read_frame(frame_bytes(b"x" * size, opcode))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (opcode, True, b"x" * size)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self, unread=0):
        self.written = b""
        self.unread = unread
        self.aborted = False

    def write(self, data):
        self.written += data

    def is_closing(self):
        return self.aborted

    def get_write_buffer_size(self):
        return self.unread

    def get_extra_info(self, _name):
        return None

    def abort(self):
        self.aborted = True


TRADE = Topic("trade", "BTCUSDT")


def test_a_push_reaches_each_subscriber_once_and_nobody_else():
    hub = Hub(None)
    wires = [Wire(), Wire(), Wire()]
    connections = [hub.join(None, wire) for wire in wires]
    for connection in connections[:2]:
        hub.subscribe(connection, TRADE)
        hub.subscribe(connection, TRADE)
    hub.publish(Push(1, TRADE, b"{}"))
    hub.flush()
    assert [wire.written for wire in wires] == [frame_bytes(b"{}")] * 2 + [b""]
    assert hub.sent == {("trade", "BTCUSDT"): 2}


def test_wanted_follows_subscriptions():
    hub = Hub(None)
    connection = hub.join(None, Wire())
    topics = [
        TRADE,
        Topic("depth", "A"),
        Topic("kline", "A", "1min"),
        Topic("kline", "A", "5min"),
        Topic("state"),
    ]
    for topic in topics:
        hub.subscribe(connection, topic)
    wanted = hub.wanted
    assert (wanted.trade, wanted.depth, wanted.state) == ({"BTCUSDT"}, {"A"}, True)
    assert wanted.kline == {"A": ("1min", "5min")}
    hub.leave(connection)
    assert (wanted.trade, wanted.depth, wanted.state, wanted.kline) == (set(), set(), False, {"A": ()})


def test_a_client_that_does_not_read_is_cut_off():
    hub = Hub(None)
    wire = Wire(unread=1 << 30)
    connection = hub.join(None, wire)
    hub.subscribe(connection, TRADE)
    hub.publish(Push(1, TRADE, b"{}"))
    hub.flush()
    assert wire.aborted
    assert not connection.open
