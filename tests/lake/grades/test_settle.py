"""Coverage: one row a market-minute once it is settled, recomputed when a repair changes it."""

import random
import shutil
import time

import pytest
from journals import Recorder, book, push, state, trade

from recorder.lake.publishing.follow import publish_once
from recorder.lake.publishing.publisher import Publisher

TOPICS = (("trade", "AAA"), ("depth", "AAA"), ("kline", "AAA", "1min"), ("state",))
AGO_MIN = 20
"""Minutes begin so long ago that all of a test's are settled."""


class Scene:
    """A recorder whose clock starts at a whole minute in the past, and the market it watches."""

    def __init__(self, data_dir, *, lag_s=0.01, name="main"):
        self.recorder = Recorder(data_dir, name)
        self.data_dir = data_dir
        self.lag_s = lag_s
        self.start_s = int(time.time()) // 60 * 60 - AGO_MIN * 60
        self.trade_id = 0
        self.volume = 0.0
        self.turnover = 0.0
        self.minute = None
        self.prices = []

    def to(self, second):
        """Move the recorder's clock to a second after the start."""
        self.recorder.now_ns = int((self.start_s + second) * 1e9)
        return self

    def session(self, *, at=-1.0):
        self.to(at).recorder.session(*TOPICS, markets=("AAA",))
        self.recorder.at(0.1).frames(book("AAA", int((self.start_s + at) * 1000)), state("AAA"))
        return self

    def make(self, second, price="100.5", amount="0.5", side="buy"):
        """A trade happens; it is not told yet."""
        self.trade_id += 1
        minute = int(second // 60)
        if minute != self.minute:
            self.minute, self.volume, self.turnover, self.prices = minute, 0.0, 0.0, []
        self.volume += float(amount)
        self.turnover += float(amount) * float(price)
        self.prices.append(price)
        return (self.trade_id, self.start_s + second, price, amount, side)

    def trade(self, second, **fields):
        """A trade happens and is pushed."""
        deal = self.make(second, **fields)
        self.push(deal)
        return deal

    def push(self, deal):
        number, at_s, price, amount, side = deal
        self.recorder.now_ns = int((at_s + self.lag_s) * 1e9)
        self.recorder.frames(trade("AAA", number, price=price, amount=amount, side=side, time_s=at_s))

    def row(self, minute=None):
        """The running minute's candle, as it stands."""
        minute = self.minute if minute is None else minute
        if minute != self.minute:
            return [self.start_s + minute * 60, *["100.5"] * 4, "0", "0"]
        first, last = self.prices[0], self.prices[-1]
        high, low = max(self.prices, key=float), min(self.prices, key=float)
        return [
            self.start_s + minute * 60,
            first,
            high,
            low,
            last,
            f"{self.volume:.4f}",
            f"{self.turnover:.4f}",
        ]

    def candle(self, second, row=None):
        """A candle is pushed."""
        row = self.row() if row is None else row
        self.to(second + self.lag_s)
        self.recorder.frames(push("kline", {"data": [[*row, "AAA"]], "market": "AAA", "period": "1min"}))
        return self

    def minute_of(self, number, count=4, since=1):
        """A whole minute: trades and books spread over it, the candle's last version just after its end."""
        for index in range(count):
            second = number * 60 + since + index * ((58 - since) / count)
            self.recorder.now_ns = int((self.start_s + second - 0.2 + self.lag_s) * 1e9)
            self.recorder.frames(book("AAA", int((self.start_s + second - 0.2) * 1000)), state("AAA"))
            self.trade(second, price=f"{100 + index / 2}")
        return self.candle(number * 60 + 60.3)

    def drop(self, second, until, last=None):
        """The connection is lost, and had again."""
        recorder = self.to(second).recorder
        last_ns = int((self.start_s + (second if last is None else last)) * 1e9)
        recorder.event("down", 1, reason="reset", last=last_ns)
        rows = recorder.topics(*TOPICS)
        self.to(until).recorder.event("up", 1).event("subscribe", 1, topics=rows).event(
            "confirmed", 1, topics=rows
        )
        recorder.frames(book("AAA", int((self.start_s + until) * 1000)), state("AAA"))

    def done(self):
        self.recorder.at(5).stop()
        publish_once(self.data_dir)


@pytest.fixture
def scene(data_dir):
    return Scene(data_dir)


def coverage(lake, scene, columns="grade", where="true"):
    """Rows of the scene's minutes. The writer's check lines are of now: later ones are settled, too."""
    minute = f"(epoch(minute)::BIGINT - {scene.start_s}) // 60"
    until = scene.recorder.now_ns / 1e9 - scene.lag_s
    ends = f"epoch(minute) + 60 <= {until}"
    return lake.rows("coverage", f"{minute}, {columns}", f"WHERE {ends} AND {where} ORDER BY market, minute")


def grades(lake, scene):
    return dict(coverage(lake, scene))


def missed(lake, scene):
    span = (
        f"(epoch(ts_start)::BIGINT - {scene.start_s}) // 60, (epoch(ts_end)::BIGINT - {scene.start_s}) // 60"
    )
    until = f"epoch(ts_start) < {scene.recorder.now_ns // 10**9 // 60 * 60}"
    return lake.rows("gaps", f"stream, {span}, repaired", f"WHERE reason = 'missed' AND {until} ORDER BY ALL")


class TestWhole:
    def test_a_minute_received_whole_is_a_with_every_witness(self, lake, scene):
        scene.session().minute_of(0).minute_of(1).done()
        columns = (
            "grade, reason, trades, rest_trades, volume, turnover, open, high, low, close,"
            "candle_open, candle_high, candle_low, candle_close, candle_volume, candle_turnover,"
            "candle_source, gap_seconds, depth_rows, state_rows, sides_compared, missed"
        )
        rows = coverage(lake, scene, columns)
        prices = (100.0, 101.5, 100.0, 101.5)
        assert rows[1] == (1, "A", "", 4, 0, 2.0, 201.5, *prices, *prices, 2.0, 201.5, "ws", 0.0, 4, 4, 3, "")

    def test_a_quiet_minute_with_a_flat_candle_is_a(self, lake, scene):
        scene.session().minute_of(0)
        scene.candle(120.3, scene.row(1)).minute_of(2).done()
        assert grades(lake, scene)[1] == "A"

    def test_the_first_minute_was_not_recorded_from_its_beginning(self, lake, scene):
        scene.session(at=20.0)
        before = scene.make(10)
        scene.to(21).recorder.deals("AAA", before)
        scene.trade(30)
        scene.candle(60.3).minute_of(1).done()
        assert coverage(lake, scene, "grade, trades, rest_trades")[0] == (0, "B", 2, 1)

    def test_a_minute_that_is_not_settled_has_no_row(self, data_dir, lake):
        scene = Scene(data_dir)
        scene.start_s = int(time.time()) // 60 * 60
        scene.session(at=-130).trade(-125)
        scene.recorder.stop()
        publish_once(data_dir)
        assert all(minute < 0 for minute in grades(lake, scene))

    def test_candles_of_before_the_recording_stand_alone(self, lake, scene):
        scene.session(at=0.0).minute_of(0)
        rows = [[scene.start_s - 60 * k, "5", "6", "4", "5.5", "9", "50"] for k in (3, 2, 1)]
        scene.to(61).recorder.candles("AAA", scene.start_s - 600, scene.start_s - 1, *rows)
        scene.done()
        found = coverage(lake, scene, "grade, reason, candle_volume", "trades = 0")
        assert found[:3] == [(k, "C", "candle only", 9.0) for k in (-3, -2, -1)]

    def test_one_that_the_venue_withholds_among_them_is_a_hole(self, lake, scene):
        scene.session(at=0.0).minute_of(0)
        rows = [[scene.start_s - 60 * k, "5", "6", "4", "5.5", "9", "50"] for k in (4, 2, 1)]
        scene.to(61).recorder.candles("AAA", scene.start_s - 600, scene.start_s - 1, *rows)
        scene.done()
        found = coverage(lake, scene, "grade, reason", "trades = 0")
        assert found[:2] == [(-4, "C", "candle only"), (-3, "D", "no candle and no trade")]


class TestMissed:
    def test_a_trade_that_was_never_pushed_is_told_by_the_candle_and_is_a_gap(self, lake, scene):
        scene.session().minute_of(0)
        scene.make(90.0, amount="0.25")
        scene.minute_of(1).minute_of(2).done()
        rows = coverage(lake, scene, "grade, reason", "grade = 'D'")
        assert rows == [(1, "D", "volume 2 by trades, 2.25 by candle")]
        assert missed(lake, scene) == [("trade", 1, 2, "none")]

    def test_it_is_so_in_a_minute_in_which_a_gap_is_known_too(self, lake, scene):
        scene.session().minute_of(0).minute_of(1)
        scene.drop(122, 125)
        scene.make(150)
        scene.minute_of(2, since=10).minute_of(3).done()
        assert grades(lake, scene)[2] == "D"
        assert ("trade", 2, 3, "none") in missed(lake, scene)

    def test_the_gap_holds_it_by_a_clock_that_was_wrong_then_and_is_right_now(self, data_dir, lake):
        scene = Scene(data_dir, lag_s=76.4)
        scene.session(at=76.0).minute_of(0).minute_of(1)
        lost_s = scene.start_s + 150
        scene.make(150)
        scene.minute_of(2, since=31).minute_of(3)
        scene.lag_s = 0.01
        for minute in range(4, 8):
            scene.minute_of(minute)
        scene.done()
        [(start, end)] = lake.rows(
            "gaps",
            "epoch(ts_start), epoch(ts_end)",
            "WHERE reason = 'missed' AND stream = 'trade' "
            f"AND minute = make_timestamptz({(scene.start_s + 120) * 10**6})",
        )
        assert start < lost_s + 76.4 < end

    def test_brought_by_rest_it_is_repaired_and_the_gap_says_so(self, lake, scene):
        scene.session().minute_of(0)
        lost = scene.make(90.0, price="101.0", amount="0.25")
        scene.minute_of(1)
        scene.to(130).recorder.deals("AAA", lost)
        scene.minute_of(2).done()
        assert grades(lake, scene)[1] == "B"
        assert missed(lake, scene) == [("trade", 1, 2, "fully")]

    def test_a_candle_whose_last_push_was_lost_is_a_gap_until_rest_gives_it(self, lake, scene):
        scene.session().minute_of(0)
        for second in (62, 70):
            scene.trade(second)
        scene.candle(71)
        scene.trade(80)
        last = scene.row()
        scene.minute_of(2)
        scene.done()
        assert grades(lake, scene)[1] == "D"
        assert missed(lake, scene) == [("kline", 1, 2, "none")]
        again = Scene(scene.data_dir)
        again.start_s = scene.start_s
        again.session(at=400).recorder.candles("AAA", scene.start_s, scene.start_s + 119, last)
        again.done()
        assert grades(lake, scene)[1] == "B"
        assert missed(lake, scene) == [("kline", 1, 2, "fully")]

    def test_a_market_that_fell_silent_alone_is_missed_in_all_its_streams(self, lake, scene):
        scene.session().minute_of(0)
        scene.to(200).recorder.frames(state("AAA"))
        scene.minute_of(4).done()
        assert [grade for _, grade in coverage(lake, scene, where="candle_volume IS NULL")] == ["D"] * 3
        assert missed(lake, scene) == [
            (stream, minute, minute + 1, "none")
            for stream in ("depth", "kline", "trade")
            for minute in (1, 2, 3)
        ]

    def test_before_its_first_trade_a_market_misses_nothing(self, lake, scene):
        scene.session(at=-300.5).minute_of(0).done()
        assert min(grades(lake, scene)) == 0


SEEN = "round(trade_seconds, 1), round(depth_seconds, 1), round(kline_seconds, 1), round(state_seconds, 1)"


class TestSeenSeconds:
    """In how much of a minute each stream was recorded, with nothing missing."""

    def test_a_minute_received_whole_was_seen_for_sixty(self, lake, scene):
        scene.session().minute_of(0).minute_of(1).done()
        assert coverage(lake, scene, SEEN)[1] == (1, 60.0, 60.0, 60.0, 60.0)

    def test_of_the_first_minute_only_what_was_recorded_of_it(self, lake, scene):
        scene.session(at=20.0)
        scene.make(10)
        scene.trade(30)
        scene.candle(60.3).minute_of(1).done()
        [first] = [row for row in coverage(lake, scene, "trade_seconds") if row[0] == 0]
        assert first[1] == pytest.approx(40.0, abs=0.5)

    def test_a_gap_in_which_the_candle_shows_nothing_missed_takes_nothing_from_it(self, lake, scene):
        scene.session().minute_of(0)
        scene.trade(65)
        scene.drop(70, 80)
        scene.trade(90)
        scene.candle(120.3).minute_of(2).done()
        assert coverage(lake, scene, "grade, round(trade_seconds, 1)")[1] == (1, "D", 60.0)

    def test_without_what_a_gap_leaves_missing(self, lake, scene):
        scene.session().minute_of(0)
        scene.trade(65)
        scene.make(75)
        scene.drop(70, 80)
        scene.trade(90)
        scene.candle(120.3).minute_of(2).done()
        assert coverage(lake, scene, "round(trade_seconds, 1)")[1] == (1, 49.5)

    def test_none_where_the_candle_shows_trades_that_no_gap_tells_of(self, lake, scene):
        scene.session().minute_of(0)
        scene.trade(65)
        scene.make(75)
        scene.trade(90)
        scene.candle(120.3).minute_of(2).done()
        assert coverage(lake, scene, "missed, trade_gap_seconds, trade_seconds")[1] == (
            1,
            "trade=none",
            0.0,
            0.0,
        )

    def test_nothing_of_a_candle_from_before_the_recording(self, lake, scene):
        scene.session(at=0.0).minute_of(0)
        rows = [[scene.start_s - 60 * k, "5", "6", "4", "5.5", "9", "50"] for k in (3, 2, 1)]
        scene.to(61).recorder.candles("AAA", scene.start_s - 600, scene.start_s - 1, *rows)
        scene.done()
        assert coverage(lake, scene, SEEN, "candle_volume = 9")[0] == (-3, 0.0, 0.0, 0.0, 0.0)


class TestGaps:
    def test_a_gap_that_no_answer_closed_makes_the_minute_d(self, lake, scene):
        scene.session().minute_of(0)
        scene.trade(65)
        scene.drop(70, 80)
        scene.trade(90)
        scene.candle(120.3).minute_of(2).done()
        assert coverage(lake, scene, "grade, trade_gap_seconds", "grade = 'D'") == [(1, "D", 10.5)]
        assert missed(lake, scene) == []

    def test_one_that_the_newest_trades_reach_across_makes_it_b(self, lake, scene):
        scene.session().minute_of(0)
        before = scene.trade(65)
        lost = scene.make(75, amount="0.125")
        scene.drop(70, 80)
        scene.to(80.2).recorder.deals("AAA", lost, before)
        scene.trade(90)
        scene.candle(120.3).minute_of(2).done()
        assert coverage(lake, scene, "grade, rest_trades, gap_seconds > 0", "grade = 'B'") == [
            (1, "B", 1, True)
        ]
        [gap] = lake.rows(
            "gaps", "repaired, remains_start", "WHERE stream = 'trade' AND reason = 'disconnect'"
        )
        assert gap == ("fully", None)

    def test_the_minutes_beside_a_gap_stay_a(self, lake, scene):
        scene.session().minute_of(0).minute_of(1)
        scene.trade(121)
        scene.drop(125, 178.9)
        scene.candle(180.3).minute_of(3).done()
        found = grades(lake, scene)
        assert (found[1], found[2], found[3]) == ("A", "D", "A")

    def test_they_do_so_where_our_clock_is_behind_the_venues(self, data_dir, lake):
        scene = Scene(data_dir, lag_s=-1.2)
        scene.session(at=-3).minute_of(0).minute_of(1)
        scene.trade(121)
        scene.drop(125 - 1.2, 178.6 - 1.2)
        scene.candle(180.3).minute_of(3).done()
        found = grades(lake, scene)
        assert (found[1], found[2], found[3]) == ("A", "D", "A")

    def test_a_minute_inside_an_outage_has_its_candle_only(self, lake, scene):
        scene.session().minute_of(0)
        scene.drop(61, 250)
        rows = [[scene.start_s + 60 * k, "5", "6", "4", "5.5", "9", "50"] for k in (1, 2, 3)]
        scene.to(400).recorder.candles("AAA", scene.start_s, scene.start_s + 240, scene.row(), *rows)
        scene.minute_of(7).done()
        assert [grades(lake, scene)[minute] for minute in (2, 3)] == ["C", "C"]
        [gap] = lake.rows("gaps", "repaired, detail", "WHERE stream = 'kline' AND reason = 'disconnect'")
        assert gap == ("fully", "reset; by candles: 4 of 4 by REST")

    def test_until_the_candle_is_asked_for_a_gap_at_its_end_leaves_it_unproven(self, lake, scene):
        scene.session().minute_of(0)
        before = scene.trade(110)
        scene.drop(115, 124)
        scene.to(124.2).recorder.deals("AAA", before)
        last = scene.row()
        scene.candle(111, last)
        scene.minute_of(3)
        scene.done()
        assert coverage(lake, scene, "grade, reason", f"epoch(minute) = {scene.start_s + 60}") == [
            (1, "D", "a gap touches the candle's end")
        ]
        again = Scene(scene.data_dir)
        again.start_s = scene.start_s
        again.session(at=400).recorder.candles("AAA", scene.start_s, scene.start_s + 119, last)
        again.done()
        assert grades(lake, scene)[1] == "B"

    def test_a_market_is_not_covered_after_it_was_delisted(self, lake, scene):
        scene.session().minute_of(0)
        scene.to(65).recorder.event("markets", listed=[], delisted=["AAA"])
        scene.to(400).recorder.frames(state("AAA"))
        scene.done()
        assert max(grades(lake, scene)) == 1


class TestClocks:
    def test_a_recording_of_another_year_is_judged_by_its_own_clock(self, data_dir, lake):
        scene = Scene(data_dir)
        year_s = 366 * 86_400
        scene.start_s -= year_s
        scene.lag_s = year_s + 0.02
        scene.to(year_s - 5).recorder.session(*TOPICS, markets=("AAA",))
        scene.recorder.frames(book("AAA", (scene.start_s - 1) * 1000), state("AAA"))
        scene.minute_of(0).minute_of(1).minute_of(2).done()
        assert grades(lake, scene) == {0: "A", 1: "A", 2: "A"}


def derived(lake):
    """Everything that is made from rows, without the order."""
    return {table: sorted(map(str, lake.rows(table))) for table in ("coverage", "gaps", "klines", "trades")}


def live_through(scene, publish):
    """An eventful quarter of an hour; `publish` is called between any two things."""
    noise = random.Random(7)
    scene.session()
    for number in range(10):
        if number in (3, 6):
            before = scene.trade(number * 60 + 5)
            lost = scene.make(number * 60 + 9, amount="0.125")
            scene.drop(number * 60 + 6, number * 60 + 10)
            publish()
            if number == 3:
                scene.to(number * 60 + 10.5).recorder.deals("AAA", lost, before)
                publish()
            scene.minute_of(number, since=15)
            continue
        if number == 4:
            scene.make(number * 60 + 0.5, amount="0.25")
        scene.minute_of(number, count=noise.randint(1, 5))
        publish()
        if number == 7:
            rows = [[scene.start_s + 60 * k, "5", "6", "4", "5.5", "9", "50"] for k in (-2, -1)]
            scene.recorder.candles("AAA", scene.start_s - 600, scene.start_s - 1, *rows)
            publish()


def test_what_is_made_does_not_depend_on_when_or_how_often_it_was_published(data_dir, lake):
    scene = Scene(data_dir)
    with Publisher(data_dir) as publisher:

        def publish():
            scene.recorder.writer.wait_flushed(5)
            publisher.read()
            publisher.publish()
            publisher.settle()

        live_through(scene, publish)
    scene.recorder.stop()
    publish_once(data_dir)
    often = derived(lake)
    assert {grade for _, grade in coverage(lake, scene)} == {"A", "B", "C", "D"}
    for name in ("lake", "work"):
        shutil.rmtree(data_dir / name)
    for path in data_dir.glob("manifest.sqlite*"):
        path.unlink()
    publish_once(data_dir)
    assert derived(lake) == often


def test_publishing_again_changes_no_file(data_dir, scene):
    live_through(scene, lambda: None)
    scene.done()
    before = {path: path.read_bytes() for path in (data_dir / "lake").rglob("*.parquet")}
    publish_once(data_dir)
    assert {path: path.read_bytes() for path in (data_dir / "lake").rglob("*.parquet")} == before


def test_an_answer_whose_bounds_are_no_whole_minutes_is_judged_by_whole_ones(data_dir, lake):
    scene = Scene(data_dir)
    scene.session().minute_of(0)
    scene.to(200).recorder.frames(state("AAA"))
    scene.minute_of(4)
    with Publisher(data_dir) as publisher:
        scene.recorder.writer.wait_flushed(5)
        publisher.read()
        publisher.publish()
        publisher.settle()
        row = [scene.start_s + 120, *["101.5"] * 4, "0", "0"]
        scene.to(400).recorder.candles("AAA", scene.start_s + 61, scene.start_s + 191, row)
        scene.recorder.writer.wait_flushed(5)
        publisher.read()
        publisher.publish()
        publisher.settle()
    scene.done()
    assert grades(lake, scene)[2] == "A"


class TestTwoRecorders:
    def two(self, data_dir, *, gap):
        """Both watch the market; the second is down for a while, and so is the first where `gap` says so."""
        first, second = Scene(data_dir), Scene(data_dir, name="second")
        second.start_s = first.start_s
        for scene in (first, second):
            scene.session().minute_of(0)
            scene.trade(61)
            if scene is second or gap:
                scene.drop(65, 75)
            scene.trade(80)
            scene.candle(120.3).minute_of(2)
            scene.recorder.at(5).stop()
        publish_once(data_dir)
        return first

    def test_what_one_of_them_received_is_not_missing(self, data_dir, lake):
        scene = self.two(data_dir, gap=False)
        assert grades(lake, scene)[1] == "A"

    def test_what_both_of_them_missed_is(self, data_dir, lake):
        scene = self.two(data_dir, gap=True)
        assert grades(lake, scene)[1] == "D"
