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
--   coverage | 0 to 1 | the least share of the day in which one of the four streams was recorded, or repaired; coverage_1d has each
-- Source: quality, coverage_1d.
-- Note: the short form of quality.
SELECT
    quality.market,
    quality.date,
    quality.day,
    quality.minutes,
    quality.share_a,
    quality.share_b,
    quality.share_c,
    quality.share_d,
    quality.trade_gap_seconds,
    quality.depth_gap_seconds,
    quality.kline_gap_seconds,
    quality.state_gap_seconds,
    quality.trade_lag_p50_ms AS lag_p50_ms,
    quality.trade_lag_p99_ms AS lag_p99_ms,
    quality.side_agreement,
    quality.column_order,
    coverage_1d.coverage,
    coverage_1d.grade
FROM quality
LEFT JOIN coverage_1d ON coverage_1d.market = quality.market AND coverage_1d.date = quality.date;
