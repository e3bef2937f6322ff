"""What stands out, in a sentence a section and a line of figures a market."""

from collections.abc import Callable, Iterator

import polars as pl

from analytics.charts.theme import GRADES
from analytics.report import words
from analytics.report.gather import Frames

MEANINGS = {
    "A": "whole: trades and the venue's candle agree",
    "B": "whole after a repair",
    "C": "one witness only",
    "D": "not proven",
}
_MEAN = "mean"


def funding(frames: Frames) -> str:
    """Who paid most, and who was paid most."""
    weighed = pl.col("apr") * pl.col("interval_hours")
    known = frames.settlements.filter(pl.col("apr").is_not_null())
    means = (
        known.group_by("market")
        .agg((weighed.sum() / pl.col("interval_hours").sum()).alias(_MEAN))
        .sort(_MEAN, "market", descending=[True, False])
    )
    if not means.height:
        return ""
    unproven = frames.settlements.height - known.height
    left = f"; {words.many(unproven, 'settlement')} without a proven rate and interval" if unproven else ""
    told = f"{words.many(known.height, 'settlement')} of {words.many(means.height, 'market')}{left}."
    ends = [f"{row['market']} at {words.percent(row[_MEAN], signed=True)}" for row in means.rows(named=True)]
    if len(ends) == 1:
        return f"{told} Mean APR: {ends[0]}."
    return f"{told} Mean APR from {ends[-1]} to {ends[0]}."


def spread(frames: Frames) -> str:
    """The tightest and the widest book."""
    return _ends(frames.spread_map, "relative_spread_bps", "tightest", "widest", words.bps)


def depth(frames: Frames) -> str:
    """The thinnest and the deepest book."""
    both = frames.depth_map.with_columns((pl.col("bid_depth") + pl.col("ask_depth")).alias("depth"))
    return _ends(both, "depth", "thinnest", "deepest", words.amount)


def _ends(rows: pl.DataFrame, column: str, least: str, most: str, told: Callable[[float], str]) -> str:
    found = sorted(
        (mean, market)
        for (market,), of_market in rows.group_by("market")
        if (mean := words.weighted(of_market, column, "coverage")) is not None
    )
    if not found:
        return ""
    (low, first), (high, last) = found[0], found[-1]
    if first == last:
        return f"{first}: {told(low)} on average."
    return f"On average {least}: {first} with {told(low)}; {most}: {last} with {told(high)}."


def tiles(frames: Frames, market: str) -> Iterator[tuple[str, str]]:
    """The figures of one market over the whole span, by what they are."""
    own = pl.col("market") == market
    volume, spread, basis = (each.filter(own) for each in (frames.volume, frames.spread, frames.basis))
    depth = frames.depth.filter(own).with_columns((pl.col("bid_depth") + pl.col("ask_depth")).alias("both"))
    interest, settled = frames.open_interest.filter(own), frames.settlements.filter(own)
    prices = volume.filter(pl.col("close").is_not_null())
    first, last = (prices["open"][0], prices["close"][-1]) if prices.height else (None, None)
    yield "last price", words.price(last)
    yield "change", words.percent(last / first - 1 if first else None, signed=True)
    yield "turnover, quote", words.amount(_turnover(volume))
    yield "trades", words.count(int(words.total(volume, "trades") or 0))
    bought, quantity = words.total(volume, "buy_volume"), words.total(volume, "volume")
    yield "bought by takers", words.percent(bought / quantity if bought is not None and quantity else None)
    yield "quoted spread", words.bps(words.weighted(spread, "relative_spread_bps", "observed_seconds"))
    yield "within 10 bps, quote", words.amount(words.weighted(depth, "both", "coverage"))
    yield "mark over index", words.bps(words.weighted(basis, "basis_bps", "coverage"), signed=True)
    known = interest["open_interest"].drop_nulls()
    yield "open interest, base", words.amount(known[-1] if known.len() else None)
    yield "funding, mean APR", words.percent(words.weighted(settled, "apr", "interval_hours"), signed=True)


def _turnover(volume: pl.DataFrame) -> float | None:
    """Of the whole span: by the venue's candle where too few trades were recorded for a sum.

    None where no bucket tells it, as of a market that counts contracts: its candles' turnover is in base.
    """
    if not volume["turnover"].count():
        return None
    return words.total(volume.select(pl.coalesce("turnover", "candle_turnover").alias("both")), "both")


def shares(frames: Frames) -> list[tuple[str, float]]:
    """The share of the judged minutes that is of each grade."""
    judged = sum(frames.grades.values())
    return [(grade, frames.grades.get(grade, 0) / judged) for grade in GRADES] if judged else []
