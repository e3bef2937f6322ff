"""The figures that Polars makes are those that plain loops make, row by row, from the definitions."""

import math
from collections import defaultdict

import polars as pl
import pytest
from asked_lakes import MARKETS, fill, lake_at
from lakedays import DAY_US, SECOND_US

from analytics import frames
from analytics.scan import scan_files
from recorder.lake.store.tables import TABLES

MINUTE_US = 60 * SECOND_US
SPANS = {"10s": 10, "1m": 60, "5m": 300, "1h": 3_600}
SEEDS = (21, 22)


@pytest.fixture(scope="module", params=SEEDS)
def day(request, tmp_path_factory):
    """(tables as LazyFrames, books of each market with how long each stood, trades) of an open day."""
    made = tmp_path_factory.mktemp("loops")
    with lake_at(made) as lake:
        missing = fill(lake, request.param, books=250, trades=250)
        files = {
            name: [made / "lake" / file.path for file in lake.files() if file.table == name]
            for name in TABLES
        }
        tables = {name: scan_files(paths, name) for name, paths in files.items()}
        rows = {name: lake.read(name).to_pylist() for name in ("depth", "trades")}
    return (
        tables,
        {market: standing(rows["depth"], market, missing(market)) for market in MARKETS},
        rows["trades"],
    )


def us(time):
    return (int(time.timestamp()) * SECOND_US) + time.microsecond


def standing(rows, market, missing):
    """Books of a market in order as (made at, mid, spread, stood us, row)."""
    rows = sorted(
        (row for row in rows if row["market"] == market), key=lambda row: (row["ts_event"], row["seq"])
    )
    ends = [us(row["ts_event"]) for row in rows[1:]] + [DAY_US + 86_400 * SECOND_US]
    found = []
    for row, end in zip(rows, ends, strict=True):
        made, received = us(row["ts_event"]), us(row["ts_recv"])
        stood = min(end - made, MINUTE_US)
        for gap_start, gap_end in missing:
            if gap_start <= received < gap_end:
                stood = 0
            elif gap_start > received:
                stood = min(stood, gap_start - received)
        bid, ask = row["bid_price"], row["ask_price"]
        is_whole = bid is not None and ask is not None and bid + ask > 0
        mid, spread = ((bid + ask) / 2, ask - bid) if is_whole else (None, None)
        found.append((made, mid, spread, stood))
    return found


def by_key(lazy):
    """Rows by market and bucket start in microseconds."""
    frame = lazy.collect()
    return {(row["market"], us(row[frame.columns[2]])): row for row in frame.to_dicts()}


def assert_close(found, expected):
    assert set(found) == set(expected)
    for key, figures in expected.items():
        for name, value in figures.items():
            got = found[key][name]
            is_same = got is value or (
                value is not None and math.isclose(got, value, rel_tol=1e-10, abs_tol=1e-10)
            )
            assert is_same, (key, name, got, value)


@pytest.mark.parametrize("every", SPANS)
def test_spreads_are_those_of_a_loop_over_books_and_buckets(day, every):
    tables, books, _ = day
    width = SPANS[every] * SECOND_US
    sums = defaultdict(lambda: {"us": 0, "spread": 0.0, "bps": 0.0, "snapshots": 0, "spreads": []})
    for market, of_market in books.items():
        for made, mid, spread, stood in of_market:
            sums[market, made - made % width]["snapshots"] += 1
            start = made - made % width
            while mid is not None and start < made + stood:
                part = min(start + width, made + stood) - max(start, made)
                bucket = sums[market, start]
                bucket["us"] += part
                bucket["spread"] += spread * part
                bucket["bps"] += spread / mid * 1e4 * part
                bucket["spreads"] += [spread] if part > 0 else []
                start += width
    expected = {}
    for key, bucket in sums.items():
        is_seen = bucket["us"] >= width / 10
        expected[key] = {
            "relative_spread_bps": bucket["bps"] / bucket["us"] if is_seen else None,
            "spread": bucket["spread"] / bucket["us"] if is_seen else None,
            "spread_min": min(bucket["spreads"]) if is_seen else None,
            "spread_max": max(bucket["spreads"]) if is_seen else None,
            "observed_seconds": bucket["us"] / SECOND_US,
            "snapshots": bucket["snapshots"],
            "coverage": bucket["us"] / width,
        }
    found = by_key(frames.spread(frames.books(tables["depth"], tables["gaps"]), every))
    assert_close({key: row for key, row in found.items() if key in expected}, expected)
    told_by_basis_alone = [row for key, row in found.items() if key not in expected]
    assert all(row["observed_seconds"] == row["snapshots"] == 0 for row in told_by_basis_alone)


