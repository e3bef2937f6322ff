"""How large trades are: quantiles, the share of the largest, and the histogram by powers of two."""

import math
import random
import statistics

import pytest
from asked_lakes import DAY_LENGTH_US, graded, lake_at, rows_as
from lakedays import trade

from analytics import open_lake


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def lake_of(data_dir, trades, coverage=()):
    with lake_at(data_dir) as day:
        day.add("trades", rows_as("trades", trades))
        day.add("coverage", rows_as("coverage", coverage))
    return open_lake(data_dir)


def sized(quantities, price=1.0, market="AAA"):
    """A trade of each quantity."""
    return [trade(number, number, price, size, market=market) for number, size in enumerate(quantities)]


def at_quantile(values, percent):
    """The standard library's quantile that interpolates between the two nearest ranks."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def test_sizes_of_one_to_a_hundred(tmp_path):
    lake = lake_of(tmp_path, sized(random.Random(1).sample(range(1, 101), 100), price=2.0))
    [row] = rows(lake, "SELECT * FROM trade_sizes_1d")
    found = {name: value for name, value in row.items() if name.startswith(("quantity", "notional", "top"))}
    assert found == pytest.approx(
        {
            "quantity_mean": 50.5, "quantity_median": 50.5, "quantity_p90": 90.1, "quantity_p99": 99.01,
            "quantity_max": 100, "notional_mean": 101, "notional_median": 101, "notional_p90": 180.2,
            "notional_p99": 198.02, "notional_max": 200, "top_share": 100 / 5050,
        },
        rel=1e-12,
    )  # fmt: skip
    assert row["trades"] == 100


def test_quantiles_and_the_largest_hundredth_of_any_sizes(tmp_path):
    chance = random.Random(2)
    trades, expected = [], {}
    for number in (1, 2, 9, 10, 99, 100, 101, 350):
        market = f"M{number}"
        sizes = [round(chance.lognormvariate(0, 2), 4) + 1e-4 for _ in range(number)]
        own = [
            trade(chance.randrange(DAY_LENGTH_US), at, round(chance.gauss(100, 1), 2), size, market=market)
            for at, size in enumerate(sizes)
        ]
        trades += own
        values = sorted(row["price"] * row["quantity"] for row in own)
        largest = values[-math.ceil(number / 100) :]
        expected[market] = {
            "trades": number,
            "quantity_mean": statistics.fmean(sizes),
            "quantity_median": statistics.median(sizes),
            "notional_median": statistics.median(values),
            "quantity_p90": at_quantile(sizes, 90) if number >= 10 else None,
            "notional_p90": at_quantile(values, 90) if number >= 10 else None,
            "quantity_p99": at_quantile(sizes, 99) if number >= 100 else None,
            "notional_p99": at_quantile(values, 99) if number >= 100 else None,
            "top_share": sum(largest) / sum(values) if number >= 100 else None,
        }
    found = {
        row.pop("market"): row for row in rows(lake_of(tmp_path, trades), "SELECT * FROM trade_sizes_1d")
    }
    assert set(found) == set(expected)
    for market, figures in expected.items():
        given = {name: found[market][name] for name in figures}
        unknown = {name for name, figure in figures.items() if figure is None}
        assert {name for name, figure in given.items() if figure is None} == unknown
        known = {name: figure for name, figure in figures.items() if name not in unknown}
        assert {name: given[name] for name in known} == pytest.approx(known, rel=1e-12), market


def test_a_notional_at_or_just_below_a_power_of_two_is_counted_where_it_belongs(tmp_path):
    powers = [2.0**power for power in range(-30, 61)]
    values = [value for power in powers for value in (power, math.nextafter(power, 0))]
    found = rows(lake_of(tmp_path, sized(values)), "SELECT * FROM trade_size_histogram_1d ORDER BY low")
    assert [(row["low"], row["high"], row["trades"]) for row in found] == [
        (2.0**-31, 2.0**-30, 1),
        *((power, 2 * power, 2) for power in powers[:-1]),
        (powers[-1], 2 * powers[-1], 1),
    ]


def test_the_histogram_adds_up_each_trade_once(tmp_path):
    chance = random.Random(4)
    trades = [
        trade(at, at, chance.uniform(1, 9), chance.lognormvariate(0, 3), chance.choice(["buy", "sell"]))
        for at in range(500)
    ]
    expected = {}
    for row in trades:
        notional = row["price"] * row["quantity"]
        expected.setdefault(2.0 ** (math.frexp(notional)[1] - 1), []).append(row)
    turnover = sum(row["price"] * row["quantity"] for row in trades)
    found = {
        row["low"]: row for row in rows(lake_of(tmp_path, trades), "SELECT * FROM trade_size_histogram_1d")
    }
    assert set(found) == set(expected)
    for low, own in expected.items():
        values = [row["price"] * row["quantity"] for row in own]
        bought = [row["price"] * row["quantity"] for row in own if row["side"] == "buy"]
        figures = {
            "trades": len(own), "volume": sum(row["quantity"] for row in own), "turnover": sum(values),
            "buy_turnover": sum(bought), "share": len(own) / 500, "turnover_share": sum(values) / turnover,
        }  # fmt: skip
        assert {name: found[low][name] for name in figures} == pytest.approx(figures, rel=1e-12), low


@pytest.mark.parametrize("view", ["trade_sizes_1d", "trade_size_histogram_1d"])
def test_a_day_observed_for_less_than_a_tenth_has_counts_alone(tmp_path, view):
    lake = lake_of(tmp_path, sized([1.0] * 200), [graded(at) for at in range(143)])
    [row] = rows(lake, f"SELECT * FROM {view}")
    keys = {"market", "date", "day", "low", "high", "coverage", "grade"}
    known = {name: value for name, value in row.items() if value is not None and name not in keys}
    assert known == {"trades": 200}
    assert (row["coverage"], row["grade"]) == (143 / 1440, "A")
