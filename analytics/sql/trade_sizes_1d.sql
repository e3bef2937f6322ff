-- Question: how large were each day's trades?
-- Grain: market, day.
-- Units:
--   trades | - | trades, by ts_event
--   quantity_mean | base | mean of their quantities
--   quantity_median | base | median, half way between the two in the middle where there are two
--   quantity_p90 | base | 90th percentile, interpolated; null for fewer than 10 trades
--   quantity_p99 | base | 99th percentile, interpolated; null for fewer than 100 trades
--   quantity_max | base | the greatest
--   notional_mean | quote | mean of price x quantity
--   notional_median | quote | median likewise
--   notional_p90 | quote | 90th percentile likewise
--   notional_p99 | quote | 99th percentile likewise
--   notional_max | quote | the greatest
--   top_share | 0 to 1 | share of the day's turnover of its largest 1 % of trades, rounded up; null for fewer than 100
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
-- Source: trades, coverage_1d, inverse_markets.
-- Note: a trade is what the venue counts as one: an order that meets several others is as many trades.
-- Note: figures are null where less than 0.1 of the day was observed.
-- Note: of an inverse market, which counts contracts, notionals and top_share are null: price x quantity is no amount of money.
WITH sizes AS (
    SELECT
        market,
        date,
        quantity,
        price * quantity AS notional,
        count(*) OVER (PARTITION BY market, date) AS day_trades,
        row_number() OVER (PARTITION BY market, date ORDER BY price * quantity DESC) AS place
    FROM trades
),

days AS (
    SELECT
        market,
        date,
        count(*) AS trades,
        avg(quantity) AS quantity_mean,
        percentile_cont(0.5e0) WITHIN GROUP (ORDER BY quantity) AS quantity_median,
        percentile_cont(0.9e0) WITHIN GROUP (ORDER BY quantity) AS quantity_p90,
        percentile_cont(0.99e0) WITHIN GROUP (ORDER BY quantity) AS quantity_p99,
        max(quantity) AS quantity_max,
        avg(notional) AS notional_mean,
        percentile_cont(0.5e0) WITHIN GROUP (ORDER BY notional) AS notional_median,
        percentile_cont(0.9e0) WITHIN GROUP (ORDER BY notional) AS notional_p90,
        percentile_cont(0.99e0) WITHIN GROUP (ORDER BY notional) AS notional_p99,
        max(notional) AS notional_max,
        sum(CASE WHEN 100 * place < day_trades + 100 THEN notional END)
        / nullif(sum(notional), 0e0) AS top_share
    FROM sizes
    GROUP BY market, date
),

covered AS (
    SELECT
        days.*,
        coverage_1d.trade_coverage AS coverage,
        coverage_1d.grade,
        coalesce(coverage_1d.trade_coverage, 1e0) >= 0.1e0 AS observed,
        coalesce(coverage_1d.trade_coverage, 1e0) >= 0.1e0 AND is_inverse IS NULL AS priced
    FROM days
    LEFT JOIN coverage_1d ON coverage_1d.market = days.market AND coverage_1d.date = days.date
    LEFT JOIN inverse_markets ON inverse_markets.market = days.market
)

SELECT
    market,
    date,
    timestamp_micros(unix_micros(CAST(date AS TIMESTAMP))) AS day,
    trades,
    CASE WHEN observed THEN quantity_mean END AS quantity_mean,
    CASE WHEN observed THEN quantity_median END AS quantity_median,
    CASE WHEN observed AND trades >= 10 THEN quantity_p90 END AS quantity_p90,
    CASE WHEN observed AND trades >= 100 THEN quantity_p99 END AS quantity_p99,
    CASE WHEN observed THEN quantity_max END AS quantity_max,
    CASE WHEN priced THEN notional_mean END AS notional_mean,
    CASE WHEN priced THEN notional_median END AS notional_median,
    CASE WHEN priced AND trades >= 10 THEN notional_p90 END AS notional_p90,
    CASE WHEN priced AND trades >= 100 THEN notional_p99 END AS notional_p99,
    CASE WHEN priced THEN notional_max END AS notional_max,
    CASE WHEN priced AND trades >= 100 THEN top_share END AS top_share,
    coverage,
    grade
FROM covered;
