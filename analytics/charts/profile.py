"""At which prices a market's volume was traded."""

import json
from typing import Final

import altair as alt
import polars as pl

from analytics.charts.parts import AMOUNT_LABEL, PRICE_LABEL, Chart, Figure, data, fields, sized, some, told
from analytics.charts.theme import BUY, QUIET, SELL

HEIGHT: Final = 190
MOST_DAYS: Final = 7
"""The last ones: profiles of more days beside one another are too narrow to be read."""
_PARTS: Final = {"point of control": SELL, "value area": BUY, "other": QUIET}
_TITLES: Final = {"volume": "volume, base", "trades": "trades"}
_FILLED: Final = 0.92
"""How much of its day's place the longest bar takes."""
_SAME: Final = 1e-9
"""Relative: bounds of bins that differ by less are one."""


def volume_profile(profile: pl.DataFrame, areas: pl.DataFrame) -> Chart:
    """Volume by price (`volume_profile_1d`, `value_area_1d`): a histogram a day, the last seven at most.

    Where too little of each day was recorded for its volume to be told, it is the number of the trades.
    """
    rows = some(profile, ("trades",), "No trade of this market was recorded on these days.")
    days = rows["day"].unique().sort().tail(MOST_DAYS)
    rows = _in_parts(rows.filter(pl.col("day") >= days[0]), areas).sort("day", "bin")
    figures = (
        Figure("day", "date_text", "text"),
        Figure("from", "low", "price"),
        Figure("to", "high", "price"),
        Figure("volume, base", "volume", "amount"),
        Figure("of the day", "share", "percent"),
        Figure("by buyers", "bought", "percent"),
        Figure("trades", "trades", "count"),
        Figure("part", "part", "text"),
    )
    written, tips = told(figures)
    by = "volume" if rows["volume"].count() else "trades"
    rows, axis = _beside(rows, days, by) if days.len() > 1 else _alone(rows, by)
    chart = (
        alt.Chart(data(rows, ["begin", "end", *fields(figures)]))
        .mark_rect(aria=False)
        .transform_calculate(**written)
        .encode(
            x=axis,
            x2="end",
            y=alt.Y(
                "low", type="quantitative", title="price, quote", scale=alt.Scale(zero=False, nice=False),
                axis=alt.Axis(labelExpr=PRICE_LABEL, minExtent=52),
            ),
            y2="high",
            color=alt.Color(
                "part", type="nominal", title=None,
                scale=alt.Scale(domain=list(_PARTS), range=list(_PARTS.values())),
                legend=alt.Legend(symbolType="square", symbolSize=90) if by == "volume" else None,
            ),
            tooltip=tips,
        )
    )  # fmt: skip
    return sized(chart, HEIGHT, "Volume profile: a bar a price, the longest the point of control.")


def _in_parts(rows: pl.DataFrame, areas: pl.DataFrame) -> pl.DataFrame:
    """Bins with what they are of their day."""
    key = ["market", "day"]
    bounds = areas.select(*key, "point_of_control", "value_area_low", "value_area_high")
    slack = pl.col("bin_width") * _SAME
    at_control = pl.col("point_of_control").is_between(pl.col("low") + slack, pl.col("high") - slack)
    within = (pl.col("low") >= pl.col("value_area_low") - slack) & (
        pl.col("high") <= pl.col("value_area_high") + slack
    )
    control, area, other = map(pl.lit, _PARTS)
    return rows.join(bounds, on=key, how="left").with_columns(
        pl.when(at_control).then(control).when(within).then(area).otherwise(other).alias("part"),
        (pl.col("buy_volume") / pl.col("volume")).alias("bought"),
        pl.col("day").dt.strftime("%-d %B %Y").alias("date_text"),
    )


def _alone(rows: pl.DataFrame, by: str) -> tuple[pl.DataFrame, alt.X]:
    """One day: its bars are as long as its volumes."""
    rows = rows.with_columns(pl.lit(0.0).alias("begin"), pl.col(by).cast(pl.Float64).alias("end"))
    title = f"{_TITLES[by]}, {rows['date_text'][0]}"
    axis = alt.Axis(labelExpr=AMOUNT_LABEL, tickCount=5, grid=True)
    return rows, alt.X("begin", type="quantitative", title=title, axis=axis)


def _beside(rows: pl.DataFrame, days: pl.Series, by: str) -> tuple[pl.DataFrame, alt.X]:
    """Several days: each has a place of one unit, in which its bars begin, all of one scale."""
    names = json.dumps([f"{day:%-d %b}" for day in days])
    longest = rows[by].max()
    rows = rows.with_columns(
        pl.col("day").replace_strict(days, range(days.len()), return_dtype=pl.Float64).alias("begin")
    ).with_columns((pl.col("begin") + _FILLED * pl.col(by) / pl.lit(longest)).alias("end"))
    axis = alt.Axis(
        values=list(range(days.len())), labelExpr=f"{names}[datum.value]", labelAlign="left", grid=True
    )
    scale = alt.Scale(domain=[0, days.len()], nice=False)
    return rows, alt.X(
        "begin", type="quantitative", title=f"{_TITLES[by]}, by UTC day", axis=axis, scale=scale
    )
