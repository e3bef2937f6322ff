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
-- Source: closed_minutes, open_trade_minutes, coverage.
-- Note: deltas are null where less than 0.1 of the bucket was observed, sums where less than 0.1 of the time so far was.
--       What was missed is missing from every later sum of the day: coverage_so_far tells how much.
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
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

so_far AS (
    SELECT
        *,
        covered_seconds / bucket_seconds AS coverage,
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
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN delta END AS delta,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN delta_turnover END AS delta_turnover,
    CASE WHEN coalesce(coverage_so_far, 1e0) >= 0.1e0 THEN cvd END AS cvd,
    CASE WHEN coalesce(coverage_so_far, 1e0) >= 0.1e0 THEN cvd_turnover END AS cvd_turnover,
    coverage,
    coverage_so_far,
    grade,
    grade_so_far
FROM covered;
