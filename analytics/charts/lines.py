"""One market over time: prices, sizes and rates, as lines that break where nothing is known."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

import altair as alt
import polars as pl

from analytics.charts.parts import (
    AMOUNT_LABEL,
    BUCKETS,
    DAY_MS,
    PRICE_LABEL,
    SINCE,
    Chart,
    Figure,
    Span,
    T,
    data,
    fields,
    layered,
    milliseconds,
    placed,
    reach,
    sized,
    some,
    time_axis,
    told,
    whole,
)
from analytics.charts.theme import BUY, QUIET, SELL, SERIES

HEIGHT: Final = 190
FEW: Final = 60
"""Up to so many buckets each is a point on its line: one alone would be none."""
_WIDTH: Final = 1.6
"""Of a line, in pixels ..."""
_BENEATH: Final = 4.5
"""... and of one that is nearly hidden by the next."""
SCARCE: Final = 5
"""Up to so many the points are all that is seen."""
_COVERED: Final = (Figure("observed", "coverage", "percent"), Figure("grade", "grade", "text"))
_NO_BOOKS: Final = "No book of this market with two sides was recorded for a tenth of any bucket or more."
_NO_TRADES: Final = "No trade of this market was recorded in this span."
_NO_TURNOVER: Final = "No turnover in quote units is known of this market in this span."


class _Plot:
    """Rows of one market on an axis of time, to be drawn on in layers.

    `name` is that of the chart: what it draws under the pointer is its own where charts stand together.
    """

    def __init__(  # what tells one chart from another
        self,
        name: str,
        rows: pl.DataFrame,
        figures: Sequence[Figure],
        title: str,
        span: Span,
        every: str | None,
    ) -> None:
        rows, length = placed(rows, every)
        self.name = name
        buckets = whole(rows, length)
        self.title = title
        self.point = (
            None if buckets.height > FEW else {"aria": False, "size": 50 if buckets.height <= SCARCE else 16}
        )
        shown = (SINCE, *figures, *_COVERED)
        written, self._tips = told(shown)
        written["until"] = f"datum.{T} + {milliseconds(length)}"
        chart = alt.Chart(data(buckets, fields(shown))).transform_calculate(**written)
        self.base: alt.Chart = chart.encode(x=time_axis(reach(rows, length, span)))

    def y(self, field: str, *, zero: bool = False, label: str = PRICE_LABEL) -> alt.Y:
        axis = alt.Axis(labelExpr=label, minExtent=52)
        return alt.Y(
            field, type="quantitative", title=self.title, axis=axis, scale=alt.Scale(zero=zero, nice=True)
        )

    def lines(
        self,
        names: Mapping[str, str],
        *,
        zero: bool = False,
        label: str = PRICE_LABEL,
        widths: Sequence[float] = (),
    ) -> list[alt.Chart]:
        """A line a column, by the name that its legend gives it; `widths`, where one may hide another."""
        colours = alt.Scale(domain=list(names), range=list(SERIES[: len(names)]))
        legend = alt.Legend(symbolType="stroke", symbolSize=160) if len(names) > 1 else None
        return [
            self.base.transform_calculate(series=json.dumps(name))
            .mark_line(
                aria=False,
                strokeWidth=width,
                point=self.point or False,
                clip=True,
            )
            .encode(
                y=self.y(field, zero=zero, label=label),
                color=alt.Color("series", type="nominal", scale=colours, legend=legend, title=None),
            )
            for (name, field), width in zip(names.items(), widths or [_WIDTH] * len(names), strict=True)
        ]

    def pointer(self) -> alt.Chart:
        """A band over each bucket, which shows itself and the bucket's figures under the pointer."""
        under = alt.selection_point(
            name=f"under_{self.name}", on="pointerover", clear="pointerout", fields=[T], empty=False
        )
        shown = alt.when(under).then(alt.value(0.18)).otherwise(alt.value(0))
        band = self.base.mark_rect(color=QUIET, aria=False, clip=True)
        bands: alt.Chart = band.encode(x2="until", opacity=shown, tooltip=self._tips).add_params(under)
        return bands


def price(volume: pl.DataFrame, span: Span = None, every: str | None = None) -> Chart:
    """Prices traded (`volume_1m` or longer): high to low, the VWAP, and the VWAP since midnight UTC."""
    figures = (
        Figure("VWAP", "vwap", "price"),
        Figure("since midnight", "day_vwap", "price"),
        Figure("open", "open", "price"),
        Figure("high", "high", "price"),
        Figure("low", "low", "price"),
        Figure("close", "close", "price"),
        Figure("trades", "trades", "count"),
    )
    rows = _since_midnight(some(volume, ("high",), _NO_TRADES))
    plot = _Plot("price", rows, figures, "price, quote", span, every)
    bars = plot.base.mark_bar(color=QUIET, opacity=0.35, aria=False, clip=True)
    bars = bars.encode(x2="until", y=plot.y("low"), y2="high")
    own, of_day = plot.lines({"VWAP": "vwap", "VWAP since midnight UTC": "day_vwap"})
    of_day = of_day.transform_calculate(day=f"floor(datum.{T} / {DAY_MS})").encode(detail="day:N")
    return sized(
        layered(bars, own, of_day, plot.pointer()),
        HEIGHT + 60,
        "Price: high to low of each bucket, VWAP, and VWAP since midnight UTC.",
    )


