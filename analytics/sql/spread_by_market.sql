-- Question: how tight is each market's book over the whole recording?
-- Grain: market.
-- Units:
--   snapshots | - | books with both sides
--   spread_mean | quote | best ask - best bid
--   spread_min | quote | the narrowest
--   spread_max | quote | the widest
--   relative_spread_bps_mean | bps | (ask - bid) / mid
--   bid_quantity_mean | base | at the best bid
--   ask_quantity_mean | base | at the best ask
--   coverage | 0 to 1 | share of the market's judged minutes in which books were recorded; null until one is graded
--   grade | A to D | the worst grade of the market's minutes, which is about trades and candles; null until one is graded
-- Source: depth, coverage.
-- Note: plain means: every snapshot counts once, however long it stood; spread_1d weighs by time.
WITH quoted AS (
    SELECT
        market,
        count(*) AS snapshots,
        avg(ask_price - bid_price) AS spread_mean,
        min(ask_price - bid_price) AS spread_min,
        max(ask_price - bid_price) AS spread_max,
        avg(2e4 * (ask_price - bid_price) / nullif(ask_price + bid_price, 0)) AS relative_spread_bps_mean,
        avg(bid_quantity) AS bid_quantity_mean,
        avg(ask_quantity) AS ask_quantity_mean
    FROM depth
    WHERE bid_price IS NOT NULL AND ask_price IS NOT NULL
    GROUP BY market
),

judged AS (
    SELECT
        market,
        sum(depth_seconds) / (60e0 * count(*)) AS coverage,
        max(grade) AS grade
    FROM coverage
    GROUP BY market
)

SELECT
    quoted.market,
    snapshots,
    spread_mean,
    spread_min,
    spread_max,
    relative_spread_bps_mean,
    bid_quantity_mean,
    ask_quantity_mean,
    judged.coverage,
    judged.grade
FROM quoted
LEFT JOIN judged ON judged.market = quoted.market;
