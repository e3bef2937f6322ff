"""How much prices moved: the views against closed forms, plain loops and the estimators of arrays."""

import itertools
import math
import random

import numpy as np
import pytest
from asked_lakes import graded, lake_at, rows_as
from lakedays import DAY_US, MINUTE_US, SECOND_US, book
from plain_bars import YEAR, bars_of, by_range, traded, volatility_of
from shared_lake import SharedLake, answers, same

from analytics import estimators, open_lake

FIGURES = (
    "realised", "bipower", "jump_share", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang",
)  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("lake")
    with lake_at(data_dir) as day:
        yield SharedLake(day, open_lake(data_dir))


def hours(lake, trades, coverage=()):
    return lake.ask("volatility_1h", trades=trades, coverage=coverage)


def quiet(minutes, price, grade="A"):
    return [graded(minute, grade, candle_close=price) for minute in minutes]


class TestClosedForms:
    def test_returns_of_one_size_are_annualised_by_the_minutes_of_365_days(self, lake):
        prices = [100 * math.exp(0.001 * (minute % 2)) for minute in range(60)]
        [hour] = hours(lake, traded(dict(enumerate(prices))))
        assert hour["realised"] == pytest.approx(0.001 * math.sqrt(365 * 24 * 60))
        assert hour["bipower"] == pytest.approx(0.001 * math.sqrt(math.pi / 2 * YEAR))
        assert (hour["minutes"], hour["returns"], hour["quiet_minutes"]) == (60, 59, 0)
        assert [hour[name] for name in ("parkinson", "garman_klass", "rogers_satchell", "jump_share")] == [
            0
        ] * 4
        openings = 0.001**2 * (59 - 1 / 59) / 58  # their sample variance: 59 of alternating sign
        assert hour["yang_zhang"] == pytest.approx(math.sqrt(YEAR * openings))

    def test_bars_of_one_shape_are_that_shape_annualised(self, lake):
        """Up and down by b and back: the range is 2 b, the body nothing."""
        b = 0.002
        shape = (100, 100 * math.exp(b), 100 * math.exp(-b), 100)
        [hour] = hours(lake, traded(dict.fromkeys(range(60), shape)))
        assert hour["parkinson"] == pytest.approx(math.sqrt(YEAR * (2 * b) ** 2 / (4 * math.log(2))))
        assert hour["garman_klass"] == pytest.approx(b * math.sqrt(2 * YEAR))
        assert hour["rogers_satchell"] == pytest.approx(b * math.sqrt(2 * YEAR))
        k = 0.34 / (1.34 + 60 / 58)
        assert hour["yang_zhang"] == pytest.approx(b * math.sqrt(2 * YEAR * (1 - k)))
        assert (hour["realised"], hour["bipower"], hour["jump_share"]) == (0, 0, None)

    def test_a_trend_without_noise_is_none_to_rogers_and_satchell(self, lake):
        """Garman and Klass take it for volatility: (1/2 - (2 ln 2 - 1)) of its square."""
        trades = traded({at: (100 * 1.001**at, 100 * 1.001 ** (at + 1)) for at in range(60)})
        [hour] = hours(lake, trades)
        assert hour["rogers_satchell"] == pytest.approx(0, abs=1e-6)
        assert hour["yang_zhang"] == pytest.approx(0, abs=1e-6)
        slope = math.log(1.001)
        assert hour["garman_klass"] == pytest.approx(slope * math.sqrt(YEAR * (1.5 - 2 * math.log(2))))

    def test_one_jump_in_quiet_is_all_jump(self, lake):
        trades = traded({0: 100.0, 30: 110.0})
        [hour] = hours(lake, trades, quiet(range(1, 30), 100.0) + quiet(range(31, 60), 110.0))
        assert hour["realised"] == pytest.approx(math.log(1.1) * math.sqrt(YEAR / 59))
        assert (hour["bipower"], hour["jump_share"]) == (0, 1)

    def test_a_day_as_one_bar_is_annualised_by_365(self, lake):
        trades = traded({0: 100.0, 700: 120.0, 800: 90.0, 1439: 105.0})
        spans = ((1, 700, 100.0), (701, 800, 120.0), (801, 1439, 90.0))
        coverage = [row for start, end, price in spans for row in quiet(range(start, end), price)]
        [row] = lake.ask("volatility_1d", trades=trades, coverage=coverage)
        expected = by_range([(100.0, 120.0, 90.0, 105.0)], 365)
        assert {name: row[f"{name}_day"] for name in expected} == pytest.approx(expected)


