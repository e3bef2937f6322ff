-- Question: how tight is each market's book over the whole recording?
-- Grain: market.
-- Units: spread in quote currency, relative spread in basis points of the mid, sizes in base units.
--        Plain means over snapshots: every snapshot counts once, however long it stood.
-- Source: depth, snapshots with both sides.
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