def _since_midnight(rows: pl.DataFrame) -> pl.DataFrame:
    """With the VWAP of each UTC day up to the end of each bucket, of the buckets of which it is known."""
    own = next(name for name in BUCKETS if name in rows.columns)
    volume = pl.col("volume")
    paid, traded = ((pl.col("vwap") * volume).cum_sum().over("date"), volume.cum_sum().over("date"))
    return rows.sort(own).with_columns((paid / traded).alias("day_vwap"))


def volume(volume: pl.DataFrame, span: Span = None, every: str | None = None) -> Chart:
    """Turnover by the taker's side (`volume_1m` or longer): buys upwards, sells downwards."""
    rows = some(volume, ("turnover",), _NO_TURNOVER).with_columns(
        (pl.col("turnover") - pl.col("buy_turnover")).alias("sell_turnover")
    )
    figures = (
        Figure("bought", "buy_turnover", "amount"),
        Figure("sold", "sell_turnover", "amount"),
        Figure("imbalance", "imbalance", "signed percent"),
        Figure("trades", "trades", "count"),
    )
    plot = _Plot("volume", rows, figures, "turnover, quote", span, every)
    colours = alt.Scale(domain=["buy", "sell"], range=[BUY, SELL])
    bars = [
        plot.base.transform_calculate(side=json.dumps(side), height=height)
        .mark_bar(aria=False, clip=True)
        .encode(
            x2="until",
            y=plot.y("height", zero=True, label=AMOUNT_LABEL),
            y2=alt.datum(0),
            color=alt.Color("side", type="nominal", scale=colours, title=None),
        )
        for side, height in (("buy", "datum.buy_turnover"), ("sell", "-datum.sell_turnover"))
    ]
    described = "Turnover of each bucket: of buying takers upwards, of selling ones downwards."
    return sized(layered(*bars, plot.pointer()), HEIGHT, described)


def spread(spread: pl.DataFrame, span: Span = None, every: str | None = None) -> Chart:
    """What a round trip cost (`spread_1m` or longer): as quoted, as paid, and as left to the maker."""
    figures = (
        Figure("quoted", "relative_spread_bps", "bps"),
        Figure("effective", "effective_spread_bps", "bps"),
        Figure("realised after 5 s", "realised_spread_bps", "signed bps"),
        Figure("impact after 5 s", "impact_bps", "signed bps"),
        Figure("books", "snapshots", "count"),
    )
    names = {each.title: each.field for each in figures[:3]}
    plot = _Plot("spread", some(spread, names.values(), _NO_BOOKS), figures, "spread, bps", span, every)
    layers = (*plot.lines(names, zero=True), plot.pointer())
    return sized(layered(*layers), HEIGHT, "Quoted, effective and realised spread in basis points.")


def depth(liquidity: pl.DataFrame, span: Span = None, every: str | None = None) -> Chart:
    """How much stood within 10 bps of the mid (`liquidity_1m` or longer), by side."""
    figures = (
        Figure("bids", "bid_depth", "amount"),
        Figure("asks", "ask_depth", "amount"),
        Figure("imbalance at the touch", "imbalance", "signed percent"),
        Figure("buying 10,000", "cost_bps_buy", "bps"),
        Figure("selling 10,000", "cost_bps_sell", "bps"),
    )
    names = {each.title: each.field for each in figures[:2]}
    rows = some(liquidity, names.values(), _NO_BOOKS)
    plot = _Plot("depth", rows, figures, "within 10 bps, quote", span, every)
    layers = (*plot.lines(names, zero=True, label=AMOUNT_LABEL), plot.pointer())
    return sized(layered(*layers), HEIGHT, "Bids and asks within 10 basis points of the mid, in quote units.")


def basis(basis: pl.DataFrame, span: Span = None, every: str | None = None) -> Chart:
    """Mark, mid and last price against the index (`basis_1m` or longer)."""
    figures = (
        Figure("mark to index", "basis_bps", "signed bps"),
        Figure("mid to index", "mid_basis_bps", "signed bps"),
        Figure("last to index", "last_basis_bps", "signed bps"),
        Figure("mark price", "mark_price", "price"),
        Figure("index price", "index_price", "price"),
        Figure("mid", "mid", "price"),
    )
    names = {each.title: each.field for each in figures[:2]}
    why = "No book of this market that tells mark and index was recorded for a tenth of any bucket or more."
    plot = _Plot("basis", some(basis, names.values(), why), figures, "over the index, bps", span, every)
    level = plot.base.mark_rule(color=QUIET, strokeDash=[3, 3], aria=False).encode(
        y=alt.datum(0),
    )
    layers = (level, *plot.lines(names, widths=(_BENEATH, _WIDTH)), plot.pointer())
    return sized(layered(*layers), HEIGHT, "Mark price and mid over the index, in basis points.")


def open_interest(open_interest: pl.DataFrame, span: Span = None, every: str | None = None) -> Chart:
    """How much is open (`open_interest_1m` or longer), in base units."""
    figures = (
        Figure("open interest", "open_interest", "amount"),
        Figure("change", "change", "amount"),
        Figure("notional, quote", "notional", "amount"),
        Figure("mark price", "mark_price", "price"),
    )
    why = "No state that tells this market's open interest was recorded in this span."
    rows = some(open_interest, ("open_interest",), why)
    plot = _Plot("open_interest", rows, figures, "open, base", span, every)
    lines = plot.lines({"open interest": "open_interest"}, label=AMOUNT_LABEL)
    return sized(layered(*lines, plot.pointer()), HEIGHT, "Open interest in base units.")
