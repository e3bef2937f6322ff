-- Question: what did funding charge in a day, and what is that a year?
-- Grain: market, day.
-- Units:
--   settlements | - | settlements that were due in the day, 00:00 with it
--   proven | - | of these, with a proven charge
--   rate_sum | fraction of notional | sum of the proven charges; null without one
--   apr_mean | fraction a year | mean of the settlements' simple APRs, where both charge and interval are proven
--   hours_proven | hours | sum of their intervals, which may begin on the day before
--   apr_realised | fraction a year | (sum of their charges) x 8760 / hours_proven
--   capped | - | of the settlements, those at the venue's cap, as far as that is known
--   coverage | 0 to 1 | share of the day in which states were recorded; null until graded
-- Source: funding_settlements, coverage.
-- Note: a figure is null where no settlement has what it needs; where proven is less than settlements, rate_sum is not the whole day's.
WITH facts AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_settled) - unix_micros(ts_settled) % 86400000000) AS day,
        count(*) AS settlements,
        count(funding_rate) AS proven,
        sum(funding_rate) AS rate_sum,
        sum(apr) AS apr_sum,
        count(apr) AS aprs,
        sum(CASE WHEN apr IS NOT NULL THEN funding_rate END) AS rate_of_hours,
        sum(CASE WHEN apr IS NOT NULL THEN interval_hours END) AS hours_proven,
        count(CASE WHEN capped THEN 1 END) AS capped,
        NULL AS state_seconds,
        NULL AS grade
    FROM funding_settlements
    GROUP BY market, date, timestamp_micros(unix_micros(ts_settled) - unix_micros(ts_settled) % 86400000000)
    UNION ALL
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(minute) - unix_micros(minute) % 86400000000) AS day,
        0 AS settlements,
        0 AS proven,
        NULL AS rate_sum,
        NULL AS apr_sum,
        NULL AS aprs,
        NULL AS rate_of_hours,
        NULL AS hours_proven,
        0 AS capped,
        sum(state_seconds) AS state_seconds,
        max(grade) AS grade
    FROM coverage
    GROUP BY market, date, timestamp_micros(unix_micros(minute) - unix_micros(minute) % 86400000000)
)

SELECT
    market,
    date,
    day,
    CAST(sum(settlements) AS BIGINT) AS settlements,
    CAST(sum(proven) AS BIGINT) AS proven,
    sum(rate_sum) AS rate_sum,
    sum(apr_sum) / nullif(sum(aprs), 0) AS apr_mean,
    sum(hours_proven) AS hours_proven,
    sum(rate_of_hours) * 8760 / nullif(sum(hours_proven), 0e0) AS apr_realised,
    CAST(sum(capped) AS BIGINT) AS capped,
    sum(state_seconds) / 86400 AS coverage,
    max(grade) AS grade
FROM facts
GROUP BY market, date, day;
