-- Question: what did each settlement of funding charge, and over what interval?
-- Grain: market, settlement.
-- Units:
--   ts_settled | time, UTC | when it was due, as the states told before; off the hour to a minute or two
--   interval_hours | hours | measured, from the settlement before; null where either is unproven or another may hide between
--   funding_rate | fraction an interval | charged: funding_rate_last as told after it; + longs pay shorts; null where unproven
--   rate_announced | fraction an interval | the last funding_rate_next before it; null where none was told in the last 15 min
--   rate_predict | fraction an interval | the last funding_rate_predict before it, likewise: the estimate for the one after
--   announced_error_bps | bps | (rate_announced - funding_rate) x 1e4
--   mark_price | quote | the last one before it; null where none was told in the last 15 min
--   index_price | quote | likewise
--   apr | fraction a year | simple: funding_rate x 8760 / interval_hours
--   capped | boolean | whether funding_rate is the venue's cap, which it does not tell; null where that is open (see Note)
--   proven | boolean | whether it is proven that funding settled at this instant (see Note)
--   before_seconds | s | from the last state that told it, with a countdown of a minute or more, to the settlement
--   after_seconds | s | from the settlement to the first state that told a later one; negative where our clock is behind
--   ts_next | time, UTC | the next settlement, as told last before that
--   hours_to_next | hours | until ts_next; null where this one is unproven or another may hide between
--   coverage | 0 to 1 | share of the interval (its whole hours) in which states were recorded; null until graded, or without interval_hours
--   grade | A to D | the worst grade of the interval's minutes; null likewise
-- Source: funding_timeline, coverage.
-- Note: a row is a settlement that was told until no state told otherwise before it was due, and after which a later one was told.
--   It is proven where the countdown was seen in its last 150 s, and the later one was told no more than 30 s early; or where it was
--   seen in its last 15 min, and the rate told after is the one announced; or in its last 58 min, and that rate is not the one charged
--   before. Else the schedule may have changed unseen: the row is there, and what it charged is null.
-- Note: the charged rate is the last one told 2 to 10 min after the settlement, else the first one up to 58 min after (later, another
--   settlement may have happened); one told within 2 min, where there is no other, counts only if it is new, for a venue may renew its
--   fields one after the other.
-- Note: capped is true for the greatest magnitude the market was charged, if it is more than 0.05 %, and was charged at least twice to
--   the last digit or is 0.375 %, a cap that is known. It is false up to 0.05 %, for no cap is known to be so low, and interest alone
--   repeats there; and for what is below the greatest and was charged once. Greatest and times are of the settlements looked at: a
--   question about a span of time judges by the days that it reads.
-- Note: windows run over all days of a market: a condition on market skips files, one on date does not.
WITH parts AS (
    SELECT 1 AS is_before
    UNION ALL
    SELECT 0 AS is_before
),

facts AS (
    SELECT
        market,
        is_before,
        unix_micros(CASE WHEN is_before = 1 THEN ts_settling ELSE ts_settled END) AS settled_us,
        unix_micros(ts_settling) AS settling_us,
        unix_micros(minute) AS minute_us,
        unix_micros(ts_first) AS first_us,
        unix_micros(ts_last) AS last_us,
        unix_micros(ts_counting) AS counting_us,
        funding_rate_last,
        funding_rate_next,
        funding_rate_predict,
        mark_price,
        index_price,
        turned,
        hidden,
        hidden_so_far
    FROM funding_timeline
    CROSS JOIN parts
),

placed AS (
    SELECT
        *,
        CASE
            WHEN is_before = 1 AND minute_us >= settled_us - 900000000 THEN 'shortly before'
            WHEN is_before = 1 AND minute_us >= settled_us - 3480000000 THEN 'before'
            WHEN is_before = 0 AND minute_us < settled_us + 120000000 THEN 'at once'
            WHEN is_before = 0 AND minute_us < settled_us + 600000000 THEN 'after'
            WHEN is_before = 0 AND minute_us < settled_us + 3480000000 THEN 'later'
        END AS place
    FROM facts
    WHERE settled_us IS NOT NULL
),

