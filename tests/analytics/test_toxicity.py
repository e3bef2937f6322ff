"""What flow did to prices: impact, illiquidity and one-sidedness against published and plain figures."""

import math
import random
import statistics
from fractions import Fraction

import numpy as np
import pytest
from asked_lakes import graded, lake_at, rows_as
from lakedays import DAY_US, MINUTE_US, trade
from plain_bars import bars_of, changes_of, traded
from shared_lake import SharedLake, answers, same

from analytics import estimators, open_lake

ANSCOMBE_X = (10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5)
ANSCOMBE = {
    "I": (ANSCOMBE_X, (8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68)),
    "II": (ANSCOMBE_X, (9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74)),
    "III": (ANSCOMBE_X, (7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73)),
    "IV": ((8,) * 7 + (19,) + (8,) * 3, (6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89)),
}
"""Four sets of points that share one line (Anscombe 1973): slope 0.5, its standard error 0.118, R^2 0.667."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("lake")
    with lake_at(data_dir) as day:
        yield SharedLake(day, open_lake(data_dir))


def minutes_of(points, price=100.0):
    """A trade at a price, then one a minute: of (signed turnover in millions, return in bps)."""
    rows = traded({0: price})
    for minute, (millions, bps) in enumerate(points, 1):
        price *= math.exp(bps / 1e4)
        side = "buy" if millions > 0 else "sell"
        rows.append(trade(minute * MINUTE_US, minute, price, abs(millions) * 1e6 / price, side))
    return rows


class TestKyle:
    @pytest.mark.parametrize("name", ANSCOMBE)
    @pytest.mark.parametrize("sign", [1, -1])
    def test_the_line_is_the_published_one(self, lake, name, sign):
        x, y = ANSCOMBE[name]
        points = [(sign * millions, bps) for millions, bps in zip(x, y, strict=True)]
        [hour] = lake.ask("kyle_1h", trades=minutes_of(points))
        assert hour["kyle_lambda"] == pytest.approx(sign * 0.5, abs=2e-3)
        assert hour["r2"] == pytest.approx(0.6665, abs=6e-4)
        assert hour["t_stat"] == pytest.approx(sign * 0.5 / 0.118, abs=0.02)
        assert hour["minutes"] == 11

    def test_it_is_the_line_of_the_standard_library(self, lake):
        chance = random.Random(3)
        points = [(chance.gauss(0, 2), chance.gauss(0, 5)) for _ in range(40)]
        points = [(flow, bps + 1.3 * flow) for flow, bps in points]
        [hour] = lake.ask("kyle_1h", trades=minutes_of(points))
        x, y = zip(*points, strict=True)
        assert hour["kyle_lambda"] == pytest.approx(statistics.linear_regression(x, y).slope)
        assert hour["r2"] == pytest.approx(statistics.correlation(x, y) ** 2)
        line = estimators.kyle(np.array(y), np.array(x))
        found = (hour["kyle_lambda"], hour["t_stat"], hour["r2"], hour["minutes"])
        assert line == pytest.approx(found)

    def test_purchases_and_sales_of_a_minute_are_set_against_each_other(self, lake):
        """As much bought as sold beside it changes nothing: the slope stays 2."""
        rows = minutes_of([(at % 5 + 1, 2 * (at % 5 + 1)) for at in range(12)])
        extra = [
            trade(minute * MINUTE_US + 10, 1000 + 2 * minute + turn, rows[minute]["price"], 50.0, side)
            for minute in range(1, 13)
            for turn, side in enumerate(("buy", "sell"))
        ]
        [hour] = lake.ask("kyle_1h", trades=rows + extra)
        assert hour["kyle_lambda"] == pytest.approx(2)

    def test_ten_minutes_with_trades_are_needed_and_quiet_ones_are_none(self, lake):
        points = [(at % 3 + 1, at % 4) for at in range(10)]
        quiet = [graded(at, candle_close=99.0) for at in range(20, 40)]
        [few] = lake.ask("kyle_1h", trades=minutes_of(points[:9]), coverage=quiet)
        [enough] = lake.ask("kyle_1h", trades=minutes_of(points), coverage=quiet)
        assert (few["minutes"], few["kyle_lambda"], few["r2"], few["t_stat"]) == (9, None, None, None)
        assert enough["minutes"] == 10
        assert None not in (enough["kyle_lambda"], enough["r2"], enough["t_stat"])

    def test_nothing_is_said_where_the_flow_was_the_same_or_the_hour_hardly_covered(self, lake):
        [level] = lake.ask("kyle_1h", trades=traded(dict.fromkeys(range(20), 100.0)))
        assert (level["kyle_lambda"], level["r2"], level["t_stat"]) == (None, None, None)
        seen = [graded(at, "B", seconds=20.0) for at in range(17)]
        points = [(at % 3 + 1, at % 4) for at in range(16)]
        [hour] = lake.ask("kyle_1h", trades=minutes_of(points), coverage=seen)
        assert (hour["kyle_lambda"], hour["minutes"]) == (None, 16)


class TestAmihud:
    def test_it_is_the_mean_of_bps_by_millions(self, lake):
        """10 bps by 2 millions, 30 bps by 1: the mean of 5 and 30; by their sums 40 by 3."""
        quiet = [graded(at, candle_close=99.8) for at in range(3, 150)]
        tables = {"trades": minutes_of([(2, 10), (-1, -30)]), "coverage": quiet}
        for view in ("amihud_1h", "amihud_1d"):
            row = lake.ask(view, **tables)[0]
            assert (row["amihud"], row["amihud_weighted"]) == pytest.approx((17.5, 40 / 3)), view
            assert row["minutes"] == 2
        found = lake.ask("amihud_1m", **tables)[:4]
        assert [row["amihud"] for row in found] == [None, pytest.approx(5), pytest.approx(30), None]

    def test_it_is_null_of_an_hour_of_which_less_than_a_tenth_was_covered(self, lake):
        seen = [graded(at, "B", seconds=100.0) for at in range(3)]
        [row] = lake.ask("amihud_1h", trades=minutes_of([(2, 10), (1, 30)]), coverage=seen)
        assert (row["amihud"], row["amihud_weighted"], row["minutes"]) == (None, None, 2)

    def test_it_is_what_plain_loops_and_the_estimator_say(self, lake):
        chance = random.Random(4)
        prices = {
            at: tuple(100 + chance.gauss(0, 1) for _ in range(3))
            for at in range(200)
            if chance.random() < 0.8
        }
        trades = [row | {"quantity": chance.uniform(1, 1e4)} for row in traded(prices)]
        changes = changes_of(bars_of(trades, []))
        turnover = dict.fromkeys(prices, 0.0)
        for row in trades:
            turnover[(row["ts_event"] - DAY_US) // MINUTE_US] += row["price"] * row["quantity"]
        ratios = [1e10 * abs(change) / turnover[at] for at, change in changes.items()]
        [day] = lake.ask("amihud_1d", trades=trades)
        assert day["amihud"] == pytest.approx(sum(ratios) / len(ratios))
        assert day["minutes"] == len(ratios)
        arrays = (np.array([per[at] for at in changes]) for per in (changes, turnover))
        assert estimators.amihud(*arrays) * 1e10 == pytest.approx(day["amihud"])


def at_times(sides, quantities):
    """A trade every 10 s."""
    return [
        trade(number * 10_000_000, number, 100.0, quantity, side)
        for number, (side, quantity) in enumerate(zip(sides, quantities, strict=True))
    ]


def buckets_of(trades):
    """(bought, sold, index of the trade that fills it) of 50 buckets, in exact fractions of decimals."""
    size = sum(Fraction(str(row["quantity"])) for row in trades) / 50
    found, current, room = [], [Fraction(0), Fraction(0)], size
    for index, row in enumerate(trades):
        left = Fraction(str(row["quantity"]))
        while left:
            part = min(left, room)
            current[row["side"] == "sell"] += part
            left, room = left - part, room - part
            if not room:
                found.append((float(current[0]), float(current[1]), index))
                current, room = [Fraction(0), Fraction(0)], size
    return found


class TestVolumeBuckets:
    @pytest.mark.parametrize("seed", range(3))
    def test_trades_are_divided_at_the_borders_exactly(self, lake, seed):
        """Some trades fill several buckets, some stand at one instant."""
        chance = random.Random(seed)
        sides = chance.choices(["buy", "sell"], [2, 1], k=400)
        trades = at_times(
            sides, [round(chance.choice([0.1, 1, 3, 40]) * chance.random() + 1e-3, 3) for _ in sides]
        )
        for row in trades:
            row["ts_event"] -= chance.choice([0, 0, (row["ts_event"] - DAY_US) % (30 * 1_000_000)])
        ordered = sorted(trades, key=lambda row: (row["ts_event"], row["trade_id"]))
        found = lake.ask("volume_buckets", trades=trades)
        expected = buckets_of(ordered)
        assert [row["fiftieth"] for row in found] == list(range(1, 51))
        assert [row["buy_volume"] for row in found] == pytest.approx([each[0] for each in expected], abs=1e-9)
        assert [row["sell_volume"] for row in found] == pytest.approx(
            [each[1] for each in expected], abs=1e-9
        )
        ends = [ordered[each[2]]["ts_event"] for each in expected]
        assert [round(row["ts_end"].timestamp() * 1e6) for row in found] == ends
        starts = [ordered[0]["ts_event"], *ends[:-1]]
        assert [round(row["ts_start"].timestamp() * 1e6) for row in found] == starts
        assert sum(row["trades"] for row in found) == len(trades)

    def test_a_border_at_the_end_of_a_trade_is_found_there_whatever_decimals_add_up_to(self, lake):
        """0.1 added up ten times is not 1 in binary: the tenth trade fills the bucket all the same."""
        trades = at_times(["buy", "sell"] * 250, [0.1] * 500)
        found = lake.ask("volume_buckets", trades=trades)
        assert [row["trades"] for row in found] == [10] * 50
        ends = [trades[10 * number + 9]["ts_event"] for number in range(50)]
        assert [round(row["ts_end"].timestamp() * 1e6) for row in found] == ends

    def test_the_buckets_of_arrays_are_the_same(self, lake):
        chance = random.Random(7)
        trades = at_times(
            chance.choices(["buy", "sell"], k=300), [chance.uniform(0.1, 9) for _ in range(300)]
        )
        found = lake.ask("volume_buckets", trades=trades)
        quantity = np.array([row["quantity"] for row in trades])
        is_buy = np.array([row["side"] == "buy" for row in trades])
        bought, sold = estimators.volume_buckets(quantity, quantity * is_buy)
        assert [row["buy_volume"] for row in found] == pytest.approx(bought.tolist(), abs=1e-9)
        [day] = lake.ask("vpin_1d", trades=trades)
        assert day["vpin"] == pytest.approx(estimators.vpin(bought, sold)[-1])


class TestVpin:
    @pytest.mark.parametrize(
        ("sides", "expected"),
        [
            ("buy sell", 0), ("buy", 1), ("sell", 1), ("buy buy buy sell", 0.5),
            ("buy " * 40 + "sell " * 40, 1), ("buy " * 50 + "sell " * 50, 0.6),
        ],
        ids=["in turn", "bought", "sold", "three to one", "a bucket each", "more than a bucket each"],
    )  # fmt: skip
    def test_it_is_the_unevenness_of_the_buckets(self, lake, sides, expected):
        """Forty trades fill a bucket; runs of 50 leave five buckets uneven by 1, 1/2, 0, 1/2 and 1."""
        sides = sides.split()
        [day] = lake.ask("vpin_1d", trades=at_times(sides * (2000 // len(sides)), [0.3] * 2000))
        assert day["vpin"] == pytest.approx(expected, abs=1e-9)
        assert (day["trades"], day["volume"]) == (2000, pytest.approx(600))

    def test_it_needs_250_trades_and_a_tenth_of_the_day(self, lake):
        for count, seen, is_known in ((249, 144, False), (250, 144, True), (250, 143, False)):
            trades = at_times(["buy"] * count, [1.0] * count)
            [day] = lake.ask("vpin_1d", trades=trades, coverage=[graded(at) for at in range(seen)])
            assert (day["vpin"] is not None) == is_known
            assert (day["trades"], day["coverage"]) == (count, pytest.approx(seen / 1440))

    def test_a_day_without_trades_has_its_grade(self, lake):
        [day] = lake.ask("vpin_1d", coverage=[graded(0, "C", seconds=0.0)])
        assert (day["vpin"], day["trades"], day["grade"]) == (None, 0, "C")


def test_a_day_answers_the_same_before_and_after_compaction(tmp_path):
    views = ("kyle_1h", "amihud_1h", "amihud_1d", "volume_buckets", "vpin_1d")
    chance = random.Random(9)
    trades = at_times(chance.choices(["buy", "sell"], k=400), [chance.uniform(0.1, 9) for _ in range(400)])
    trades = [row | {"price": 100 + chance.random()} for row in trades]
    with lake_at(tmp_path) as day:
        day.add("trades", rows_as("trades", trades))
        lake = open_lake(tmp_path)
        before = {view: answers(lake, f"SELECT * FROM {view} ORDER BY 3") for view in views}
        day.compact()
        for view, rows in before.items():
            after = answers(lake, f"SELECT * FROM {view} ORDER BY 3")
            assert len(after) == len(rows) > 0
            assert all(same(one, other) for one, other in zip(rows, after, strict=True)), view
