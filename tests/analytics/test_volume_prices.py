"""Time-weighted prices beside volume-weighted ones, and the cumulative volume delta."""

import datetime as dt
import random

import pytest
from asked_lakes import DAY_LENGTH_US, graded, lake_at, moved, rows_as
from lakedays import HOUR_US, MINUTE_US, SECOND_US, trade

from analytics import open_lake

SPANS_US = {"1m": MINUTE_US, "1h": HOUR_US, "1d": DAY_LENGTH_US}
STARTS = {"1m": "minute", "1h": "hour", "1d": "day"}


@pytest.fixture
def lake(tmp_path):
    """What makes a lake of trades and rows of coverage, whose next day is made alike."""

    def make(trades, coverage, later=None):
        with lake_at(tmp_path) as day:
            day.add("trades", rows_as("trades", trades))
            day.add("coverage", rows_as("coverage", coverage))
            if later:
                day.add("trades", rows_as("trades", moved(later, 1)), date="2026-11-23")
        return open_lake(tmp_path)

    return make


def by_start(lake, view, columns, date="2026-11-22"):
    """Rows of a day, by the microseconds from its begin to the bucket's."""
    start = STARTS[view[-2:]]
    relation = lake.sql(f"SELECT {start}, {columns} FROM {view} WHERE date = '{date}'")
    begin = dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC)
    return {round((row[0] - begin).total_seconds() * 1e6): row[1:] for row in relation.fetchall()}


