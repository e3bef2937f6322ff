"""A sum misses what was not seen: it wants more of its bucket than a mean does."""

import pytest
from asked_lakes import graded, lake_at, rows_as
from lakedays import MINUTE_US, trade

from analytics import frames, open_lake
from analytics.questions import MIN_COVERAGE_OF_SUMS

SUMS = ("volume", "turnover", "buy_volume", "sell_volume", "buy_trades", "buy_turnover")
MEANS = ("imbalance", "vwap", "open", "high", "low", "close")
SECONDS = {"volume_1m": 60, "volume_1h": 3_600, "volume_1d": 86_400}
OTHERS = {
    "cvd_1d": ("delta", "delta_turnover"),
    "turnover_1d": ("volume", "turnover", "mean_trade"),
    "volume_profile_1d": ("volume", "turnover", "buy_volume"),
    "value_area_1d": ("volume",),
    "trade_size_histogram_1d": ("volume", "turnover", "buy_turnover"),
}


def lake_of(data_dir, coverage):
    with lake_at(data_dir) as day:
        day.add("trades", rows_as("trades", [trade(at * MINUTE_US, at) for at in range(len(coverage))]))
        day.add("coverage", rows_as("coverage", coverage))
    return open_lake(data_dir)


def known(lake, view, names):
    """Of each of the columns whether the first row has it."""
    row = lake.sql(f"SELECT {', '.join(names)} FROM {view} ORDER BY ALL LIMIT 1").fetchall()[0]
    return {value is not None for value in row}


def a_bucket(view, share):
    """Grades of a whole bucket, of which a share was seen, evenly."""
    return [graded(at, seconds=60 * share) for at in range(SECONDS[view] // 60)]


@pytest.mark.parametrize("view", SECONDS)
def test_sums_are_null_where_less_than_that_was_seen(tmp_path, view):
    assert known(lake_of(tmp_path, a_bucket(view, MIN_COVERAGE_OF_SUMS - 0.01)), view, SUMS) == {False}


@pytest.mark.parametrize("view", SECONDS)
def test_sums_are_told_where_a_little_was_missed(tmp_path, view):
    assert known(lake_of(tmp_path, a_bucket(view, MIN_COVERAGE_OF_SUMS + 0.01)), view, SUMS) == {True}


@pytest.mark.parametrize("view", SECONDS)
def test_prices_and_ratios_are_told_of_much_less(tmp_path, view):
    assert known(lake_of(tmp_path, a_bucket(view, 0.11)), view, MEANS) == {True}


@pytest.mark.parametrize("view", OTHERS)
def test_other_views_keep_to_it(tmp_path, view):
    assert known(lake_of(tmp_path, a_bucket("volume_1d", 0.9)), view, OTHERS[view]) == {False}


def test_a_day_with_an_outage_of_a_minute_has_its_volume(tmp_path):
    coverage = [graded(at, seconds=0.0 if at == 700 else 60.0) for at in range(1440)]
    assert known(lake_of(tmp_path, coverage), "volume_1d", SUMS) == {True}


def test_a_bucket_that_is_not_over_has_the_sum_so_far(tmp_path):
    lake = lake_of(tmp_path, [graded(at) for at in range(20)])
    assert lake.sql("SELECT volume, coverage FROM volume_1h").fetchall() == [(20.0, pytest.approx(1 / 3))]


def test_what_only_candles_told_is_missing_from_a_sum(tmp_path):
    """The hours before a recorder began are judged by their candles."""
    coverage = [graded(at, "C", trade_seconds=0.0, candle_volume=2.0) for at in range(30)]
    lake = lake_of(tmp_path, coverage + [graded(at, candle_volume=2.0) for at in range(30, 60)])
    assert lake.sql("SELECT volume, candle_volume FROM volume_1h").fetchall() == [(None, 120.0)]


@pytest.mark.parametrize("share", [0.99, 0.9, 0.2, 0.05])
@pytest.mark.parametrize("judged", [30, 60])
def test_polars_keeps_to_the_same_rule(tmp_path, share, judged):
    lake = lake_of(tmp_path, [graded(at, seconds=60 * share) for at in range(judged)])
    ours = frames.with_coverage(frames.bars(lake.scan("trades"), "1h"), lake.scan("coverage"), "1h", "trade")
    names = ["trades", *SUMS, *MEANS, "coverage"]
    assert ours.select(names).collect().rows() == lake.ask("volume_1h").pl().select(names).rows()
