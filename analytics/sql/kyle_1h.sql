-- Question: how far did signed flow move each market's price in the hour (Kyle's lambda)?
-- Grain: market, hour.
-- Units:
--   kyle_lambda | bps per million quote | slope of the least-squares line of the minutes' returns on their signed turnover
--   r2 | 0 to 1 | share of the returns' variance that the line explains; null where the price stood still
--   t_stat | - | kyle_lambda by its standard error, of minutes - 2 degrees of freedom; null where the line fits exactly
--   minutes | - | minutes that entered: with trades and with a return
--   coverage | 0 to 1 | share of the hour in which trades were recorded, or repaired; null until it is graded
-- Source: minute_bars.
-- Note: signed turnover is what takers bought less what they sold, price x quantity, in millions; the return is from the last
--       trade of the minute before to the last of this one. Minutes without a trade are left out: nothing pressed there.
-- Note: null where less than 0.1 of the hour was covered, fewer than 10 minutes entered, or all had the same flow.
-- Note: a minute that ends with a purchase ends at the ask: with prices of trades the slope is higher than with mids, the
--       more so the wider the spread is against the minute's move. It tells of a relation, not of which moved which.
-- Note: of an inverse market, which counts contracts, kyle_lambda, r2 and t_stat are null: price x quantity is no amount of money.
-- Reference: Kyle 1985.
WITH points AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(minute) - unix_micros(minute) % 3600000000) AS bucket,
        CASE WHEN trades > 0 AND change IS NOT NULL THEN 1 END AS is_point,
        CASE WHEN trades > 0 AND change IS NOT NULL THEN signed_turnover / 1e6 END AS flow,
        CASE WHEN trades > 0 THEN 1e4 * change END AS bps,
        trade_seconds,
        grade
    FROM minute_bars
),

moments AS (
    SELECT
        market,
        date,
        bucket,
        count(is_point) AS minutes,
        var_samp(flow) AS flow_variance,
        var_samp(bps) AS bps_variance,
        covar_samp(bps, flow) AS covariance,
        sum(trade_seconds) / 3600e0 AS coverage,
        max(grade) AS grade
    FROM points
    GROUP BY market, date, bucket
),

lines AS (
    SELECT
        *,
        covariance / nullif(flow_variance, 0e0) AS slope,
        least(1e0, covariance * covariance / nullif(flow_variance * bps_variance, 0e0)) AS explained,
        coalesce(coverage, 1e0) >= 0.1e0 AND minutes >= 10 AS is_enough
    FROM moments
)

SELECT
    market,
    date,
    bucket AS hour,
    CASE WHEN is_enough THEN slope END AS kyle_lambda,
    CASE WHEN is_enough AND flow_variance * bps_variance > 0 THEN explained END AS r2,
    CASE
        WHEN is_enough AND flow_variance * bps_variance > 0 AND explained < 1
            THEN sign(slope) * sqrt(explained * (minutes - 2) / (1 - explained))
    END AS t_stat,
    minutes,
    coverage,
    grade
FROM lines;
