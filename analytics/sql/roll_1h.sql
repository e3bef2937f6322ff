-- Question: how wide would the spread be, judged by the trades' prices alone?
-- Grain: market, hour.
-- Units:
--   trades | - | trades, by ts_event
--   autocovariance | quote squared | sample covariance of successive price changes, by ts_event and trade_id; null below 4 trades
--   roll_spread | quote | 2 x sqrt(-autocovariance); null below 100 trades, and unless the autocovariance is negative
--   roll_spread_bps | bps | 1e4 x roll_spread / mean price of the trades, likewise
--   coverage | 0 to 1 | share of the hour in which trades were recorded, or repaired; null until it is graded
-- Source: trades, coverage.
-- Note: a cross-check of effective_spread_bps in spread_1h that needs neither books nor sides. It holds where buys and
--       sells come in no order; a taker who walks through levels, or splits an order, makes it too small, or null.
-- Note: null below 100 trades: where prices do nothing but bounce, the standard error of the spread is about
--       1.1 / sqrt(trades) of it (Bartlett's formula), 11 % at 100. Null, too, where less than 0.1 of the hour was
--       recorded.
-- Reference: Roll (1984).
WITH changes AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 3600000000) AS hour,
        ts_event,
        trade_id,
        price,
        price - lag(price) OVER (
            PARTITION BY market, date, unix_micros(ts_event) - unix_micros(ts_event) % 3600000000
            ORDER BY ts_event, trade_id
        ) AS change
    FROM trades
),

pairs AS (
    SELECT
        market,
        date,
        hour,
        price,
        change,
        lag(change) OVER (PARTITION BY market, date, hour ORDER BY ts_event, trade_id) AS change_before
    FROM changes
),

facts AS (
    SELECT
        market,
        date,
        hour,
        count(*) AS trades,
        avg(price) AS price,
        CASE WHEN count(change_before) > 1 THEN covar_samp(change, change_before) END AS autocovariance,
        NULL AS trade_seconds,
        NULL AS grade
    FROM pairs
    GROUP BY market, date, hour
    UNION ALL
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(minute) - unix_micros(minute) % 3600000000) AS hour,
        NULL AS trades,
        NULL AS price,
        NULL AS autocovariance,
        trade_seconds,
        grade
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        hour,
        CAST(coalesce(sum(trades), 0) AS BIGINT) AS trades,
        max(price) AS price,
        max(autocovariance) AS autocovariance,
        sum(trade_seconds) / 3600e0 AS coverage,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, hour
),

estimates AS (
    SELECT
        *,
        CASE
            WHEN trades >= 100 AND coalesce(coverage, 1e0) >= 0.1e0 AND autocovariance < 0e0
                THEN 2 * sqrt(greatest(-autocovariance, 0e0))
        END AS roll_spread
    FROM sums
)

SELECT
    market,
    date,
    hour,
    trades,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN autocovariance END AS autocovariance,
    roll_spread,
    1e4 * roll_spread / nullif(price, 0e0) AS roll_spread_bps,
    coverage,
    grade
FROM estimates;
