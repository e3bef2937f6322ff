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
-- Source: depth.
-- Note: plain means: every snapshot counts once, however long it stood; spread_1d weighs by time.
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
GROUP BY market;
