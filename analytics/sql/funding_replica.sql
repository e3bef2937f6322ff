-- Question: what would each settlement's funding be, made of our own books, and how near does that come?
-- Grain: market, settlement.
-- Units:
--   ts_settled | time, UTC | the end of the interval whose premium is averaged
--   interval_hours | hours | measured, as in funding_settlements
--   premium_plain | fraction | mean of the interval's minute premiums, those that are known
--   premium_weighted | fraction | their mean with weights 1, 2, 3, .. by minute of the interval: the last counts most
--   rate_plain | fraction an interval | premium_plain + clamp(interest - premium_plain, -0.05 %, 0.05 %)
--   rate_weighted | fraction an interval | the same of premium_weighted
--   rate_shared | fraction an interval | (premium_weighted + clamp(0.01 % - premium_weighted, -0.05 %, 0.05 %)) x interval_hours / 8
--   interest | fraction an interval | 0.01 % x interval_hours / 8
--   funding_rate | fraction an interval | charged at ts_settled
--   rate_announced | fraction an interval | the last funding_rate_next before it
--   rate_predict | fraction an interval | the last funding_rate_predict before it: what the venue makes of this interval, if it charges it later
--   charged_error_plain_bps | bps | (rate_plain - funding_rate) x 1e4
--   charged_error_weighted_bps | bps | (rate_weighted - funding_rate) x 1e4
--   charged_error_shared_bps | bps | (rate_shared - funding_rate) x 1e4
--   announced_error_plain_bps | bps | (rate_plain - rate_announced) x 1e4
--   announced_error_weighted_bps | bps | (rate_weighted - rate_announced) x 1e4
--   announced_error_shared_bps | bps | (rate_shared - rate_announced) x 1e4
--   predict_error_plain_bps | bps | (rate_plain - rate_predict) x 1e4
--   predict_error_weighted_bps | bps | (rate_weighted - rate_predict) x 1e4
--   predict_error_shared_bps | bps | (rate_shared - rate_predict) x 1e4
--   minutes | - | minutes of the interval whose premium is known
--   coverage | 0 to 1 | minutes as a share of the interval
-- Source: premium_index_1m, funding_settlements.
-- Reach: 2 before
-- Note: premiums and rates are null where less than 0.8 of the interval's minutes are known, or the interval is unproven.
-- Note: venues of this family fix a rate one interval ahead: the premium up to a settlement makes the predicted rate, which is announced
--   from then on and charged at the next one. Others charge it at once. So it is held against both; the smaller error tells which it is.
-- Note: rate_shared is the form in which the whole rate, not the interest alone, is per 8 h, and each interval charges its share.
-- Note: a venue caps its rate, uses an amount of its own for the impact prices, and samples premiums at an interval of its own, where
--   premium_index_1m weighs each book by how long it stood.
-- Note: the simulated exchange differs from all three for two causes: its premium is that of the mid over the index, not of impact prices,
--   which are nearer to the index or beyond it; and its interest is 0.01 % an interval, however long that is. It weighs all seconds alike.
-- Reference: premium + clamp(interest - premium, -0.05 %, 0.05 %) is the form of BitMEX's and Binance's contract terms, the growing
--   weights and the impact prices are Binance's.
WITH marks AS (
    SELECT
        market,
        unix_micros(ts_settled) - 1 AS at_us,
        unix_micros(ts_settled) AS settled_us,
        NULL AS premium
    FROM funding_settlements
    UNION ALL
    SELECT market, unix_micros(minute) AS at_us, NULL AS settled_us, premium
    FROM premium_index_1m
    WHERE premium IS NOT NULL
),

assigned AS (
    SELECT
        market,
        at_us,
        premium,
        min(settled_us) OVER (
            PARTITION BY market ORDER BY at_us ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS settled_us
    FROM marks
),

sums AS (
    SELECT
        market,
        settled_us,
        count(*) AS minutes,
        sum(premium) AS premium_sum,
        sum((settled_us - at_us) / 6e7) AS minutes_left_sum,
        sum(premium * ((settled_us - at_us) / 6e7)) AS premium_minutes_left_sum
    FROM assigned
    WHERE premium IS NOT NULL AND settled_us IS NOT NULL
    GROUP BY market, settled_us
),

known AS (
    SELECT
        settled.market,
        settled.date,
        settled.ts_settled,
        settled.interval_hours,
        settled.funding_rate,
        settled.rate_announced,
        settled.rate_predict,
        settled.grade,
        settled.interval_hours * 60 AS interval_minutes,
        CASE WHEN settled.interval_hours IS NOT NULL THEN coalesce(sums.minutes, 0) END AS minutes,
        sums.premium_sum,
        sums.minutes_left_sum,
        sums.premium_minutes_left_sum
    FROM funding_settlements AS settled
    LEFT JOIN sums
        ON sums.market = settled.market AND sums.settled_us = unix_micros(settled.ts_settled)
),

means AS (
    SELECT
        *,
        1e-4 * interval_hours / 8 AS interest,
        CASE WHEN minutes >= 0.8e0 * interval_minutes THEN premium_sum / minutes END AS premium_plain,
        CASE
            WHEN minutes >= 0.8e0 * interval_minutes
                THEN
                    ((interval_minutes + 1) * premium_sum - premium_minutes_left_sum)
                    / ((interval_minutes + 1) * minutes - minutes_left_sum)
        END AS premium_weighted
    FROM known
),

rates AS (
    SELECT
        *,
        premium_plain + greatest(least(interest - premium_plain, 5e-4), -5e-4) AS rate_plain,
        premium_weighted + greatest(least(interest - premium_weighted, 5e-4), -5e-4) AS rate_weighted,
        (premium_weighted + greatest(least(1e-4 - premium_weighted, 5e-4), -5e-4)) * interval_hours / 8
            AS rate_shared
    FROM means
)

SELECT
    market,
    date,
    ts_settled,
    interval_hours,
    premium_plain,
    premium_weighted,
    rate_plain,
    rate_weighted,
    rate_shared,
    interest,
    funding_rate,
    rate_announced,
    rate_predict,
    (rate_plain - funding_rate) * 1e4 AS charged_error_plain_bps,
    (rate_weighted - funding_rate) * 1e4 AS charged_error_weighted_bps,
    (rate_shared - funding_rate) * 1e4 AS charged_error_shared_bps,
    (rate_plain - rate_announced) * 1e4 AS announced_error_plain_bps,
    (rate_weighted - rate_announced) * 1e4 AS announced_error_weighted_bps,
    (rate_shared - rate_announced) * 1e4 AS announced_error_shared_bps,
    (rate_plain - rate_predict) * 1e4 AS predict_error_plain_bps,
    (rate_weighted - rate_predict) * 1e4 AS predict_error_weighted_bps,
    (rate_shared - rate_predict) * 1e4 AS predict_error_shared_bps,
    minutes,
    minutes / interval_minutes AS coverage,
    grade
FROM rates;