told AS (
    SELECT
        market,
        settled_us,
        max(CASE WHEN is_before = 1 THEN counting_us END) AS before_us,
        min(CASE WHEN is_before = 0 THEN first_us END) AS after_us,
        max_by(
            funding_rate_next,
            CASE WHEN place = 'shortly before' AND funding_rate_next IS NOT NULL THEN last_us END
        ) AS rate_announced,
        max_by(
            funding_rate_predict,
            CASE WHEN place = 'shortly before' AND funding_rate_predict IS NOT NULL THEN last_us END
        ) AS rate_predict,
        max_by(
            mark_price, CASE WHEN place = 'shortly before' AND mark_price IS NOT NULL THEN last_us END
        ) AS mark_price,
        max_by(
            index_price, CASE WHEN place = 'shortly before' AND index_price IS NOT NULL THEN last_us END
        ) AS index_price,
        max_by(
            funding_rate_last,
            CASE WHEN place IN ('shortly before', 'before') AND funding_rate_last IS NOT NULL THEN last_us END
        ) AS rate_before,
        max_by(
            funding_rate_last,
            CASE WHEN place = 'at once' AND funding_rate_last IS NOT NULL THEN last_us END
        ) AS rate_at_once,
        max_by(
            funding_rate_last,
            CASE WHEN place = 'after' AND funding_rate_last IS NOT NULL THEN last_us END
        ) AS rate_after,
        min_by(
            funding_rate_last,
            CASE WHEN place = 'later' AND funding_rate_last IS NOT NULL THEN last_us END
        ) AS rate_later,
        max_by(settling_us, CASE WHEN is_before = 0 THEN first_us END) AS next_us,
        min(CASE WHEN is_before = 0 AND turned = 1 THEN hidden_so_far - hidden END) AS hidden_before,
        max(CASE WHEN is_before = 0 THEN hidden_so_far END) AS hidden_until_now
    FROM placed
    GROUP BY market, settled_us
),

charged AS (
    SELECT
        *,
        coalesce(
            rate_after, rate_later, CASE WHEN rate_at_once <> rate_before THEN rate_at_once END
        ) AS rate_charged
    FROM told
    WHERE after_us IS NOT NULL AND before_us IS NOT NULL
),

proofs AS (
    SELECT
        *,
        coalesce(
            (before_us >= settled_us - 150000000 AND after_us >= settled_us - 30000000)
            OR (before_us >= settled_us - 900000000 AND rate_charged = rate_announced)
            OR (before_us >= settled_us - 3480000000 AND rate_charged <> rate_before),
            FALSE
        ) AS proven
    FROM charged
),

steps AS (
    SELECT
        *,
        CASE WHEN proven THEN rate_charged END AS funding_rate,
        lag(settled_us) OVER (PARTITION BY market ORDER BY settled_us) AS earlier_us,
        lag(proven) OVER (PARTITION BY market ORDER BY settled_us) AS earlier_proven,
        lag(hidden_before) OVER (PARTITION BY market ORDER BY settled_us) AS earlier_hidden
    FROM proofs
),

measured AS (
    SELECT
        *,
        CASE
            WHEN proven AND earlier_proven AND hidden_before = earlier_hidden
                THEN (settled_us - earlier_us) / 3.6e9
        END AS interval_hours,
        CASE
            WHEN proven AND hidden_before = hidden_until_now THEN (next_us - settled_us) / 3.6e9
        END AS hours_to_next,
        max(abs(funding_rate)) OVER (PARTITION BY market) AS greatest,
        count(funding_rate) OVER (PARTITION BY market, abs(funding_rate)) AS times
    FROM steps
),

hours AS (
    SELECT
        market,
        unix_micros(minute) - unix_micros(minute) % 3600000000 AS hour_us,
        sum(state_seconds) AS state_seconds,
        max(grade) AS grade
    FROM coverage
    GROUP BY market, unix_micros(minute) - unix_micros(minute) % 3600000000
),

marks AS (
    SELECT market, settled_us - 1 AS at_us, settled_us, NULL AS state_seconds, NULL AS grade
    FROM measured
    UNION ALL
    SELECT market, hour_us AS at_us, NULL AS settled_us, state_seconds, grade
    FROM hours
),

assigned AS (
    SELECT
        market,
        state_seconds,
        grade,
        min(settled_us) OVER (
            PARTITION BY market ORDER BY at_us ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS settled_us
    FROM marks
),

covered AS (
    SELECT market, settled_us, sum(state_seconds) AS state_seconds, max(grade) AS grade
    FROM assigned
    GROUP BY market, settled_us
)

SELECT
    measured.market,
    CAST(timestamp_micros(measured.settled_us) AS DATE) AS date,
    timestamp_micros(measured.settled_us) AS ts_settled,
    interval_hours,
    funding_rate,
    rate_announced,
    rate_predict,
    (rate_announced - funding_rate) * 1e4 AS announced_error_bps,
    mark_price,
    index_price,
    funding_rate * 8760 / interval_hours AS apr,
    CASE
        WHEN abs(funding_rate) <= 5e-4 THEN FALSE
        WHEN abs(funding_rate) = greatest AND (times >= 2 OR greatest = 3.75e-3) THEN TRUE
        WHEN abs(funding_rate) < greatest AND times = 1 THEN FALSE
    END AS capped,
    proven,
    (measured.settled_us - before_us) / 1e6 AS before_seconds,
    (after_us - measured.settled_us) / 1e6 AS after_seconds,
    timestamp_micros(next_us) AS ts_next,
    hours_to_next,
    CASE WHEN interval_hours IS NOT NULL THEN covered.state_seconds / (interval_hours * 3600) END AS coverage,
    CASE WHEN interval_hours IS NOT NULL THEN covered.grade END AS grade
FROM measured
LEFT JOIN covered ON covered.market = measured.market AND covered.settled_us = measured.settled_us;
