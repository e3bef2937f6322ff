"""Lakes to ask questions of: days of markets with books, trades, states, candles, gaps and grades in them."""

import contextlib
import datetime as dt
import functools
import math
import random
import shutil
import tempfile
from pathlib import Path

from lakedays import DATE, DAY_US, MINUTE_US, SECOND_US, Day, book, rows_of, state, trade
from once import once

from recorder.lake.spans import spans_of
from recorder.lake.store.files import EMPTY_DATE
from recorder.lake.store.manifest import FORMAT, FORMAT_STATE, MANIFEST, Commit, Manifest
from recorder.lake.store.tables import COVERAGE, GAPS, TABLES
from recorder.lake.store.tables import MARKETS as MARKETS_TABLE

MARKETS = ("AAA", "BBB", "CCC")
DAY_LENGTH_US = 24 * 60 * MINUTE_US
FUNDING_US = 4 * 60 * MINUTE_US
STEADY_US = 20 * 60 * MINUTE_US


@contextlib.contextmanager
def lake_at(data_dir):
    """The lake below a directory, of no rows at first, as a `lakedays.Day` that takes files of any date."""
    if not (data_dir / MANIFEST).exists():
        shutil.copytree(_without_rows().name, data_dir, dirs_exist_ok=True)
    with Manifest(data_dir) as manifest:
        yield Day(manifest)


@functools.cache
def _without_rows():
    """A lake of no rows, made once a process: to commit a file of each table takes longer than most tests."""
    place = tempfile.TemporaryDirectory()
    with Manifest(Path(place.name)) as manifest:
        manifest.commit(Commit(state={FORMAT_STATE: FORMAT}))
        day = Day(manifest)
        for table in TABLES.values():
            day.add(table.name, table.schema.empty_table(), date=EMPTY_DATE, file="empty")
    return place


def gap(start, end, *, stream="depth", market="AAA", recorder="main", remains=True, reason="disconnect"):
    """A gap from `start` to `end` us after the day's begin; `end` None: still open."""
    row = dict.fromkeys(GAPS.schema.names, "") | {"stream": stream, "market": market, "recorder": recorder}
    row |= {"reason": reason}
    row |= {"ts_start": DAY_US + start, "ts_end": None if end is None else DAY_US + end, "minute": None}
    left = (row["ts_start"], row["ts_end"]) if remains else (None, None)
    row |= {"period": None, "remains_start": left[0], "remains_end": left[1]}
    return row | {"lag_low_us": 0, "lag_high_us": 0}


def graded(minute, grade="A", *, market="AAA", seconds=60.0, **columns):
    """A row of `coverage`: the minute so many after the day's begin, each stream seen for so long."""
    row = dict.fromkeys(COVERAGE.schema.names) | {
        "market": market,
        "grade": grade,
        "reason": "",
        "missed": "",
    }
    row |= {field.name: 0 for field in COVERAGE.schema if not field.nullable and row[field.name] is None}
    row |= {f"{stream}_seconds": seconds for stream in ("trade", "depth", "kline", "state")}
    return row | {"minute": DAY_US + minute * MINUTE_US} | columns


def rows_as(name, rows):
    """Rows of any table in its order."""
    return rows_of(TABLES[name], rows)


def a_ladder(chance, mid, direction):
    """Levels away from a mid; now and then none."""
    if chance.random() < 0.03:
        return []
    prices = [mid * (1 + direction * (0.0002 + 0.0003 * rank + 1e-5 * chance.random())) for rank in range(8)]
    return [(round(price, 6), round(chance.uniform(0.1, 40), 3)) for price in prices]


def some_books(chance, market, count, start=0):
    """Books in bursts, silences between them, some received before they were made and some of one instant."""
    books, ts = [], start + chance.randrange(5 * SECOND_US)
    mid = 100.0
    for number in range(count):
        ts += chance.choice([0, 100_000, 250_000, 3 * SECOND_US, 20 * SECOND_US, 90 * SECOND_US])
        if ts >= DAY_LENGTH_US:
            break
        mid *= 1 + chance.gauss(0, 2e-4)
        prices = {"index_price": round(mid * 1.0001, 6), "mark_price": round(mid * 1.0002, 6)}
        prices["last"] = None if number % 17 == 0 else round(mid * 0.9999, 6)
        if chance.random() < 0.05:
            prices["index_price"] = None
        bids, asks = a_ladder(chance, mid, -1), a_ladder(chance, mid, 1)
        recv = ts + chance.choice([5_000, 40_000, -1_200_000])
        books.append(book(ts, market=market, recv=recv, seq=number, bids=bids, asks=asks, **prices))
    return books


def steady_books(market):
    """A quarter of an hour of books every ten seconds: minutes that are seen whole, one after the other."""
    mids = [(number, 100 + math.sin(number / 7)) for number in range(90)]
    return [
        book(
            STEADY_US + number * 10 * SECOND_US, market=market, seq=10_000 + number,
            bids=[(mid - 0.01, 2.0)], asks=[(mid + 0.01, 1.0)],
        )
        for number, mid in mids
    ]  # fmt: skip


def quiet_minutes(market):
    """Minutes one after the other in which nothing was traded, proven by their candles."""
    return [graded(at, market=market, candle_close=100.0) for at in range(601, 961) if at % 7]


