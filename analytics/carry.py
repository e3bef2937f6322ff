"""Funding carry, worked: short the perpetual, hold its underlying at the index, and count what is left.

A figure in bps is of the notional at which the perpetual was sold. The position is taken over the first hour
of which the basis is known, and given up over the last one; what settles in between is its funding.

    terms = Terms(fee_bps=5, hedge_bps=5, leverage=5)
    path = equity(lake.funding(), lake.basis(every="1h"))
    carried(path, frames.costs(books, [1e4]).collect(), terms)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from analytics.errors import NothingToShowError
from analytics.report import words

_BPS: Final = 1e4
_YEAR_HOURS: Final = 8_760
_HOUR: Final = timedelta(hours=1)
COSTS: Final = ("book_bps", "fee_bps", "hedge_bps")
"""What is paid for going in and out: to the perpetual's book, as its fees, and for the hedge."""
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What no lake tells: in bps, paid at each of the two ends; and how many times its margin the short is.

    `fee_bps` is the taker's fee on the perpetual, `hedge_bps` all that the underlying costs: its spread, its
    impact and its fee.
    """

    fee_bps: float
    hedge_bps: float
    leverage: float


def equity(settlements: pl.DataFrame, basis: pl.DataFrame) -> pl.DataFrame:
    """What a short of one unit, hedged by one unit, had earned by each hour, before costs.

    Of rows of `funding_settlements` and `basis_1h`; by market and hour: `funding_bps` and `basis_bps` so
    far, `equity_bps` (their sum), `settlements` so far, `unknown` (those of them that are in no sum, for the
    rate or the mark price is not known), `rise` (of the mid since the entry, as a fraction).

    A settlement pays rate x mark price, and is of an hour if it was no later than the hour's start. The short
    earns what mid less index falls by.
    """
    over = pl.col("index_price") * pl.col("mid_basis_bps") / _BPS
    hours = (
        basis.drop_nulls(["index_price", "mid_basis_bps"])
        .sort("market", "hour")
        .select("market", "hour", over=over, mid=pl.col("index_price") + over)
        .with_columns(pl.col("hour", "mid", "over").first().over("market").name.suffix("_in"))
    )
    entries = hours.select("market", "hour_in", "mid_in").unique()
    paid = pl.col("funding_rate") * pl.col("mark_price") / pl.col("mid_in") * _BPS
    charges = (
        settlements.join(entries, on="market")
        .filter(pl.col("ts_settled") >= pl.col("hour_in") + _HOUR)
        .sort("market", "ts_settled")
        .select(
            "market",
            "ts_settled",
            funding_bps=paid.fill_null(0).cum_sum().over("market"),
            settlements=pl.int_range(1, pl.len() + 1).over("market"),
            unknown=paid.is_null().cum_sum().over("market").cast(pl.Int64),
        )
    )
    return (
        hours.sort("hour")
        .join_asof(
            charges.sort("ts_settled"),
            left_on="hour",
            right_on="ts_settled",
            by="market",
            check_sortedness=False,
        )
        .with_columns(
            pl.col("funding_bps", "settlements", "unknown").fill_null(0),
            basis_bps=(pl.col("over_in") - pl.col("over")) / pl.col("mid_in") * _BPS,
            rise=pl.col("mid") / pl.col("mid_in") - 1,
        )
        .with_columns(equity_bps=pl.col("funding_bps") + pl.col("basis_bps"))
        .select(
            *("market", "hour", "funding_bps", "basis_bps", "equity_bps", "settlements", "unknown", "rise")
        )
        .sort("market", "hour")
    )


def carried(path: pl.DataFrame, costs: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """What is left of the whole path of `equity` after the costs: a row a market and notional.

    `costs` has rows of `cost_profile_1h`, or as `frames.costs` makes them by the hour: the perpetual is sold
    at what selling cost in the first hour, and bought back at what buying cost in the last one.

    - `funding_bps + basis_bps - book_bps - fee_bps - hedge_bps = net_bps`; `net_quote` is that in quote
      units. They are null where the visible book was too thin for the notional at either end.
    - `apr` is the net of the notional, `apr_margin` of the short's margin alone, `apr_capital` of the margin
      and the underlying, bought in full: simple, as if each year had been like these `hours`.
    - `drawdown_bps` is the deepest fall of the hourly equity from where it stood highest, before costs;
      `deviation_bps` the standard deviation of its change from one hour to the next; `margin_used` the share
      of the margin that the mid of the highest hour would have taken.
    - `earned_after` is the settlement at which the sum of funding first reached the costs, null if none did;
      `needed` how many it takes at their mean, `needed_hours` how long; null where shorts were not paid.

    Raises NothingToShowError where no market was seen for longer than the two hours of its ends.
    """
    held = _net_of_costs(_held(path, terms), costs, terms)
    held = held.join(_earned(path, held), on=["market", "notional"], how="left")
    hours = (pl.col("left") - pl.col("entered")).dt.total_seconds() / 3_600
    year = pl.col("net_bps") / _BPS * _YEAR_HOURS / hours
    mean = pl.col("funding_bps") / (pl.col("settlements") - pl.col("unknown"))
    is_paid = pl.col("funding_bps") > 0
    return held.select(
        *("market", "notional", "entered", "left"),
        hours.cast(pl.Int64).alias("hours"),
        *("settlements", "unknown", "funding_bps", "basis_bps", *COSTS, "net_bps"),
        net_quote=pl.col("net_bps") / _BPS * pl.col("notional"),
        apr=year,
        apr_margin=year * terms.leverage,
        apr_capital=year / (1 + 1 / terms.leverage),
        drawdown_bps="drawdown_bps",
        deviation_bps="deviation_bps",
        margin_used="margin_used",
        earned_after="earned_after",
        needed=pl.when(is_paid).then((pl.col("_paid") / mean).ceil()).cast(pl.Int64),
        needed_hours=pl.when(is_paid).then(pl.col("_paid") / pl.col("funding_bps") * hours),
    ).sort("market", "notional")


def _held(path: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """A row a market: from when to when it was held, what it had earned, and what it risked on the way."""
    ends = path.sort("market", "hour").group_by("market", maintain_order=True)
    held = ends.agg(
        pl.col("hour").first().alias("hour_in"),
        pl.col("hour").last().alias("left"),
        pl.col("settlements", "unknown", "funding_bps", "basis_bps").last(),
        (pl.col("equity_bps").cum_max() - pl.col("equity_bps")).max().alias("drawdown_bps"),
        pl.col("equity_bps").diff().std().alias("deviation_bps"),
        (pl.col("rise").max() * terms.leverage).alias("margin_used"),
    ).with_columns(entered=pl.col("hour_in") + _HOUR)
    held = held.filter(pl.col("left") > pl.col("entered"))
    if not held.height:
        raise NothingToShowError("No market has a basis for long enough to hold a position.")
    return held


def _net_of_costs(held: pl.DataFrame, costs: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Each market with each notional: what going in and out cost, in all (`_paid`), and what is left."""
    sold = costs.select("market", "notional", hour_in="hour", sold="cost_bps_sell")
    bought = costs.select("market", "notional", left="hour", bought="cost_bps_buy")
    return (
        held.join(costs.select("notional").unique(), how="cross")
        .join(sold, on=["market", "notional", "hour_in"], how="left")
        .join(bought, on=["market", "notional", "left"], how="left")
        .with_columns(
            book_bps=pl.col("sold") + pl.col("bought"),
            fee_bps=pl.lit(2.0 * terms.fee_bps),
            hedge_bps=pl.lit(2.0 * terms.hedge_bps),
        )
        .with_columns(_paid=sum((pl.col(name) for name in COSTS), pl.lit(0.0)))
        .with_columns(net_bps=pl.col("funding_bps") + pl.col("basis_bps") - pl.col("_paid"))
    )


