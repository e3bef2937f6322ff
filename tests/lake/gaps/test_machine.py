"""Gaps: from the last good moment to the first good one after, by stream and market, each with its reason."""

import random
import shutil
import time

import pytest
from journals import Recorder, book, candle, state, trade

from recorder.journal import output
from recorder.lake.gaps.state import IN_FLIGHT_US
from recorder.lake.publishing.follow import publish_once
from recorder.lake.publishing.publisher import Publisher

TOPICS = (("trade", "AAA"), ("depth", "AAA"), ("kline", "AAA", "1min"), ("state",))
PUSHES = (trade("AAA", 1), book("AAA", 1_723_161_255_000), candle("AAA", 1_723_161_240, "101"), state("AAA"))


def gaps(lake, where="true"):
    columns = "stream, market, epoch_us(ts_start), epoch_us(ts_end), reason, repaired, detail"
    return lake.rows("gaps", columns, f"WHERE {where} ORDER BY stream, market, ts_start")


def spans(lake, reason):
    return {row[0]: row[2:4] for row in gaps(lake, f"reason = '{reason}'")}


@pytest.fixture
def recorder(data_dir):
    return Recorder(data_dir)


def us(recorder):
    return recorder.now_ns // 1000


def good(recorder, **options):
    """A session in which every topic has been heard; returns (start, confirmed, first push) in us."""
    start = us(recorder)
    recorder.session(*TOPICS, **options)
    confirmed = us(recorder)
    recorder.at(0.5).frames(*PUSHES)
    return start, confirmed, us(recorder)


class TestStart:
    def test_trades_and_candles_are_whole_once_confirmed_books_and_state_once_pushed(
        self, data_dir, lake, recorder
    ):
        start, confirmed, pushed = good(recorder)
        recorder.stop()
        publish_once(data_dir)
        expected = {
            "trade": (start, confirmed),
            "kline": (start, confirmed),
            "depth": (start, pushed),
            "state": (start, pushed),
        }
        assert spans(lake, "start") == expected

    def test_a_push_closes_the_gap_where_the_venue_never_confirms(self, data_dir, lake, recorder):
        start = us(recorder)
        rows = recorder.topics(("trade", "AAA"))
        recorder.event("start").event("markets", listed=["AAA"], delisted=[])
        recorder.event("up", 1).event("subscribe", 1, topics=rows)
        recorder.at(3).frames(trade("AAA", 1))
        end = us(recorder)
        recorder.stop()
        publish_once(data_dir)
        assert spans(lake, "start") == {"trade": (start, end)}

    def test_a_book_that_never_came_is_a_gap_without_an_end(self, data_dir, lake, recorder):
        recorder.session(("depth", "AAA")).stop()
        publish_once(data_dir)
        assert [row[3:5] for row in gaps(lake)] == [(None, "start")]

    def test_a_market_listed_later_is_missing_from_its_listing_on(self, data_dir, lake, recorder):
        good(recorder)
        recorder.at(60).event("markets", listed=["NEW"], delisted=[])
        listed = us(recorder)
        rows = recorder.topics(("trade", "NEW"))
        recorder.at(0.2).event("subscribe", 1, topics=rows).at(0.1).event("confirmed", 1, topics=rows)
        confirmed = us(recorder)
        recorder.stop()
        publish_once(data_dir)
        assert [row[2:5] for row in gaps(lake, "market = 'NEW' AND reason = 'start'")] == [
            (listed, confirmed, "start")
        ]

    def test_a_refused_topic_stays_missing_and_says_why(self, data_dir, lake, recorder):
        rows = recorder.topics(("trade", "AAA"))
        recorder.event("start").event("markets", listed=["AAA"], delisted=[]).event(
            "subscribe", 1, topics=rows
        )
        recorder.event("refused", 1, topics=rows, error="market not found").stop()
        publish_once(data_dir)
        [row] = gaps(lake)
        assert row[3] is None
        assert row[6] == "refused by the venue: market not found"


