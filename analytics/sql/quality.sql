-- Question: how far can each market's day be trusted, and what did its feed turn out to be like?
-- Grain: market, UTC day.
-- Units:
--   minutes | - | judged minutes
--   share_a | 0 to 1 | share of the day's judged minutes of grade A
--   share_b | 0 to 1 | share of the day's judged minutes of grade B
--   share_c | 0 to 1 | share of the day's judged minutes of grade C
--   share_d | 0 to 1 | share of the day's judged minutes of grade D
--   trade_gap_seconds | s | what no repair closed of the market's trades
--   depth_gap_seconds | s | what no repair closed of the market's books
--   kline_gap_seconds | s | what no repair closed of the market's candles
--   state_gap_seconds | s | what no repair closed of the market's states
--   trade_lag_p50_ms | ms | median of receive - event time of pushed trades, whole ms rounded down; negative: our clock is behind
--   trade_lag_p99_ms | ms | 99th percentile of receive - event time of pushed trades, whole ms rounded down; negative: our clock is behind
--   depth_lag_p50_ms | ms | median of receive - event time of pushed books, whole ms rounded down; negative: our clock is behind
--   depth_lag_p99_ms | ms | 99th percentile of receive - event time of pushed books, whole ms rounded down; negative: our clock is behind
--   lag_steps | - | minutes whose least lag is more than 250 ms off that of the minute before
--   lag_step_max_ms | ms | the greatest of these; null without one
--   sides_compared | - | trades off the mid of the book before them
--   side_agreement | 0 to 1 | share of these whose side is the taker's
--   side_is | taker or maker | whose side the venue's word is, by these
--   column_order | ohlc, ochl, both or named | which order the candles' columns were seen in
--   trades | - | trades, by id
--   id_steps | - | steps from an id to the next
--   id_skips | - | steps that skip an id
--   ids_missing | - | ids skipped
--   id_skips_max | 0 to 1 | greatest share of steps that skip, at 95 % confidence (rule of three)
--   state_volume_ratio | - | the last state's 24 h volume over that of the 1,440 candles up to it; null where one is absent
-- Source: coverage, trades, depth, klines, state.
-- Reach: 1 before
WITH minutes AS (
    SELECT
        market,
        date AS day,
        count(*) AS minutes,
        sum(CASE WHEN grade = 'A' THEN 1 ELSE 0 END) AS minutes_a,
        sum(CASE WHEN grade = 'B' THEN 1 ELSE 0 END) AS minutes_b,
        sum(CASE WHEN grade = 'C' THEN 1 ELSE 0 END) AS minutes_c,
        sum(CASE WHEN grade = 'D' THEN 1 ELSE 0 END) AS minutes_d,
        sum(trade_gap_seconds) AS trade_gap_seconds,
        sum(depth_gap_seconds) AS depth_gap_seconds,
        sum(kline_gap_seconds) AS kline_gap_seconds,
        sum(state_gap_seconds) AS state_gap_seconds,
        sum(sides_compared) AS sides_compared,
        sum(sides_agreed) AS sides_agreed
    FROM coverage
    GROUP BY market, date
),

lags AS (
    SELECT 'trade' AS stream, market, date AS day, ts_event, unix_micros(ts_recv) - unix_micros(ts_event) AS lag_us
    FROM trades
    WHERE source = 'ws'
    UNION ALL
    SELECT 'depth' AS stream, market, date AS day, ts_event, unix_micros(ts_recv) - unix_micros(ts_event) AS lag_us
    FROM depth
    WHERE source = 'ws'
),

lag_counts AS (
    SELECT stream, market, day, floor(lag_us / 1000e0) AS lag_ms, count(*) AS pushes
    FROM lags
    GROUP BY stream, market, day, floor(lag_us / 1000e0)
),

lag_ranks AS (
    SELECT
        stream,
        market,
        day,
        lag_ms,
        sum(pushes) OVER (PARTITION BY stream, market, day ORDER BY lag_ms) AS up_to,
        sum(pushes) OVER (PARTITION BY stream, market, day) AS pushes
    FROM lag_counts
),

lag_quantiles AS (
    SELECT
        market,
        day,
        min(CASE WHEN stream = 'trade' AND up_to >= 0.5e0 * pushes THEN lag_ms END) AS trade_lag_p50_ms,
        min(CASE WHEN stream = 'trade' AND up_to >= 0.99e0 * pushes THEN lag_ms END) AS trade_lag_p99_ms,
        min(CASE WHEN stream = 'depth' AND up_to >= 0.5e0 * pushes THEN lag_ms END) AS depth_lag_p50_ms,
        min(CASE WHEN stream = 'depth' AND up_to >= 0.99e0 * pushes THEN lag_ms END) AS depth_lag_p99_ms
    FROM lag_ranks
    GROUP BY market, day
),

minute_lags AS (
    SELECT
        market,
        day,
        unix_micros(ts_event) - unix_micros(ts_event) % 60000000 AS minute_us,
        min(lag_us) / 1000e0 AS lag_ms
    FROM lags
    GROUP BY market, day, unix_micros(ts_event) - unix_micros(ts_event) % 60000000
),

