-- Question: what did funding charge in a bucket, and what is that a year?
-- Grain: market, minute.
-- Units:
--   settlements | - | settlements that were due in the bucket, its start with it
--   proven | - | of these, with a proven charge
--   rate_sum | fraction of notional | sum of the proven charges; null without one
--   apr_mean | fraction a year | mean of the settlements' simple APRs, where both charge and interval are proven
--   hours_proven | hours | sum of their intervals, which may begin before the bucket
--   apr_realised | fraction a year | (sum of their charges) x 8760 / hours_proven
--   capped | - | of the settlements, those at the venue's cap, as far as that is known
--   coverage | 0 to 1 | share of the bucket in which states were recorded; null until graded
-- Source: funding_settlements, coverage.
-- Note: a figure is null where no settlement has what it needs; where proven is less than settlements, rate_sum is not the whole bucket's.
-- Note: a settlement counts whole where it falls. Buckets shorter than the interval between two have a charge in some of them only.
WITH facts AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_settled) - unix_micros(ts_settled) % 60000000) AS minute,
        funding_rate,
        apr,
        CASE WHEN apr IS NOT NULL THEN funding_rate END AS rate_of_hours,
        CASE WHEN apr IS NOT NULL THEN interval_hours END AS hours_proven,
        CASE WHEN capped THEN 1 END AS capped,
        1 AS settled,
        NULL AS state_seconds,
        NULL AS grade
    FROM funding_settlements
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS funding_rate,
        NULL AS apr,
        NULL AS rate_of_hours,
        NULL AS hours_proven,
        NULL AS capped,
        NULL AS settled,
        state_seconds,
        grade
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        count(settled) AS settlements,
        count(funding_rate) AS proven,
        sum(funding_rate) AS rate_sum,
        avg(apr) AS apr_mean,
        sum(rate_of_hours) AS rate_of_hours,
        sum(hours_proven) AS hours_proven,
        count(capped) AS capped,
        sum(state_seconds) AS state_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    market,
    date,
    bucket AS minute,
    settlements,
    proven,
    rate_sum,
    apr_mean,
    hours_proven,
    rate_of_hours * 8760 / nullif(hours_proven, 0e0) AS apr_realised,
    capped,
    state_seconds / bucket_seconds AS coverage,
    grade
FROM sums;
