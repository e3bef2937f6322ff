"""The account's charts."""

from collections.abc import Callable
from typing import Final

import altair as alt
import polars as pl

from analytics.charts.parts import Chart, data, layered, sized, some
from analytics.charts.theme import QUIET
from analytics.errors import NothingToShowError

HEIGHT: Final = 320
_PARTS: Final = ("realised_pnl", "funding", "fees", "liquidation", "other", "unrealised_change", "missing")
_NO_FILL: Final = "No fill of an order is known of which a mid stood before it."
_NO_PROFIT: Final = "No day on which anything was earned or lost is known."
_NO_LINE: Final = "No settlement with a line of the ledger and a recorded rate is known yet."


def funding_charged(funding: pl.DataFrame) -> Chart:
    """What was charged at each settlement against what was expected (`account_funding`): equal on the
    dashed diagonal. Amounts are in the currencies of their lines."""
    both = some(funding.drop_nulls("expected"), ("charged",), _NO_LINE)
    both = both.select("market", "asset", "expected", pl.col("charged").cast(pl.Float64))
    money = ", ".join(both["asset"].drop_nulls().unique().sort())
    points = alt.Chart(data(both, both.columns)).mark_circle(size=70, opacity=0.75, aria=False)
    points = points.encode(
        x=alt.X("expected", type="quantitative", title=f"expected: - quantity x rate x mark price, {money}"),
        y=alt.Y("charged", type="quantitative", title=f"charged, by the ledger, {money}"),
        color=alt.Color("market", type="nominal", title=None),
    )
    ends = alt.InlineData(values=[{"of": both["expected"].min()}, {"of": both["expected"].max()}])
    equal = alt.Chart(ends).mark_line(color=QUIET, strokeDash=[4, 4], aria=False)
    equal = equal.encode(x=alt.X("of", type="quantitative"), y=alt.Y("of", type="quantitative"))
    return sized(
        layered(equal, points), HEIGHT, "Funding as charged by the ledger against what was expected."
    )


def profit_parts(days: pl.DataFrame) -> Chart:
    """What made the profit of each day (`account_performance_1d`), a row a currency."""
    parts = [part for part in _PARTS if part in days.columns]
    made = days.with_columns(pl.col(parts).cast(pl.Float64)).unpivot(
        parts, index=["day", "asset"], variable_name="of", value_name="earned"
    )
    made = some(made.filter(pl.col("earned") != 0), ("earned",), _NO_PROFIT)
    money = ", ".join(made["asset"].unique().sort())
    made = made.with_columns(pl.col("day").dt.strftime("%d %b"), nth=pl.col("day").rank("dense"))
    bars = alt.Chart(data(made, made.columns)).mark_bar(aria=False)
    bars = bars.encode(
        x=alt.X("day", type="nominal", title=None, sort=alt.EncodingSortField("nth")).axis(labelAngle=0),
        y=alt.Y("earned", type="quantitative", title=f"profit and loss, {money}"),
        color=alt.Color("of", type="nominal", title=None),
    )
    if made["asset"].n_unique() > 1:
        bars = bars.encode(row=alt.Row("asset", type="nominal", title=None))
    return sized(bars, 240, "Profit and loss of each day by what made it.")


def trading_costs(fills: pl.DataFrame) -> Chart:
    """Slippage and fee of the orders' fills (`account_fill_costs` of one horizon), means by value, a row a
    market."""
    known = some(_ordered(fills), ("slippage_bps",), _NO_FILL)
    value = pl.col("turnover").cast(pl.Float64)
    means = known.group_by("market", "role").agg(
        slippage=(value * pl.col("slippage_bps")).sum() / value.sum(),
        fee=(value * pl.col("fee_bps")).sum() / value.sum(),
    )
    costs = means.unpivot(["slippage", "fee"], index=["market", "role"], variable_name="of", value_name="bps")
    bars = alt.Chart(data(costs, costs.columns)).mark_bar(aria=False)
    bars = bars.encode(
        x=alt.X("bps", type="quantitative", title="bps of turnover, + paid"),
        y=alt.Y("market", type="nominal", title=None),
        row=alt.Row("role", type="nominal", title=None),
        color=alt.Color("of", type="nominal", title=None),
    )
    described = "Slippage and fee of fills, in basis points, by market and role."
    drawn: Chart = bars.properties(width=420, height=alt.Step(22), description=described)
    return drawn


def spread_kept(fills: pl.DataFrame) -> Chart:
    """Realised spread of the orders' fills by the time after them (`account_fill_costs`), a line a role."""
    known = some(_ordered(fills), ("realised_spread_bps",), _NO_FILL)
    kept = known.group_by("role", "horizon_s").agg(pl.col("realised_spread_bps").mean())
    seconds = kept["horizon_s"].unique().sort().to_list()
    lines = alt.Chart(data(kept, kept.columns)).mark_line(point=True, aria=False)
    lines = lines.encode(
        x=alt.X("horizon_s", type="quantitative", title="seconds after the fill")
        .scale(type="log")
        .axis(values=seconds),
        y=alt.Y("realised_spread_bps", type="quantitative", title="realised spread, bps, + paid"),
        color=alt.Color("role", type="nominal", title=None),
    )
    return sized(lines, 220, "Realised spread of fills in basis points, by the seconds after them.")


def _ordered(fills: pl.DataFrame) -> pl.DataFrame:
    """Without what liquidations closed, which was no decision of the owner."""
    return fills.filter(pl.col("cause") == "order")


def or_words(draw: Callable[[], Chart]) -> Chart:
    """What it draws, or, where there is nothing to show, the reason in words."""
    try:
        return draw()
    except NothingToShowError as error:
        said = alt.Chart(alt.InlineData(values=[{}])).mark_text(text=str(error), style="ink", align="center")
        return sized(said, 40, str(error))
