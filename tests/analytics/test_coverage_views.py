"""Coverage by the hour and the day: the table's rows, added up."""

import random

import pytest
from asked_lakes import graded, lake_at, moved, rows_as

from analytics import open_lake

STREAMS = ("trade", "depth", "kline", "state")


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def lake_of(data_dir, coverage, later=()):
    with lake_at(data_dir) as day:
        day.add("coverage", rows_as("coverage", coverage))
        day.add("coverage", rows_as("coverage", moved(list(later), 1)), date="2026-11-23")
    return open_lake(data_dir)


def test_shares_are_of_judged_minutes_and_coverage_is_of_the_bucket(tmp_path):
    made = [graded(0), graded(1), graded(2, "B"), graded(59, "D", trade_seconds=15.0, trade_gap_seconds=45.0)]
    [row] = rows(lake_of(tmp_path, made), "SELECT * FROM coverage_1h")
    figures = {
        "minutes": 4, "judged": 4 / 60, "share_a": 0.5, "share_b": 0.25, "share_c": 0.0, "share_d": 0.25,
        "minutes_trades_missing": 1, "trade_gap_seconds": 45.0, "depth_gap_seconds": 0.0,
        "trade_coverage": 195 / 3600, "depth_coverage": 240 / 3600, "coverage": 195 / 3600,
    }  # fmt: skip
    assert {name: row[name] for name in figures} == pytest.approx(figures, rel=1e-12)
    assert row["grade"] == "D"


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({}, 0),
        ({"trade_gap_seconds": 0.001}, 1),
        ({"depth_gap_seconds": 60.0}, 0),
        ({"missed": "trade=none"}, 1),
        ({"missed": "kline=none,trade=partly"}, 1),
        ({"missed": "trade=fully,kline=none"}, 0),
        ({"missed": "depth=none"}, 0),
    ],
    ids=["whole", "a gap", "a gap of books", "never came", "partly", "repaired", "another stream"],
)
def test_a_minute_misses_trades_if_they_were_not_repaired(tmp_path, columns, missing):
    lake = lake_of(tmp_path, [graded(0, **columns)])
    assert rows(lake, "SELECT minutes_trades_missing AS n FROM coverage_1d") == [{"n": missing}]


def test_every_grain_adds_up_the_table(tmp_path):
    chance = random.Random(6)

    def some(market):
        for minute in range(1440):
            if chance.random() < 0.8:
                seconds = {f"{stream}_seconds": chance.uniform(0, 60) for stream in STREAMS}
                yield graded(minute, chance.choice("AABCD"), market=market, **seconds)

    made = [row for market in ("AAA", "BBB") for row in some(market)]
    lake = lake_of(tmp_path, made, [graded(5, "C")])
    begin = made[0]["minute"] // 86_400_000_000 * 86_400_000_000
    for view, start, span_s in (("1m", "minute", 60), ("1h", "hour", 3600), ("1d", "day", 86_400)):
        query = f"SELECT *, unix_micros({start}) AS us FROM coverage_{view} WHERE date = '2026-11-22'"
        found = {(row["market"], row["us"]): row for row in rows(lake, query)}
        expected = {}
        for row in made:
            us = begin + (row["minute"] - begin) // (span_s * 1_000_000) * span_s * 1_000_000
            expected.setdefault((row["market"], us), []).append(row)
        assert set(found) == set(expected)
        for key, own in expected.items():
            shares = {
                f"{stream}_coverage": sum(row[f"{stream}_seconds"] for row in own) / span_s
                for stream in STREAMS
            }
            grades = [row["grade"] for row in own]
            figures = shares | {"coverage": min(shares.values()), "minutes": len(own)}
            figures |= {f"share_{letter.lower()}": grades.count(letter) / len(own) for letter in "ABCD"}
            assert {name: found[key][name] for name in figures} == pytest.approx(figures, rel=1e-12)
            assert found[key]["grade"] == max(grades)


def test_a_bucket_without_a_judged_minute_has_no_row(tmp_path):
    lake = lake_of(tmp_path, [graded(0), graded(180)])
    assert rows(lake, "SELECT hour(hour) AS hour FROM coverage_1h ORDER BY hour") == [
        {"hour": 0},
        {"hour": 3},
    ]


def test_it_joins_to_any_answer_by_market_date_and_bucket(tmp_path):
    lake = lake_of(tmp_path, [graded(0), graded(61, "B")], [graded(5, "C")])
    query = """
        SELECT volume_1h.coverage = coverage_1h.trade_coverage AS same
        FROM volume_1h INNER JOIN coverage_1h USING (market, date, hour)"""
    assert rows(lake, query) == [{"same": True}] * 3


def test_the_quality_of_a_day_tells_its_coverage_and_its_worst_grade(tmp_path):
    lake = lake_of(tmp_path, [graded(0), graded(61, "B", kline_seconds=15.0)], [graded(5, "C")])
    found = rows(lake, "SELECT day(date) AS day, share_b, coverage, grade FROM quality_1d ORDER BY date")
    assert found == [
        {"day": 22, "share_b": 0.5, "coverage": 75 / 86_400, "grade": "B"},
        {"day": 23, "share_b": 0.0, "coverage": 60 / 86_400, "grade": "C"},
    ]