def deep_books(market):
    """A book a minute from 04:00 to 08:00, an interval of funding, deep enough for 10,000 quote units."""
    books = []
    for number in range(240):
        ts, mid = 4 * 60 * MINUTE_US + number * MINUTE_US, 100 + 0.2 * math.sin(number / 20)
        bids, asks = [(round(mid - 0.02, 4), 150.0)], [(round(mid + 0.02, 4), 150.0)]
        prices = {"index_price": 100.0, "mark_price": 100.01}
        books.append(book(ts, market=market, seq=100_000 + number, bids=bids, asks=asks, **prices))
    return books


def some_trades(chance, market, books, count):
    """Trades near the books' times, not in the order of their ids, some of one instant."""
    times = [chance.choice(books)["ts_event"] - DAY_US + chance.choice([0, 1, 700_000]) for _ in range(count)]
    return [
        trade(
            min(ts, DAY_LENGTH_US - 1), number, round(100 * (1 + chance.gauss(0, 1e-3)), 4),
            round(chance.uniform(0.01, 9), 3), chance.choice(["buy", "sell"]), market=market, seq=number,
        )
        for number, ts in enumerate(times)
    ]  # fmt: skip


def some_gaps(chance, market, books, count=4):
    """Gaps around books of a market: some within one another, of one recorder."""
    starts = [
        chance.choice(books)["ts_recv"] - DAY_US + chance.choice([-1, 0, 1, 50_000]) for _ in range(count)
    ]
    return [
        gap(start, start + chance.choice([1, 200_000, 40 * SECOND_US]), market=market) for start in starts
    ]


def some_states(chance, market, later=0):
    """States about every 5 minutes; funding settles every 4 h, at a rate that was announced or nearly so."""
    rows, ts = [], chance.randrange(MINUTE_US)
    while ts < DAY_LENGTH_US:
        settled = ts // FUNDING_US + 6 * later
        left_us = FUNDING_US - ts % FUNDING_US
        rate = {at: round(1e-4 * math.sin(settled + at), 8) for at in (0, 1, 2)}
        rows.append(
            state(ts, chance.choice([None, 50 + chance.random()]), market=market, seq=len(rows))
            | {"funding_rate_last": rate[0], "funding_rate_next": rate[1], "funding_rate_predict": rate[2]}
            | {"funding_minutes": left_us // MINUTE_US, "ts_funding": DAY_US + ts + left_us}
            | {"mark_price": round(100 + chance.random(), 4), "index_price": round(100 + chance.random(), 4)}
            | {"volume": 5_000.0 + len(rows)}
        )
        ts += chance.choice([60, 290, 310, 600]) * SECOND_US + chance.randrange(SECOND_US)
    return rows


def described(market, tick_size=0.001):
    """A row of `markets`."""
    row = dict.fromkeys(MARKETS_TABLE.schema.names) | {"market": market, "base": market, "quote": "USDT"}
    row |= {"type": "linear", "tick_size": tick_size, "amount_min": 0.001, "available": True}
    precisions = {"base": 4, "quote": 4, "amount": 4, "fee": 4}
    return row | {"precisions": precisions, "leverages": [], "limits": [], "ts_recv": DAY_US}


def moved(rows, later):
    """Rows as many days later, with ids and numbers of their own."""
    for row in rows:
        for name, value in row.items():
            if value is not None and (name.startswith(("ts_", "remains_", "due_")) or name == "minute"):
                row[name] = value + later * DAY_LENGTH_US
            elif name in {"trade_id", "seq"}:
                row[name] = value + later * 1_000_000
    return rows


def two_days(tmp_path_factory):
    """A lake of two days of three markets, of which the first is compacted; made once, to be read."""

    def make(data_dir):
        with lake_at(data_dir) as day:
            day.compact(fill(day, 21, books=150, trades=120))
            fill(day, 22, books=150, trades=120, later=1)

    return once(tmp_path_factory, "two-days", make)


def fill(day, seed=1, *, books=400, trades=300, later=0):
    """Fill a day, so many after the first, with rows of all kinds; returns whose books were missing when."""
    chance = random.Random(seed)
    date = str(dt.date.fromisoformat(DATE) + dt.timedelta(days=later))
    missing = {}
    gaps = [gap(DAY_LENGTH_US // 2, DAY_LENGTH_US // 2 + 30 * SECOND_US, stream=None, market=None)]
    for market in MARKETS:
        rows = some_books(chance, market, books, start=chance.choice([0, DAY_LENGTH_US - 600 * SECOND_US]))
        own = some_gaps(chance, market, rows)
        gaps += own
        # Made from the grades, of a recorder without a name: no book is closed by it, nor left open.
        gaps.append(gap(0, MINUTE_US, market=market, recorder="", reason="missed"))
        found = {
            "trades": some_trades(chance, market, rows, trades),
            "depth": rows + steady_books(market) + (deep_books(market) if market == "AAA" else []),
            "state": some_states(chance, market, later),
            "coverage": [
                *(
                    graded(at, chance.choice("AABCD"), market=market, volume=at % 5, candle_volume=at % 6)
                    for at in range(0, 1440, 7)
                ),
                *quiet_minutes(market),
            ],
            "markets": [described(market)] if later == 0 else [],
        }
        for name, of_table in found.items():
            day.add(name, rows_as(name, moved(of_table, later)), date=date)
        missing[market] = spans_of((each["remains_start"], each["remains_end"]) for each in [gaps[0], *own])
    day.add("gaps", rows_as("gaps", moved(gaps, later)), date=date)
    return lambda market: missing.get(market, ())
