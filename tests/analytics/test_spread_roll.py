"""The spread that the prices of trades alone tell of, by Roll (1984)."""

import itertools
import math
import random

import pytest
from asked_lakes import graded, lake_at, rows_as
from book_twins import rows
from lakedays import HOUR_US, SECOND_US, trade

from analytics import open_lake

CYCLE = (0, 0, 0, 1, 0, 1, 1, 1)
"""Bids (0) and asks (1) in which, round and round, each three in a row come once: as if by fair coins. Of the
products of successive changes two are -1 and six are 0: their mean is -1/4 of the spread squared."""


def hours(data_dir, *series, coverage=()):
    """Rows of roll_1h: each series of prices in an hour of its own, a second apart."""
    numbers = itertools.count()
    trades = [
        trade(hour * HOUR_US + at * SECOND_US, next(numbers), price)
        for hour, prices in enumerate(series)
        for at, price in enumerate(prices)
    ]
    with lake_at(data_dir) as day:
        day.add("trades", rows_as("trades", trades))
        day.add("coverage", rows_as("coverage", coverage))
        return rows(open_lake(data_dir), "SELECT * FROM roll_1h ORDER BY hour")


def test_a_bounce_that_tosses_coins_gives_back_its_spread(tmp_path):
    """162 trades are 160 pairs of changes, twenty whole cycles: of a sample, the divisor is 159."""
    [row] = hours(tmp_path, [100.0 + 2.0 * CYCLE[at % 8] for at in range(162)])
    assert row["trades"] == 162
    assert row["autocovariance"] == pytest.approx(-1.0 * 160 / 159)
    assert row["roll_spread"] == pytest.approx(2.0 * math.sqrt(160 / 159))
    mean = 100.0 + 2.0 * sum(CYCLE[at % 8] for at in range(162)) / 162
    assert row["roll_spread_bps"] == pytest.approx(1e4 * row["roll_spread"] / mean)


def test_a_known_spread_is_found_beneath_a_wandering_price(tmp_path):
    """3,500 trades half a spread of 0.1 to either side of a price that itself goes a tenth as far a trade."""
    chance, value, prices = random.Random(3), 100.0, []
    for _ in range(3_500):
        value += chance.gauss(0, 0.01)
        prices.append(value + chance.choice([-0.05, 0.05]))
    [row] = hours(tmp_path, prices)
    assert row["roll_spread"] == pytest.approx(0.1, rel=0.05)
    assert row["roll_spread_bps"] == pytest.approx(1e4 * row["roll_spread"] / (sum(prices) / 3_500))


def test_prices_that_go_on_as_they_went_tell_no_spread(tmp_path):
    """A wave: changes of one sign follow each other, the autocovariance is positive."""
    [row] = hours(tmp_path, [100 + math.sin(at / 10) for at in range(200)])
    assert row["autocovariance"] > 0
    assert row["roll_spread"] is row["roll_spread_bps"] is None


def test_prices_that_do_not_move_tell_no_spread(tmp_path):
    [row] = hours(tmp_path, [100.0] * 200)
    assert (row["autocovariance"], row["roll_spread"]) == (0.0, None)


def test_ninety_nine_trades_are_too_few(tmp_path):
    few, enough = hours(tmp_path, *([100.0 + CYCLE[at % 8] for at in range(n)] for n in (99, 100)))
    assert few["autocovariance"] < 0
    assert (few["trades"], few["roll_spread"]) == (99, None)
    assert enough["roll_spread"] == pytest.approx(1.0, rel=0.05)


def test_three_trades_have_no_covariance(tmp_path):
    three, four = hours(tmp_path, [1.0, 2.0, 1.0], [1.0, 2.0, 1.0, 1.0])
    assert three["autocovariance"] is None
    assert four["autocovariance"] == pytest.approx(-1.0)  # of (-1, 0) and (1, -1)


def test_an_hour_knows_nothing_of_the_price_before_it(tmp_path):
    """The second hour begins far away: the step there is no change of either."""
    prices = [100.0 + CYCLE[at % 8] for at in range(162)]
    one, other = hours(tmp_path, prices, [price + 50 for price in prices])
    assert other["autocovariance"] == pytest.approx(one["autocovariance"])


def test_trades_go_by_time_and_then_by_id(tmp_path):
    with lake_at(tmp_path) as day:
        prices = [100.0 + CYCLE[at % 8] for at in range(162)]
        made = [trade(at // 3 * SECOND_US, at, price, seq=-at) for at, price in enumerate(prices)]
        day.add("trades", *made)
        [row] = rows(open_lake(tmp_path), "SELECT roll_spread FROM roll_1h")
    assert row["roll_spread"] == pytest.approx(math.sqrt(160 / 159))


def test_an_hour_of_which_little_was_recorded_tells_nothing(tmp_path):
    prices = [100.0 + CYCLE[at % 8] for at in range(162)]
    covered = [graded(at, "A" if at < 59 else "C", seconds=6.0 if at < 59 else 5.0) for at in range(60)]
    enough = [graded(60 + at) for at in range(60)]
    low, high = hours(tmp_path, prices, prices, coverage=covered + enough)
    assert (low["trades"], low["roll_spread"], low["autocovariance"], low["grade"]) == (162, None, None, "C")
    assert low["coverage"] == pytest.approx((59 * 6 + 5) / 3600)
    assert (high["coverage"], high["grade"]) == (1.0, "A")
    assert high["roll_spread"] is not None


def test_an_hour_without_trades_is_a_row_where_it_is_graded(tmp_path):
    [row] = hours(tmp_path, coverage=[graded(at) for at in range(60)])
    assert (row["trades"], row["roll_spread"], row["coverage"]) == (0, None, 1.0)