def at_minute_ends(trades, seen):
    """The price at the end of each minute, by the definition; `seen`: seconds recorded of each graded one."""
    prices, price = {}, None
    for minute in range(1440):
        own = [each for each in trades if each["ts_event"] // MINUTE_US % 1440 == minute]
        whole = seen.get(minute, 0) >= 60
        if not (whole and seen.get(minute - 1, 0) >= 60):
            price = None
        if own and seen.get(minute, 60) >= 6:
            price = max(own, key=lambda each: (each["ts_event"], each["trade_id"]))["price"]
        prices[minute] = price
    return prices


class TestTimeWeightedPrice:
    def test_of_a_price_that_rises_evenly_it_is_the_middle(self, lake):
        trades = [trade(at * MINUTE_US, at, 100.0 + at, quantity=1.0 + at) for at in range(60)]
        [row] = by_start(
            lake(trades, [graded(at) for at in range(60)]), "prices_1h", "twap, vwap, twap_to_vwap_bps"
        ).values()
        vwap = sum((100 + at) * (1 + at) for at in range(60)) / sum(1 + at for at in range(60))
        assert row == pytest.approx((129.5, vwap, 1e4 * (129.5 / vwap - 1)), rel=1e-12)

    def test_a_quiet_minute_has_the_price_of_the_last_trade_before_it(self, lake):
        trades = [trade(30 * SECOND_US, 1, 100.0), trade(45 * MINUTE_US, 2, 200.0)]
        made = lake(trades, [graded(at) for at in range(60)])
        columns = "twap, vwap, last_price, priced_minutes, priced"
        assert by_start(made, "prices_1h", columns) == {0: (125.0, 150.0, 200.0, 60, 1.0)}
        assert by_start(made, "prices_1m", columns)[20 * MINUTE_US] == (100.0, None, 100.0, 1, 1.0)

    @pytest.mark.parametrize("broken", [[graded(10, "D", seconds=59.0)], []], ids=["a gap", "ungraded"])
    def test_no_price_is_carried_over_what_was_not_recorded_whole(self, lake, broken):
        coverage = [graded(at) for at in range(60) if at != 10] + broken
        made = lake([trade(0, 1, 100.0), trade(30 * MINUTE_US, 2, 200.0)], coverage)
        [row] = by_start(made, "prices_1h", "twap, priced_minutes").values()
        assert row == ((10 * 100 + 30 * 200) / 40, 40)

    def test_no_price_is_carried_from_a_minute_whose_last_trade_may_be_missing(self, lake):
        coverage = [graded(0, "D", seconds=30.0), *(graded(at) for at in range(1, 60))]
        made = lake([trade(0, 1, 100.0), trade(10 * MINUTE_US, 2, 200.0)], coverage)
        prices = by_start(made, "prices_1m", "twap")
        assert [prices[at * MINUTE_US][0] for at in (0, 1, 9, 10, 11)] == [100.0, None, None, 200.0, 200.0]

    def test_no_price_is_carried_over_midnight(self, lake):
        coverage = [graded(at) for at in range(1430, 1450)]
        with_next = lake([trade(1435 * MINUTE_US, 1, 100.0)], coverage[:10], [trade(2 * MINUTE_US, 2, 200.0)])
        assert by_start(with_next, "prices_1m", "twap", "2026-11-23") == {2 * MINUTE_US: (200.0,)}

    def test_an_hour_priced_for_less_than_a_tenth_has_none(self, lake):
        made = lake([trade(55 * MINUTE_US, 1, 100.0)], [graded(at) for at in range(60)])
        columns = "twap, twap_to_vwap_bps, vwap, last_price, priced_minutes"
        assert by_start(made, "prices_1h", columns) == {0: (None, None, 100.0, 100.0, 5)}

    def test_an_hour_observed_for_less_than_a_tenth_has_no_price_at_all(self, lake):
        made = lake([trade(at * MINUTE_US, at, 100.0) for at in range(60)], [graded(0, seconds=60.0)])
        assert by_start(made, "prices_1h", "twap, vwap, last_price") == {0: (None, None, None)}

    @pytest.mark.parametrize("seed", range(3))
    def test_every_grain_is_the_mean_of_its_minutes(self, lake, seed):
        chance = random.Random(seed)
        seen = {at: chance.choice([60.0] * 30 + [3.0, 59.9]) for at in range(1440) if chance.random() < 0.99}
        trades = [
            trade(chance.randrange(DAY_LENGTH_US // SECOND_US) * SECOND_US, number, 100 + chance.random())
            for number in range(200)
        ]
        made = lake(trades, [graded(at, seconds=seconds) for at, seconds in seen.items()])
        prices = at_minute_ends(trades, seen)
        for grain, span_us in SPANS_US.items():
            for start, (twap, last, count) in by_start(
                made, f"prices_{grain}", "twap, last_price, priced_minutes"
            ).items():
                of_bucket = range(start // MINUTE_US, (start + span_us) // MINUTE_US)
                known = [prices[at] for at in of_bucket if prices[at] is not None]
                enough = sum(seen.get(at, 0) for at in of_bucket) >= span_us / SECOND_US / 10
                ungraded = not any(at in seen for at in of_bucket)
                assert count == len(known)
                if len(known) * 10 * MINUTE_US >= span_us and (enough or ungraded):
                    assert twap == pytest.approx(sum(known) / len(known), rel=1e-12)
                    assert last == known[-1]
                else:
                    assert twap is None


class TestCumulativeVolumeDelta:
    def test_it_adds_bought_and_takes_sold(self, lake):
        trades = [
            trade(0, 1, 100.0, 3.0, "buy"),
            trade(1, 2, 100.0, 1.0, "sell"),
            trade(MINUTE_US, 3, 200.0, 5.0, "sell"),
        ]
        made = lake(trades, [graded(at) for at in range(3)])
        assert by_start(made, "cvd_1m", "delta, delta_turnover, cvd, cvd_turnover, coverage_so_far") == {
            0: (2.0, 200.0, 2.0, 200.0, 1.0),
            MINUTE_US: (-5.0, -1000.0, -3.0, -800.0, 1.0),
            2 * MINUTE_US: (0.0, 0.0, -3.0, -800.0, 1.0),
        }

    def test_it_starts_anew_each_day(self, lake):
        trades = [trade(DAY_LENGTH_US - 1, 1, quantity=7.0)]
        made = lake(trades, [], [trade(0, 2, quantity=4.0, side="sell")])
        assert by_start(made, "cvd_1d", "cvd", "2026-11-23") == {0: (-4.0,)}

    def test_what_was_not_seen_of_the_day_so_far_is_told_with_it(self, lake):
        coverage = [graded(0), graded(1, "D", seconds=15.0), graded(3, "B")]
        made = lake([trade(0, 1)], coverage)
        columns = "cvd, coverage, coverage_so_far, grade, grade_so_far"
        assert by_start(made, "cvd_1m", columns) == {
            0: (1.0, 1.0, 1.0, "A", "A"),
            MINUTE_US: (1.0, 0.25, 75 / 120, "D", "D"),
            3 * MINUTE_US: (1.0, 1.0, 135 / 240, "B", "D"),
        }

    @pytest.mark.parametrize(("seconds", "sum_so_far"), [(36.0, 1.0), (35.9, None)])
    def test_a_total_of_a_day_of_which_less_than_a_tenth_was_seen_is_null(self, lake, seconds, sum_so_far):
        coverage = [graded(0, seconds=seconds), graded(11, seconds=36.0)]
        found = by_start(lake([trade(0, 1)], coverage), "cvd_1m", "cvd")
        assert found == {0: (1.0,), 11 * MINUTE_US: (sum_so_far,)}

    @pytest.mark.parametrize("grain", SPANS_US)
    def test_at_any_grain_it_is_the_sum_of_the_trades_up_to_there(self, lake, grain):
        chance = random.Random(grain)
        trades = [
            trade(
                chance.randrange(DAY_LENGTH_US), number, chance.uniform(50, 150), chance.uniform(0, 9),
                chance.choice(["buy", "sell"]),
            )
            for number in range(300)
        ]  # fmt: skip
        found = by_start(lake(trades, []), f"cvd_{grain}", "cvd, cvd_turnover")
        begin = trades[0]["ts_event"] // DAY_LENGTH_US * DAY_LENGTH_US
        for start, row in found.items():
            so_far = [each for each in trades if each["ts_event"] - begin < start + SPANS_US[grain]]
            signed = [
                (1 if each["side"] == "buy" else -1, each["quantity"], each["price"]) for each in so_far
            ]
            expected = (
                sum(sign * size for sign, size, _ in signed),
                sum(sign * size * price for sign, size, price in signed),
            )
            assert row == pytest.approx(expected, rel=1e-9, abs=1e-9)
