"""How whole each market's buckets are, and what is missing of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import altair as alt
import polars as pl

from analytics.charts.gaps import joined, on_venue_clock
from analytics.charts.parts import (
    OF_MARKET,
    SINCE,
    Chart,
    Figure,
    Span,
    T,
    data,
    fields,
    map_of_rows,
    market_axis,
    milliseconds,
    placed,
    reach,
    some,
    time_axis,
    told,
)
from analytics.charts.theme import GRADES, MISSING, REPAIRED

MOST_GAPS: Final = 2_000
"""The longest ones: a chart of more can be neither read nor drawn at once."""


_JUDGED: Final = (
    OF_MARKET,
    SINCE,
    Figure("worst grade", "grade", "text"),
    *(Figure(f"minutes of {grade}", f"share_{grade.lower()}", "percent") for grade in GRADES),
    Figure("seen: trades", "trade_coverage", "percent"),
    Figure("books", "depth_coverage", "percent"),
    Figure("candles", "kline_coverage", "percent"),
    Figure("states", "state_coverage", "percent"),
    Figure("judged", "judged", "percent"),
)


def coverage_map(
    coverage: pl.DataFrame,
    gaps: pl.DataFrame,
    markets: Sequence[str] = (),
    span: Span = None,
    every: str | None = None,
) -> Chart:
    """How whole each bucket is (`coverage_1m` or longer), coloured by its worst minute; over it the `gaps`.

    A gap is a bar in its row: dark where something is still missing, light where all is repaired.
    """
    rows = some(coverage, ("grade",), "No minute is graded yet: one is judged when it is over and settled.")
    rows, length = placed(rows, every)
    ends = reach(rows, length, span)
    order = list(markets or sorted(rows["market"].unique()))
    written, tips = told(_JUDGED)
    scale = alt.Scale(domain=list(GRADES), range=list(GRADES.values()))
    legend = alt.Legend(symbolType="square", symbolSize=140)
    grades = (
        alt.Chart(data(rows, fields(_JUDGED)))
        .mark_rect(clip=True, aria=False)
        .transform_calculate(until=f"datum.{T} + {milliseconds(length)}", **written)
        .encode(
            x=time_axis(ends),
            x2="until",
            y=market_axis(order),
            color=alt.Color("grade", type="nominal", title="worst grade", scale=scale, legend=legend),
            tooltip=tips,
        )
    )
    of_these = _of_markets(on_venue_clock(gaps, ends[1]), order, ends)
    return map_of_rows(
        [grades, _bars(of_these, ends)] if of_these.height else [grades],
        order,
        "Coverage calendar: a row a market, coloured by the worst grade of each bucket, gaps over it.",
    )


def _of_markets(gaps: pl.DataFrame, order: Sequence[str], span: tuple[datetime, datetime]) -> pl.DataFrame:
    """The longest gaps of these markets in a span; one of every market is a row of each."""
    within = gaps.filter(pl.col("to") > span[0], pl.col("from") < span[1])
    wanted = pl.DataFrame({"market": order}, schema={"market": pl.String})
    of_all = within.filter(pl.col("market").is_null()).drop("market").join(wanted, how="cross")
    rows = joined(pl.concat([within.join(wanted, on="market", how="semi"), of_all.select(within.columns)]))
    return (
        rows.with_columns(((pl.col("to") - pl.col("from")).dt.total_microseconds() / 1e6).alias("length"))
        .sort("length", descending=True, maintain_order=True)
        .head(MOST_GAPS)
        .with_columns((pl.col("remains_seconds") > 0).alias("remains"))
        .sort("from", "market")
    )


def _bars(gaps: pl.DataFrame, ends: tuple[datetime, datetime]) -> alt.Chart:
    figures = (
        OF_MARKET,
        Figure("gap", "reason", "text"),
        Figure("of", "stream", "text"),
        Figure("from, UTC", "from", "time"),
        Figure("until, UTC", "to", "time"),
        Figure("seconds", "length", "amount"),
        Figure("repaired", "repaired", "text"),
        Figure("still missing, s", "remains_seconds", "amount"),
    )
    written, tips = told(figures)
    bars: alt.Chart = (
        alt.Chart(data(gaps, ["remains", *fields(figures)]))
        .mark_bar(clip=True, aria=False, height=4, yOffset=5, strokeWidth=0.8)
        .transform_calculate(**written)
        .encode(
            x=time_axis(ends, "from"),
            x2="to",
            y=alt.Y("market", type="nominal"),
            fill=alt.condition("datum.remains", alt.value(MISSING), alt.value(REPAIRED)),
            stroke=alt.condition("datum.remains", alt.value(REPAIRED), alt.value(MISSING)),
            tooltip=tips,
        )
    )
    return bars
