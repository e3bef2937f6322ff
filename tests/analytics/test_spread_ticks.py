"""A market's price step over time, and the spread in steps."""

import pytest
from asked_lakes import described, lake_at, rows_as
from book_twins import rows
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US, book

from analytics import open_lake

FAR_US = 2**62


def told(ts, tick_size):
    """A description of the market, so many microseconds after the day's begin."""
    return described("AAA", tick_size) | {"ts_recv": DAY_US + ts}


def answer(data_dir, descriptions, query):
    """A market whose spread is 0.5 all through the first three hours."""
    with lake_at(data_dir) as day:
        books = [book(at * MINUTE_US, bids=[(100.0, 1.0)], asks=[(100.5, 1.0)]) for at in range(180)]
        day.add("depth", *books)
        day.add("markets", rows_as("markets", descriptions))
        return rows(open_lake(data_dir), query)


def sizes(data_dir, *descriptions):
    found = answer(data_dir, descriptions, "SELECT * FROM tick_sizes ORDER BY since_us")
    return [(row["tick_size"], row["since_us"], row["until_us"]) for row in found]


class TestTickSizes:
    def test_the_first_one_told_is_that_of_all_time_before_and_the_newest_that_of_all_after(self, tmp_path):
        changed = DAY_US + HOUR_US
        assert sizes(tmp_path, told(0, 0.1), told(HOUR_US, 0.01)) == [
            (0.1, -FAR_US, changed),
            (0.01, changed, FAR_US),
        ]

    def test_a_description_with_the_same_step_is_no_change(self, tmp_path):
        assert sizes(tmp_path, told(0, 0.1), told(5, 0.1)) == [(0.1, -FAR_US, FAR_US)]

    def test_a_description_without_a_step_says_nothing(self, tmp_path):
        assert sizes(tmp_path, told(0, None), told(5, 0.1), told(9, None), told(12, 0.0)) == [
            (0.1, -FAR_US, FAR_US)
        ]

    def test_a_step_that_comes_back_is_a_span_of_its_own(self, tmp_path):
        spans = sizes(tmp_path, told(0, 0.1), told(5, 0.2), told(9, 0.1))
        assert [size for size, _, _ in spans] == [0.1, 0.2, 0.1]
        assert [until for _, _, until in spans[:2]] == [since for _, since, _ in spans[1:]]


class TestSpreadTicks:
    def test_the_spread_is_counted_in_the_steps_of_its_time(self, tmp_path):
        query = "SELECT spread_ticks FROM spread_ticks_1h ORDER BY hour"
        found = answer(tmp_path, [told(0, 0.1), told(2 * HOUR_US, 0.25)], query)
        assert [row["spread_ticks"] for row in found] == pytest.approx([5.0, 5.0, 2.0])

    def test_it_is_null_where_the_step_changed_within_the_bucket(self, tmp_path):
        descriptions = [told(0, 0.1), told(HOUR_US + SECOND_US, 0.25)]
        hours = answer(tmp_path, descriptions, "SELECT * FROM spread_ticks_1h ORDER BY hour")
        assert [row["spread_ticks"] for row in hours] == [pytest.approx(5.0), None, pytest.approx(2.0)]
        assert [row["tick_size"] for row in hours] == [0.1, None, 0.25]
        lake = open_lake(tmp_path)
        minutes = rows(lake, "SELECT spread_ticks FROM spread_ticks_1m ORDER BY minute LIMIT 62 OFFSET 59")
        assert [row["spread_ticks"] for row in minutes[:3]] == [pytest.approx(5.0), None, pytest.approx(2.0)]
        assert rows(lake, "SELECT spread_ticks FROM spread_ticks_1d") == [{"spread_ticks": None}]

    def test_it_is_null_where_no_step_is_known(self, tmp_path):
        [row] = answer(tmp_path, [], "SELECT spread_ticks, coverage FROM spread_ticks_1d")
        assert (row["coverage"] > 0.1, row["spread_ticks"]) == (True, None)

    def test_a_changed_description_makes_no_row_twice(self, tmp_path):
        descriptions = [told(0, 0.1), told(HOUR_US, 0.25), told(2 * HOUR_US, 0.25)]
        found = answer(tmp_path, descriptions, "SELECT hour FROM spread_ticks_1h")
        assert len(found) == 3
