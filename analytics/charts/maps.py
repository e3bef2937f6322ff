"""Markets against time: a row a market, a rectangle a bucket, its colour the figure."""

import math
from collections.abc import Sequence
from typing import Final

import altair as alt
import polars as pl

from analytics.charts.parts import (
    AMOUNT_LABEL,
    OF_MARKET,
    ROW,
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
    sized,
    some,
    step_up,
    time_axis,
    told,
)
from analytics.charts.theme import BUY, QUIET, SELL
from analytics.errors import NothingToShowError

_CALM_APR: Final = 0.1
"""Up to it the colours of a year's rate grow evenly, beyond it as its logarithm: one market may charge a
hundred times as much as another."""
_NARROW: Final = 330
"""Pixels: below that a legend of two directions has but its ends and its middle."""
_LABELS: Final = 6
"""Of a legend, at most."""
_RIM: Final = 0.02
"""Of the figures, on each side, that a colour scale leaves beyond its ends."""


_SETTLED: Final = (
    OF_MARKET,
    Figure("settled, UTC", T, "time"),
    Figure("APR", "apr", "signed percent"),
    Figure("charged", "rate_bps", "signed bps"),
    Figure("announced", "announced_bps", "signed bps"),
    Figure("hours", "interval_hours", "amount"),
    Figure("mark price", "mark_price", "price"),
    Figure("at the cap", "capped", "flag"),
)


def funding_map(settlements: pl.DataFrame, markets: Sequence[str] = (), span: Span = None) -> Chart:
    """What each settlement charged a year (`funding_settlements`), over the interval for which it did.

    An interval whose rate is not proven is an empty frame; a settlement whose interval is not, a ring.
    """
    rows = settlements.rename({"ts_settled": T}).with_columns(
        (pl.col("funding_rate") * 1e4).alias("rate_bps"),
        (pl.col("rate_announced") * 1e4).alias("announced_bps"),
    )
    if not rows["apr"].count():
        raise NothingToShowError(_no_settlement(rows.height))
    since = pl.col(T) - pl.duration(minutes=60 * pl.col("interval_hours").fill_null(0))
    ends = span or rows.select(since.min().alias("first"), pl.col(T).max().alias("last")).row(0)
    order = list(markets or sorted(rows["market"].unique()))
    written, tips = told(_SETTLED)
    base = (
        alt.Chart(data(rows, fields(_SETTLED)))
        .transform_calculate(since=f"datum.{T} - 3600000 * datum.interval_hours", **written)
        .encode(y=market_axis(order), tooltip=tips)
    )
    spanning = base.encode(x=time_axis(ends, "since"), x2=T)
    charged = spanning.transform_filter("isValid(datum.apr)").mark_rect(clip=True, aria=False)
    unproven = spanning.transform_filter("isValid(datum.interval_hours) && !isValid(datum.apr)").mark_rect(
        clip=True, aria=False, filled=False, stroke=QUIET, strokeDash=[3, 2]
    )
    alone = base.transform_filter("!isValid(datum.interval_hours)").mark_point(
        clip=True, aria=False, size=28, color=QUIET, strokeWidth=1.2
    )
    return map_of_rows(
        [
            charged.encode(color=_apr_colour(rows)),
            unproven,
            alone.encode(x=time_axis(ends)),
        ],
        order,
        "Funding heat map: a row a market, a rectangle a settlement over its interval, coloured by APR.",
    )


def _apr_colour(rows: pl.DataFrame) -> alt.Color:
    """Zero in the middle, as far as the greatest rate on both sides of it."""
    limit = step_up(max(rows.select(pl.col("apr").abs().max()).item(), _CALM_APR))
    scale = alt.Scale(
        type="symlog", constant=_CALM_APR, domain=[-limit, limit], domainMid=0, interpolate="lab"
    )
    ticks = _both_ways(limit)
    hidden = f"width < {_NARROW} && datum.value && abs(datum.value) != {ticks[-1]}"
    label = f"{hidden} ? '' : format(datum.value, datum.value ? '+,.3~%' : '.0%')"
    return _colour("apr", "APR, simple", scale, label, ticks)


def _no_settlement(seen: int) -> str:
    if not seen:
        return (
            "No settlement lies in this span. Funding settles every few hours, and its rate a year needs two "
            "in a row, for the interval between them is measured."
        )
    return (
        f"{seen:,} settlement{' was' if seen == 1 else 's were'} seen, of none of which the interval is "
        "proven: for that a market needs two in a row, with the market's states recorded around both."
    )


def funding_next(states: pl.DataFrame, markets: Sequence[str] = ()) -> Chart:
    """What the next settlement will charge (`funding_now`), a bar a market."""
    why = "No state that announces a rate was recorded."
    rows = some(states, ("funding_rate_next",), why).with_columns(
        (pl.col("funding_rate_next") * 1e4).alias("next_bps"),
        (pl.col("funding_rate_last") * 1e4).alias("last_bps"),
    )
    if markets:
        rows = rows.filter(pl.col("market").is_in(list(markets)))
    if not rows.filter(pl.col("next_bps") != 0).height:
        raise NothingToShowError("Every rate that was announced for the next settlement is zero.")
    order = rows.sort("next_bps", "market", descending=[True, False])["market"].to_list()
    figures = (
        OF_MARKET,
        Figure("next settlement", "next_bps", "signed bps"),
        Figure("last one", "last_bps", "signed bps"),
        Figure("minutes to it", "minutes_left", "count"),
        Figure("mark over index", "premium", "signed percent"),
    )
    written, tips = told(figures)
    chart = (
        alt.Chart(data(rows, fields(figures)))
        .mark_bar(aria=False, height=9)
        .transform_calculate(**written)
        .encode(
            x=alt.X(
                "next_bps",
                type="quantitative",
                title="announced rate, bps an interval",
                axis=alt.Axis(tickCount=8),
            ),
            y=market_axis(order),
            color=alt.condition("datum.next_bps < 0", alt.value(BUY), alt.value(SELL)),
            tooltip=tips,
        )
    )
    return sized(chart, ROW * len(order), "Announced funding: a bar a market, in basis points an interval.")


