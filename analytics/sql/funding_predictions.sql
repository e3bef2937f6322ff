-- Question: how well was each settlement's funding told some time before?
-- Grain: market, settlement, lead time.
-- Units:
--   ts_settled | time, UTC | the settlement
--   lead_minutes | minutes | how long before it: 1, 5, 15, 30, 60, 120, 240 and 480
--   interval_hours | hours | measured, as in funding_settlements
--   funding_rate | fraction an interval | charged; null where unproven
--   rate_next | fraction an interval | the last funding_rate_next so long before it, told for this settlement; null without one (see Note)
--   next_age_seconds | s | how much longer before, at most, by the last state of its minute
--   next_error_bps | bps | (rate_next - funding_rate) x 1e4
--   rate_predict | fraction an interval | the last funding_rate_predict so long before the settlement before: the estimate for this one
--   predict_lead_minutes | minutes | how long before this settlement that is: lead_minutes + the interval
--   predict_error_bps | bps | (rate_predict - funding_rate) x 1e4
--   coverage | 0 to 1 | share of the interval in which states were recorded, as in funding_settlements
-- Source: funding_timeline, funding_settlements.
-- Reach: 2 before
-- Note: what was told may be older than the lead by half of it, by a minute at least and 15 min at most; else it is null. So it is where
--   the market told another settlement then, as more than an interval before; and rate_predict where the interval is unproven.
WITH leads AS (
    SELECT 1 AS lead_minutes
    UNION ALL
    SELECT 5 AS lead_minutes
    UNION ALL
    SELECT 15 AS lead_minutes
    UNION ALL
    SELECT 30 AS lead_minutes
    UNION ALL
    SELECT 60 AS lead_minutes
    UNION ALL
    SELECT 120 AS lead_minutes
    UNION ALL
    SELECT 240 AS lead_minutes
    UNION ALL
    SELECT 480 AS lead_minutes
),

told AS (
    SELECT
        market,
        ts_settling,
        lead_minutes,
        unix_micros(minute) + 60000000 AS minute_end_us,
        unix_micros(ts_last) AS last_us,
        unix_micros(ts_settling) - lead_minutes * CAST(60000000 AS BIGINT) AS at_us,
        funding_rate_next,
        funding_rate_predict
    FROM funding_timeline
    CROSS JOIN leads
),

said AS (
    SELECT
        market,
        ts_settling,
        lead_minutes,
        max_by(funding_rate_next, CASE WHEN funding_rate_next IS NOT NULL THEN last_us END) AS rate_next,
        max_by(
            funding_rate_predict, CASE WHEN funding_rate_predict IS NOT NULL THEN last_us END
        ) AS rate_predict,
        max(CASE WHEN funding_rate_next IS NOT NULL THEN last_us END) AS next_us
    FROM told
    WHERE
        minute_end_us <= at_us
        AND last_us >= at_us - least(greatest(lead_minutes * CAST(30000000 AS BIGINT), 60000000), 900000000)
    GROUP BY market, ts_settling, lead_minutes
),

asked AS (
    SELECT market, date, ts_settled, interval_hours, funding_rate, coverage, grade, lead_minutes
    FROM funding_settlements
    CROSS JOIN leads
),

joined AS (
    SELECT
        asked.*,
        said.rate_next,
        CASE
            WHEN asked.interval_hours IS NOT NULL
                THEN lag(said.rate_predict) OVER (
                    PARTITION BY asked.market, asked.lead_minutes ORDER BY asked.ts_settled
                )
        END AS rate_predict,
        (unix_micros(asked.ts_settled) - asked.lead_minutes * CAST(60000000 AS BIGINT) - said.next_us) / 1e6
            AS next_age_seconds
    FROM asked
    LEFT JOIN said
        ON
            said.market = asked.market
            AND said.ts_settling = asked.ts_settled
            AND said.lead_minutes = asked.lead_minutes
)

SELECT
    market,
    date,
    ts_settled,
    lead_minutes,
    interval_hours,
    funding_rate,
    rate_next,
    next_age_seconds,
    (rate_next - funding_rate) * 1e4 AS next_error_bps,
    rate_predict,
    lead_minutes + interval_hours * 60 AS predict_lead_minutes,
    (rate_predict - funding_rate) * 1e4 AS predict_error_bps,
    coverage,
    grade
FROM joined;
