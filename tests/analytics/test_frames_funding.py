"""The settlements that Polars finds are those of the view, and in plain cases those of the schedule."""

import math
import random

import polars as pl
import pytest
from asked_lakes import fill, graded, lake_at, rows_as
from lakedays import DAY_US, HOUR_US, MINUTE_US, state

from analytics import frames, open_lake
from analytics.questions import questions
from analytics.scan import scan_files

needs_view = pytest.mark.skipif(
    "funding_settlements" not in {question.name for question in questions()}, reason="the view is not there"
)
EVERY_US = 4 * HOUR_US
RATES = (1e-4, 2e-4, -3e-4, 1e-3, 2e-4)
"""Charged at the day's begin, then every 4 h."""


def told(minutes, market="AAA"):
    """States in some minutes of the day, 10 s after each began, by a venue that keeps to its schedule."""
    rows = []
    for seq, minute in enumerate(minutes):
        ts = minute * MINUTE_US + 10_000_000
        number = ts // EVERY_US
        left = (EVERY_US - ts % EVERY_US) // MINUTE_US
        rates = {"funding_rate_last": RATES[number], "funding_rate_next": RATES[number + 1]}
        coming = {"funding_minutes": left, "ts_funding": DAY_US + (number + 1) * EVERY_US}
        rows.append(state(ts, market=market, seq=seq) | rates | coming | {"mark_price": 100.0 + number})
    return rows


def settlements(rows, coverage=None):
    frame = pl.from_arrow(rows_as("state", rows)).lazy()
    return frames.funding_settlements(frame, coverage).collect().to_dicts()


def test_what_was_charged_is_told_with_the_interval_once_it_is_measured():
    first, second, third = settlements(told(range(150, 800)))
    assert [row["ts_settled"].hour for row in (first, second, third)] == [4, 8, 12]
    assert [row["funding_rate"] for row in (first, second, third)] == list(RATES[1:4])
    assert [row["rate_announced"] for row in (first, second, third)] == list(RATES[1:4])
    assert [row["mark_price"] for row in (first, second, third)] == [100, 101, 102]
    assert [row["interval_hours"] for row in (first, second, third)] == [None, 4, 4]
    assert second["apr"] == pytest.approx(2 * 365 * 3 * -3e-4)
    assert [row["capped"] for row in (first, second, third)] == [False, False, None]
    assert (third["before_seconds"], third["after_seconds"]) == (110, 10)


def test_what_was_charged_while_nobody_looked_is_not_known():
    """States pause from 7:00 to 9:30: the schedule may have been another one meanwhile."""
    rows = settlements(told([*range(150, 420), *range(570, 800)]))
    assert [(row["ts_settled"].hour, row["proven"]) for row in rows] == [(4, True), (8, False), (12, True)]
    assert [row["funding_rate"] for row in rows] == [RATES[1], None, RATES[3]]
    assert [row["interval_hours"] for row in rows] == [None, None, None]


def test_an_interval_has_the_coverage_and_the_worst_grade_of_its_minutes():
    minutes = [graded(at, "C" if at == 300 else "A", seconds=30) for at in range(800)]
    coverage = pl.from_arrow(rows_as("coverage", minutes)).lazy()
    rows = settlements(told(range(150, 800)), coverage)
    assert [(row["coverage"], row["grade"]) for row in rows] == [(None, None), (0.5, "C"), (0.5, "A")]


def test_states_that_tell_of_no_settlement_give_none():
    rows = [row | {"ts_funding": None} for row in told(range(150, 800))]
    assert settlements(rows) == settlements([]) == []


def assert_as_the_view(data_dir):
    """Every row of every column; returns how many rows."""
    lake = open_lake(data_dir)
    tables = {
        name: scan_files([data_dir / "lake" / each.path for each in lake.files() if each.table == name], name)
        for name in ("state", "coverage")
    }
    ours = frames.funding_settlements(tables["state"], tables["coverage"]).collect()
    theirs = lake.sql("SELECT * FROM funding_settlements").pl().sort("market", "ts_settled")
    assert ours.schema == theirs.schema
    pairs = zip(ours.to_dicts(), theirs.to_dicts(), strict=True)
    differing = [
        (name, one, other) for one, other in pairs for name in one if not same(one[name], other[name])
    ]
    assert differing[:1] == []
    return ours.height


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return one == other


@needs_view
def test_settlements_over_days_that_are_compacted_or_not_are_those_of_the_view(tmp_path):
    with lake_at(tmp_path) as day:
        day.compact(fill(day, 41, books=20, trades=20))
        fill(day, 42, books=20, trades=20, later=1)
    assert assert_as_the_view(tmp_path) > 20


@needs_view
@pytest.mark.parametrize("seed", range(2))
def test_settlements_of_venues_of_all_habits_are_those_of_the_view(tmp_path, seed):
    venues = pytest.importorskip("funding_lakes")
    chance = random.Random(seed)
    rows = []
    for number, kind in enumerate((20, 60, 600, 0, 0, 60)):
        venue = venues.a_venue(chance, 30 * 3_600, changes=number % 2 == 0)
        habit = venues.Habit(
            rounding=chance.choice(list(venues.ROUNDINGS)), turn_s=chance.choice([0, 3]), absent=0.1,
            renew_s=chance.choice([0, 5]), skew_s=chance.choice([-20, 0, 4]), stale_s=chance.choice([0, 2]),
        )  # fmt: skip
        times = venues.times_of(chance, kind, venue, 30 * 3_600)
        rows += venues.told(venue, times, habit, chance, f"M{number}")
    with lake_at(tmp_path) as day:
        venues.add_states(day, rows)
        grades = [graded(at, chance.choice("AAB"), market="M1", seconds=50) for at in range(0, 1440, 3)]
        day.add("coverage", rows_as("coverage", grades))
    assert assert_as_the_view(tmp_path) > 10