def spread_map(
    spread: pl.DataFrame, markets: Sequence[str] = (), span: Span = None, every: str | None = None
) -> Chart:
    """How wide each market's book stood (`spread_1m` or longer), time-weighted, on a logarithmic scale."""
    figures = (
        Figure("quoted", "relative_spread_bps", "bps"),
        Figure("effective", "effective_spread_bps", "bps"),
        Figure("realised after 5 s", "realised_spread_bps", "signed bps"),
        Figure("impact after 5 s", "impact_bps", "signed bps"),
        Figure("narrowest", "spread_min", "price"),
        Figure("widest", "spread_max", "price"),
        Figure("books", "snapshots", "count"),
    )
    why = "No book with two sides was recorded for a tenth of any bucket or more."
    rows = some(spread, ("relative_spread_bps",), why)
    return _map(rows, figures, "spread, bps", markets, span, every, "Quoted spread by market and time.")


def depth_map(
    liquidity: pl.DataFrame, markets: Sequence[str] = (), span: Span = None, every: str | None = None
) -> Chart:
    """How much stood within 10 bps of the mid (`liquidity_1m` or longer), both sides together."""
    figures = (
        Figure("within 10 bps", "depth", "amount"),
        Figure("bids", "bid_depth", "amount"),
        Figure("asks", "ask_depth", "amount"),
        Figure("imbalance", "imbalance", "signed percent"),
        Figure("buying 10,000", "cost_bps_buy", "bps"),
        Figure("selling 10,000", "cost_bps_sell", "bps"),
    )
    both = liquidity.with_columns((pl.col("bid_depth") + pl.col("ask_depth")).alias("depth"))
    rows = some(both, ("depth",), "No book with two sides was recorded for a tenth of any bucket or more.")
    return _map(
        rows, figures, "bids + asks within 10 bps, quote", markets, span, every, "Depth by market and time."
    )


def _map(  # what tells one map from another
    rows: pl.DataFrame,
    figures: Sequence[Figure],
    title: str,
    markets: Sequence[str],
    span: Span,
    every: str | None,
    description: str,
) -> Chart:
    """A map of the first of these figures, its colour the logarithm."""
    rows, length = placed(rows, every)
    shown = figures[0].field
    figures = (
        OF_MARKET,
        SINCE,
        *figures,
        Figure("observed", "coverage", "percent"),
        Figure("grade", "grade", "text"),
    )
    order = list(markets or sorted(rows["market"].unique()))
    low, high = _ends(rows[shown])
    written, tips = told(figures)
    written |= {"until": f"datum.{T} + {milliseconds(length)}", "shade": f"max(datum.{shown}, {low})"}
    scale = alt.Scale(type="log", domain=[low, high], clamp=True, nice=False)
    chart = (
        alt.Chart(data(rows, fields(figures)))
        .mark_rect(clip=True, aria=False)
        .transform_calculate(**written)
        .encode(
            x=time_axis(reach(rows, length, span)),
            x2="until",
            y=market_axis(order),
            color=_colour("shade", title, scale, AMOUNT_LABEL, _round_numbers(low, high)),
            tooltip=tips,
        )
    )
    return map_of_rows([chart], order, f"Heat map: {description}")


def _ends(values: pl.Series) -> tuple[float, float]:
    """Between what a scale of logarithms reaches: all but the rim, and never nothing."""
    positive = values.filter(values > 0)
    if not positive.len():
        return 0.1, 1.0
    low, high = (float(positive.quantile(q) or 1.0) for q in (_RIM, 1 - _RIM))
    if math.isclose(low, high, rel_tol=0.05):
        low, high = low / 1.5, high * 1.5
    return (float(f"{each:.3g}") for each in (low, high))  # type: ignore[return-value]


def _round_numbers(low: float, high: float) -> list[float]:
    """A few of 1, 2 and 5 times powers of ten between two numbers, for a legend of logarithms."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = [float(f"{digit}e{power}") for power in powers for digit in digits]
        found = [each for each in found if low <= each <= high]
        if len(found) <= _LABELS:
            break
    return found[:: math.ceil(len(found) / _LABELS)] if len(found) > 1 else [low, high]


def _both_ways(limit: float) -> list[float]:
    """Zero and the two greatest powers of ten up to a limit, or the limit, on both sides of it."""
    sizes = [each for each in (0.1, 1.0, 10.0, 100.0) if each <= limit][-2:] or [limit]
    return [*(-each for each in reversed(sizes)), 0.0, *sizes]


def _colour(field: str, title: str, scale: alt.Scale, label: str, values: Sequence[float]) -> alt.Color:
    legend = alt.Legend(
        gradientLength=alt.ExprRef(expr="min(340, width)"),
        gradientThickness=10,
        labelExpr=label,
        values=list(values),
        labelOverlap=False,
    )
    return alt.Color(field, type="quantitative", title=title, scale=scale, legend=legend)
