"""What a report is about: a span, markets in the order of their turnover, buckets that a page can hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from analytics.charts.parts import BUCKETS
from analytics.errors import EmptyRangeError
from analytics.lake import Lake
from analytics.spans import Moment, moment, seconds
from recorder.lake.store.manifest import FileInfo

MOST_MAPPED: Final = 40
"""Markets that are a row of the maps ..."""
MOST_CHOSEN: Final = 12
"""... and those that have charts of their own."""
MAP_BUCKETS: Final = 100
LINE_BUCKETS: Final = 300
CALENDAR_BUCKETS: Final = 240
SHORT: Final = timedelta(minutes=20)
SHORT_BUCKETS: Final = 120
"""Up to so long a span is shown in seconds where it can be."""
_SECONDS: Final = ("1s", "5s", "10s")
_EVERY: Final = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d")


@dataclass(frozen=True, slots=True)
class Scope:
    """A span from `first` to before `end`, and the `markets` in it, that with most turnover first.

    `asked` is the span as the reader bounded it; where it was left open, the lake is asked for all it has.
    """

    data_dir: Path
    first: datetime
    end: datetime
    asked: tuple[datetime | None, datetime | None]
    markets: tuple[str, ...]

    @property
    def mapped(self) -> tuple[str, ...]:
        """The markets of the maps."""
        return self.markets[:MOST_MAPPED]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The markets with charts of their own."""
        return self.markets[:MOST_CHOSEN]

    def reach(self, every: str) -> tuple[datetime, datetime]:
        """The span, widened to whole buckets: from when to when a chart reaches."""
        length = timedelta(seconds=seconds(every))
        return floor(self.first, every), floor(self.end - timedelta(microseconds=1), every) + length

    @property
    def map_every(self) -> str:
        """The bucket of maps."""
        return bucket(self.end - self.first, MAP_BUCKETS)

    @property
    def line_every(self) -> str:
        """The bucket of lines."""
        return bucket(self.end - self.first, LINE_BUCKETS)

    @property
    def trade_every(self) -> str:
        """The bucket of what is made of trades, which have one of seconds, too."""
        short = self.end - self.first <= SHORT
        return bucket(self.end - self.first, SHORT_BUCKETS, _SECONDS) if short else self.line_every

    @property
    def calendar_every(self) -> str:
        """The bucket of the calendar: of those that `coverage_1m` is made for."""
        return bucket(self.end - self.first, CALENDAR_BUCKETS, ("1m", "1h", "1d"))

    def since(self, every: str) -> datetime | None:
        """The first bucket to be asked for: the one in which the span begins."""
        return None if self.asked[0] is None else floor(self.asked[0], every)

    def within(self, rows: pl.DataFrame, every: str) -> pl.DataFrame:
        """The rows of buckets of this span."""
        own = next(name for name in BUCKETS if name in rows.columns)
        return rows.filter(pl.col(own) >= floor(self.first, every), pl.col(own) < self.end)


def find_scope(
    lake: Lake, data_dir: Path, markets: Sequence[str], start: Moment | None, end: Moment | None
) -> Scope:
    """What a report of these markets (none: all) and this span is about.

    Raises UnknownNameError for a market that is not there, and EmptyRangeError for a span without rows.
    """
    first, last = (None if each is None else moment(each) for each in (start, end))
    begins, ends = _bounds(lake.files(), first, last)
    scope = Scope(data_dir, begins, ends, (first, last), ())
    every = scope.map_every
    rows = lake.volume(markets or None, start=scope.since(every), end=last, every=every)
    # The candles of an inverse market count the base unit: among the others its place is behind them.
    inverse = lake.ask("inverse_markets").pl()["market"].to_list()
    told = pl.when(~pl.col("market").is_in(inverse)).then("candle_turnover")
    traded = scope.within(rows, every).select("market", pl.coalesce("turnover", told))
    booked = lake.scan("depth", markets or None, start=first, end=last).select("market").unique().collect()
    ranked = (
        pl.concat([traded, booked], how="diagonal")
        .group_by("market")
        .agg(pl.col("turnover").sum())
        .sort("turnover", "market", descending=[True, False])
    )
    if not ranked.height:
        raise EmptyRangeError(
            f"nothing was recorded from {scope.first:%Y-%m-%d %H:%M:%S} to {scope.end:%Y-%m-%d %H:%M:%S} UTC"
        )
    return Scope(data_dir, scope.first, scope.end, (first, last), tuple(ranked["market"]))


def bucket(span: timedelta, most: int, offered: Sequence[str] = _EVERY) -> str:
    """The shortest bucket of which a span has no more than so many; the longest, where all are too short."""
    fitting = (every for every in offered if span.total_seconds() <= most * seconds(every))
    return next(fitting, offered[-1])


def floor(time: datetime, every: str) -> datetime:
    """The start of the bucket in which a time lies."""
    midnight = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    length = timedelta(seconds=seconds(every))
    return midnight + (time - midnight) // length * length


def _bounds(
    files: Sequence[FileInfo], first: datetime | None, last: datetime | None
) -> tuple[datetime, datetime]:
    """From when to when there is something to show: as far as it is asked for, else as was recorded.

    By the venue's clock, where it tells the time. Candles are asked for from before the recording, and states
    are of our clock, on which a replay is of another time: they widen it only where they touch it.
    """
    pushed, states, candles = (
        _ends(files, tables) for tables in (("trades", "depth"), ("state",), ("klines",))
    )
    recorded = pushed or states or candles
    if recorded is None:
        raise EmptyRangeError("the lake is empty: `recorder publish` brings in what its journal holds")
    if states is not None and states[0] < recorded[1] and recorded[0] < states[1]:
        recorded = min(recorded[0], states[0]), max(recorded[1], states[1])
    earliest = min(recorded[0], (candles or recorded)[0])
    begins = recorded[0] if first is None else max(first, earliest)
    ends = recorded[1] if last is None else min(last, recorded[1])
    return (begins, ends) if begins < ends else (first or begins, last or ends)


def _ends(files: Sequence[FileInfo], tables: Sequence[str]) -> tuple[datetime, datetime] | None:
    """The first instant of these tables' rows, and the first after the last."""
    held = [each for each in files if each.rows and each.table in tables]
    if not held:
        return None
    ends = min(each.min_us for each in held), max(each.max_us for each in held) + 1
    first, last = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us) for us in ends)
    return first, last
