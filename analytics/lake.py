"""A lake, opened for questions: any SQL, any view, the questions by name, the files as Polars sees them."""

import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import polars as pl

from analytics.account import Account, Market
from analytics.errors import EmptyRangeError, MomentError, NotAllowedError, UnknownNameError
from analytics.names import asked_by, bucketed, unknown
from analytics.opened import Window, among, refusal
from analytics.questions import Question, needed, whole_reach
from analytics.reach import Reach
from analytics.reader import Reader
from analytics.scan import scan_files
from analytics.spans import Moment, moment
from analytics.tail import arrivals
from analytics.views import quoted
from recorder.lake.publishing.tail import TAILED
from recorder.lake.store.dictionary import TOLD
from recorder.lake.store.manifest import FileInfo
from recorder.lake.store.tables import TABLES

Start: TypeAlias = Moment | None
"""The first instant asked about; None: ever."""
End: TypeAlias = Moment | None
"""The first instant no longer asked about; None: now."""
_TIMES: Final = (
    "minute",
    "hour",
    "day",
    "bucket",
    "ts_open",
    "ts_event",
    "ts_start",
    "ts_recv",
    "ts_settled",
)
"""A row's own time is the first of these that it has. Of a newest state it is not that of the settlement
before it, which a young lake has not seen."""
_OF_MARKETS: Final = ("coverage", "trades", "depth", "state", "klines")
"""Where a market may have rows that no market list told of."""
_ONE_OF: Final = "SELECT 1 FROM {} WHERE market = {} LIMIT 1"


