"""A day that is not compacted yet answers as it will when it is."""

import itertools
import math
import re

import duckdb
import pytest
from asked_lakes import DAY_LENGTH_US, fill, gap, lake_at, rows_as
from lakedays import SECOND_US, book

from analytics import open_lake
from analytics.views import write_views

SUMS = (
    "open_book_minutes",
    "open_level_minutes",
    "open_trade_minutes",
    "open_cost_minutes",
    "open_state_minutes",
)
ANSWERS = (
    "spread_1m", "spread_1h", "spread_1d", "liquidity_1m", "liquidity_1h", "volume_1m", "volume_1h",
    "volume_1d", "basis_1m", "basis_1d", "open_interest_1m", "open_interest_1h", "books",
)  # fmt: skip


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def by_minute(lake, query):
    """Rows by their market and time, with every column but these."""
    found = {}
    for row in rows(lake, query):
        key = (row.pop("market"), next(row[name] for name in ("minute", "hour", "day") if name in row))
        found[key] = row
    return found


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-9)
    return one == other


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_the_sums_of_an_open_day_are_those_that_compaction_stores(tmp_path, seed):
    with lake_at(tmp_path) as day:
        missing = fill(day, seed)
        lake = open_lake(tmp_path)
        open_sums = {name: by_minute(lake, f"SELECT * FROM {name}") for name in SUMS}
        day.compact(missing)
    stored = by_minute(lake, "SELECT * FROM closed_minutes")
    assert set(stored) == set(itertools.chain(*open_sums.values()))
    empty = {field.name: None if field.nullable else 0 for field in rows_as("minutes", []).schema}
    for name, found in open_sums.items():
        columns = set(next(iter(found.values()))) - {"date", "minute"}
        for key, row in stored.items():
            computed = found.get(key, empty)
            differing = {c: (computed[c], row[c]) for c in columns if not same(computed[c] or 0, row[c] or 0)}
            assert differing == {}, (name, key)


def test_every_answer_is_the_same_before_and_after_compaction(tmp_path):
    with lake_at(tmp_path) as day:
        missing = fill(day, 7)
        lake = open_lake(tmp_path)
        keys = {name: "ts_event, seq" if name == "books" else "3" for name in ANSWERS}
        before = {name: rows(lake, f"SELECT * FROM {name} ORDER BY market, {keys[name]}") for name in ANSWERS}
        day.compact(missing)
        for name in ANSWERS:
            after = rows(lake, f"SELECT * FROM {name} ORDER BY market, {keys[name]}")
            assert len(after) == len(before[name]) > 0
            for one, other in zip(before[name], after, strict=True):
                differing = {c: (one[c], other[c]) for c in one if not same(one[c], other[c])}
                assert differing == {}, name


def test_where_every_day_is_closed_nothing_is_planned_for_open_ones(tmp_path):
    with lake_at(tmp_path) as day:
        lake = open_lake(tmp_path)
        missing = fill(day, 3)
        plan = "EXPLAIN SELECT * FROM spread_1h"
        assert "stood_us" in lake.sql(plan).fetchall()[0][1]
        day.compact(missing)
        assert "stood_us" not in lake.sql(plan).fetchall()[0][1]


def test_a_question_about_closed_days_reads_no_row_of_an_open_one(tmp_path):
    """What is asked of the books of one day goes before what is made of all of them."""
    with lake_at(tmp_path) as day:
        day.compact(fill(day, 3))
        fill(day, 4, later=1)
    lake = open_lake(tmp_path)
    [(_, plan)] = lake.sql("EXPLAIN ANALYZE SELECT * FROM spread_1h WHERE date = '2026-11-22'").fetchall()
    assert "/minutes/date=2026-11-22" in plan
    assert re.findall(r"/(?:depth|trades)/date=[-\d]*", plan) == []


def test_a_late_row_opens_its_day_again(tmp_path):
    with lake_at(tmp_path) as day:
        missing = fill(day, 3)
        day.compact(missing)
        lake = open_lake(tmp_path)
        [before] = rows(lake, "SELECT sum(snapshots) AS snapshots FROM spread_1d")
        day.add("depth", book(5 * SECOND_US, market="AAA", seq=9_999))
        [after] = rows(lake, "SELECT sum(snapshots) AS snapshots FROM spread_1d")
    assert after["snapshots"] == before["snapshots"] + 1


def test_views_sql_opens_the_same_days_by_the_names_of_the_files(tmp_path):
    with lake_at(tmp_path) as day:
        missing = fill(day, 5)
        day.add("depth", book(DAY_LENGTH_US + 5 * SECOND_US), date="2026-11-23")
        day.compact(missing)
        ours = rows(open_lake(tmp_path), "SELECT * FROM spread_1h ORDER BY market, hour")
    plain = duckdb.connect()
    plain.execute(write_views(tmp_path).read_text())
    assert plain.sql("SELECT CAST(date AS VARCHAR) FROM open_days_of_minutes").fetchall() == [("2026-11-23",)]
    theirs = plain.sql("SELECT * FROM spread_1h ORDER BY market, hour").fetchall()
    assert len(theirs) == len(ours)
    assert all(
        same(one, other)
        for ours_row, row in zip(ours, theirs, strict=True)
        for one, other in zip(ours_row.values(), row, strict=True)
    )


class TestBookGaps:
    """Spans in which no recorder received a market's books."""

    @pytest.mark.parametrize(
        ("gaps", "expected"),
        [
            ([gap(10, 20)], [(10, 20)]),
            ([gap(10, 20), gap(15, 30), gap(12, 13)], [(10, 30)]),
            ([gap(10, 20), gap(20, 30)], [(10, 30)]),
            ([gap(10, 20, stream=None, market=None)], [(10, 20)]),
            ([gap(10, 20, stream="trade"), gap(10, 20, market="BBB"), gap(10, 20, remains=False)], []),
            ([gap(10, 20), gap(15, 30, recorder="other")], [(15, 20)]),
            ([gap(10, 20), gap(15, 30, recorder="other", remains=False)], []),
            ([gap(10, 20), gap(12, 40, recorder="", reason="missed")], [(10, 20)]),
        ],
        ids=[
            "one",
            "overlapping",
            "touching",
            "of all",
            "of others",
            "two recorders",
            "one of two repaired",
            "made from grades",
        ],
    )
    def test_gaps_are_joined_by_recorder_and_what_one_received_is_not_missing(self, tmp_path, gaps, expected):
        with lake_at(tmp_path) as day:
            day.add("depth", book(1))
            day.add("gaps", rows_as("gaps", gaps))
            base = rows(open_lake(tmp_path), "SELECT unix_micros(TIMESTAMPTZ '2026-11-22') AS us")[0]["us"]
            found = rows(open_lake(tmp_path), "SELECT * FROM book_gaps ORDER BY start_us")
        assert [(row["start_us"] - base, row["end_us"] - base) for row in found] == expected

    def test_an_open_gap_has_no_end_yet(self, tmp_path):
        with lake_at(tmp_path) as day:
            day.add("depth", book(1))
            day.add("gaps", rows_as("gaps", [gap(10, None)]))
            [row] = rows(open_lake(tmp_path), "SELECT * FROM book_gaps")
        assert row["end_us"] == 2**62
