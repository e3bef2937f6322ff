"""The last seconds, before they are published: a lake with its tail, and rows as they come."""

import itertools
import threading

import pytest
from journals import Recorder, book, candle, trade

from analytics import UnknownNameError, open_lake
from recorder.lake.publishing.follow import publish_once

TOPICS = (("trade", "AAA"), ("depth", "AAA"), ("kline", "AAA", "1min"), ("state",))
MINUTE_S = 1_723_161_240


@pytest.fixture
def recorder(tmp_path):
    recorder = Recorder(tmp_path)
    recorder.session(*TOPICS).frames(trade("AAA", 1, amount="2"), candle("AAA", MINUTE_S, "100"))
    recorder.flushed()
    publish_once(tmp_path)
    yield recorder
    recorder.stop()


def received(recorder, *frames):
    recorder.frames(*frames)
    recorder.flushed()


class TestWithItsTail:
    def test_a_query_sees_what_is_not_published_yet(self, tmp_path, recorder):
        lake, committed = open_lake(tmp_path, tail=True), open_lake(tmp_path)
        received(recorder, trade("AAA", 2))
        count = "SELECT count(*) FROM trades"
        assert lake.sql(count).fetchall() == [(2,)]
        assert committed.sql(count).fetchall() == [(1,)]

    def test_a_row_is_there_once_when_it_has_been_published(self, tmp_path, recorder):
        lake = open_lake(tmp_path, tail=True)
        received(recorder, trade("AAA", 2))
        lake.sql("SELECT 1")
        publish_once(tmp_path)
        received(recorder, trade("AAA", 3))
        assert lake.sql("SELECT trade_id FROM trades ORDER BY 1").fetchall() == [(1,), (2,), (3,)]

    def test_views_count_it_in(self, tmp_path, recorder):
        received(recorder, trade("AAA", 2, amount="3"), book("AAA", 1_723_161_255_000))
        lake = open_lake(tmp_path, tail=True)
        assert lake.volume("AAA")["volume"].to_list() == [5.0]
        assert lake.spread("AAA")["snapshots"].to_list() == [1]

    def test_of_a_candle_the_version_with_more_volume_is_there(self, tmp_path, recorder):
        received(recorder, candle("AAA", MINUTE_S, "105"), candle("AAA", MINUTE_S + 60, "106"))
        lake = open_lake(tmp_path, tail=True)
        closes = lake.sql("SELECT close FROM klines ORDER BY ts_open").fetchall()
        assert closes == [(105.0,), (106.0,)]


class TestLive:
    def test_rows_are_yielded_as_they_are_received(self, tmp_path, recorder):
        rows = open_lake(tmp_path).live("trades", every_s=0.01)
        frames = []
        reading = threading.Thread(target=lambda: frames.extend(itertools.islice(rows, 2)))
        reading.start()
        for number in itertools.count(2):
            received(recorder, trade("AAA", number))
            reading.join(0.1)
            if not reading.is_alive():
                break
        found = [number for frame in frames for number in frame["trade_id"].to_list()]
        assert found == list(range(found[0], found[0] + len(found)))

    def test_of_other_markets_nothing_is_told(self, tmp_path, recorder):
        rows = open_lake(tmp_path).live("trades", "AAA", every_s=0.01)
        received(recorder, trade("BBB", 5), trade("AAA", 2))
        assert next(rows)["market"].to_list() == ["AAA"]

    @pytest.mark.usefixtures("recorder")
    def test_a_table_that_no_frame_tells_of_is_refused_at_once(self, tmp_path):
        with pytest.raises(UnknownNameError, match="'coverage' is no table that can be followed"):
            open_lake(tmp_path).live("coverage")
