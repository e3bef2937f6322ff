-- Question: how are each day's trades spread over sizes?
-- Grain: market, day, power of two of price x quantity at which there was a trade.
-- Units:
--   low | quote | a power of two, the least price x quantity that counts here
--   high | quote | 2 x low, the least that no longer does
--   trades | - | trades of low <= price x quantity < high
--   volume | base | their quantity
--   turnover | quote | their price x quantity
--   buy_turnover | quote | of those of side buy, the taker's side in the venue's word
--   share | 0 to 1 | trades as a share of the day's
--   turnover_share | 0 to 1 | turnover as a share of the day's
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
-- Source: trades, coverage_1d, inverse_markets.
-- Note: trades counts what there is; the other figures are null where less than 0.1 of the day was observed, sums (volume and
--       turnovers) also where less than 0.95 of its judged time was.
-- Note: an inverse market, which counts contracts, has no rows: price x quantity is no amount of money.
WITH guessed AS (
    SELECT
        market,
        date,
        side,
        quantity,
        price * quantity AS notional,
        floor(log2(price * quantity)) AS power
    FROM trades
    WHERE price * quantity > 0
),

-- A logarithm may fall short of a whole number, or reach it too early, by its last bit.
powers AS (
    SELECT
        *,
        CASE
            WHEN notional >= pow(2e0, power + 1) THEN power + 1
            WHEN notional < pow(2e0, power) THEN power - 1
            ELSE power
        END AS exact
    FROM guessed
),

sizes AS (
    SELECT
        market,
        date,
        pow(2e0, exact) AS low,
        count(*) AS trades,
        sum(quantity) AS volume,
        sum(notional) AS turnover,
        sum(CASE WHEN side = 'buy' THEN notional ELSE 0e0 END) AS buy_turnover
    FROM powers
    GROUP BY market, date, exact
),

shares AS (
    SELECT
        *,
        trades / sum(trades) OVER (PARTITION BY market, date) AS share,
        turnover / sum(turnover) OVER (PARTITION BY market, date) AS turnover_share
    FROM sizes
),

covered AS (
    SELECT
        shares.*,
        coverage_1d.trade_coverage AS coverage,
        coverage_1d.grade,
        coalesce(coverage_1d.trade_coverage >= 0.1e0, true) AS is_seen,
        coalesce(coverage_1d.trade_coverage >= greatest(0.95e0 * coverage_1d.judged, 0.1e0), true) AS is_summed
    FROM shares
    LEFT JOIN coverage_1d ON coverage_1d.market = shares.market AND coverage_1d.date = shares.date
    LEFT JOIN inverse_markets ON inverse_markets.market = shares.market
    WHERE is_inverse IS NULL
)

SELECT
    market,
    date,
    timestamp_micros(unix_micros(CAST(date AS TIMESTAMP))) AS day,
    low,
    2 * low AS high,
    trades,
    CASE WHEN is_summed THEN volume END AS volume,
    CASE WHEN is_summed THEN turnover END AS turnover,
    CASE WHEN is_summed THEN buy_turnover END AS buy_turnover,
    CASE WHEN is_seen THEN share END AS share,
    CASE WHEN is_seen THEN turnover_share END AS turnover_share,
    coverage,
    grade
FROM covered;