def _earned(path: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The settlement at which funding first reached what was paid."""
    reached = path.select("market", "settlements", so_far="funding_bps").join(
        held.select("market", "notional", "_paid"), on="market"
    )
    return (
        reached.filter(pl.col("so_far") >= pl.col("_paid"))
        .group_by("market", "notional")
        .agg(pl.col("settlements").min().alias("earned_after"))
    )


def conclusion(results: pl.DataFrame, notional: float, terms: Terms) -> str:
    """What follows from the rows of `carried`: of one notional, and of the others beside it."""
    rows = (
        results.filter(pl.col("notional") == notional).drop_nulls("net_bps").sort("net_bps", descending=True)
    )
    if not rows.height:
        return f"No market's visible book held {notional:,.0f} quote units at both ends: nothing follows."
    return " ".join(
        [*_verdict(rows, notional), *_why(rows), *_until(rows), *_risk(rows, terms), *_sizes(results)]
    )


def _verdict(rows: pl.DataFrame, notional: float) -> Iterator[str]:
    earned, others = rows.filter(pl.col("net_bps") > 0), rows.filter(pl.col("net_bps") <= 0)
    asked = f"With {notional:,.0f} quote units"
    if not earned.height:
        yield f"{asked}, carry was not worth its costs in any of {words.many(rows.height, 'market')}."
    else:
        named = words.listed((_net(row) for row in earned.iter_rows(named=True)), _MOST_NAMED)
        yield (
            f"{asked}, carry was worth its costs in {earned.height} of {words.many(rows.height, 'market')}: "
            f"{named}."
        )
    if others.height:
        worst = others.row(-1, named=True)
        yield f"{words.many(others.height, 'market')} lost; most of all {_net(worst)}."


def _why(rows: pl.DataFrame) -> Iterator[str]:
    mean = rows.select(pl.col("funding_bps", "basis_bps", *COSTS).mean()).row(0, named=True)
    told = {name: words.bps(value, signed=True) for name, value in mean.items()}
    paid = {name: told[name].lstrip("+") for name in COSTS}
    yield (
        f"The mean of the markets: funding {told['funding_bps']}, basis {told['basis_bps']}, against "
        f"{paid['book_bps']} to the book, {paid['fee_bps']} of fees and {paid['hedge_bps']} for the hedge."
    )


def _until(rows: pl.DataFrame) -> Iterator[str]:
    needed = rows.drop_nulls("needed").sort("needed_hours", "market")
    if needed.height:
        first, last = needed.row(0, named=True), needed.row(-1, named=True)
        yield f"At the mean of what was charged, costs are earned after {_after(first)}"
        yield f"at the soonest and {_after(last)} at the latest." if needed.height > 1 else "there alone."
    if unpaid := rows.height - needed.height:
        yield f"In {words.many(unpaid, 'market')} shorts were not paid on the whole: there they never are."


def _risk(rows: pl.DataFrame, terms: Terms) -> Iterator[str]:
    fell, rose = (rows.sort(name).row(-1, named=True) for name in ("drawdown_bps", "margin_used"))
    yield (
        f"On the way equity fell by up to {words.bps(fell['drawdown_bps'])} ({fell['market']}), and the "
        f"highest price would have taken {words.percent(rose['margin_used'])} of the margin at "
        f"{terms.leverage:g} times ({rose['market']})."
    )
    if unknown := int(rows["unknown"].sum()):
        yield f"Not counted: {words.many(unknown, 'settlement')}, whose charge is not proven."


def _sizes(results: pl.DataFrame) -> Iterator[str]:
    best = results.drop_nulls("net_quote").sort("net_quote").group_by("market").last()
    best = best.filter(pl.col("net_quote") > 0).sort("net_quote", descending=True)
    if not best.height:
        yield "No size would have earned anything in any market."
        return
    named = (
        f"{row['market']} with {row['notional']:,.0f} ({row['net_quote']:+,.2f})"
        for row in best.iter_rows(named=True)
    )
    yield f"Of the sizes tried, most quote units were earned by {words.listed(named, _MOST_NAMED)}."


def _net(row: dict[str, float]) -> str:
    return f"{row['market']} ({words.bps(row['net_bps'], signed=True)})"


def _after(row: dict[str, float]) -> str:
    lasting = words.lasting(timedelta(hours=row["needed_hours"]))
    return f"{words.many(int(row['needed']), 'settlement')} or {lasting} ({row['market']})"
