"""How much of each bucket was observed, and how far it can be trusted: `coverage` and `grade`."""

from typing import Final, Literal

import polars as pl

from analytics.lazy.buckets import MINUTE_US, Bucket, bucket
from analytics.questions import MIN_COVERAGE, MIN_COVERAGE_OF_SUMS

Stream = Literal["trade", "state"]
_NOTHING: Final = frozenset(
    {"trades", "volume", "turnover", "buy_volume", "sell_volume", "buy_trades", "buy_turnover", "snapshots",
     "observed_seconds", "mid_basis_seconds", "cost_seconds_buy", "cost_seconds_sell", "effective_trades",
     "realised_trades", "coverage"}
)  # fmt: skip
"""What is zero, not unknown, in a bucket of which there is no row."""
_SUMS: Final = frozenset({"volume", "turnover", "buy_volume", "sell_volume", "buy_trades", "buy_turnover"})
"""What is less by all that was not observed."""
_KNOWN: Final = frozenset({"trades", "mark_price"})
"""What is told however little of a stream was recorded: the number of rows, and what came by another one."""


def with_coverage(
    frame: pl.LazyFrame, coverage: pl.LazyFrame, every: str = "1m", stream: Stream | None = None
) -> pl.LazyFrame:
    """Figures by bucket with `grade`, the worst of the bucket's minutes, also for buckets without a figure.

    What is made of books has its `coverage` already. Of `bars` and `open_interest` the table `coverage` tells
    it: name the stream (trade, state), and they get the share of the bucket in which it was recorded or
    repaired, null until that is graded; figures are null where it is less than 0.1, volumes and turnovers
    also where less than 0.95 of the judged minutes was. Bars get the venue's own candle_volume and
    candle_turnover, too. Raises ValueError for parts of minutes, which have no grade.
    """
    span = bucket(every)
    if span.us % MINUTE_US:
        raise ValueError(f"every={every!r}: minutes are graded, so whole ones are meant")
    names = frame.collect_schema().names()
    zero = pl.col(name for name in names if name in _NOTHING)
    joined = frame.join(_graded(coverage, span, stream), on=span.keys, how="full", coalesce=True)
    filled = joined.with_columns(zero.fill_null(0)).sort(span.keys)
    if stream is None:
        return filled
    figures = pl.col(name for name in names if name not in {*span.keys, *_KNOWN})
    sums = pl.col(name for name in names if name in _SUMS)
    is_seen = pl.col("coverage").fill_null(1.0) >= MIN_COVERAGE
    is_whole = pl.col("coverage").fill_null(1.0) >= MIN_COVERAGE_OF_SUMS * pl.col("_judged").fill_null(1.0)
    shown = filled.with_columns(pl.when(is_seen).then(figures))
    return shown.with_columns(pl.when(is_whole).then(sums)).drop("_judged")


def _graded(coverage: pl.LazyFrame, span: Bucket, stream: Stream | None) -> pl.LazyFrame:
    told = []
    if stream == "trade":
        told = [_sum("candle_volume"), _sum("candle_turnover")]
    if stream is not None:
        told.append((pl.col(f"{stream}_seconds").sum() / span.seconds).alias("coverage"))
        told.append((pl.len() * MINUTE_US / span.us).alias("_judged"))
    by_bucket = coverage.with_columns(span.start(pl.col("minute"))).group_by(span.keys)
    return by_bucket.agg(*told, pl.col("grade").max())


def _sum(name: str) -> pl.Expr:
    """The sum of what is there; null where nothing is."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)
