import json

import pytest
from websockets.frames import Frame
from websockets.streams import StreamReader

from recorder.exchange.topics import Topic
from recorder.simulator.hub import BINARY, TEXT, Hub, frame_bytes
from recorder.simulator.record import Record
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


def told(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def recorded(tmp_path):
    """A hub with a record, and the lines of the record once it is flushed."""
    record = Record(tmp_path / "record")

    def lines():
        record.flush()
        return told(tmp_path / "record")

    yield Hub(record), lines
    record.close()


def test_a_trade_that_not_every_connection_was_sent_is_told_as_one_that_happened(recorded):
    hub, lines = recorded
    hub.publish(Push(1, TRADE, b"[1]"))
    one, two = hub.join(None, Wire()), hub.join(None, Wire())
    hub.subscribe(one, TRADE)
    hub.publish(Push(2, TRADE, b"[2]"))
    hub.subscribe(two, TRADE)
    hub.publish(Push(3, TRADE, b"[3]"))
    assert [(line["conn"], line["frame"]) for line in lines() if "frame" in line] == [
        (0, [1]), (1, [2]), (0, [2]), (1, [3]), (2, [3])
    ]  # fmt: skip


def test_a_trade_sent_again_did_not_happen_again_and_other_streams_happen_only_where_they_are_sent(recorded):
    hub, lines = recorded
    hub.publish(Push(1, TRADE, b"[1]"), again=True)
    hub.publish(Push(2, Topic("state"), b"[2]"))
    assert lines() == []
    assert hub.wanted.every_trade


def test_what_a_fault_withheld_is_told_once_with_the_fault(recorded):
    hub, lines = recorded
    hub.subscribe(hub.join(None, Wire()), TRADE)
    hub.lose(Push(1, TRADE, b"[1]"), "silence")
    [lost] = [line for line in lines() if "frame" in line]
    assert (lost["conn"], lost["lost"], lost["by"], lost["frame"]) == (0, True, "silence", [1])
    assert hub.sent == {}


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
