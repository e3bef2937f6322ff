-- Question: which markets pay the most for being short, now and over all that was recorded?
-- Grain: market.
-- Units:
--   ts_recv | time, the recorder's clock | of the newest state
--   funding_rate_next | fraction an interval | what the next settlement will charge, as told last
--   interval_hours | hours | measured, of the interval that is running
--   apr_next | fraction a year | simple: funding_rate_next x 8760 / interval_hours
--   rank_next | - | 1 for the highest apr_next, equal ones alike; null without one, or more than 10 min behind the newest of all states
--   settlements | - | settlements recorded
--   proven | - | of these, with a proven charge
--   rate_sum | fraction of notional | sum of the proven charges
--   hours_proven | hours | sum of the intervals in which both charge and interval are proven
--   apr_realised | fraction a year | (sum of their charges) x 8760 / hours_proven; null without one
--   rank_realised | - | 1 for the highest apr_realised, equal ones alike; null without one
--   coverage | 0 to 1 | share of hours_proven in which states were recorded; null until graded
--   grade | A to D | the worst grade of those intervals; null until graded
-- Source: funding_now, funding_settlements.
-- Reach: all
-- Note: figures that agree to 12 decimals are equal: sums of the same rates in another order differ in the last one.
WITH realised AS (
    SELECT
        market,
        count(*) AS settlements,
        count(funding_rate) AS proven,
        sum(funding_rate) AS rate_sum,
        sum(CASE WHEN apr IS NOT NULL THEN funding_rate END) AS rate_of_hours,
        sum(CASE WHEN apr IS NOT NULL THEN interval_hours END) AS hours_proven,
        sum(CASE WHEN apr IS NOT NULL THEN interval_hours * coverage END) AS hours_covered,
        max(CASE WHEN apr IS NOT NULL THEN grade END) AS grade
    FROM funding_settlements
    GROUP BY market
),

figures AS (
    SELECT
        funding_now.market,
        funding_now.ts_recv,
        funding_now.funding_rate_next,
        funding_now.interval_hours,
        funding_now.apr_next,
        CASE WHEN funding_now.age_seconds <= 600 THEN funding_now.apr_next END AS apr_ranked,
        coalesce(realised.settlements, 0) AS settlements,
        coalesce(realised.proven, 0) AS proven,
        realised.rate_sum,
        realised.hours_proven,
        realised.rate_of_hours * 8760 / nullif(realised.hours_proven, 0e0) AS apr_realised,
        realised.hours_covered / nullif(realised.hours_proven, 0e0) AS coverage,
        realised.grade
    FROM funding_now
    LEFT JOIN realised ON realised.market = funding_now.market
)

SELECT
    market,
    ts_recv,
    funding_rate_next,
    interval_hours,
    apr_next,
    CASE
        WHEN apr_ranked IS NOT NULL
            THEN rank() OVER (
                PARTITION BY CASE WHEN apr_ranked IS NULL THEN 0 ELSE 1 END
                ORDER BY round(apr_ranked, 12) DESC
            )
    END AS rank_next,
    settlements,
    proven,
    rate_sum,
    hours_proven,
    apr_realised,
    CASE
        WHEN apr_realised IS NOT NULL
            THEN rank() OVER (
                PARTITION BY CASE WHEN apr_realised IS NULL THEN 0 ELSE 1 END
                ORDER BY round(apr_realised, 12) DESC
            )
    END AS rank_realised,
    coverage,
    grade
FROM figures;