class TestWhatABarIs:
    def test_a_proven_quiet_minute_is_a_return_of_zero(self, lake):
        trades = traded({0: 100.0, 10: 110.0})
        [hour] = hours(lake, trades, quiet(range(1, 10), 100.0, "B"))
        assert (hour["minutes"], hour["quiet_minutes"], hour["returns"]) == (11, 9, 10)
        assert hour["realised"] == pytest.approx(math.log(1.1) * math.sqrt(YEAR / 10))

    @pytest.mark.parametrize("grade", ["C", "D", None])
    def test_no_return_is_measured_across_a_minute_that_was_not_seen(self, lake, grade):
        trades = traded({at: 100.0 if at < 10 else 200.0 for at in range(20) if at != 10})
        coverage = [graded(at) for at in range(20) if at != 10]
        coverage += [graded(10, grade, candle_close=100.0, seconds=0.0)] if grade else []
        [hour] = hours(lake, trades, coverage)
        assert (hour["minutes"], hour["returns"], hour["realised"]) == (19, 17, 0)

    @pytest.mark.parametrize(
        ("grade", "seconds", "is_bar"),
        [("A", 60.0, True), ("B", 50.0, True), ("C", 60.0, True), ("D", 60.0, True), ("C", 59.5, False),
         ("D", 59.5, False)],
    )  # fmt: skip
    def test_a_minute_with_trades_is_a_bar_if_nothing_of_it_is_missing(self, lake, grade, seconds, is_bar):
        trades = traded(dict.fromkeys(range(20), 100.0))
        [hour] = hours(lake, trades, [graded(5, grade, seconds=seconds)])
        assert (hour["minutes"], hour["returns"]) == ((20, 19) if is_bar else (19, 17))

    def test_no_return_is_measured_across_midnight(self, lake):
        found = hours(lake, traded({at: 100.0 if at < 1440 else 200.0 for at in range(1420, 1460)}))
        assert [(hour["minutes"], hour["returns"], hour["realised"]) for hour in found] == [(20, 19, 0)] * 2

    def test_a_pair_of_returns_does_not_reach_into_the_hour_before(self, lake):
        """The return into an hour is that hour's; its product with the one before is nobody's."""
        prices = {at: 100.0 if at < 59 else 110.0 if at == 59 else 121.0 for at in range(40, 80)}
        found = hours(lake, traded(prices))
        assert [hour["returns"] for hour in found] == [19, 20]
        assert [hour["bipower"] for hour in found] == [0, 0]


class TestThresholds:
    @pytest.mark.parametrize(("bars", "known"), [(5, 0), (6, 3), (7, 5), (8, 7)])
    def test_a_figure_needs_a_tenth_of_the_hour_of_what_it_is_made_of(self, lake, bars, known):
        """Six bars for the three by range, one more for six returns, one more for six pairs of these."""
        [hour] = hours(lake, traded({at: (100.0 + at, 101.5 + at) for at in range(bars)}))
        by_need = ("parkinson", "garman_klass", "rogers_satchell", "realised", "yang_zhang")
        by_need += ("bipower", "jump_share")
        assert [hour[name] is not None for name in by_need] == [at < known for at in range(7)]
        assert hour["minutes"] == bars

    def test_nothing_is_told_of_an_hour_of_which_less_than_a_tenth_was_covered(self, lake):
        trades = traded({at: 100.0 + at for at in range(20)})
        [hour] = hours(lake, trades, [graded(at, "B", seconds=17.0) for at in range(20)])
        assert hour["coverage"] == pytest.approx(340 / 3600)
        assert [hour[name] for name in FIGURES] == [None] * len(FIGURES)
        assert (hour["minutes"], hour["grade"]) == (20, "B")

    def test_a_day_as_one_bar_needs_nine_tenths_of_its_minutes(self, lake):
        trades = traded({0: (100.0, 101.0)})
        [few], [enough] = (
            lake.ask("volatility_1d", trades=trades, coverage=quiet(range(1, bars), 101.0))
            for bars in (1295, 1296)
        )
        assert (few["minutes"], few["parkinson_day"]) == (1295, None)
        assert enough["parkinson_day"] == pytest.approx(
            math.sqrt(365 * math.log(1.01) ** 2 / 4 / math.log(2))
        )
        assert few["parkinson"] > 0


def a_day(seed, minutes=400):
    """Trades of a wandering price, with quiet minutes, gaps, and minutes ungraded, or of no row at all."""
    chance = random.Random(seed)
    trades, coverage, price = [], [], 100.0
    for minute in range(minutes):
        kinds = {"traded": 70, "ungraded": 10, "quiet": 10, "holed": 4, "unseen": 3, "absent": 3}
        [kind] = chance.choices([*kinds], [*kinds.values()])
        before, prices = price, []
        if kind in ("traded", "ungraded", "holed"):
            for _ in range(chance.randint(1, 6)):
                price = round(price * math.exp(chance.gauss(0, 1e-3)), 4)
                prices.append(price)
        trades += traded({minute: tuple(prices)})
        if kind in ("traded", "quiet"):
            coverage.append(graded(minute, chance.choice("AB"), candle_close=before if not prices else price))
        elif kind in ("holed", "unseen"):
            coverage.append(graded(minute, "D", seconds=chance.choice([0.0, 30.0]), candle_close=before))
    return trades, coverage


