"""The frames of a report, each asked of the lake once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from analytics.charts.gaps import by_markets, on_venue_clock
from analytics.charts.profile import MOST_DAYS
from analytics.lake import Lake
from analytics.report.scope import Scope, floor

_DAY: Final = timedelta(days=1)
COUNTED: Final = {"trades": "trades", "depth": "books", "klines": "candles", "state": "states"}
"""Tables whose rows are counted, and what a row is."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What a report is made of.

    `rows` counts by what is counted, `grades` minutes by grade. `missing` is what no repair brought back, the
    longest first. `announced` is what was told last of each market's next settlement. The frames after
    `coverage` are of the markets with charts of their own.
    """

    rows: dict[str, int]
    grades: dict[str, int]
    gaps: pl.DataFrame
    missing: pl.DataFrame
    settlements: pl.DataFrame
    announced: pl.DataFrame
    spread_map: pl.DataFrame
    depth_map: pl.DataFrame
    coverage: pl.DataFrame
    volume: pl.DataFrame
    spread: pl.DataFrame
    depth: pl.DataFrame
    basis: pl.DataFrame
    open_interest: pl.DataFrame
    profile: pl.DataFrame
    areas: pl.DataFrame

    @property
    def is_young(self) -> bool:
        """Whether no settlement is proven yet, so that what is announced is all there is of funding."""
        return not self.settlements["apr"].count() and self.announced.height > 0


class _Asker:
    """A lake, asked within a scope; `chosen` are the markets that the reader named, None for all."""

    def __init__(self, lake: Lake, scope: Scope, chosen: Sequence[str] | None) -> None:
        self._lake = lake
        self._scope = scope
        self._chosen = chosen
        self._end = scope.asked[1]

    def ask(self, name: str, shown: Sequence[str], start: datetime | None) -> pl.DataFrame:
        """The rows of a view of these markets."""
        return self._of(shown, self._lake.ask(name, self._named(shown), start=start, end=self._end).pl())

    def by(self, ask: Callable[..., pl.DataFrame], shown: Sequence[str], every: str) -> pl.DataFrame:
        """A question about these markets by this bucket."""
        rows = ask(self._named(shown), start=self._scope.since(every), end=self._end, every=every)
        return self._scope.within(self._of(shown, rows), every)

    def calendar(self) -> pl.DataFrame:
        """Coverage by the calendar's bucket."""
        every = self._scope.calendar_every
        rows = self.ask(f"coverage_{every}", self._scope.mapped, self._scope.since(every))
        return self._scope.within(rows, every)

    def of_days(self, name: str) -> pl.DataFrame:
        """A question of the day, of the last days of which charts show something."""
        start = max(self._scope.first, self._scope.end - timedelta(days=MOST_DAYS))
        return self._scope.within(self.ask(name, self._scope.chosen, floor(start, "1d")), "1d")

    def settlements(self) -> pl.DataFrame:
        """What was settled in the span, and what was settled after it for an interval that began in it."""
        first, end = self._scope.asked
        shown = self._scope.mapped
        rows = self._of(shown, self._lake.funding(self._named(shown), start=first, end=end and end + _DAY))
        since = pl.col("ts_settled") - pl.duration(minutes=60 * pl.col("interval_hours").fill_null(0))
        return rows.filter(pl.col("ts_settled") >= self._scope.first, since < self._scope.end)

    def announced(self) -> pl.DataFrame:
        """What was announced last, of the states of the span's last day, in the order of the maps."""
        start = max(self._scope.first, self._scope.end - timedelta(days=1))
        rows = self.ask("funding_now", self._scope.mapped, start)
        ordered = pl.DataFrame({"market": self._scope.mapped}, schema={"market": pl.String})
        return ordered.join(rows, on="market", maintain_order="left").drop_nulls("funding_rate_next")

    def _named(self, shown: Sequence[str]) -> Sequence[str] | None:
        """What to ask for: where all are meant, none by its name, for a lake looks each one up."""
        return None if self._chosen is None and len(shown) == len(self._scope.markets) else shown

    def _of(self, shown: Sequence[str], rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(pl.col("market").is_in(list(shown)))

    def rows(self) -> dict[str, int]:
        """How many rows of each table there are."""
        bounds = {"start": self._scope.asked[0], "end": self._end}
        return {
            name: self._lake.scan(table, self._chosen, **bounds).select(pl.len()).collect().item()
            for table, name in COUNTED.items()
        }

    def grades(self) -> dict[str, int]:
        """How many minutes of the span are of each grade."""
        first, end = self._scope.first, self._scope.end
        judged = self._lake.scan("coverage", self._chosen, start=floor(first, "1m"), end=end)
        counted = judged.group_by("grade").agg(pl.len()).collect()
        return dict(counted.sort("grade").iter_rows())

    def gaps(self) -> pl.DataFrame:
        """Gaps that touch the span by the venue's clock, as the table has them."""
        rows = self._lake.scan("gaps").collect()
        if self._chosen is not None:
            rows = rows.filter(pl.col("market").is_null() | pl.col("market").is_in(list(self._chosen)))
        first, end = self._scope.first, self._scope.end
        touches = on_venue_clock(rows, end).select((pl.col("to") > first) & (pl.col("from") < end))
        return rows.filter(touches.to_series())


def gather(lake: Lake, scope: Scope, chosen: Sequence[str] | None) -> Frames:
    """All that a report of this scope shows; `chosen` are the markets that were named, None for all."""
    asker = _Asker(lake, scope, chosen)
    settlements = asker.settlements()
    gaps = asker.gaps()
    placed = on_venue_clock(gaps, scope.end)
    fine, coarse = scope.line_every, scope.map_every
    return Frames(
        rows=asker.rows(),
        grades=asker.grades(),
        gaps=gaps,
        missing=by_markets(placed.filter(pl.col("remains_seconds") > 0), max(2, len(scope.markets))),
        settlements=settlements,
        announced=asker.announced(),
        spread_map=asker.by(lake.spread, scope.mapped, coarse),
        depth_map=asker.by(lake.liquidity, scope.mapped, coarse),
        coverage=asker.calendar(),
        volume=asker.by(lake.volume, scope.chosen, scope.trade_every),
        spread=asker.by(lake.spread, scope.chosen, fine),
        depth=asker.by(lake.liquidity, scope.chosen, fine),
        basis=asker.by(lake.basis, scope.chosen, fine),
        open_interest=asker.by(lake.open_interest, scope.chosen, fine),
        profile=asker.of_days("volume_profile_1d"),
        areas=asker.of_days("value_area_1d"),
    )
