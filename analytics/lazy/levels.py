"""What the levels of standing books held: the views `liquidity_1m` and `cost_profile_1h`."""

from collections.abc import Iterable
from typing import Final

import polars as pl

from analytics.lazy.buckets import SECOND_US, Bucket, bucket, figure, integral, mean, ratio, seconds, stays
from recorder.lake.store.minutes import NEAR_BPS, TAKEN_QUOTE

_MEANS: Final = ("bid_depth", "ask_depth", "imbalance", "bid_quantity", "ask_quantity")
_STOOD: Final = ("market", "date", "ts_event", "stood_us", "mid", "mark_price", "index_price", "last")
_LEVEL: Final = pl.element()
_PRICE: Final = _LEVEL.struct.field("price")
_VALUE: Final = _PRICE * _LEVEL.struct.field("quantity")


def liquidity(books: pl.LazyFrame, every: str = "1m") -> pl.LazyFrame:
    """What stood near the mid, and what taking an amount cost, weighted by time; `books` as `books()` does.

    By market, date and bucket: bid_depth, ask_depth, imbalance, bid_quantity, ask_quantity, cost_bps_buy,
    cost_bps_sell, cost_seconds_buy, cost_seconds_sell, coverage. Figures are null where less than 0.1 of the
    bucket was observed; costs also where the visible levels held less than TAKEN_QUOTE for half of the time.
    Depths and costs are of price x quantity whatever the market: of an inverse one, which counts contracts,
    they are of no money, and the view has nulls.
    """
    span = bucket(every)
    sums = (
        stays(_measured(books), span)
        .group_by(span.keys)
        .agg(
            *(integral(pl.col(name)) for name in (*_MEANS, "cost_bps_buy", "cost_bps_sell")),
            cost_seconds_buy=seconds(pl.col("cost_bps_buy").is_not_null()),
            cost_seconds_sell=seconds(pl.col("cost_bps_sell").is_not_null()),
            observed=seconds(pl.col("mid").is_not_null()),
        )
    )
    return sums.select(
        *span.keys,
        *(mean(name, "observed", span) for name in _MEANS),
        _cost("cost_bps_buy", "cost_seconds_buy", span),
        _cost("cost_bps_sell", "cost_seconds_sell", span),
        "cost_seconds_buy",
        "cost_seconds_sell",
        coverage=pl.col("observed") / span.seconds,
    ).sort(span.keys)


def costs(books: pl.LazyFrame, amounts: Iterable[float], every: str = "1h") -> pl.LazyFrame:
    """What taking some amounts of quote units at once cost, weighted by time; `books` as `books()` does.

    By market, date, bucket and notional, with the columns of `cost_profile_1h` but the grade: the same rules,
    for any amounts and any bucket. A cost is null where the visible levels held less for half of the time.
    """
    span, wanted = bucket(every), {f"{amount:g}": float(amount) for amount in amounts}
    mid, bids, asks = pl.col("mid"), _offers("bids"), _offers("asks")
    away = {
        f"buy_{name}": 1e4 * (_price_of_taking(asks, amount) / mid - 1) for name, amount in wanted.items()
    }
    away |= {
        f"sell_{name}": 1e4 * (1 - _price_of_taking(bids, amount) / mid) for name, amount in wanted.items()
    }
    sums = (
        stays(books.filter(mid.is_not_null()).select(*_STOOD, **away), span)
        .group_by(span.keys)
        .agg(
            *(integral(pl.col(name)) for name in away),
            *(seconds(pl.col(name).is_not_null()).alias(f"{name}_held") for name in away),
            observed=pl.col("us").sum() / SECOND_US,
        )
    )
    sides = ("buy", "sell")
    return pl.concat(
        sums.select(
            *span.keys,
            pl.lit(amount).alias("notional"),
            *(
                _cost(f"{side}_{name}", f"{side}_{name}_held", span).alias(f"cost_bps_{side}")
                for side in sides
            ),
            *(mean(f"{side}_{name}_held", "observed", span).alias(f"deep_share_{side}") for side in sides),
            pl.col("observed").alias("observed_seconds"),
            coverage=pl.col("observed") / span.seconds,
        )
        for name, amount in wanted.items()
    ).sort(*span.keys, "notional")


def _cost(integrated: str, held: str, span: Bucket) -> pl.Expr:
    enough = pl.col(held) > pl.col("observed") / 2
    return figure(pl.when(enough).then(ratio(integrated, held)), "observed", span)


def _measured(books: pl.LazyFrame) -> pl.LazyFrame:
    """Books as what each held, without its levels. One without a mid has none of these figures."""
    mid, bid, ask = pl.col("mid"), pl.col("bid_quantity"), pl.col("ask_quantity")
    bids, asks = _offers("bids"), _offers("asks")
    leaning = pl.when(bid + ask > 0).then((bid - ask) / (bid + ask)).otherwise(0.0)
    held = {
        "bid_depth": _near(bids),
        "ask_depth": _near(asks),
        "cost_bps_buy": 1e4 * (_price_of_taking(asks, TAKEN_QUOTE) / mid - 1),
        "cost_bps_sell": 1e4 * (1 - _price_of_taking(bids, TAKEN_QUOTE) / mid),
        "imbalance": leaning,
        "bid_quantity": bid,
        "ask_quantity": ask,
    }
    return books.select(*_STOOD, **{name: pl.when(mid.is_not_null()).then(held[name]) for name in held})


def _offers(side: str) -> pl.Expr:
    """The levels of a side, best first, that are offers."""
    return pl.col(side).list.filter((_PRICE > 0) & (_LEVEL.struct.field("quantity") > 0))


def _near(offers: pl.Expr) -> pl.Expr:
    """Price x quantity of the levels within NEAR_BPS of the mid.

    Elements know no other column, so the mid is taken from whole lists; the difference of two doubles is zero
    or above it exactly where the first is not less.
    """
    away = (offers.list.eval(_PRICE) - pl.col("mid")).list.eval(_LEVEL.abs())
    beyond = away - pl.col("mid") * (NEAR_BPS / 1e4)
    return (beyond.list.eval((_LEVEL <= 0).cast(pl.Float64)) * offers.list.eval(_VALUE)).list.sum()


def _price_of_taking(offers: pl.Expr, amount: float) -> pl.Expr:
    """The mean price of taking an amount, level by level; null where they hold less."""
    before = _VALUE.cum_sum() - _VALUE
    taken = pl.min_horizontal(_VALUE, amount - before).clip(lower_bound=0)
    price = pl.when(_VALUE.sum() >= amount).then(amount / (taken / _PRICE).sum())
    return offers.list.agg(price)
