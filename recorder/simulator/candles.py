"""One market's minutes: a made-up past, and from the start on exactly what the trades made.

A minute without a trade is a flat candle at the previous close. Longer candles are made of the minutes
that traded, so they too equal the trades; their starts are whole multiples of the period since the epoch,
which lets a week begin on a Thursday.
"""

from array import array
from dataclasses import dataclass
from typing import Final

import numpy as np

from recorder.simulator.catalogue import MarketSpec

MINUTE_S: Final = 60
HISTORY_MINUTES: Final = 2_880
"""The market's age at the start: its first candle is two days old."""
KEPT_MINUTES: Final = 2 * HISTORY_MINUTES
"""Closed minutes held at most; older ones are forgotten half by half."""


@dataclass(slots=True)
class Bar:
    """One candle in ticks and lots; `turnover` is the sum of ticks times lots. `start_s` is its open time."""

    start_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0


def flat(start_s: int, price: int) -> Bar:
    """A candle in which nothing happened."""
    return Bar(start_s, price, price, price, price)


class CandleSeries:
    """All minutes of one market, up to the running one; a market that is not `aged` begins now."""

    def __init__(
        self, spec: MarketSpec, seed: int, start_s: int, *, aged: bool = True, rate: float = 1.0
    ) -> None:
        minute = start_s // MINUTE_S
        past = _past(spec, seed, rate) if aged else []
        self._columns = [array("q", made.tobytes()) for made in past] or [array("q") for _ in range(6)]
        self._first_minute = minute - len(self._columns[0])
        self.current = flat(minute * MINUTE_S, spec.start_ticks)
        self._day_closed: Bar | None = None

    def add(self, ticks: int, lots: int) -> None:
        """A trade of the current minute."""
        bar = self.current
        if bar.volume == 0:
            bar.open = bar.high = bar.low = ticks
        bar.high = max(bar.high, ticks)
        bar.low = min(bar.low, ticks)
        bar.close = ticks
        bar.volume += lots
        bar.turnover += ticks * lots

    def roll(self, now_s: int) -> None:
        """Close every minute that ended by now."""
        while self.current.start_s + MINUTE_S <= now_s:
            bar = self.current
            values = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.turnover)
            for column, value in zip(self._columns, values, strict=True):
                column.append(value)
            self.current = flat(bar.start_s + MINUTE_S, bar.close)
            self._day_closed = None
        self._forget()

    def rows(self, period_s: int, start_s: int, end_s: int) -> list[Bar]:
        """Candles of a period that open within [start_s, end_s], oldest first."""
        first = max(start_s + period_s - 1, self._first_minute * MINUTE_S) // period_s * period_s
        last = min(end_s, self.current.start_s)
        return [self.bar(open_s, period_s) for open_s in range(first, last + 1, period_s)]

    def bar(self, start_s: int, period_s: int) -> Bar:
        """The candle of the period that opens at `start_s`, as far as its minutes exist."""
        if period_s == MINUTE_S and start_s == self.current.start_s:
            return self.current
        end_s = start_s + period_s
        closed = self._closed(start_s, end_s)
        if self.current.start_s >= end_s:
            return closed or flat(start_s, self.current.open)
        return _joined(closed, self.current, start_s)

    def day(self) -> Bar:
        """The rolling day: the running minute and the 1,439 before it."""
        start_s = self.current.start_s - 1_439 * MINUTE_S
        if self._day_closed is None:
            self._day_closed = self._closed(start_s, self.current.start_s)
        return _joined(self._day_closed, self.current, start_s)

    def _closed(self, start_s: int, end_s: int) -> Bar | None:
        """What the closed minutes of [start_s, end_s) make together; None where there is none."""
        low = max(0, start_s // MINUTE_S - self._first_minute)
        high = min(len(self._columns[0]), end_s // MINUTE_S - self._first_minute)
        if low >= high:
            return None
        columns = [np.frombuffer(column, dtype=np.int64)[low:high] for column in self._columns]
        opens, highs, lows, closes, volumes, turnovers = columns
        traded = np.flatnonzero(volumes)
        if traded.size == 0:
            return flat(start_s, int(closes[-1]))
        return Bar(
            start_s,
            open=int(opens[traded[0]]),
            high=int(highs[traded].max()),
            low=int(lows[traded].min()),
            close=int(closes[-1]),
            volume=int(volumes.sum()),
            turnover=int(turnovers.sum()),
        )

    def _forget(self) -> None:
        while len(self._columns[0]) > KEPT_MINUTES:
            for column in self._columns:
                del column[:HISTORY_MINUTES]
            self._first_minute += HISTORY_MINUTES


def _joined(earlier: Bar | None, later: Bar, start_s: int) -> Bar:
    if earlier is None or earlier.volume == 0:
        return Bar(start_s, later.open, later.high, later.low, later.close, later.volume, later.turnover)
    if later.volume == 0:
        return earlier
    return Bar(
        start_s,
        open=earlier.open,
        high=max(earlier.high, later.high),
        low=min(earlier.low, later.low),
        close=later.close,
        volume=earlier.volume + later.volume,
        turnover=earlier.turnover + later.turnover,
    )


def _past(spec: MarketSpec, seed: int, rate: float) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Minutes before the start, as lively as those after it, ending at the start's price: open, high, low,
    close, volume, turnover."""
    chance = np.random.default_rng([seed, spec.rank, *spec.name.encode()])
    count = HISTORY_MINUTES
    orders = chance.poisson(spec.orders_per_s * rate * MINUTE_S, count)
    quiet = orders == 0
    moves = chance.standard_normal(count) * spec.volatility * np.sqrt(MINUTE_S)
    moves[quiet] = 0.0
    after = np.concatenate((np.cumsum(moves[::-1])[::-1][1:], [0.0]))  # what is still to come of the walk
    closes = np.maximum(1, np.rint(spec.start_ticks * np.exp(-after))).astype(np.int64)
    opens = np.concatenate((closes[:1], closes[:-1]))
    closes[quiet] = opens[quiet]
    reach = np.rint(np.abs(chance.standard_normal((2, count))) * spec.gap_ticks * 5).astype(np.int64)
    reach[:, quiet] = 0
    highs = np.maximum(opens, closes) + reach[0]
    lows = np.maximum(1, np.minimum(opens, closes) - reach[1])
    volumes = np.rint(orders * spec.order_lots * chance.lognormal(0.0, 0.3, count)).astype(np.int64)
    volumes[~quiet] = np.maximum(1, volumes[~quiet])
    turnovers = (opens + highs + lows + closes) * volumes // 4
    return [opens, highs, lows, closes, volumes, turnovers]