class TestAgainstOthers:
    @pytest.mark.parametrize("seed", range(3))
    def test_every_hour_and_day_is_as_worked_out_in_plain_loops(self, lake, seed):
        trades, coverage = a_day(seed)
        found = hours(lake, trades, coverage)
        bars = bars_of(trades, coverage)
        assert len(found) == 7
        for number, hour in enumerate(found):
            expected = volatility_of(bars, 60 * number, 60)
            assert {name: hour[name] for name in expected} == pytest.approx(expected, rel=1e-9), number
            seconds = sum(row["trade_seconds"] for row in coverage if number == _hour_of(row))
            assert hour["coverage"] == pytest.approx(seconds / 3600)
            assert hour["grade"] == max(row["grade"] for row in coverage if number == _hour_of(row))
        [day] = lake.ask("volatility_1d", trades=trades, coverage=coverage)
        expected = volatility_of(bars, 0, 1440)
        assert {name: day[name] for name in expected} == pytest.approx(expected, rel=1e-9)
        assert None not in expected.values()

    def test_the_estimators_of_arrays_say_the_same(self, lake):
        trades, coverage = a_day(5, minutes=60)
        [hour] = hours(lake, trades, coverage)
        bars = bars_of(trades, coverage)
        missing = (math.nan,) * 4
        open_, high, low, close = np.array([bars.get(minute, missing) for minute in range(60)]).T
        change = estimators.returns(close)
        variances = {
            "realised": estimators.realised(change),
            "bipower": estimators.bipower(change),
            "parkinson": estimators.parkinson(high, low),
            "garman_klass": estimators.garman_klass(open_, high, low, close),
            "rogers_satchell": estimators.rogers_satchell(open_, high, low, close),
            "yang_zhang": estimators.yang_zhang(open_, high, low, close),
        }
        found = {name: estimators.annual(variance) for name, variance in variances.items()}
        found["jump_share"] = estimators.jump_share(change)
        assert found == pytest.approx({name: hour[name] for name in found}, rel=1e-9)

    def test_a_day_answers_the_same_before_and_after_compaction(self, tmp_path):
        views = ("volatility_1h", "volatility_1d", "minute_bars", "volatility_mid_1h")
        trades, coverage = a_day(8, minutes=150)
        with lake_at(tmp_path) as day:
            day.add("trades", rows_as("trades", trades)).add("coverage", rows_as("coverage", coverage))
            day.add("depth", rows_as("depth", [a_book(at, 100 + at) for at in range(20)]))
            lake = open_lake(tmp_path)
            before = {view: answers(lake, f"SELECT * FROM {view} ORDER BY 3") for view in views}
            day.compact()
            for view, rows in before.items():
                after = answers(lake, f"SELECT * FROM {view} ORDER BY 3")
                assert len(after) == len(rows) > 0
                assert all(itertools.starmap(same, zip(rows, after, strict=True))), view


def _hour_of(row):
    return (row["minute"] - DAY_US) // MINUTE_US // 60


def a_book(minute, mid, after_s=0):
    bids, asks = [(mid - 0.5, 1.0)], [(mid + 0.5, 1.0)]
    return book(minute * MINUTE_US + after_s * SECOND_US, bids=bids, asks=asks, seq=minute)


class TestByMids:
    def test_mids_that_stay_for_a_minute_move_by_what_is_between_them(self, lake):
        rows = [a_book(at, 100 * math.exp(0.001 * (at % 2))) for at in range(20)]
        [hour] = lake.ask("volatility_mid_1h", depth=rows)
        assert hour["realised_mid"] == pytest.approx(0.001 * math.sqrt(1.5 * YEAR))
        assert (hour["minutes"], hour["returns"]) == (20, 19)
        assert hour["coverage"] == pytest.approx(20 / 60)

    def test_a_minute_without_books_for_more_than_six_seconds_is_left_out(self, lake):
        late = {5: 6, 12: 7}
        rows = [a_book(at, 100.0, late.get(at, 0)) for at in range(20) if at not in {4, 11}]
        [hour] = lake.ask("volatility_mid_1h", depth=rows)
        assert (hour["minutes"], hour["returns"], hour["realised_mid"]) == (17, 14, 0)

    def test_it_needs_six_returns(self, lake):
        rows = [a_book(at, 100.0) for at in [*range(6), *range(60, 67)]]
        found = lake.ask("volatility_mid_1h", depth=rows)
        assert [(hour["returns"], hour["realised_mid"]) for hour in found] == [(5, None), (6, 0)]