class Lake:
    """A lake opened with DuckDB. Every question sees what is committed when it is asked.

    With `tail` it sees what the recorder has received by then, too. Times are ISO 8601 text, dates or
    datetimes, UTC where they name no zone; `end` is not in the span. `every` is a bucket: `1m`, `15m`, `1h`,
    `1d` or another part of a day. Wrong words raise AnalyticsError, with what is right.
    """

    def __init__(self, data_dir: Path, *, tail: bool = False) -> None:
        self._reader = Reader(data_dir, tail=tail)
        self.account = Account(self.ask, self._by)
        """Questions about the account."""

    def __repr__(self) -> str:
        return f"Lake({str(self._reader.data_dir)!r})"

    # --- any question -----------------------------------------------------------------------------

    def sql(self, query: str) -> duckdb.DuckDBPyRelation | None:
        """Run statements; the last one's rows as a relation (`.pl()`, `.df()`, `.arrow()`), None for no text.

        Raises duckdb.Error for a mistake in the query.
        """
        return self._reader.ask(query)

    def ask(
        self, name: str, market: Market = None, *, start: Start = None, end: End = None
    ) -> duckdb.DuckDBPyRelation:
        """The rows of a view or a table from `start` up to `end`, by market and time, as a relation.

        Only files of the days that these rows need are looked at.
        """
        if name in TABLES:
            return self._chosen(name, None, market, start, end)
        return self._chosen(name, asked_by(name), market, start, end)

    def describe(self, name: str) -> pl.DataFrame:
        """What the columns of a table or a view say: column, unit, definition."""
        if name in TOLD:
            said = [(column, *told) for column, told in TOLD[name][1].items()]
            return pl.DataFrame(said, schema=["column", "unit", "definition"], orient="row")
        asked = asked_by(name)
        columns = self._reader.columns(name)
        rows = [(column, *asked.says(column)) for column in columns]
        return pl.DataFrame(rows, schema=["column", "unit", "definition"], orient="row")

    def scan(
        self, table: str, market: Market = None, *, start: Start = None, end: End = None
    ) -> pl.LazyFrame:
        """Rows of a table, unread. What is read in the end are the row groups that may hold them.

        It is of the files committed now: collect it soon, for the recorder merges them.
        """
        if table not in TABLES:
            raise UnknownNameError(unknown("table", table, TABLES))
        if (why := refusal(self._reader.data_dir, table)) is not None:
            raise NotAllowedError(why)
        window = self._window(market, start, end, Reach())
        paths = [self._reader.data_dir / "lake" / file.path for file in self.files() if file.table == table]
        return scan_files(paths, table, window.markets or None, start, end)

    def live(self, table: str, market: Market = None, *, every_s: float = 0.5) -> Iterator[pl.DataFrame]:
        """The rows of trades, depth, klines or state as the recorder receives them, without end.

        The first ones are those that were received and not yet published when this begins. Looks every
        `every_s` seconds, and yields whenever there is something new, in the order of arrival: trades and
        books once each, of candles each version.
        """
        followed = [each.name for each in TAILED]
        if table not in followed:
            raise UnknownNameError(unknown("table that can be followed", table, followed))
        return self._arriving(table, self._markets(market), every_s)

    def _arriving(self, table: str, markets: tuple[str, ...], every_s: float) -> Iterator[pl.DataFrame]:
        for rows in arrivals(self._reader.data_dir, table):
            frame = pl.DataFrame(rows)
            if markets:
                frame = frame.filter(pl.col("market").is_in(markets))
            if frame.height:
                yield frame
            time.sleep(every_s)

    def files(self) -> list[FileInfo]:
        """The files of the lake as last committed."""
        return self._reader.snapshot().files

    # --- the questions by name --------------------------------------------------------------------

    def funding(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str | None = None
    ) -> pl.DataFrame:
        """Settlements: when, after how many hours, at what rate. Columns of `funding_settlements`.

        With `every`, what was charged in each bucket, with the columns of `funding_1d`.
        """
        if every is not None:
            return self._by("funding", every, market, start, end)
        return _frame(self.ask("funding_settlements", market, start=start, end=end))

    def spread(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str = "1m"
    ) -> pl.DataFrame:
        """Quoted, effective and realised spread, and impact. Columns of `spread_1m`."""
        return self._by("spread", every, market, start, end)

    def liquidity(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str = "1m"
    ) -> pl.DataFrame:
        """Depth near the mid, imbalance, the cost of 10,000 quote units. Columns of `liquidity_1m`."""
        return self._by("liquidity", every, market, start, end)

    def volume(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str = "1m"
    ) -> pl.DataFrame:
        """Bars with volume by side, turnover and VWAP, of any number of minutes (`7m`, `2d`; `1w` begins on
        Mondays), or of seconds that a day is a whole number of. Columns of `volume_1m`."""
        return self._by("volume", every, market, start, end)

    def basis(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str = "1m"
    ) -> pl.DataFrame:
        """Mark, mid and last price against the index. Columns of `basis_1m`."""
        return self._by("basis", every, market, start, end)

    def open_interest(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str = "1m"
    ) -> pl.DataFrame:
        """Open interest in base and quote, and its change. Columns of `open_interest_1m`."""
        return self._by("open_interest", every, market, start, end)

    def volatility(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str = "1h"
    ) -> pl.DataFrame:
        """Realised and range-based volatility, by `1h` or `1d`. Columns of `volatility_1h`."""
        return self._by("volatility", every, market, start, end)

    def quality(
        self, market: Market = None, *, start: Start = None, end: End = None, every: str = "1d"
    ) -> pl.DataFrame:
        """How far each day can be trusted. Columns of `quality_1d`."""
        return self._by("quality", every, market, start, end)

    def _by(self, subject: str, every: str, market: Market, start: Start, end: End) -> pl.DataFrame:
        asked = bucketed(subject, every)
        return _frame(self._chosen(asked.name, asked, market, start, end))

    # --- how --------------------------------------------------------------------------------------

    def _chosen(
        self, name: str, asked: Question | None, market: Market, start: Start, end: End
    ) -> duckdb.DuckDBPyRelation:
        reach = whole_reach(asked) if asked else Reach()
        window = self._window(market, start, end, reach)
        chosen = window.markets if reach.all_markets else ()

        def query(database: duckdb.DuckDBPyConnection) -> str:
            columns = database.view(name).columns
            if (start, end) != (None, None) and _own_time(columns) is None:
                raise MomentError(f"rows of {name} have no time of their own: ask without `start` and `end`")
            return _rows_of(name, columns, chosen, start, end)

        views = needed(asked) if asked else ()
        read = replace(window, markets=()) if chosen else window
        relation = self._reader.ask_within(read, () if asked else (name,), views, query)
        if not relation.shape[0]:
            self._refuse_emptiness(start, end)
        return relation

    def _window(self, market: Market, start: Start, end: End, reach: Reach) -> Window:
        first, last = (None if each is None else moment(each) for each in (start, end))
        if first is not None and last is not None and first >= last:
            raise EmptyRangeError(
                f"{first} to {last} is no span, for it ends before it begins. {self._told()}"
            )
        if reach.all_days:
            first = last = None
        return Window(
            self._markets(market),
            first and first.date() - timedelta(days=reach.before),
            last and last.date() + timedelta(days=reach.after),
        )

    def _markets(self, market: Market) -> tuple[str, ...]:
        """The markets asked for. Raises UnknownNameError for one of which the lake has nothing."""
        names = () if market is None else (market,) if isinstance(market, str) else tuple(market)
        listed = {row[0] for row in self._found("SELECT DISTINCT market FROM markets")} if names else set()
        for name in names:
            if name not in listed and not any(
                self._found(_ONE_OF.format(table, quoted(name))) for table in _OF_MARKETS
            ):
                listed |= {row[0] for row in self._found("SELECT DISTINCT market FROM coverage")}
                raise UnknownNameError(unknown("market of this lake", name, listed))
        return names

    def _found(self, query: str) -> list[tuple[str, ...]]:
        relation = self.sql(query)
        return [] if relation is None else relation.fetchall()

    def _refuse_emptiness(self, start: Start, end: End) -> None:
        """No rows are an answer within what was recorded, and a mistake outside of it."""
        there = self._reader.snapshot().range()
        late = there is not None and start is not None and moment(start) > there[1]
        early = there is not None and end is not None and moment(end) <= there[0]
        if late or early:
            raise EmptyRangeError(
                f"nothing was recorded from {start or 'ever'} to {end or 'now'}. {self._told()}"
            )

    def _told(self) -> str:
        there = self._reader.snapshot().range()
        if there is None:
            return "The lake is empty."
        first, last = (f"{each:%Y-%m-%d %H:%M:%S}" for each in there)
        return f"The lake has {first} to {last} UTC."


def _frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    frame: pl.DataFrame = relation.pl()
    return frame


def _own_time(columns: list[str]) -> str | None:
    return next((column for column in _TIMES if column in columns), None)


def _rows_of(name: str, columns: list[str], markets: Collection[str], start: Start, end: End) -> str:
    own = _own_time(columns)
    bounds = [
        f"{own} {compared} TIMESTAMPTZ {quoted(moment(bound).isoformat())}"
        for compared, bound in ((">=", start), ("<", end))
        if own is not None and bound is not None
    ]
    if markets and "market" in columns:
        bounds.append(among(markets))
    order = [column for column in ("market", own) if column in columns]
    return (
        f"SELECT * FROM {name}"  # noqa: S608  # a name of ours
        f"{' WHERE ' + ' AND '.join(bounds) if bounds else ''}"
        f"{' ORDER BY ' + ', '.join(map(str, order)) if order else ''}"
    )


def open_lake(data_dir: str | Path, *, tail: bool = False) -> Lake:
    """Open the lake below `data_dir`; with `tail`, with what its recorders received last, too.

    Raises LakeNotFoundError where there is none.
    """
    return Lake(Path(data_dir), tail=tail)
