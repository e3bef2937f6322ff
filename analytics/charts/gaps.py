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


def joined(gaps: pl.DataFrame) -> pl.DataFrame:
    """Gaps of one market, span, reason and repair as one row that names its streams."""
    key = ["market", "from", "to", "reason", "repaired"]
    return (
        gaps.group_by(key)
        .agg(pl.col("stream").unique().sort().str.join(", "), pl.col("remains_seconds").max())
        .sort("from", "market", "reason", "repaired")
    )
