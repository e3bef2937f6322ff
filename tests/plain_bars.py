"""Minute bars and their figures worked out in plain loops, to hold the views against."""

import math
from collections import defaultdict

from lakedays import DAY_US, MINUTE_US, SECOND_US, trade

YEAR = 525_600


def traded(prices, *, quantity=1.0):
    """Trades: by minute of the day the price, or the prices in order."""
    return [
        trade(minute * MINUTE_US + at * SECOND_US, minute * 100 + at, price, quantity)
        for minute, of_minute in prices.items()
        for at, price in enumerate(of_minute if isinstance(of_minute, tuple) else (of_minute,))
    ]


def bars_of(trades, coverage):
    """By minute: (open, high, low, close) of every minute that is a bar, from rows of one market and day."""
    by_minute = defaultdict(list)
    for row in trades:
        by_minute[(row["ts_event"] - DAY_US) // MINUTE_US].append(row)
    graded = {(row["minute"] - DAY_US) // MINUTE_US: row for row in coverage}
    bars = {}
    for minute in {*by_minute, *graded}:
        row = graded.get(minute)
        whole = row is None or row["grade"] in "AB" or row["trade_seconds"] == 60
        if minute in by_minute and whole:
            rows = sorted(by_minute[minute], key=lambda each: (each["ts_event"], each["trade_id"]))
            prices = [each["price"] for each in rows]
            bars[minute] = (prices[0], max(prices), min(prices), prices[-1])
        elif minute not in by_minute and row["grade"] in "AB":
            bars[minute] = (row["candle_close"],) * 4
    return bars


def changes_of(bars):
    """By minute: its return, where the minute before is a bar, too."""
    return {
        minute: math.log(bar[3] / bars[minute - 1][3]) for minute, bar in bars.items() if minute - 1 in bars
    }


def volatility_of(bars, start, minutes):
    """Every figure of the bucket of so many minutes that begins at minute `start`."""
    own = {minute: bars[minute] for minute in range(start, start + minutes) if minute in bars}
    every = changes_of(bars)
    changes = {minute: every[minute] for minute in own if minute in every}
    pairs = [abs(changes[at] * changes[at - 1]) for at in changes if at - 1 in changes]
    found = {"minutes": len(own), "returns": len(changes)}
    names = (
        "realised",
        "bipower",
        "jump_share",
        "parkinson",
        "garman_klass",
        "rogers_satchell",
        "yang_zhang",
    )
    found |= dict.fromkeys(names)
    least = minutes / 10
    if len(own) >= least:
        found |= by_range(list(own.values()), YEAR)
    if len(changes) >= least:
        squares = sum(change * change for change in changes.values()) / len(changes)
        found["realised"] = math.sqrt(YEAR * squares)
        found["yang_zhang"] = math.sqrt(YEAR * yang_zhang_of(bars, changes))
    if len(pairs) >= least:
        crossed = math.pi / 2 * sum(pairs) / len(pairs)
        found["bipower"] = math.sqrt(YEAR * crossed)
        found["jump_share"] = max(0.0, 1 - crossed / squares) if squares else None
    return found


def by_range(bars, bars_a_year):
    """Parkinson's, Garman's and Klass's, Rogers' and Satchell's volatility."""
    sums = [0.0, 0.0, 0.0]
    for open_, high, low, close in bars:
        squared = math.log(high / low) ** 2
        sums[0] += squared / (4 * math.log(2))
        sums[1] += 0.5 * squared - (2 * math.log(2) - 1) * math.log(close / open_) ** 2
        sums[2] += corners_of(open_, high, low, close)
    figures = (math.sqrt(bars_a_year * each / len(bars)) for each in sums)
    return dict(zip(("parkinson", "garman_klass", "rogers_satchell"), figures, strict=True))


def corners_of(open_, high, low, close):
    return math.log(high / close) * math.log(high / open_) + math.log(low / close) * math.log(low / open_)


def yang_zhang_of(bars, minutes):
    """Variance per bar over these minutes, each after another."""
    n = len(minutes)
    openings = [math.log(bars[at][0] / bars[at - 1][3]) for at in minutes]
    bodies = [math.log(bars[at][3] / bars[at][0]) for at in minutes]
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    corners = sum(corners_of(*bars[at]) for at in minutes) / n
    return variance_of(openings) + k * variance_of(bodies) + (1 - k) * corners


def variance_of(values):
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
