"""What the journals hold beyond the lake, read by somebody who does not publish it."""

import pytest
from journals import Recorder, book, candle, state, trade

from recorder.lake.publishing.follow import publish_once
from recorder.lake.publishing.tail import Tail, read_base

TOPICS = (("trade", "AAA"), ("depth", "AAA"), ("kline", "AAA", "1min"), ("state",))


@pytest.fixture
def recorder(tmp_path):
    """A recorder that has published one trade and goes on."""
    recorder = Recorder(tmp_path)
    recorder.session(*TOPICS).frames(trade("AAA", 1)).event("mark")
    recorder.flushed()
    publish_once(tmp_path)
    yield recorder
    recorder.stop()


def ids(rows):
    return rows["trades"]["trade_id"].to_pylist()


def tail_of(data_dir):
    return Tail(data_dir, read_base(data_dir))


def test_rows_of_every_stream_are_there_before_they_are_published(tmp_path, recorder):
    tail = tail_of(tmp_path)
    recorder.frames(
        trade("AAA", 2), book("AAA", 1_723_161_255_000), candle("AAA", 1_723_161_240, "100"), state("AAA")
    )
    recorder.flushed()
    assert {name: rows.num_rows for name, rows in tail.read().items()} == {
        "trades": 1, "depth": 1, "klines": 1, "state": 1,
    }  # fmt: skip


def test_what_is_in_the_lake_already_is_not_given_again(tmp_path, recorder):
    tail = tail_of(tmp_path)
    recorder.frames(trade("AAA", 1), trade("AAA", 2))
    recorder.flushed()
    assert ids(tail.read()) == [2]


def test_a_row_is_given_once_however_often_it_is_read_and_published(tmp_path, recorder):
    tail = tail_of(tmp_path)
    recorder.frames(trade("AAA", 2))
    recorder.flushed()
    assert ids(tail.read()) == [2]
    recorder.frames(trade("AAA", 2), trade("AAA", 3))
    recorder.flushed()
    assert ids(tail.read()) == [3]
    publish_once(tmp_path)
    recorder.frames(trade("AAA", 3), trade("AAA", 4))
    recorder.flushed()
    assert ids(tail.read()) == [4]


def test_a_recorder_that_joins_later_is_followed_from_its_beginning(tmp_path, recorder):
    tail = tail_of(tmp_path)
    tail.read()
    other = Recorder(tmp_path, "other")
    other.session(("trade", "BBB")).frames(trade("BBB", 7))
    other.flushed()
    assert ids(tail.read()) == [7]
    other.stop()


def test_without_a_lake_there_is_nothing_to_begin_from(tmp_path):
    assert read_base(tmp_path) is None