class TestDisconnect:
    def test_it_reaches_from_the_last_receive_to_the_first_good_moment(self, data_dir, lake, recorder):
        good(recorder)
        recorder.at(10).frames(trade("AAA", 2))
        last_ns = recorder.now_ns
        recorder.at(2).event("down", 1, reason="reset by peer", last=last_ns)
        rows = recorder.topics(*TOPICS)
        recorder.at(1).event("up", 1).event("subscribe", 1, topics=rows).at(0.1).event(
            "confirmed", 1, topics=rows
        )
        confirmed = us(recorder)
        recorder.at(0.4).frames(book("AAA", 1_723_161_256_000), state("AAA"))
        pushed = us(recorder)
        recorder.stop()
        publish_once(data_dir)
        start = last_ns // 1000 - IN_FLIGHT_US
        expected = {
            "trade": (start, confirmed),
            "kline": (start, confirmed),
            "depth": (start, pushed),
            "state": (start, pushed),
        }
        assert spans(lake, "disconnect") == expected

    def test_only_the_topics_of_that_connection_are_missing(self, data_dir, lake, recorder):
        recorder.event("start").event("markets", listed=["AAA", "BBB"], delisted=[])
        for number, market in ((1, "AAA"), (2, "BBB")):
            rows = recorder.topics(("trade", market))
            recorder.event("subscribe", number, topics=rows).event("confirmed", number, topics=rows)
        recorder.event("down", 2, reason="gone", last=recorder.now_ns).at(1).stop()
        publish_once(data_dir)
        assert [row[:2] for row in gaps(lake, "reason = 'disconnect'")] == [("trade", "BBB")]

    def test_failed_tries_prolong_the_one_gap(self, data_dir, lake, recorder):
        good(recorder)
        recorder.event("down", 1, reason="reset", last=recorder.now_ns)
        for _ in range(5):
            recorder.at(5).event("down", 1, reason="connect: refused", last=None)
        recorder.stop()
        publish_once(data_dir)
        assert [row[0] for row in gaps(lake, "reason = 'disconnect'")] == ["depth", "kline", "state", "trade"]


