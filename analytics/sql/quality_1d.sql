-- Question: how far can each market's day be trusted?
-- Grain: market, UTC day (its start).
-- Units: as in quality, of which this is the short form.
-- Source: quality.
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
