-- Question: how fast did prices follow the trades: which part of the effective spread was left after 1 to 300 s?
-- Grain: market, hour, horizon_s.
-- Units:
--   horizon_s | s | how long after each trade the mid is looked at again: 1, 5, 30, 60 or 300
--   trades | - | trades, by ts_event
--   measured_trades | - | of these, those with a mid before them and another horizon_s later
--   effective_spread_bps | bps | over the measured trades: 2 x (price - mid before) / mid before, + against the taker, by price x quantity
--   realised_spread_bps | bps | over the same: 2 x (price - mid after) / mid before, likewise: what is left to the maker
--   impact_bps | bps | over the same: 2 x (mid after - mid before) / mid before, likewise; effective = realised + impact
--   measured | 0 to 1 | turnover (price x quantity) of the measured trades as a share of that of all; null without a trade
--   coverage | 0 to 1 | time in which a book with both sides stood, as a share of the hour
-- Source: trade_mids, observed_1h.
-- Note: figures are null where less than 0.1 of the hour was observed, or less than 0.1 of the turnover measured.
-- Note: effective differs a little between horizons, and from spread_1h, where other trades are measured; there it is
--       of all trades with a mid before them.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
-- Reference: Huang and Stoll (1996) for the parts of the effective spread.
WITH costs AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 3600000000) AS hour,
        horizon_s,
        price * quantity AS turnover,
        CASE
            WHEN mid_before IS NOT NULL AND mid_after IS NOT NULL THEN price * quantity
        END AS measured_turnover,
        CASE WHEN side = 'buy' THEN 2e4 ELSE -2e4 END * (price - mid_before) / mid_before AS effective,
        CASE WHEN side = 'buy' THEN 2e4 ELSE -2e4 END * (price - mid_after) / mid_before AS realised,
        CASE WHEN side = 'buy' THEN 2e4 ELSE -2e4 END * (mid_after - mid_before) / mid_before AS impact
    FROM trade_mids
),

horizons AS (
    SELECT 1 AS horizon_s
    UNION ALL
    SELECT 5 AS horizon_s
    UNION ALL
    SELECT 30 AS horizon_s
    UNION ALL
    SELECT 60 AS horizon_s
    UNION ALL
    SELECT 300 AS horizon_s
),

facts AS (
    SELECT
        market,
        date,
        hour,
        horizon_s,
        count(*) AS trades,
        count(measured_turnover) AS measured_trades,
        sum(turnover) AS turnover,
        sum(measured_turnover) AS measured_turnover,
        sum(effective * measured_turnover) AS effective_bps_turnover,
        sum(realised * measured_turnover) AS realised_bps_turnover,
        sum(impact * measured_turnover) AS impact_bps_turnover,
        NULL AS coverage,
        NULL AS grade
    FROM costs
    GROUP BY market, date, hour, horizon_s
    UNION ALL
    SELECT
        observed_1h.market,
        observed_1h.date,
        observed_1h.hour,
        horizons.horizon_s,
        NULL AS trades,
        NULL AS measured_trades,
        NULL AS turnover,
        NULL AS measured_turnover,
        NULL AS effective_bps_turnover,
        NULL AS realised_bps_turnover,
        NULL AS impact_bps_turnover,
        observed_1h.coverage,
        observed_1h.grade
    FROM observed_1h
    CROSS JOIN horizons
),

sums AS (
    SELECT
        market,
        date,
        hour,
        horizon_s,
        CAST(coalesce(sum(trades), 0) AS BIGINT) AS trades,
        CAST(coalesce(sum(measured_trades), 0) AS BIGINT) AS measured_trades,
        coalesce(sum(measured_turnover), 0e0) AS measured_turnover,
        coalesce(sum(measured_turnover), 0e0) / nullif(sum(turnover), 0e0) AS measured,
        sum(effective_bps_turnover) AS effective_bps_turnover,
        sum(realised_bps_turnover) AS realised_bps_turnover,
        sum(impact_bps_turnover) AS impact_bps_turnover,
        coalesce(max(coverage), 0e0) AS coverage,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, hour, horizon_s
)

SELECT
    market,
    date,
    hour,
    horizon_s,
    trades,
    measured_trades,
    CASE
        WHEN coverage >= 0.1e0 AND measured >= 0.1e0
            THEN effective_bps_turnover / nullif(measured_turnover, 0e0)
    END AS effective_spread_bps,
    CASE
        WHEN coverage >= 0.1e0 AND measured >= 0.1e0
            THEN realised_bps_turnover / nullif(measured_turnover, 0e0)
    END AS realised_spread_bps,
    CASE
        WHEN coverage >= 0.1e0 AND measured >= 0.1e0
            THEN impact_bps_turnover / nullif(measured_turnover, 0e0)
    END AS impact_bps,
    measured,
    coverage,
    grade
FROM sums;
