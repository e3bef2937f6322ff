"""One figure of several markets over time, a line each."""

from datetime import timedelta
from typing import Final, Literal

import altair as alt
import polars as pl

from analytics.charts.parts import (
    BUCKETS,
    OF_MARKET,
    PRICE_LABEL,
    Chart,
    Figure,
    Kind,
    Span,
    T,
    data,
    fields,
    layered,
    placed,
    reach,
    sized,
    some,
    time_axis,
    told,
    whole,
)
from analytics.charts.theme import QUIET

HEIGHT: Final = 260
_SCARCE: Final = 5
"""Up to so many instants each is a point on its line: one alone would be none."""
_PERCENT_LABEL: Final = "format(datum.value, ',.3~%')"


def over_time(  # what tells one chart from another
    frame: pl.DataFrame,
    field: str,
    title: str,
    kind: Kind = "price",
    *,
    steps: bool = False,
    span: Span = None,
    why: str | None = None,
) -> Chart:
    """A column of buckets or settlements, a line a market; `steps` where it holds until the next one.

    A line breaks where a bucket is not there, and where the column is null. `why` says why there is none.
    """
    why = why or f"Nothing is known of this: {title}."
    if set(BUCKETS) & set(frame.columns):
        rows, length = placed(some(frame, (field,), why))
        rows = pl.concat(
            whole(own, length).with_columns(market=pl.lit(market))
            for (market,), own in rows.group_by("market", maintain_order=True)
        )
    else:
        rows, length = some(frame, (field,), why).rename({"ts_settled": T}), timedelta(0)
    ends = reach(rows, length, span)
    figures = (OF_MARKET, Figure("UTC", T, "time"), Figure(title, field, kind))
    written, tips = told(figures)
    order = rows["market"].unique().sort().to_list()
    label = _PERCENT_LABEL if "percent" in kind else PRICE_LABEL
    interpolate: Literal["step-after", "linear"] = "step-after" if steps else "linear"
    point = alt.OverlayMarkDef(aria=False, size=40) if rows[T].n_unique() <= _SCARCE else False
    lines = (
        alt.Chart(data(rows, fields(figures)))
        .transform_calculate(**written)
        .mark_line(aria=False, clip=True, strokeWidth=1.6, interpolate=interpolate, point=point)
        .encode(
            x=time_axis(ends),
            y=alt.Y(field, type="quantitative", title=title, axis=alt.Axis(labelExpr=label, minExtent=52)),
            color=alt.Color(
                "market", type="nominal", title=None, scale=alt.Scale(domain=order),
                legend=alt.Legend(symbolType="stroke", symbolSize=160) if len(order) > 1 else None,
            ),
            tooltip=tips,
        )
    )  # fmt: skip
    nothing = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=QUIET, strokeDash=[3, 3], aria=False)
    return sized(layered(nothing.encode(y=alt.datum(0)), lines), HEIGHT, f"By market over time: {title}.")
