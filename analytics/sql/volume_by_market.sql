-- Question: how much was traded in each market over the whole recording?
-- Grain: market.
-- Units:
--   trades | - | trades
--   volume | base | their quantity (contracts, where the market counts in these)
--   turnover | quote | their price x quantity
--   buy_share | 0 to 1 | share of volume with side buy
--   vwap | quote | sum of price x quantity / volume
--   low | quote | lowest price
--   high | quote | highest price
--   ts_first | time, UTC | of the first trade
--   ts_last | time, UTC | of the last trade
--   coverage | 0 to 1 | share of the market's judged minutes in which trades were recorded, or repaired; null until one is graded
--   grade | A to D | the worst grade of the market's minutes; null until one is graded
-- Source: trades, coverage, inverse_markets.
-- Note: figures are of what was recorded, however little: volume is the market's only as far as coverage is 1.
-- Note: of an inverse market, which counts contracts, turnover is null: price x quantity is no amount of money.
--       Its vwap weighs prices by contracts, which differs from contracts / base by about the relative variance of prices.
WITH traded AS (
    SELECT
        market,
        count(*) AS trades,
        sum(quantity) AS volume,
        sum(price * quantity) AS turnover,
        sum(CASE WHEN side = 'buy' THEN quantity ELSE 0 END) / nullif(sum(quantity), 0) AS buy_share,
        min(price) AS low,
        max(price) AS high,
        min(ts_event) AS ts_first,
        max(ts_event) AS ts_last
    FROM trades
    GROUP BY market
),

judged AS (
    SELECT
        market,
        sum(trade_seconds) / (60e0 * count(*)) AS coverage,
        max(grade) AS grade
    FROM coverage
    GROUP BY market
)

SELECT
    traded.market,
    trades,
    volume,
    CASE WHEN is_inverse IS NULL THEN turnover END AS turnover,
    buy_share,
    turnover / nullif(volume, 0) AS vwap,
    low,
    high,
    ts_first,
    ts_last,
    judged.coverage,
    judged.grade
FROM traded
LEFT JOIN judged ON judged.market = traded.market
LEFT JOIN inverse_markets ON inverse_markets.market = traded.market;
