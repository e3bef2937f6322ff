"""What is told of a market's whole recording says how much of it was seen."""

import pytest
from asked_lakes import described, graded, lake_at, rows_as
from lakedays import MINUTE_US, book, trade

from analytics import open_lake

MINUTES = [graded(0), graded(1, "D", trade_seconds=15.0, depth_seconds=30.0), graded(2, "B")]


@pytest.fixture
def lake(tmp_path):
    with lake_at(tmp_path) as day:
        day.add("markets", rows_as("markets", [described("AAA")]))
        day.add("trades", rows_as("trades", [trade(at * MINUTE_US, at) for at in range(60)]))
        day.add("depth", rows_as("depth", [book(at * MINUTE_US, seq=at) for at in range(3)]))
        day.add("coverage", rows_as("coverage", MINUTES))
    return open_lake(tmp_path)


@pytest.mark.parametrize(
    ("view", "seconds", "of"), [("volume_by_market", 135, 180), ("spread_by_market", 150, 180)]
)
def test_coverage_is_of_the_markets_judged_minutes(lake, view, seconds, of):
    assert lake.sql(f"SELECT coverage, grade FROM {view}").fetchall() == [(seconds / of, "D")]


def test_a_fiftieth_of_a_days_volume_has_the_coverage_of_the_day(lake):
    found = lake.sql("SELECT DISTINCT coverage, grade FROM volume_buckets").fetchall()
    assert found == [(135 / 86_400, "D")]
