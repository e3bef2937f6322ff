"""What each settlement of funding charged, and over what interval: the view `funding_settlements`.

The rules, and why they are so, are at the head of the view.
"""

from typing import Final

import polars as pl

from analytics.lazy.buckets import MINUTE_US, SECOND_US, TIME
from analytics.lazy.timeline import APART_US, HOUR_US, first_known, funding_timeline, last_known

_SHORTLY_US: Final = 15 * MINUTE_US
_TO_THE_END_US: Final = 150 * SECOND_US
_EARLY_US: Final = 30 * SECOND_US
_AT_ONCE_US: Final = 2 * MINUTE_US
_AFTER_US: Final = 10 * MINUTE_US
_HOURS_A_YEAR: Final = 8_760
_NEVER_CAPS: Final = 5e-4
"""No cap is known to be so low, and the interest alone repeats there."""
_USUAL_CAP: Final = 3.75e-3
_SETTLED: Final = ("market", "settled")


def funding_settlements(state: pl.LazyFrame, coverage: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """Settlements by market and `ts_settled`, with the columns of the view of this name.

    `coverage` and `grade` of an interval are null without the table `coverage`. States of all days are meant:
    a day knows neither where its first interval began nor the market's cap.
    """
    timeline = funding_timeline(state)
    told = _told_before(timeline).join(_told_after(timeline), on=_SETTLED)
    measured = _measured(told.filter(pl.col("before").is_not_null()))
    if coverage is None:
        covered = measured.with_columns(state_seconds=pl.lit(None, pl.Float64), grade=pl.lit(None, pl.String))
    else:
        covered = measured.join(_covered(measured, coverage), on=_SETTLED, how="left")
    settled, rate, hours = pl.col("settled"), pl.col("funding_rate"), pl.col("interval_hours")
    return covered.select(
        "market",
        date=settled.cast(TIME).dt.date(),
        ts_settled=settled.cast(TIME),
        interval_hours=hours,
        funding_rate=rate,
        rate_announced="rate_announced",
        rate_predict="rate_predict",
        announced_error_bps=(pl.col("rate_announced") - rate) * 1e4,
        mark_price="mark_price",
        index_price="index_price",
        apr=rate * _HOURS_A_YEAR / hours,
        capped=_capped(),
        proven="proven",
        before_seconds=(settled - pl.col("before")) / SECOND_US,
        after_seconds=(pl.col("after") - settled) / SECOND_US,
        ts_next=pl.col("next").cast(TIME),
        hours_to_next="hours_to_next",
        coverage=pl.when(hours.is_not_null()).then(pl.col("state_seconds") / (hours * 3_600)),
        grade=pl.when(hours.is_not_null()).then("grade"),
    ).sort("market", "ts_settled")


def _told_before(timeline: pl.LazyFrame) -> pl.LazyFrame:
    """What was told of each settlement while it was the coming one."""
    left = pl.col("settling") - pl.col("minute")
    shortly = {
        "rate_announced": "funding_rate_next", "rate_predict": "funding_rate_predict",
        "mark_price": "mark_price", "index_price": "index_price",
    }  # fmt: skip
    return timeline.group_by("market", settled="settling").agg(
        *(
            last_known(pl.when(left <= _SHORTLY_US).then(column), "last").alias(name)
            for name, column in shortly.items()
        ),
        before=pl.col("counting").max(),
        rate_before=last_known(pl.when(left <= APART_US).then("funding_rate_last"), "last"),
    )


def _told_after(timeline: pl.LazyFrame) -> pl.LazyFrame:
    """What was told after each settlement, until the next one."""
    since, rate = pl.col("minute") - pl.col("settled"), pl.col("funding_rate_last")
    is_after = (since >= _AT_ONCE_US) & (since < _AFTER_US)
    is_later = (since >= _AFTER_US) & (since < APART_US)
    is_turn = pl.col("turned").is_not_null()
    return (
        timeline.filter(pl.col("settled").is_not_null())
        .group_by(_SETTLED)
        .agg(
            rate_at_once=last_known(pl.when(since < _AT_ONCE_US).then(rate), "last"),
            rate_after=last_known(pl.when(is_after).then(rate), "last"),
            rate_later=first_known(pl.when(is_later).then(rate), "last"),
            after=pl.col("first").min(),
            next=pl.col("settling").sort_by("first").last(),
            hidden_before=pl.when(is_turn).then(pl.col("hidden_so_far") - pl.col("hidden")).min(),
            hidden_until_now=pl.col("hidden_so_far").max(),
        )
    )


def _measured(told: pl.LazyFrame) -> pl.LazyFrame:
    """Settlements with their proof, and what follows from it: rate and interval."""
    settled, before, charged = pl.col("settled"), pl.col("before"), pl.col("charged")
    at_once = pl.when(pl.col("rate_at_once") != pl.col("rate_before")).then("rate_at_once")
    is_proven = (
        ((before >= settled - _TO_THE_END_US) & (pl.col("after") >= settled - _EARLY_US))
        | ((before >= settled - _SHORTLY_US) & (charged == pl.col("rate_announced")))
        | ((before >= settled - APART_US) & (charged != pl.col("rate_before")))
    )
    proven, hidden = pl.col("proven"), pl.col("hidden_before")
    earlier = {
        name: pl.col(name).shift(1).over("market", order_by="settled") for name in ("settled", "proven")
    }
    is_next = proven & earlier["proven"] & (hidden == hidden.shift(1).over("market", order_by="settled"))
    return (
        told.with_columns(charged=pl.coalesce("rate_after", "rate_later", at_once))
        .with_columns(proven=is_proven.fill_null(value=False))
        .with_columns(
            funding_rate=pl.when(proven).then(charged),
            interval_hours=pl.when(is_next).then((settled - earlier["settled"]) / HOUR_US),
            hours_to_next=pl.when(proven, hidden == pl.col("hidden_until_now")).then(
                (pl.col("next") - settled) / HOUR_US
            ),
        )
    )


def _capped() -> pl.Expr:
    size = pl.col("funding_rate").abs()
    greatest, times = size.max().over("market"), size.count().over("market", size)
    return (
        pl.when(size <= _NEVER_CAPS)
        .then(statement=False)
        .when(size == greatest, (times >= 2) | (greatest == _USUAL_CAP))
        .then(statement=True)
        .when(size < greatest, times == 1)
        .then(statement=False)
    )


def _covered(settlements: pl.LazyFrame, coverage: pl.LazyFrame) -> pl.LazyFrame:
    """How much of the hours before each settlement, since the one before it, states were recorded."""
    minute = pl.col("minute").dt.epoch("us")
    hours = coverage.group_by("market", hour=minute - minute % HOUR_US).agg(
        pl.col("state_seconds").sum(), pl.col("grade").max()
    )
    marks = settlements.select("market", "settled", until=pl.col("settled") - 1).sort("market", "until")
    return (
        hours.sort("market", "hour")
        .join_asof(
            marks,
            left_on="hour",
            right_on="until",
            by="market",
            strategy="forward",
            check_sortedness=False,  # both are sorted here: the in-memory engine cannot tell, and warns
        )
        .group_by(_SETTLED)
        .agg(pl.col("state_seconds").sum(), pl.col("grade").max())
    )
