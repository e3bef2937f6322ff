-- Question: what did trading cost in each minute, on days whose minutes are not stored yet?
-- Grain: market, minute.
-- Units:
--   effective_trades | - | trades with a mid before them
--   effective_bps | bps | over these: twice the way from the mid to the price, + against the taker, summed
--   effective_turnover | quote | over these: price x quantity
--   effective_bps_turnover | bps x quote | over these: the bps x price x quantity
--   realised_trades | - | trades with a mid before them and another 5 s later
--   realised_bps | bps | over these: twice the way from the later mid to the price, in bps of the first, summed
--   realised_turnover | quote | over these: price x quantity
--   realised_bps_turnover | bps x quote | over these: the realised bps x price x quantity
--   impact_bps | bps | over these: twice the way from the first mid to the later one, summed
--   impact_bps_turnover | bps x quote | over these: the impact bps x price x quantity
-- Source: open_trade_mids.
-- Note: the columns are those of the table minutes, in which compaction stores them.
WITH costs AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 60000000) AS minute,
        price * quantity AS turnover,
        mid_after,
        CASE WHEN side = 'buy' THEN 2e4 ELSE -2e4 END * (price - mid_before) / mid_before AS effective,
        CASE WHEN side = 'buy' THEN 2e4 ELSE -2e4 END * (price - mid_after) / mid_before AS realised,
        CASE WHEN side = 'buy' THEN 2e4 ELSE -2e4 END * (mid_after - mid_before) / mid_before AS impact
    FROM open_trade_mids
    WHERE mid_before IS NOT NULL
)

SELECT
    market,
    date,
    minute,
    count(*) AS effective_trades,
    sum(effective) AS effective_bps,
    sum(turnover) AS effective_turnover,
    sum(effective * turnover) AS effective_bps_turnover,
    count(mid_after) AS realised_trades,
    coalesce(sum(realised), 0e0) AS realised_bps,
    coalesce(sum(CASE WHEN mid_after IS NOT NULL THEN turnover END), 0e0) AS realised_turnover,
    coalesce(sum(realised * turnover), 0e0) AS realised_bps_turnover,
    coalesce(sum(impact), 0e0) AS impact_bps,
    coalesce(sum(impact * turnover), 0e0) AS impact_bps_turnover
FROM costs
GROUP BY market, date, minute;
