"""Which settlement of funding states told as the coming one: the view `funding_timeline`.

Times are microseconds since the epoch: `settling` is the coming settlement, `settled` the last one before it,
`first`, `last` and `counting` are when states of the minute were received.
"""

from typing import Final

import polars as pl

from analytics.lazy.buckets import MINUTE_US, SECOND_US

HOUR_US: Final = 60 * MINUTE_US
OFF_US: Final = 2 * MINUTE_US
"""`ts_funding` is off by no more: countdowns are whole minutes, and clocks differ by seconds."""
APART_US: Final = HOUR_US - OFF_US
"""Settlements are taken to be at least an hour apart; as they are told, at least this."""
_CLOCKS_US: Final = 30 * SECOND_US
"""Rates told later than this before an instant may be those of the next interval."""
_NEAR_ROWS: Final = 5
"""How many rows around a pause may tell the rates before and after it."""
_RATES: Final = ("funding_rate_last", "funding_rate_next", "funding_rate_predict")
_PRICES: Final = ("mark_price", "index_price")
_ORDER: Final = ["first", "settling", "named"]


def last_known(value: pl.Expr, by: str) -> pl.Expr:
    """The last value that is not null, in the order of another column."""
    return value.sort_by(by).drop_nulls().last()


def first_known(value: pl.Expr, by: str) -> pl.Expr:
    return value.sort_by(by).drop_nulls().first()


def _in_turn(value: pl.Expr) -> pl.Expr:
    """A value made of a market's rows in their order."""
    return value.over("market", order_by=_ORDER)


def funding_timeline(state: pl.LazyFrame) -> pl.LazyFrame:
    """By market, minute of the recorder's clock and settlement told as the coming one."""
    is_counted = pl.col("counting").max().over("market", "named").is_not_null()
    is_near = (pl.col("named") - pl.col("settling")).abs() <= OFF_US
    told = _minutes(state).with_columns(_told=pl.col("states").sum().over("market", "named"))
    steps = told.with_columns(settling=_settling()).filter(
        is_counted, is_near, pl.col("minute") < pl.col("settling")
    )
    before, first, settling = pl.col("before"), pl.col("first"), pl.col("settling")
    has_turned = (before <= first + MINUTE_US) & (settling >= before + APART_US)
    return (
        steps.with_columns(
            before=_in_turn(settling.shift(1)),
            before_last=_in_turn(pl.col("last").shift(1)),
            rate_before=_in_turn(_nearest(pl.col("funding_rate_last"), range(1, _NEAR_ROWS + 1))),
            rate_after=_in_turn(_nearest(_settled_rate(), range(0, -_NEAR_ROWS - 1, -1))),
        )
        .with_columns(turned=pl.when(has_turned).then(before))
        .with_columns(settled=_in_turn(pl.col("turned").cum_max().forward_fill()))
        .with_columns(hidden=_hidden())
        .with_columns(hidden_so_far=_in_turn(pl.col("hidden").cum_sum()))
    )


def _minutes(state: pl.LazyFrame) -> pl.LazyFrame:
    """States by minute and settlement told: within two minutes of a whole hour it is that hour."""
    received, told = pl.col("ts_recv").dt.epoch("us"), pl.col("ts_funding").dt.epoch("us")
    past, at, named = (told + OFF_US) % HOUR_US, pl.col("at"), pl.col("named")
    is_on_hour = past <= 2 * OFF_US
    states = (
        state.filter(pl.col("ts_funding").is_not_null())
        .filter((told - received >= MINUTE_US) | is_on_hour)
        .select(
            "market",
            *_RATES,
            *_PRICES,
            at=received,
            place=received * 1024 + pl.col("seq") % 1024,
            ahead=told - received,
            on_hour=is_on_hour,
            named=pl.when(is_on_hour).then(told + OFF_US - past).otherwise(told),
        )
    )
    is_sure = at < named - _CLOCKS_US
    return (
        states.with_columns(minute=at - at % MINUTE_US)
        .group_by("market", "minute", "named", "on_hour")
        .agg(
            *(last_known(pl.when(is_sure).then(name), "place").alias(name) for name in _RATES),
            *(last_known(pl.col(name), "place").alias(name) for name in _PRICES),
            first=at.min(),
            last=at.max(),
            counting=pl.when(pl.col("ahead") >= MINUTE_US).then("at").max(),
            states=pl.len().cast(pl.Int64),
        )
    )


def _settling() -> pl.Expr:
    """On the hour, the hour; else the one of its hour that was told most often."""
    named = pl.col("named")
    weight = pl.col("_told") * HOUR_US - named % HOUR_US
    most_told = named.sort_by(weight).last().over("market", "on_hour", named - named % HOUR_US)
    return pl.when("on_hour").then(named).otherwise(most_told)


def _nearest(rate: pl.Expr, shifts: range) -> pl.Expr:
    """The first of a column's values in some rows, nearest first, that is known."""
    return pl.coalesce([rate.shift(shift) for shift in shifts])


def _settled_rate() -> pl.Expr:
    """The charged rate, but around whole hours, where it may be the one before."""
    is_away = (pl.col("last") + _CLOCKS_US) % HOUR_US >= _CLOCKS_US + OFF_US
    return pl.when(is_away).then("funding_rate_last")


def _hidden() -> pl.Expr:
    """1 where settlements that no state told may have happened since the row before."""
    before, before_last, settled = pl.col("before"), pl.col("before_last"), pl.col("settled")
    first, settling, turned = pl.col("first"), pl.col("settling"), pl.col("turned")
    skipped = (first >= turned + APART_US) & (settling >= turned + HOUR_US + APART_US)
    earliest = pl.max_horizontal(before_last - OFF_US, (settled + APART_US).fill_null(0)) + HOUR_US - 1
    fits = earliest - earliest % HOUR_US <= pl.min_horizontal(first + OFF_US, settling - APART_US)
    is_off_hour = (settling % HOUR_US != 0) | (before % HOUR_US != 0)
    return (
        pl.when(before.is_null())
        .then(0)
        .when(turned.is_not_null())
        .then(pl.when(skipped).then(1).otherwise(0))
        .when((before <= first + MINUTE_US) & (before != settling))
        .then(1)
        .when((first - before_last <= OFF_US) | (pl.col("rate_before") == pl.col("rate_after")))
        .then(0)
        .when(is_off_hour | fits)
        .then(1)
        .otherwise(0)
    )
