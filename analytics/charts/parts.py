"""What charts are made of: rows for Vega, an axis of time in UTC, figures to be read under the pointer."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

import altair as alt
import polars as pl

from analytics.errors import NothingToShowError
from analytics.spans import seconds

Chart: TypeAlias = alt.Chart | alt.LayerChart
Span: TypeAlias = tuple[datetime, datetime] | None
"""From when to when a chart reaches; None: as far as its rows do."""
BUCKETS: Final = ("minute", "hour", "day", "bucket")
"""Where a row says which bucket it is of, it is in one of these columns."""
T: Final = "t"
"""The column of times in a chart's rows: milliseconds since 1970, as Vega counts them."""
ROW: Final = 17
"""The height of a market's row, in pixels."""
DIGITS: Final = 7
"""Significant ones that a chart keeps: more than its pixels show, and enough to be read."""
DAY_MS: Final = 86_400_000
_STEPS_S: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200, 86_400),
)
_MOST_TICKS: Final = 14
_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTHS_S: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
Kind: TypeAlias = Literal[
    "price", "amount", "bps", "signed bps", "percent", "signed percent", "count", "text", "flag", "time"
]
_AMOUNT: Final = "(abs({0}) < 1 ? format({0}, ',.{1}~r') : replace(format({0}, '.{1}~s'), 'G', 'B'))"
"""Greater numbers with a letter: k, M, B, T; so many digits."""
_WRITTEN: Final[dict[Kind, str]] = {
    "price": "format({0}, ',.7~r')",
    "amount": _AMOUNT.format("{0}", 3),
    "bps": "format({0}, ',.2~f') + ' bps'",
    "signed bps": "format({0}, '+,.2~f') + ' bps'",
    "percent": "format({0}, ',.1~%')",
    "signed percent": "format({0}, '+,.2~%')",
    "count": "format({0}, ',')",
    "text": "{0}",
    "flag": "({0} ? 'yes' : 'no')",
    "time": "utcFormat({0}, '%-d %b %Y, %H:%M:%S')",
}
PRICE_LABEL: Final = "format(datum.value, ',.7~r')"
"""How an axis writes prices and rates ..."""
AMOUNT_LABEL: Final = _AMOUNT.format("abs(datum.value)", 6)
"""... and amounts, of which both directions of an axis may be told, with more digits."""


class Figure(NamedTuple):
    """A line of what is shown under the pointer."""

    title: str
    field: str
    kind: Kind


SINCE: Final = Figure("from, UTC", T, "time")
OF_MARKET: Final = Figure("market", "market", "text")


def placed(frame: pl.DataFrame, every: str | None = None) -> tuple[pl.DataFrame, timedelta]:
    """Rows of buckets with their start as `t`, and how long a bucket is.

    A frame tells that by the name of its column (`minute`, `hour`, `day`); of another bucket it is the least
    step between two rows, where `every` does not say it.
    """
    column = next(name for name in BUCKETS if name in frame.columns)
    rows = frame.rename({column: T}).with_columns(pl.col(T).dt.cast_time_unit("us"))
    if every is not None:
        return rows, timedelta(seconds=seconds(every))
    if column in _LENGTHS_S:
        return rows, timedelta(seconds=_LENGTHS_S[column])
    step = rows[T].unique().sort().diff().drop_nulls().min()
    return rows, step if isinstance(step, timedelta) else timedelta(hours=1)


def whole(rows: pl.DataFrame, length: timedelta) -> pl.DataFrame:
    """Rows of one market with an empty one for each bucket that is not there: a line breaks over it."""
    first, last = rows.select(pl.col(T).min().alias("first"), pl.col(T).max().alias("last")).row(0)
    there = pl.datetime_range(first, last, interval=length, time_unit="us", time_zone="UTC", eager=True)
    return pl.DataFrame({T: there}).join(rows, on=T, how="left", maintain_order="left")


def data(frame: pl.DataFrame, columns: Iterable[str]) -> alt.InlineData:
    """Rows as Vega reads them: times in milliseconds, numbers as long as a reader needs them."""
    names = list(dict.fromkeys(columns))
    chosen = frame.select(names)
    numbers = [name for name in names if chosen.schema[name].is_float()]
    times = [name for name in names if isinstance(chosen.schema[name], pl.Datetime)]
    return alt.InlineData(
        values=chosen.with_columns(
            *(
                pl.when(pl.col(name).is_finite()).then(pl.col(name).round_sig_figs(DIGITS))
                for name in numbers
            ),
            *(pl.col(name).dt.epoch("ms") for name in times),
        ).to_dicts()
    )


