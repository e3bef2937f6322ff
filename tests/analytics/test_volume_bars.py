"""Bars shorter than a minute: against a plain loop over the trades."""

import math
import random

import pytest
from asked_lakes import DAY_LENGTH_US, graded, lake_at, rows_as
from lakedays import DAY_US, MINUTE_US, trade

from analytics import open_lake
from analytics.bars import bars_sql


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def some_trades(count=400, seed=1):
    """In clusters, so that bars hold several, some of one instant, and not in the order of their ids."""
    chance = random.Random(seed)

    def some_time():
        within_us = chance.choice([0, 1, 999_999, chance.randrange(90_000_000)])
        return chance.randrange(40) * 1_800_000_000 + within_us

    return [
        trade(
            some_time(), number, round(chance.gauss(100, 1), 2), round(chance.uniform(0.01, 9), 3),
            chance.choice(["buy", "sell"]), market=chance.choice(["AAA", "BBB"]), seq=count - number,
        )
        for number in range(count)
    ]  # fmt: skip


def lake_of(data_dir, trades, coverage=()):
    with lake_at(data_dir) as day:
        day.add("trades", rows_as("trades", trades))
        day.add("coverage", rows_as("coverage", coverage))
    return open_lake(data_dir)


def plain_bars(trades, every_us):
    """Every column that follows from the trades, by market and start."""
    found = {}
    for row in sorted(trades, key=lambda each: (each["ts_event"], each["trade_id"])):
        start = DAY_US + (row["ts_event"] - DAY_US) // every_us * every_us
        found.setdefault((row["market"], start), []).append(row)
    return {key: plain_bar(own) for key, own in found.items()}


def plain_bar(own):
    prices = [row["price"] for row in own]
    bought = [row for row in own if row["side"] == "buy"]
    volume = sum(row["quantity"] for row in own)
    turnover = sum(row["quantity"] * row["price"] for row in own)
    buy_volume = sum(row["quantity"] for row in bought)
    return {
        "trades": len(own), "volume": volume, "turnover": turnover, "buy_volume": buy_volume,
        "sell_volume": volume - buy_volume, "imbalance": (2 * buy_volume - volume) / volume,
        "vwap": turnover / volume, "open": prices[0], "high": max(prices), "low": min(prices),
        "close": prices[-1], "buy_trades": len(bought),
        "buy_turnover": sum(row["quantity"] * row["price"] for row in bought),
    }  # fmt: skip


@pytest.mark.parametrize("every_us", [1, 1_000, 250_000, 1_000_000, 45_000_000, MINUTE_US])
def test_a_bar_is_what_its_trades_add_up_to(tmp_path, every_us):
    trades = some_trades()
    lake = lake_of(tmp_path, trades)
    found = {
        (row["market"], row["us"]): row
        for row in rows(lake, f"SELECT *, unix_micros(bucket) AS us FROM ({bars_sql(every_us)})")
    }
    expected = plain_bars(trades, every_us)
    assert set(found) == set(expected)
    for key, bar in expected.items():
        assert {name: found[key][name] for name in bar} == pytest.approx(bar, rel=1e-12, abs=1e-12)


def test_the_columns_are_those_of_volume_1m_and_of_a_minute_so_are_the_figures(tmp_path):
    coverage = [graded(at, "AB"[at % 2], market=market) for at in range(500) for market in ("AAA", "BBB")]
    lake = lake_of(tmp_path, some_trades(), coverage)
    names = lake.sql("SELECT * FROM volume_1m").columns
    bars = lake.sql(bars_sql(MINUTE_US))
    assert bars.columns == ["bucket" if name == "minute" else name for name in names]
    ours = sorted(bars.fetchall(), key=lambda row: row[:3])
    theirs = lake.sql("SELECT * FROM volume_1m WHERE trades > 0 ORDER BY market, minute").fetchall()
    without_candles = [(*row[:-4], None, None, *row[-2:]) for row in theirs]
    assert len(ours) == len(without_candles) > 50
    for one, other in zip(ours, without_candles, strict=True):
        assert all(map(same, one, other))


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return one == other


def test_coverage_is_that_of_the_minutes_a_bar_touches_by_how_much_of_it_lies_in_each(tmp_path):
    coverage = [graded(0, "B"), graded(1, "C", trade_seconds=12.0), graded(2, "A", trade_seconds=3.0)]
    lake = lake_of(tmp_path, [trade(at * 45_000_000, at) for at in range(5)], coverage)
    found = rows(lake, f"SELECT coverage, grade FROM ({bars_sql(45_000_000)}) ORDER BY bucket")
    assert [row["grade"] for row in found] == ["B", "C", "C", "A", None]
    assert [row["coverage"] for row in found[:4]] == pytest.approx(
        [1, (1 + 2 * 0.2) / 3, (2 * 0.2 + 0.05) / 3, 0.05]
    )
    assert found[4]["coverage"] is None


def test_a_bars_sum_wants_more_of_it_seen_than_its_mean(tmp_path):
    seconds = (57.0, 56.9, 6.0, 5.9)
    coverage = [graded(at, trade_seconds=seen) for at, seen in enumerate(seconds)]
    lake = lake_of(tmp_path, [trade(at * MINUTE_US, at) for at in range(4)], coverage)
    found = rows(lake, f"SELECT trades, volume, vwap FROM ({bars_sql(MINUTE_US)}) ORDER BY bucket")
    assert [tuple(row.values()) for row in found] == [
        (1, 1.0, 100.0), (1, None, 100.0), (1, None, 100.0), (1, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("every_us", [0, -1, 7_000_000, MINUTE_US + 1, 2 * MINUTE_US, DAY_LENGTH_US])
def test_other_lengths_are_refused(every_us):
    with pytest.raises(ValueError, match=f"a bar of {every_us} us"):
        bars_sql(every_us)
