"""What follows from the best prices of standing books: the views `spread_1m` and `basis_1m`."""

import polars as pl

from analytics.lazy.buckets import bucket, figure, has_basis, has_last_basis, integral, mean, seconds, stays


def spread(books: pl.LazyFrame, every: str = "1m") -> pl.LazyFrame:
    """How tight the books were, weighted by the time for which each stood; `books` as `books()` gives them.

    By market, date and minute, hour, day or bucket: relative_spread_bps, spread, spread_min, spread_max,
    observed_seconds, snapshots, coverage. Figures are null where less than 0.1 of the bucket was observed.
    """
    span = bucket(every)
    mid, width = pl.col("mid"), pl.col("width")
    sums = (
        stays(books, span)
        .with_columns(width=pl.when(mid.is_not_null()).then(pl.col("ask_price") - pl.col("bid_price")))
        .group_by(span.keys)
        .agg(
            relative_spread_bps=integral(1e4 * width / mid),
            spread=integral(width),
            spread_min=pl.when(pl.col("us") > 0).then(width).min(),
            spread_max=pl.when(pl.col("us") > 0).then(width).max(),
            observed_seconds=seconds(mid.is_not_null()),
            snapshots=pl.col("is_new").sum().cast(pl.Int64),
        )
    )
    return sums.select(
        *span.keys,
        mean("relative_spread_bps", "observed_seconds", span),
        mean("spread", "observed_seconds", span),
        figure(pl.col("spread_min"), "observed_seconds", span),
        figure(pl.col("spread_max"), "observed_seconds", span),
        "observed_seconds",
        "snapshots",
        coverage=pl.col("observed_seconds") / span.seconds,
    ).sort(span.keys)


def basis(books: pl.LazyFrame, every: str = "1m") -> pl.LazyFrame:
    """How far mark, mid and last price were from the index, by time; `books` as `books()` gives them.

    By market, date and bucket: mark_price, index_price, mid, basis_bps, mid_basis_bps, last_price,
    last_basis_bps, mid_basis_seconds, coverage. Figures are null where less than 0.1 of the bucket was
    observed.
    """
    span = bucket(every)
    index, mark, mid, last = (pl.col(name) for name in ("index_price", "mark_price", "mid", "last"))
    has_mid_basis = mid.is_not_null() & (index > 0)
    sums = (
        stays(books, span)
        .group_by(span.keys)
        .agg(
            mark_price=integral(pl.when(has_basis()).then(mark)),
            index_price=integral(pl.when(has_basis()).then(index)),
            mid=integral(mid),
            basis_bps=integral(pl.when(has_basis()).then(1e4 * (mark / index - 1))),
            mid_basis_bps=integral(pl.when(has_mid_basis).then(1e4 * (mid / index - 1))),
            basis_seconds=seconds(has_basis()),
            mid_seconds=seconds(mid.is_not_null()),
            mid_basis_seconds=seconds(has_mid_basis),
            last_price=integral(pl.when(has_last_basis()).then(last)),
            last_basis_bps=integral(pl.when(has_last_basis()).then(1e4 * (last / index - 1))),
            last_basis_seconds=seconds(has_last_basis()),
        )
    )
    return sums.select(
        *span.keys,
        mean("mark_price", "basis_seconds", span),
        mean("index_price", "basis_seconds", span),
        mean("mid", "mid_seconds", span),
        mean("basis_bps", "basis_seconds", span),
        mean("mid_basis_bps", "mid_basis_seconds", span),
        mean("last_price", "last_basis_seconds", span),
        mean("last_basis_bps", "last_basis_seconds", span),
        "mid_basis_seconds",
        coverage=pl.col("basis_seconds") / span.seconds,
    ).sort(span.keys)
