"""Gaps on the venue's clock: theirs is the recorder's, and in a replay the two are years apart."""

from datetime import datetime, timedelta

import polars as pl


def on_venue_clock(gaps: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Rows of the table `gaps` as (market, stream, reason, repaired, from, to, remains_seconds, detail).

    The widest span by the venue's clock that the lags of what was received around it allow; a gap that was
    told by a candle is the minute of that candle. What is still open ends at `until`. A null `market` stands
    for all of them. The rows keep their order.
    """
    late, early = (
        pl.duration(microseconds=pl.col(name).fill_null(0)) for name in ("lag_high_us", "lag_low_us")
    )
    minute = pl.col("minute")
    return gaps.with_columns(pl.col("remains_end", "ts_end").fill_null(until + early)).select(
        "market",
        pl.col("stream").fill_null("all"),
        "reason",
        "repaired",
        pl.coalesce(minute, pl.col("ts_start") - late).alias("from"),
        pl.coalesce(minute + timedelta(minutes=1), pl.col("ts_end") - early).alias("to"),
        pl.when(pl.col("remains_start").is_not_null())
        .then((pl.col("remains_end") - pl.col("remains_start")).dt.total_microseconds() / 1e6)
        .otherwise(0.0)
        .alias("remains_seconds"),
        "detail",
    )


def by_markets(gaps: pl.DataFrame, markets: int) -> pl.DataFrame:
    """Gaps of one span, reason and repair as one row that names its markets and streams, the longest first.

    `everywhere` says that a row is of every market: of a null one, or of as many as there are.
    """
    about = ["from", "to", "reason", "repaired", "remains_seconds"]
    names = pl.col("market").drop_nulls().unique().sort()
    everywhere = pl.col("market").is_null().any() | (names.len() >= markets)
    return (
        gaps.group_by("stream", *about)
        .agg(everywhere.alias("everywhere"), names.alias("markets"))
        .with_columns(
            pl.when("everywhere").then(pl.lit([], pl.List(pl.String))).otherwise("markets").alias("markets")
        )
        .group_by("markets", "everywhere", *about)
        .agg(pl.col("stream").unique().sort().str.join(", "))
        .sort("remains_seconds", "from", "stream", descending=[True, False, False])
    )


def joined(gaps: pl.DataFrame) -> pl.DataFrame:
    """Gaps of one market, span, reason and repair as one row that names its streams."""
    key = ["market", "from", "to", "reason", "repaired"]
    return (
        gaps.group_by(key)
        .agg(pl.col("stream").unique().sort().str.join(", "), pl.col("remains_seconds").max())
        .sort("from", "market", "reason", "repaired")
    )