class TestSilence:
    def test_it_reaches_from_the_last_frame_of_the_stream_to_the_next(self, data_dir, lake, recorder):
        good(recorder)
        last_ns = recorder.now_ns
        recorder.at(20).event("silence", 1, stream="depth", last=last_ns)
        rows = recorder.topics(("depth", "AAA"))
        recorder.event("subscribe", 1, topics=rows).at(0.1).event("confirmed", 1, topics=rows)
        recorder.at(5).frames(book("AAA", 1_723_161_256_000))
        end = us(recorder)
        recorder.stop()
        publish_once(data_dir)
        assert spans(lake, "silence") == {"depth": (last_ns // 1000 - IN_FLIGHT_US, end)}

    def test_a_stream_that_never_came_is_silent_since_its_connection_was_made(self, data_dir, lake, recorder):
        start = us(recorder)
        recorder.session(("trade", "AAA"))
        recorder.at(60).event("silence", 1, stream="trade", last=None)
        recorder.at(1).frames(trade("AAA", 1))
        end = us(recorder)
        recorder.stop()
        publish_once(data_dir)
        assert spans(lake, "silence") == {"trade": (start + 100_000 - IN_FLIGHT_US, end)}

    def test_an_acknowledgement_does_not_end_the_silence_of_trades(self, data_dir, lake, recorder):
        good(recorder)
        recorder.at(20).event("silence", 1, stream="trade", last=recorder.now_ns)
        rows = recorder.topics(("trade", "AAA"))
        recorder.event("subscribe", 1, topics=rows).event("confirmed", 1, topics=rows).at(1).stop()
        publish_once(data_dir)
        assert [row[3] for row in gaps(lake, "reason = 'silence'")] == [None]

    def test_one_market_that_speaks_again_ends_it_for_the_stream_on_its_connection(
        self, data_dir, lake, recorder
    ):
        recorder.session(("trade", "AAA"), ("trade", "BBB"))
        recorder.at(20).event("silence", 1, stream="trade", last=recorder.now_ns)
        recorder.at(5).frames(trade("BBB", 1))
        end = us(recorder)
        recorder.stop()
        publish_once(data_dir)
        assert [(row[1], row[3]) for row in gaps(lake, "reason = 'silence'")] == [("AAA", end), ("BBB", end)]


class TestStopAndCrash:
    def test_a_clean_stop_is_open_until_the_next_start_is_good(self, data_dir, lake, recorder):
        good(recorder)
        stopped = us(recorder.at(1))
        recorder.stop()
        publish_once(data_dir)
        assert spans(lake, "stop") == dict.fromkeys(
            ("trade", "depth", "kline", "state"), (stopped - IN_FLIGHT_US, None)
        )
        second = Recorder(data_dir)
        second.now_ns = recorder.now_ns + 60_000_000_000
        _, confirmed, pushed = good(second)
        second.stop()
        publish_once(data_dir)
        closed = {row[0]: row[3] for row in gaps(lake, "reason = 'stop' AND ts_end IS NOT NULL")}
        assert closed == {"trade": confirmed, "kline": confirmed, "depth": pushed, "state": pushed}

    def test_a_crash_is_found_by_publish_and_reaches_from_the_last_proof_of_life(
        self, data_dir, lake, recorder
    ):
        good(recorder)
        recorder.writer.close()  # no stop record: as after SIGKILL, what was flushed is there
        publish_once(data_dir)
        alive_us = recorder.writer.stats.last_flush_ns // 1000
        rows = gaps(lake, "reason = 'crash'")
        assert [row[3] for row in rows] == [None] * 4
        assert all(abs(row[2] - (alive_us - IN_FLIGHT_US)) < 1_000 for row in rows)

    def test_a_session_killed_before_it_noted_a_subscription_is_missing_from_its_start(
        self, data_dir, lake, recorder
    ):
        started = us(recorder)
        recorder.event("start")
        recorder.writer.close()
        second = Recorder(data_dir).at(10)
        _, confirmed, _ = good(second)
        second.stop()
        publish_once(data_dir)
        assert spans(lake, "start")["trade"] == (started, confirmed)

    def test_a_crash_after_the_clock_was_set_back_begins_where_the_recorder_last_lived(
        self, data_dir, lake, recorder
    ):
        recorder.now_ns += 3_600_000_000_000  # what was received before the step carries later times
        good(recorder)
        recorder.writer.close()
        publish_once(data_dir)
        alive_us = recorder.writer.stats.last_flush_ns // 1000
        assert {row[2] // 1_000_000 for row in gaps(lake, "reason = 'crash'")} == {
            (alive_us - IN_FLIGHT_US) // 1_000_000
        }

    def test_a_stream_no_longer_recorded_after_a_restart_has_no_open_gap(self, data_dir, lake, recorder):
        good(recorder)
        recorder.stop()
        second = Recorder(data_dir).at(100)
        second.event("start", settings={"streams": ["trade"], "kline_periods": ["1min"]})
        second.event("markets", listed=["AAA", "BBB"], delisted=[]).stop()
        publish_once(data_dir)
        still_open = {row[0] for row in gaps(lake) if row[3] is None}
        assert still_open == {"trade"}

    def test_a_push_of_one_period_says_nothing_of_another(self, data_dir, lake, recorder):
        rows = recorder.topics(("kline", "AAA", "1min"), ("kline", "AAA", "1hour"))
        recorder.event("start").event("markets", listed=["AAA"], delisted=[])
        recorder.event("up", 1).event("subscribe", 1, topics=rows)
        recorder.at(3).frames(candle("AAA", 1_723_161_240, "101"))
        recorder.stop()
        publish_once(data_dir)
        rows = lake.rows("gaps", "ts_end IS NULL, period", "WHERE reason = 'start' ORDER BY ALL")
        assert rows == [(False, "1min"), (True, "1hour")]

    def test_a_market_no_longer_recorded_after_a_restart_has_no_open_gap(self, data_dir, lake, recorder):
        good(recorder)
        recorder.stop()
        second = Recorder(data_dir).at(100)
        second.session(("trade", "BBB"), markets=("BBB",)).stop()
        publish_once(data_dir)
        rows = gaps(lake, "market = 'AAA'")
        assert [row for row in rows if row[3] is None] == []
        assert {row[6] for row in rows if row[4] == "stop"} >= {"SIGTERM, no longer recorded"}


class TestLags:
    def test_a_clock_that_was_set_in_a_gap_in_candles_is_told_by_the_trades_around_it(
        self, data_dir, lake, recorder
    ):
        recorder.session(*TOPICS)
        for number in range(1, 4):
            traded_s = recorder.now_ns / 1e9
            recorder.at(10).frames(trade("AAA", number, time_s=traded_s))
        recorder.stop()
        later = Recorder(data_dir)
        later.now_ns = recorder.now_ns
        later.at(60).session(*TOPICS)
        publish_once(data_dir)
        traded_s = later.now_ns / 1e9
        later.at(2).frames(trade("AAA", 4, time_s=traded_s)).stop()
        publish_once(data_dir)
        lags = "round(lag_low_us / 1e6), round(lag_high_us / 1e6)"
        ended = "WHERE stream = 'kline' AND reason = 'stop' AND ts_end IS NOT NULL"
        assert lake.rows("gaps", lags, ended) == [(2, 10)]

    def test_a_trade_that_came_twice_says_nothing_of_the_clocks(self, data_dir, lake, recorder):
        recorder.session(*TOPICS)
        for number in range(1, 6):
            recorder.frames(trade("AAA", number, time_s=recorder.now_ns / 1e9)).at(1)
        recorder.frames(trade("AAA", 1, time_s=recorder.now_ns / 1e9 - 500)).stop()
        publish_once(data_dir)
        [lag] = lake.rows("gaps", "lag_high_us", "WHERE stream = 'trade' AND reason = 'stop'")
        assert abs(lag[0]) < 1_000_000


class TestOthers:
    def test_an_overflow_is_a_gap_of_every_topic(self, data_dir, lake, recorder):
        good(recorder)
        start, end = recorder.now_ns, recorder.now_ns + 2_000_000_000
        recorder.event("overflow", **{"from": start, "to": end, "frames": 17, "bytes": 900}).stop()
        publish_once(data_dir)
        rows = gaps(lake, "reason = 'overflow'")
        assert [row[:2] for row in rows] == [
            ("depth", "AAA"), ("kline", "AAA"), ("state", None), ("trade", "AAA"),
        ]  # fmt: skip
        assert {row[2:4] for row in rows} == {(start // 1000 - IN_FLIGHT_US, end // 1000)}
        assert all(row[6].startswith("17 frames dropped") for row in rows)

    def test_an_overflow_before_anything_was_heard_is_a_gap_of_everything(self, data_dir, lake, recorder):
        start, end = recorder.now_ns, recorder.now_ns + 2_000_000_000
        recorder.event("start").event("overflow", **{"from": start, "to": end, "frames": 17, "bytes": 900})
        recorder.stop()
        publish_once(data_dir)
        [row] = gaps(lake, "reason = 'overflow'")
        assert row[:4] == (None, None, start // 1000 - IN_FLIGHT_US, end // 1000)

    def test_a_delisted_market_has_no_open_gap(self, data_dir, lake, recorder):
        good(recorder)
        recorder.event("down", 1, reason="reset", last=recorder.now_ns)
        recorder.at(5).event("markets", listed=[], delisted=["AAA"])
        end = us(recorder)
        recorder.at(1).stop()
        publish_once(data_dir)
        rows = gaps(lake, "market = 'AAA' AND reason = 'disconnect'")
        assert {(row[3], row[6].partition(";")[0]) for row in rows} == {(end, "reset, no longer recorded")}

    def test_rows_do_not_depend_on_how_often_the_journal_was_published(self, data_dir, lake, recorder):
        with Publisher(data_dir) as publisher:
            for step in range(6):
                if step == 0:
                    good(recorder)
                elif step % 2:
                    recorder.at(1).event("down", 1, reason="reset", last=recorder.now_ns)
                else:
                    rows = recorder.topics(*TOPICS)
                    recorder.at(1).event("subscribe", 1, topics=rows).event(
                        "confirmed", 1, topics=rows
                    ).frames(*PUSHES)
                publisher.read()
                publisher.publish()
        recorder.stop()
        publish_once(data_dir)
        often = gaps(lake)
        for name in ("lake", "work"):
            shutil.rmtree(data_dir / name)
        for path in data_dir.glob("manifest.sqlite*"):
            path.unlink()
        publish_once(data_dir)
        assert gaps(lake) == often
        assert len(often) == 4 * 4

    @pytest.mark.parametrize("limits", [{}, {"segment_bytes": 300_000}], ids=["one file", "several files"])
    def test_damage_inside_a_journal_is_a_gap(self, data_dir, lake, monkeypatch, limits):
        monkeypatch.setattr(output, "ZSTD_FRAME_BYTES", 500_000)
        recorder = Recorder(data_dir, **limits)
        good(recorder)
        noise = random.Random(1)
        for number in range(40):
            frames = [trade("AAA", number * 1000 + k, price=str(noise.random())) for k in range(1000)]
            recorder.at(1).frames(*frames)
            time.sleep(0.02)
        recorder.stop()
        paths = sorted((data_dir / "journal" / "main").glob("*.zst"))
        path = paths[len(paths) // 2]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
        publish_once(data_dir)
        [row] = gaps(lake, "reason = 'damage'")
        assert row[0] is None
        assert row[2] < row[3]


class TestDeaf:
    def test_a_recorder_that_could_not_subscribe_anything_misses_everything(self, data_dir, lake, recorder):
        started = us(recorder)
        recorder.event("start").event("down", 1, reason="connect: refused", last=None)
        recorder.at(60).stop()
        publish_once(data_dir)
        assert [row[:5] for row in gaps(lake)] == [(None, None, started, None, "start")]

    def test_from_the_first_subscription_on_each_topic_has_its_own_gap_since_then(
        self, data_dir, lake, recorder
    ):
        started = us(recorder)
        recorder.event("start").at(60).stop()
        second = Recorder(data_dir).at(100)
        _, confirmed, _ = good(second)
        second.stop()
        publish_once(data_dir)
        assert spans(lake, "start")["trade"] == (started, confirmed)
        assert [row for row in gaps(lake) if row[0] is None] == []


def test_a_newly_listed_market_is_missing_since_the_last_list_without_it(data_dir, lake, recorder):
    good(recorder)
    body = b'{"code":0,"data":[{"name":"AAA"}]}'
    for _ in range(2):
        listed = us(recorder)
        recorder.writer.append_rest("market_list", {}, 200, body, t_ns=recorder.now_ns)
        recorder.at(45)
    listed_before = listed - 45_000_000
    recorder.event("markets", listed=["NEW"], delisted=[])
    rows = recorder.topics(("trade", "NEW"))
    recorder.event("subscribe", 1, topics=rows).event("confirmed", 1, topics=rows).stop()
    publish_once(data_dir)
    [row] = gaps(lake, "market = 'NEW' AND reason = 'start'")
    assert row[2] == listed_before


class TestAccount:
    """The streams of an account are one topic, which is no topic of any market."""

    TOPICS = (("position",), ("order",), ("asset",))

    def session(self, recorder, *, account=True):
        settings = {"streams": ["trade"], "kline_periods": ["1min"]}
        recorder.event("start", recorder="main", settings=settings, account=account)
        if account:
            self.connect(recorder)
        return recorder

    def connect(self, recorder):
        rows = recorder.topics(*self.TOPICS)
        recorder.at(0.1).event("up", 0, url="ws://x").event("subscribe", 0, topics=rows)
        recorder.at(0.1).event("confirmed", 0, topics=rows)
        return us(recorder)

    def listen(self, recorder):
        rows = recorder.topics(("trade", "AAA"))
        recorder.event("markets", listed=["AAA"], delisted=[]).event("up", 1, url="ws://x")
        recorder.event("subscribe", 1, topics=rows).at(0.1).event("confirmed", 1, topics=rows)

    def test_they_miss_what_happens_until_they_are_signed_in_and_while_they_are_away(
        self, data_dir, lake, recorder
    ):
        began = us(recorder)
        self.session(recorder)
        first = us(recorder)
        self.listen(recorder)
        lost = recorder.at(5).now_ns
        recorder.at(1).event("down", 0, reason="torn", last=lost)
        again = self.connect(recorder.at(2))
        recorder.stop()
        publish_once(data_dir)
        account = [row[1:5] for row in gaps(lake, "stream = 'account' AND ts_end IS NOT NULL")]
        assert account == [
            (None, began, first, "start"),
            (None, lost // 1000 - IN_FLIGHT_US, again, "disconnect"),
        ]

    def test_they_do_not_stand_for_what_is_public(self, data_dir, lake, recorder):
        began = us(recorder)
        self.session(recorder).at(3)
        self.listen(recorder)
        recorder.stop()
        publish_once(data_dir)
        assert spans(lake, "start")["trade"] == (began, us(recorder))

    def test_a_session_without_credentials_misses_nothing_of_them(self, data_dir, lake, recorder):
        self.session(recorder)
        self.listen(recorder)
        recorder.stop()
        after = Recorder(data_dir)
        after.now_ns = recorder.at(9).now_ns
        self.session(after, account=False)
        self.listen(after)
        after.stop()
        publish_once(data_dir)
        [(*_, end, reason, _, detail)] = gaps(lake, "stream = 'account' AND reason = 'stop'")
        assert (end is not None, reason, "no longer recorded" in detail) == (True, "stop", True)

    def test_what_is_confirmed_without_a_signature_is_nothing(self, data_dir, lake, recorder):
        recorder.event("start", recorder="main", account=True)
        rows = recorder.topics(*self.TOPICS)
        recorder.event("up", 0, url="ws://x").event("subscribe", 0, topics=rows)
        recorder.event("denied", 0, code=1, error="signature error").event("confirmed", 0, topics=rows)
        recorder.flushed()
        publish_once(data_dir, wait_s=0)
        [(*_, end, reason, _, detail)] = gaps(lake, "stream = 'account'")
        assert (end, reason, detail) == (None, "start", "the signature was not taken: signature error")
        again = self.connect(recorder.at(5))
        recorder.stop()
        publish_once(data_dir)
        [(*_, end, _, _, _)] = gaps(lake, "stream = 'account' AND reason = 'start'")
        assert end == again
