-- Question: what did an even pace through the bucket pay, beside what the volume paid?
-- Grain: market, minute.
-- Units:
--   vwap | quote | volume-weighted price: sum of price x quantity / volume; null without a trade
--   twap | quote | time-weighted price: mean of the prices at the end of each of the bucket's minutes, each the last trade's up to there
--   twap_to_vwap_bps | bps | twap / vwap - 1
--   last_price | quote | the price at the end of the bucket's last minute that has one
--   priced_minutes | - | minutes with a price at their end
--   priced | 0 to 1 | these as a share of the bucket
--   coverage | 0 to 1 | share of the bucket in which trades were recorded, or repaired; null until it is graded
-- Source: closed_minutes, open_trade_minutes, coverage.
-- Note: a minute without a trade has the price of the last one before it, where every minute since, and that trade's own,
--       was recorded whole; across a gap, an ungraded minute or midnight (UTC) no price is carried: then it has none.
-- Note: figures are null where less than 0.1 of the bucket was observed, twap also where less than 0.1 of it has a price.
-- Note: by the minute twap is the price at its end. basis_1m.mid weighs the book's mid by time, within the minute, too.
-- Note: of an inverse market vwap weighs prices by contracts, which differs from contracts / base by about the relative variance of prices.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        volume,
        turnover,
        close,
        NULL AS trade_seconds,
        NULL AS grade
    FROM closed_minutes
    WHERE trades > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        volume,
        turnover,
        close,
        NULL AS trade_seconds,
        NULL AS grade
    FROM open_trade_minutes
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS volume,
        NULL AS turnover,
        NULL AS close,
        trade_seconds,
        grade
    FROM coverage
),

of_minute AS (
    SELECT
        market,
        date,
        minute,
        sum(volume) AS volume,
        sum(turnover) AS turnover,
        CASE WHEN coalesce(max(trade_seconds), 60e0) >= 6e0 THEN max(close) END AS close,
        max(trade_seconds) AS trade_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY minute, market, date
),

begun AS (
    SELECT
        *,
        CASE
            WHEN
                close IS NULL
                AND trade_seconds >= 60
                AND lag(trade_seconds) OVER (PARTITION BY market, date ORDER BY minute) >= 60
                AND lag(minute) OVER (PARTITION BY market, date ORDER BY minute) = minute - INTERVAL 1 MINUTE
                THEN 0
            ELSE 1
        END AS begins
    FROM of_minute
),

runs AS (
    SELECT
        *,
        sum(begins) OVER (
            PARTITION BY market, date ORDER BY minute
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS run
    FROM begun
),

carried AS (
    SELECT
        *,
        max(close) OVER (PARTITION BY market, date, run) AS price
    FROM runs
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        sum(volume) AS volume,
        sum(turnover) AS turnover,
        avg(price) AS price,
        max_by(price, CASE WHEN price IS NOT NULL THEN minute END) AS last_price,
        count(price) AS priced_minutes,
        sum(trade_seconds) AS covered_seconds,
        max(grade) AS grade
    FROM carried
    GROUP BY market, date, minute
),

covered AS (
    SELECT
        *,
        covered_seconds / bucket_seconds AS coverage,
        60 * priced_minutes / bucket_seconds AS priced
    FROM sums
),

shown AS (
    SELECT
        *,
        CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN turnover / nullif(volume, 0e0) END AS vwap,
        CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 AND priced >= 0.1e0 THEN price END AS twap
    FROM covered
)

SELECT
    market,
    date,
    bucket AS minute,
    vwap,
    twap,
    1e4 * (twap / nullif(vwap, 0e0) - 1) AS twap_to_vwap_bps,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN last_price END AS last_price,
    priced_minutes,
    priced,
    coverage,
    grade
FROM shown;
