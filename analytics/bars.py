"""Bars shorter than a minute, as SQL: a view cannot be told how long they should be."""

from typing import Final

MINUTE_US: Final = 60_000_000
DAY_US: Final = 1_440 * MINUTE_US
_SEEN: Final = "coalesce(coverage, 1e0) >= 0.1e0"
"""As everywhere: a figure of a bar of which less was observed is null,"""
_SUMMED: Final = "coalesce(coverage, 1e0) >= 0.95e0"
"""a sum also where less than this was,"""
_LINEAR: Final = "is_inverse IS NULL"
"""and what is price x quantity where that is no amount of money."""
_BARS: Final = """\
WITH instants AS (
    SELECT
        market,
        date,
        ts_event,
        count(*) AS trades,
        sum(quantity) AS volume,
        sum(price * quantity) AS turnover,
        sum(CASE WHEN side = 'buy' THEN 1 ELSE 0 END) AS buy_trades,
        sum(CASE WHEN side = 'buy' THEN quantity ELSE 0e0 END) AS buy_volume,
        sum(CASE WHEN side = 'buy' THEN price * quantity ELSE 0e0 END) AS buy_turnover,
        min_by(price, trade_id) AS open,
        max(price) AS high,
        min(price) AS low,
        max_by(price, trade_id) AS close
    FROM trades
    GROUP BY market, date, ts_event
),

bars AS (
    SELECT
        market,
        date,
        unix_micros(ts_event) - unix_micros(ts_event) % {every_us} AS start_us,
        CAST(sum(trades) AS BIGINT) AS trades,
        sum(volume) AS volume,
        sum(turnover) AS turnover,
        CAST(sum(buy_trades) AS BIGINT) AS buy_trades,
        sum(buy_volume) AS buy_volume,
        sum(buy_turnover) AS buy_turnover,
        min_by(open, ts_event) AS open,
        max(high) AS high,
        min(low) AS low,
        max_by(close, ts_event) AS close
    FROM instants
    GROUP BY market, date, unix_micros(ts_event) - unix_micros(ts_event) % {every_us}
),

placed AS (
    SELECT
        *,
        start_us + {every_us} - 1 AS last_us,
        least({every_us}, {minute_us} - start_us % {minute_us}) / {every_us}e0 AS first_share
    FROM bars
),

covered AS (
    SELECT
        placed.*,
        (first_share * of_first.trade_seconds + (1 - first_share) * of_last.trade_seconds) / 60 AS coverage,
        greatest(of_first.grade, of_last.grade) AS grade
    FROM placed
    LEFT JOIN coverage AS of_first
        ON
            of_first.market = placed.market
            AND of_first.date = placed.date
            AND of_first.minute = date_trunc('minute', timestamp_micros(placed.start_us))
    LEFT JOIN coverage AS of_last
        ON
            of_last.market = placed.market
            AND of_last.date = placed.date
            AND of_last.minute = date_trunc('minute', timestamp_micros(placed.last_us))
)

SELECT
    market,
    date,
    timestamp_micros(start_us) AS bucket,
    trades,
    CASE WHEN {summed} THEN volume END AS volume,
    CASE WHEN {summed} AND {linear} THEN turnover END AS turnover,
    CASE WHEN {summed} THEN buy_volume END AS buy_volume,
    CASE WHEN {summed} THEN volume - buy_volume END AS sell_volume,
    CASE WHEN {seen} THEN (2 * buy_volume - volume) / nullif(volume, 0e0) END AS imbalance,
    CASE WHEN {seen} THEN turnover / nullif(volume, 0e0) END AS vwap,
    CASE WHEN {seen} THEN open END AS open,
    CASE WHEN {seen} THEN high END AS high,
    CASE WHEN {seen} THEN low END AS low,
    CASE WHEN {seen} THEN close END AS close,
    CASE WHEN {summed} THEN buy_trades END AS buy_trades,
    CASE WHEN {summed} AND {linear} THEN buy_turnover END AS buy_turnover,
    CAST(NULL AS DOUBLE) AS candle_volume,
    CAST(NULL AS DOUBLE) AS candle_turnover,
    coverage,
    grade
FROM covered
LEFT JOIN inverse_markets USING (market)"""


def bars_sql(every_us: int) -> str:
    """A statement whose rows are bars of so many microseconds, with the columns of volume_1m.

    `bucket` is the bar's start; a bar without a trade has no row. No candle is so short: `candle_volume` and
    `candle_turnover` are null. What was recorded is known by the minute: `coverage` and `grade` are those of
    the bar's minute, or of the two that it touches, weighted by how much of it lies in each, and the worse.

    Raises ValueError for a length that a UTC day is not a whole number of, or longer than a minute: of whole
    minutes the question volume_1m can be asked, at any grain.
    """
    if not 0 < every_us <= MINUTE_US or DAY_US % every_us:
        raise ValueError(
            f"a bar of {every_us} us: it must be a minute at most, and a whole number of them make a day"
        )
    words = {"seen": _SEEN, "summed": _SUMMED, "linear": _LINEAR}
    return _BARS.format(every_us=every_us, minute_us=MINUTE_US, **words)
