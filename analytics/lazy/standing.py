"""How long each book stood, from books and gaps: the views `books` and `book_gaps`."""

from typing import Final

import polars as pl

from analytics.lazy.buckets import DAY_US, KEYS, SECOND_US
from recorder.lake.store.minutes import STALE_AFTER_S

FOREVER_US: Final = 2**62
"""The end of a gap that is still open."""
_COLUMNS: Final = (
    *KEYS, "ts_event", "ts_recv", "seq", "bid_price", "bid_quantity", "ask_price", "ask_quantity", "mid",
    "index_price", "mark_price", "last", "bids", "asks", "stood_us",
)  # fmt: skip
_OTHERS: Final = ""
"""Stands for every market of which no gap is told by name."""
_STREAM: Final = pl.col("stream")
_IS_OF_BOOKS: Final = (_STREAM.is_null() | (_STREAM == "depth")) & (pl.col("reason") != "missed")
"""Gaps of reason `missed` are made from the grades, not told by records: compaction heeds none of them."""


def books(depth: pl.LazyFrame, gaps: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """Every book with its `mid` and `stood_us`: rows of `depth`, with the columns of the view `books`.

    A book stands until the next one of its market and UTC day, for STALE_AFTER_S at most, not past the end of
    the day, nor into a time in which no recorder received the market's books. Where every book of a market's
    day has the `dt` that compaction stored, that is taken. Without `gaps` nothing else is: then `stood_us` is
    null on days that are not compacted. Of a part of a day the last book stands beyond it: nothing follows.
    """
    bid, ask = pl.col("bid_price"), pl.col("ask_price")
    stored = (pl.col("dt") * SECOND_US).round().cast(pl.Int64)
    if gaps is None:
        told = depth.with_columns(stood_us=stored)
    else:
        is_stored = pl.col("dt").is_not_null().all().over(KEYS)
        stood = pl.when(is_stored).then(stored).otherwise(_standing_us())
        told = _with_gaps(depth, gaps).with_columns(stood_us=stood)
    return told.with_columns(mid=pl.when(bid + ask > 0).then((bid + ask) / 2)).select(_COLUMNS)


def _standing_us() -> pl.Expr:
    made, received = pl.col("ts_event").dt.epoch("us"), pl.col("ts_recv").dt.epoch("us")
    following = made.shift(-1).over(KEYS, order_by=["ts_event", "seq"])
    day_end = made - made % DAY_US + DAY_US
    stood = pl.min_horizontal(
        following.fill_null(day_end) - made, STALE_AFTER_S * SECOND_US, pl.col("_missing_from") - received
    )
    return pl.when(pl.col("_missing_until") > received).then(0).otherwise(stood)


def _with_gaps(depth: pl.LazyFrame, gaps: pl.LazyFrame) -> pl.LazyFrame:
    """Books with the end of the last gap that began up to their receipt, and the start of the next one.

    Books and gaps are put in one order, by market. A book that was received as a gap began did not stand,
    whichever of the two comes first.
    """
    spans, named = book_gaps(gaps), _named(gaps).select("market", _told_as="market")
    told = depth.join(named, on="market", how="left").with_columns(
        pl.col("_told_as").fill_null(_OTHERS),
        pl.col("ts_recv").dt.epoch("us").alias("_at"),
        pl.lit(True).alias("_is_book"),
    )
    begun = spans.select(
        pl.col("market").alias("_told_as"),
        pl.col("start_us").alias("_at"),
        pl.lit(False).alias("_is_book"),
        pl.col("start_us").alias("_missing_from"),
        pl.col("end_us").alias("_missing_until"),
    )
    return (
        pl.concat([told, begun], how="diagonal")
        .with_columns(
            pl.col("_missing_until").forward_fill().over("_told_as", order_by="_at"),
            pl.col("_missing_from").backward_fill().over("_told_as", order_by="_at"),
        )
        .filter("_is_book")
    )


def book_gaps(gaps: pl.LazyFrame) -> pl.LazyFrame:
    """When no recorder received a market's books: market, start_us, end_us, in the recorder's clock.

    What one recorder received is not missing, whatever another one missed: the spans of each are joined, then
    those are kept in which as many miss as ever told of a gap of this market. Gaps of all markets stand for
    those that are not named by any gap under the market "".
    """
    of_books, is_of_all = gaps.filter(_IS_OF_BOOKS), pl.col("market").is_null()
    others = pl.LazyFrame({"market": [_OTHERS]})
    of_each = of_books.filter(is_of_all).drop("market").join(pl.concat([_named(gaps), others]), how="cross")
    told = pl.concat([of_books.filter(~is_of_all), of_each], how="diagonal")
    recorders = told.group_by("market").agg(pl.col("recorder").n_unique().alias("recorders"))
    by_all = pl.col("missing").cum_sum().over("market", order_by=["at_us", "step"])
    next_us = pl.col("at_us").shift(-1).over("market", order_by=["at_us", "step"])
    return (
        _of_each_recorder(told)
        .with_columns(missing=pl.col("step"))
        .select("market", missing=by_all, start_us="at_us", end_us=next_us)
        .join(recorders, on="market")
        .filter(pl.col("missing") == pl.col("recorders"), pl.col("start_us") < pl.col("end_us"))
        .select("market", "start_us", "end_us")
    )


def _named(gaps: pl.LazyFrame) -> pl.LazyFrame:
    """The markets of which a gap of books is told by name."""
    return gaps.filter(_IS_OF_BOOKS, pl.col("market").is_not_null()).select("market").unique()


def _of_each_recorder(told: pl.LazyFrame) -> pl.LazyFrame:
    """The edges of what each recorder missed of each market, gaps joined: `step` is 1 where a span begins."""
    left = told.select(
        "market",
        "recorder",
        start_us=pl.col("remains_start").dt.epoch("us"),
        end_us=pl.col("remains_end").dt.epoch("us").fill_null(FOREVER_US),
    ).filter(pl.col("start_us") < pl.col("end_us"))
    edges = pl.concat(
        left.select("market", "recorder", at_us=edge, step=pl.lit(step, pl.Int64))
        for edge, step in (("start_us", 1), ("end_us", -1))
    )
    order = [pl.col("at_us"), -pl.col("step")]
    within = pl.col("step").cum_sum().over("market", "recorder", order_by=order)
    return edges.with_columns(within=within).filter(
        ((pl.col("step") == 1) & (pl.col("within") == 1)) | ((pl.col("step") == -1) & (pl.col("within") == 0))
    )
