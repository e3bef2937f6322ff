"""What follows from the states of markets: the view `open_interest_1m`."""

import polars as pl

from analytics.lazy.buckets import Bucket, bucket, has_basis, integral, ratio, seconds, stays


def open_interest(state: pl.LazyFrame, every: str = "1m", books: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """What was open, by market, date and bucket of the recorder's clock: open_interest, notional, change,
    mark_price.

    The last one told in the bucket; the change is since the last one known before it. `mark_price` is that of
    the standing books (as `books()` gives them), weighted by time; without them it and `notional` are null.
    Of an inverse market, which counts contracts, `notional` is no money, and the view has nulls.
    """
    span = bucket(every)
    last = pl.col("open_interest").sort_by("ts_recv", "seq").drop_nulls().last()
    told = state.with_columns(span.start(pl.col("ts_recv"))).group_by(span.keys).agg(open_interest=last)
    if books is None:
        known = told.with_columns(mark_price=pl.lit(None, pl.Float64))
    else:
        known = told.join(_mark_prices(books, span), on=span.keys, how="full", coalesce=True)
    amount = pl.col("open_interest")
    before = amount.shift(1).over("market", amount.is_not_null(), order_by=span.column)
    return known.select(
        *span.keys,
        amount,
        notional=amount * pl.col("mark_price"),
        change=amount - before,
        mark_price="mark_price",
    ).sort(span.keys)


def _mark_prices(books: pl.LazyFrame, span: Bucket) -> pl.LazyFrame:
    mark_price = integral(pl.when(has_basis()).then("mark_price"))
    sums = stays(books, span).group_by(span.keys).agg(mark_price=mark_price, known=seconds(has_basis()))
    return sums.select(*span.keys, mark_price=ratio("mark_price", "known"))
