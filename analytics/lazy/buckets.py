"""Buckets of time: their names, the rows that fall into them, and the time that books stood in each."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from analytics.questions import DAY_S, MIN_COVERAGE
from analytics.spans import grain

KEYS: Final = ("market", "date")
"""Every row belongs to one market and one UTC day; buckets are parts of days."""
TIME: Final = pl.Datetime("us", "UTC")
SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
DAY_US: Final = DAY_S * SECOND_US


@dataclass(frozen=True, slots=True)
class Bucket:
    """A span that a day is made of: the name of its column, and its length."""

    column: str
    us: int

    @property
    def keys(self) -> tuple[str, ...]:
        """What a row of figures is found by."""
        return (*KEYS, self.column)

    @property
    def seconds(self) -> float:
        return self.us / SECOND_US

    def start(self, time: pl.Expr) -> pl.Expr:
        """The bucket that a time is in, by its start."""
        at = time.dt.epoch("us")
        return (at - at % self.us).cast(TIME).alias(self.column)


def bucket(every: str) -> Bucket:
    """`10s`, `5m`, `1h`, `1d`: any number of seconds, minutes or hours that a day is a multiple of.

    The column is called minute, hour or day where it is one of these, else bucket. Raises BucketError.
    """
    asked = grain(every)
    return Bucket(asked.column, asked.seconds * SECOND_US)


def stays(books: pl.LazyFrame, span: Bucket) -> pl.LazyFrame:
    """Books once for each bucket in which they stood, `us` long; those that did not stand at all, once, too.

    `is_new` is true in the bucket in which the book was made. Into later ones a book reaches only if it says
    anything: with a mid, or with an index and a mark or last price. One of which it is not known did not
    stand.
    """
    made, size = pl.col("ts_event").dt.epoch("us"), span.us
    gone = made + pl.col("stood_us").fill_null(0)
    first, last = made // size, (pl.max_horizontal(gone, made + 1) - 1) // size
    start = pl.col("_number") * size
    stay = {
        span.column: start.cast(TIME),
        "us": pl.min_horizontal(gone, start + size) - pl.max_horizontal(made, start),
        "is_new": start <= made,
    }
    says = pl.col("mid").is_not_null() | has_basis() | has_last_basis()
    return (
        books.with_columns(_number=pl.int_ranges(first, last + 1))
        .explode("_number")
        .with_columns(**stay)
        .filter(pl.col("is_new") | says)
    )


def has_basis() -> pl.Expr:
    """Whether a book told a mark price, and an index to hold it against."""
    return pl.col("mark_price").is_not_null() & (pl.col("index_price") > 0)


def has_last_basis() -> pl.Expr:
    """Whether a book told a last price, and an index to hold it against."""
    return pl.col("last").is_not_null() & (pl.col("index_price") > 0)


def seconds(where: pl.Expr) -> pl.Expr:
    """Of stays: for how long a condition held; whole microseconds are summed."""
    return pl.when(where).then("us").otherwise(0).sum() / SECOND_US


def integral(value: pl.Expr) -> pl.Expr:
    """Of stays: a value times the seconds for which it stood; where it is null it counts as none."""
    return (value * pl.col("us")).sum() / SECOND_US


def figure(value: pl.Expr, observed: str, span: Bucket) -> pl.Expr:
    """A figure, null where less than MIN_COVERAGE of the bucket was observed; `observed` are seconds."""
    return pl.when(pl.col(observed) >= MIN_COVERAGE * span.seconds).then(value)


def mean(integrated: str, observed: str, span: Bucket) -> pl.Expr:
    """A column that is an integral as its mean over the time observed, likewise null."""
    return figure(pl.col(integrated) / pl.col(observed), observed, span)


def ratio(part: str, whole: str) -> pl.Expr:
    """One column by another, null where that is zero."""
    return pl.when(pl.col(whole) != 0).then(pl.col(part) / pl.col(whole))
