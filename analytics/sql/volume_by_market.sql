-- Question: how much was traded in each market over the whole recording?
-- Grain: market.
-- Units:
--   trades | - | trades
--   volume | base | their quantity (contracts, where the market counts in these)
--   buy_share | 0 to 1 | share of volume with side buy
--   vwap | quote | sum of price x quantity / volume
--   low | quote | lowest price
--   high | quote | highest price
--   ts_first | time, UTC | of the first trade
--   ts_last | time, UTC | of the last trade
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