@pytest.mark.parametrize("every", SPANS)
def test_bars_are_those_of_a_loop_over_trades(day, every):
    tables, _, trades = day
    width = SPANS[every] * SECOND_US
    buckets = defaultdict(list)
    for row in sorted(trades, key=lambda row: (row["ts_event"], row["trade_id"])):
        made = us(row["ts_event"])
        buckets[row["market"], made - made % width].append(row)
    expected = {}
    for key, rows in buckets.items():
        volume = math.fsum(row["quantity"] for row in rows)
        turnover = math.fsum(row["quantity"] * row["price"] for row in rows)
        bought = math.fsum(row["quantity"] for row in rows if row["side"] == "buy")
        prices = [row["price"] for row in rows]
        expected[key] = {
            "trades": len(rows), "volume": volume, "turnover": turnover, "vwap": turnover / volume,
            "buy_volume": bought, "sell_volume": volume - bought, "imbalance": (2 * bought - volume) / volume,
            "open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1],
            "buy_trades": sum(row["side"] == "buy" for row in rows),
            "buy_turnover": math.fsum(row["quantity"] * row["price"] for row in rows if row["side"] == "buy"),
        }  # fmt: skip
    assert_close(by_key(frames.bars(tables["trades"], every)), expected)


def mid_of(books, at, *, or_at):
    """The mid of the last book before an instant, if it still stood then."""
    last = None
    for made, mid, _, stood in books:
        if made < at or (or_at and made == at):
            last = mid if at - made <= stood else None
    return last


@pytest.mark.parametrize("every", ["1m", "1h"])
def test_what_trading_cost_is_what_a_loop_over_trades_and_books_says(day, every):
    tables, books, trades = day
    width = SPANS[every] * SECOND_US
    sums = defaultdict(lambda: defaultdict(float))
    for row in trades:
        made, of_market = us(row["ts_event"]), books[row["market"]]
        before = mid_of(of_market, made, or_at=False)
        after = mid_of(of_market, made + 5 * SECOND_US, or_at=True)
        if before is None:
            continue
        bucket = sums[row["market"], made - made % width]
        turnover, sign = row["price"] * row["quantity"], 1 if row["side"] == "buy" else -1
        bucket["trades"] += 1
        bucket["turnover"] += turnover
        bucket["effective"] += 2e4 * sign * (row["price"] - before) / before * turnover
        if after is not None:
            bucket["realised_trades"] += 1
            bucket["realised_turnover"] += turnover
            bucket["realised"] += 2e4 * sign * (row["price"] - after) / before * turnover
            bucket["impact"] += 2e4 * sign * (after - before) / before * turnover
    expected = {}
    for (market, start), bucket in sums.items():
        seen = sum(
            max(0, min(start + width, made + stood) - max(start, made))
            for made, mid, _, stood in books[market]
            if mid is not None
        )
        is_seen, realised = seen >= width / 10, bucket["realised_turnover"]
        expected[market, start] = {
            "effective_spread_bps": bucket["effective"] / bucket["turnover"] if is_seen else None,
            "realised_spread_bps": bucket["realised"] / realised if is_seen and realised else None,
            "impact_bps": bucket["impact"] / realised if is_seen and realised else None,
            "effective_trades": bucket["trades"],
            "realised_trades": bucket["realised_trades"],
            "coverage": seen / width,
        }
    found = frames.effective_spread(tables["trades"], frames.books(tables["depth"], tables["gaps"]), every)
    assert_close(by_key(found), expected)
    assert sum(row["realised_spread_bps"] is not None for row in expected.values()) > 0


def test_effective_is_realised_and_impact_where_a_mid_stood_after_every_trade(day):
    tables, _, _ = day
    books = frames.books(tables["depth"], tables["gaps"])
    found = frames.effective_spread(tables["trades"], books).collect()
    whole = found.filter(pl.col("effective_trades") == pl.col("realised_trades")).drop_nulls()
    assert whole.height > 10
    for row in whole.to_dicts():
        both = row["realised_spread_bps"] + row["impact_bps"]
        assert math.isclose(row["effective_spread_bps"], both, rel_tol=1e-9, abs_tol=1e-9)


def test_short_buckets_add_up_to_long_ones(day):
    tables, _, _ = day
    books = frames.books(tables["depth"], tables["gaps"])
    hours = frames.spread(books, "1h").collect()
    parts = (
        frames.spread(books, "10s").with_columns(pl.col("bucket").dt.truncate("1h").alias("hour")).collect()
    )
    sums = parts.group_by("market", "date", "hour").agg(pl.col("observed_seconds", "snapshots").sum())
    together = hours.join(sums, on=["market", "date", "hour"], how="full", suffix="_of_parts")
    assert together["snapshots"].equals(together["snapshots_of_parts"].alias("snapshots"))
    apart = (together["observed_seconds"] - together["observed_seconds_of_parts"]).abs()
    assert apart.null_count() == 0
    assert apart.max() < 1e-9
