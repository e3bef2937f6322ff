-- Question: who was the more eager since the day began, buyers or sellers?
-- Grain: market, minute.
-- Units:
--   delta | base | buy volume - sell volume of the bucket; side is the venue's word for the taker's
--   delta_turnover | quote | buy turnover - sell turnover of the bucket
--   cvd | base | cumulative volume delta: sum of delta from the UTC day's start to the bucket's end; starts anew each day
--   cvd_turnover | quote | likewise of delta_turnover
--   coverage | 0 to 1 | share of the bucket in which trades were recorded, or repaired; null until it is graded
--   coverage_so_far | 0 to 1 | likewise of the time from the day's start to the bucket's end; null until the bucket is graded
--   grade_so_far | A to D | the worst grade from the day's start to the bucket's end
-- Source: closed_minutes, open_trade_minutes, coverage, inverse_markets.
-- Note: deltas are null where less than 0.1 of the bucket, or less than 0.95 of its judged time, was observed. The running totals
--       are of what was recorded, and null where less than 0.1 of the time so far was: what was missed is missing from every later
--       one of the day, and coverage_so_far tells how much.
-- Note: of an inverse market, which counts contracts, delta_turnover and cvd_turnover are null: price x quantity is no amount of money.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        volume,
        turnover,
        buy_volume,
        buy_turnover,
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
        buy_volume,
        buy_turnover,
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
        NULL AS buy_volume,
        NULL AS buy_turnover,
        trade_seconds,
        grade
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        coalesce(sum(2 * buy_volume - volume), 0e0) AS delta,
        coalesce(sum(2 * buy_turnover - turnover), 0e0) AS delta_turnover,
        sum(trade_seconds) AS covered_seconds,
        60e0 * count(trade_seconds) AS judged_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

so_far AS (
    SELECT
        *,
        covered_seconds / bucket_seconds AS coverage,
        coalesce(covered_seconds >= greatest(0.95e0 * judged_seconds, 0.1e0 * bucket_seconds), true) AS is_summed,
        sum(delta) OVER (
            PARTITION BY market, date ORDER BY bucket
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS cvd,
        sum(delta_turnover) OVER (
            PARTITION BY market, date ORDER BY bucket
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS cvd_turnover,
        sum(covered_seconds) OVER (
            PARTITION BY market, date ORDER BY bucket
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS covered_seconds_so_far,
        max(grade) OVER (
            PARTITION BY market, date ORDER BY bucket
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS grade_so_far
    FROM sums
),

covered AS (
    SELECT
        *,
        CASE
            WHEN covered_seconds IS NOT NULL
                THEN covered_seconds_so_far / (unix_micros(bucket) % 86400000000 / 1e6 + bucket_seconds)
        END AS coverage_so_far
    FROM so_far
)

SELECT
    market,
    date,
    bucket AS minute,
    CASE WHEN is_summed THEN delta END AS delta,
    CASE WHEN is_summed AND is_inverse IS NULL THEN delta_turnover END AS delta_turnover,
    CASE WHEN coalesce(coverage_so_far, 1e0) >= 0.1e0 THEN cvd END AS cvd,
    CASE
        WHEN coalesce(coverage_so_far, 1e0) >= 0.1e0 AND is_inverse IS NULL THEN cvd_turnover
    END AS cvd_turnover,
    coverage,
    coverage_so_far,
    grade,
    grade_so_far
FROM covered
LEFT JOIN inverse_markets USING (market);