minute_steps AS (
    SELECT
        market,
        day,
        abs(lag_ms - lag(lag_ms) OVER (PARTITION BY market, day ORDER BY minute_us)) AS step_ms
    FROM minute_lags
),

lag_steps AS (
    SELECT
        market,
        day,
        sum(CASE WHEN step_ms > 250 THEN 1 ELSE 0 END) AS lag_steps,
        max(CASE WHEN step_ms > 250 THEN step_ms END) AS lag_step_max_ms
    FROM minute_steps
    GROUP BY market, day
),

id_steps AS (
    SELECT
        market,
        date AS day,
        trade_id - lag(trade_id) OVER (PARTITION BY market, date ORDER BY trade_id) AS step
    FROM trades
),

ids AS (
    SELECT
        market,
        day,
        count(*) AS trades,
        count(step) AS id_steps,
        sum(CASE WHEN step > 1 THEN 1 ELSE 0 END) AS id_skips,
        sum(CASE WHEN step > 1 THEN step - 1 ELSE 0 END) AS ids_missing
    FROM id_steps
    GROUP BY market, day
),

candle_orders AS (
    SELECT
        market,
        date AS day,
        sum(CASE WHEN column_order = 'ohlc' THEN 1 ELSE 0 END) AS candles_ohlc,
        sum(CASE WHEN column_order = 'ochl' THEN 1 ELSE 0 END) AS candles_ochl,
        sum(CASE WHEN column_order = 'named' THEN 1 ELSE 0 END) AS candles_named
    FROM klines
    GROUP BY market, date
),

last_states AS (
    SELECT market, date AS day, max(ts_recv) AS ts_recv, max_by(volume, ts_recv) AS volume
    FROM state
    WHERE volume IS NOT NULL
    GROUP BY market, date
),

state_volumes AS (
    SELECT
        last_states.market,
        last_states.day,
        CASE
            WHEN count(klines.volume) >= 1440
                THEN max(last_states.volume) / nullif(sum(klines.volume), 0)
        END AS state_volume_ratio
    FROM last_states
    INNER JOIN klines
        ON
            klines.market = last_states.market
            AND klines.period = '1min'
            AND klines.ts_open > last_states.ts_recv - INTERVAL 1440 MINUTE
            AND klines.ts_open <= last_states.ts_recv
    GROUP BY last_states.market, last_states.day
)

SELECT
    minutes.market,
    minutes.day AS date,
    timestamp_micros(unix_micros(CAST(minutes.day AS TIMESTAMP))) AS day,
    minutes.minutes,
    minutes.minutes_a / minutes.minutes AS share_a,
    minutes.minutes_b / minutes.minutes AS share_b,
    minutes.minutes_c / minutes.minutes AS share_c,
    minutes.minutes_d / minutes.minutes AS share_d,
    minutes.trade_gap_seconds,
    minutes.depth_gap_seconds,
    minutes.kline_gap_seconds,
    minutes.state_gap_seconds,
    lag_quantiles.trade_lag_p50_ms,
    lag_quantiles.trade_lag_p99_ms,
    lag_quantiles.depth_lag_p50_ms,
    lag_quantiles.depth_lag_p99_ms,
    lag_steps.lag_steps,
    lag_steps.lag_step_max_ms,
    minutes.sides_compared,
    minutes.sides_agreed / nullif(minutes.sides_compared, 0) AS side_agreement,
    CASE
        WHEN minutes.sides_compared = 0 THEN NULL
        WHEN minutes.sides_agreed * 2 > minutes.sides_compared THEN 'taker'
        ELSE 'maker'
    END AS side_is,
    CASE
        WHEN candle_orders.candles_ohlc > 0 AND candle_orders.candles_ochl > 0 THEN 'both'
        WHEN candle_orders.candles_ohlc > 0 THEN 'ohlc'
        WHEN candle_orders.candles_ochl > 0 THEN 'ochl'
        WHEN candle_orders.candles_named > 0 THEN 'named'
    END AS column_order,
    ids.trades,
    ids.id_steps,
    ids.id_skips,
    ids.ids_missing,
    CASE WHEN ids.id_steps > 0 THEN least(1e0, (ids.id_skips + 3e0) / ids.id_steps) END AS id_skips_max,
    state_volumes.state_volume_ratio
FROM minutes
LEFT JOIN lag_quantiles ON lag_quantiles.market = minutes.market AND lag_quantiles.day = minutes.day
LEFT JOIN lag_steps ON lag_steps.market = minutes.market AND lag_steps.day = minutes.day
LEFT JOIN ids ON ids.market = minutes.market AND ids.day = minutes.day
LEFT JOIN candle_orders ON candle_orders.market = minutes.market AND candle_orders.day = minutes.day
LEFT JOIN state_volumes ON state_volumes.market = minutes.market AND state_volumes.day = minutes.day;
