"""What follows from trades, and from the books around them: the views `volume_1m` and `spread_1m`."""

from typing import Final

import polars as pl

from analytics.lazy.buckets import KEYS, SECOND_US, bucket, figure, ratio, seconds, stays
from recorder.lake.store.minutes import AFTER_S

_BARS: Final = (
    "trades", "volume", "turnover", "buy_volume", "sell_volume", "imbalance", "vwap", "open", "high", "low",
    "close", "buy_trades", "buy_turnover",
)  # fmt: skip


def bars(trades: pl.LazyFrame, every: str = "1m") -> pl.LazyFrame:
    """What was traded, by market, date and minute, hour, day or bucket in which there was a trade.

    Columns: trades, volume, turnover, buy_volume, sell_volume, imbalance, vwap, open, high, low, close,
    buy_trades, buy_turnover. First and last are by ts_event and trade_id. Turnover is price x quantity
    whatever the market: of an inverse one, which counts contracts, it is no amount of money, and the view
    has nulls; vwap weighs prices by contracts there.
    """
    span = bucket(every)
    is_buy, in_order = pl.col("side") == "buy", ["ts_event", "trade_id"]
    price = pl.col("price")
    sums = (
        trades.with_columns(span.start(pl.col("ts_event")), turnover=price * pl.col("quantity"))
        .group_by(span.keys)
        .agg(
            trades=pl.len().cast(pl.Int64),
            volume=pl.col("quantity").sum(),
            turnover=pl.col("turnover").sum(),
            buy_trades=is_buy.sum().cast(pl.Int64),
            buy_volume=pl.when(is_buy).then("quantity").sum(),
            buy_turnover=pl.when(is_buy).then("turnover").sum(),
            open=price.sort_by(in_order).first(),
            high=price.max(),
            low=price.min(),
            close=price.sort_by(in_order).last(),
        )
    )
    bought, volume = pl.col("buy_volume"), pl.col("volume")
    figures = sums.with_columns(sell_volume=volume - bought, vwap=ratio("turnover", "volume"))
    figures = figures.with_columns(imbalance=2 * bought - volume).with_columns(
        imbalance=ratio("imbalance", "volume")
    )
    return figures.select(*span.keys, *_BARS).sort(span.keys)


def trade_mids(trades: pl.LazyFrame, books: pl.LazyFrame) -> pl.LazyFrame:
    """Trades with the mid that stood before each (`mid_before`) and AFTER_S later (`mid_after`).

    The first is the last book's before the trade, the other the last one's up to then, of the same UTC day;
    null where that book had no mid, or stood no longer. `books` as `books()` gives them.
    """
    made = pl.col("ts_event").dt.epoch("us")
    mids = books.select(*KEYS, "seq", "mid", "stood_us", _since=made).sort(*KEYS, "_since", "seq").drop("seq")
    bare = trades.drop("mid_before", strict=False)
    before = _with_mid(bare.with_columns(_at=made), mids, "mid_before", or_at=False)
    return _with_mid(before.with_columns(_at=made + AFTER_S * SECOND_US), mids, "mid_after", or_at=True)


def _with_mid(asked: pl.LazyFrame, mids: pl.LazyFrame, name: str, *, or_at: bool) -> pl.LazyFrame:
    """Rows with the mid of the last book before the instant `_at`, or at it, which they have no more then."""
    found = asked.sort(*KEYS, "_at").join_asof(
        mids,
        left_on="_at",
        right_on="_since",
        by=KEYS,
        allow_exact_matches=or_at,
        coalesce=False,
        check_sortedness=False,  # both are sorted here: the in-memory engine cannot tell, and warns
    )
    still = pl.col("_at") - pl.col("_since") <= pl.col("stood_us")
    return found.with_columns(pl.when(still).then("mid").alias(name)).drop("_at", "_since", "mid", "stood_us")


def effective_spread(trades: pl.LazyFrame, books: pl.LazyFrame, every: str = "1m") -> pl.LazyFrame:
    """What trading cost against the mid, by buckets in which a mid stood before a trade.

    Columns: effective_spread_bps, realised_spread_bps and impact_bps, weighted by price x quantity;
    effective_trades and realised_trades, the numbers of trades that they are of; coverage, the share of the
    bucket in which a book stood. Figures are null where that is less than 0.1.
    """
    span = bucket(every)
    before, after, turnover = pl.col("mid_before"), pl.col("mid_after"), pl.col("_turnover")
    weight = pl.when(pl.col("side") == "buy").then(2e4).otherwise(-2e4) / before * turnover
    sums = (
        trade_mids(trades, books)
        .filter(before.is_not_null())
        .with_columns(span.start(pl.col("ts_event")), _turnover=pl.col("price") * pl.col("quantity"))
        .group_by(span.keys)
        .agg(
            effective=((pl.col("price") - before) * weight).sum(),
            realised=((pl.col("price") - after) * weight).sum(),
            impact=((after - before) * weight).sum(),
            turnover=turnover.sum(),
            realised_turnover=pl.when(after.is_not_null()).then(turnover).sum(),
            effective_trades=pl.len().cast(pl.Int64),
            realised_trades=after.count().cast(pl.Int64),
        )
    )
    stood = stays(books, span).group_by(span.keys).agg(observed=seconds(pl.col("mid").is_not_null()))
    observed = sums.join(stood, on=span.keys, how="left").with_columns(pl.col("observed").fill_null(0.0))
    return observed.select(
        *span.keys,
        effective_spread_bps=figure(ratio("effective", "turnover"), "observed", span),
        realised_spread_bps=figure(ratio("realised", "realised_turnover"), "observed", span),
        impact_bps=figure(ratio("impact", "realised_turnover"), "observed", span),
        effective_trades="effective_trades",
        realised_trades="realised_trades",
        coverage=pl.col("observed") / span.seconds,
    ).sort(span.keys)
