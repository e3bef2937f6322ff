-- Question: how far can each market's day be trusted?
-- Grain: market, day.
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
--   lag_p50_ms | ms | median of receive - event time of pushed trades
--   lag_p99_ms | ms | 99th percentile of it
--   side_agreement | 0 to 1 | share of the trades off the mid whose side is the taker's
--   column_order | ohlc, ochl, both or named | which order the candles' columns were seen in
-- Source: quality.
-- Note: the short form of quality.
SELECT
    market,
    CAST(day AS TIMESTAMP) AS day,
    minutes,
    share_a,
    share_b,
    share_c,
    share_d,
    trade_gap_seconds,
    depth_gap_seconds,
    kline_gap_seconds,
    state_gap_seconds,
    trade_lag_p50_ms AS lag_p50_ms,
    trade_lag_p99_ms AS lag_p99_ms,
    side_agreement,
    column_order
FROM quality;