def milliseconds(time: datetime | timedelta) -> int:
    """A time or a length as Vega counts it."""
    return round((time if isinstance(time, timedelta) else time - _BEGIN) / timedelta(milliseconds=1))


def reach(rows: pl.DataFrame, length: timedelta, span: Span) -> tuple[datetime, datetime]:
    """From when to when a chart of these buckets reaches."""
    if span is not None:
        return span
    first, last = rows.select(pl.col(T).min().alias("first"), pl.col(T).max().alias("last")).row(0)
    return first, last + length


def time_axis(span: tuple[datetime, datetime], field: str = T) -> alt.X:
    """The axis of time, in UTC, named by its days.

    It is one of numbers: what interprets expressions in a page does not read a time's bounds aright.
    """
    first, last = span[0].astimezone(UTC), span[1].astimezone(UTC) - timedelta(microseconds=1)
    ticks = _ticks(*span)
    days = f"{first:%-d %B} to {last:%-d %B %Y}" if first.date() < last.date() else f"{first:%-d %B %Y}"
    clock = "%H:%M" if all(tick % 60_000 == 0 for tick in ticks) else "%H:%M:%S"
    label = f"datum.value % {DAY_MS} ? utcFormat(datum.value, '{clock}') : utcFormat(datum.value, '%-d %b')"
    return alt.X(
        field,
        type="quantitative",
        title=f"{days}, UTC",
        scale=alt.Scale(domain=[milliseconds(each) for each in span], nice=False, zero=False),
        axis=alt.Axis(
            values=ticks, labelExpr=label, labelOverlap=True, labelSeparation=6, labelFlush=True, grid=False
        ),
    )


def _ticks(first: datetime, end: datetime) -> list[float]:
    """Round times between two, as many as a wide axis has room for."""
    begin, last = milliseconds(first), milliseconds(end)
    fitting = (1000 * step for step in _STEPS_S if last - begin <= 1000 * step * _MOST_TICKS)
    step = next(fitting, -(-(last - begin) // (_MOST_TICKS * DAY_MS)) * DAY_MS)
    return [float(tick) for tick in range(-(-begin // step) * step, last + 1, step)]


def told(figures: Iterable[Figure]) -> tuple[dict[str, str], list[alt.Tooltip]]:
    """Figures as text: the calculations that write them, and the tooltips that show them.

    What is null is said to be unknown.
    """
    written = {
        f"{each.field}_told": f"isValid(datum.{each.field}) ? "
        f"{_WRITTEN[each.kind].format(f'datum.{each.field}')} : 'not known'"
        for each in figures
    }
    return written, [alt.Tooltip(f"{each.field}_told", type="nominal", title=each.title) for each in figures]


def fields(figures: Iterable[Figure]) -> list[str]:
    """The columns that these figures are of."""
    return [each.field for each in figures]


def market_axis(order: Sequence[str]) -> alt.Y:
    """A row a market, in this order."""
    axis = alt.Axis(labelLimit=112, minExtent=84, labelOverlap=False, domain=False, ticks=False)
    return alt.Y("market", type="nominal", title=None, scale=alt.Scale(domain=list(order)), axis=axis)


def some(frame: pl.DataFrame, wanted: Iterable[str], why: str) -> pl.DataFrame:
    """The rows in which one of these columns is known. Raises NothingToShowError where there is none."""
    rows = frame.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in wanted))
    if not rows.height:
        raise NothingToShowError(why)
    return rows


def step_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(round(nice * power, 12) for nice in (1, 2, 5, 10) if nice * power >= value * (1 - 1e-9))


def layered(*layers: alt.Chart) -> alt.LayerChart:
    """Charts above one another, the first one lowest."""
    return alt.LayerChart(layer=list(layers))


def sized(chart: Chart, height: float, description: str) -> Chart:
    """A chart as wide as what holds it. The description is what is read out in its place."""
    drawn: Chart = chart.properties(width="container", height=height, description=description)
    return drawn


def map_of_rows(layers: Sequence[alt.Chart], markets: Sequence[str], description: str) -> Chart:
    """Layers in which each market is a row."""
    chart: Chart = layered(*layers) if len(layers) > 1 else layers[0]
    return sized(chart, ROW * len(markets), description)
