-- Question: how much was traded in each market over the whole recording?
-- Grain: market.
-- Units: volume in the market's quantity units (base, or contracts), vwap in quote currency,
--        buy_share is the share of volume with side 'buy', 0 to 1.
-- Source: trades.
SELECT
    market,
    count(*) AS trades,
    sum(quantity) AS volume,
    sum(CASE WHEN side = 'buy' THEN quantity ELSE 0 END) / nullif(sum(quantity), 0) AS buy_share,
    sum(price * quantity) / nullif(sum(quantity), 0) AS vwap,
    min(price) AS low,
    max(price) AS high,
    min(ts_event) AS ts_first,
    max(ts_event) AS ts_last
FROM trades
GROUP BY market;
