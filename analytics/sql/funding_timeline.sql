-- Question: which settlement of funding did the states tell as the coming one, and which one had been the last before?
-- Grain: market, minute of the recorder's clock, settlement told (two in a minute of a turn), as in funding_minutes.
-- Units:
--   ts_settling | time, UTC | the coming settlement, as ts_funding tells it to a minute or two (see Note)
--   ts_settled | time, UTC | the last settlement before; null until one was seen to pass
--   ts_first | time, the recorder's clock | of the first such state of the minute
--   ts_last | time, the recorder's clock | of the last one
--   ts_counting | time, the recorder's clock | of the last one whose countdown was a minute or more; null without one
--   states | - | how many there were
--   funding_rate_last | fraction an interval | charged at the last settlement, as told last in the minute
--   funding_rate_next | fraction an interval | what the coming settlement will charge, likewise
--   funding_rate_predict | fraction an interval | estimate for the one after, likewise
--   mark_price | quote | likewise
--   index_price | quote | likewise
--   turned | - | 1 where the settlement told before has passed (or will within 60 s, for clocks) and one at least 58 min later is told
--   hidden | - | 1 where settlements that no state told may have happened since the states before (see Note)
--   hidden_so_far | - | sum of hidden, up to this row
-- Source: funding_minutes.
-- Reach: 3 before, 2 after
-- Note: ts_funding is off by up to 2 min, for countdowns are whole minutes, rounded one way or the other, and clocks differ by
--   seconds. So within 2 min of a whole hour it is that hour. Else it is the value told most often for its hour, and dropped where
--   it is more than 2 min off that; an instant off the hour is known to a minute or two, and better where states come every second.
-- Note: states received at or after the instant they tell are left out, and those whose countdown is 0, unless others told the same
--   whole hour with a countdown of a minute or more: a countdown that stands at 0 tells of no settlement.
-- Note: rates told less than 30 s before the instant told are left out: a slow clock would take those of the next interval for them.
-- Note: settlements are taken to be at least 1 h apart. One may hide in a pause of more than 2 min that has room for it: a whole hour
--   (within 2 min), 58 min or more after the settlement before and before the one told next; off the hour, any. It does not if
--   funding_rate_last is the same before and after the pause (of the 5 rows before, and the first of 6 after that is not told from
--   30 s before a whole hour to 2 min after it, when it may not be renewed yet): a charge by chance equal to the one before is not
--   told apart. After a settlement one may hide where the first state came 58 min later.
-- Note: windows run over all days of a market: a condition on market skips files, one on date does not.
WITH minutes AS (
    SELECT
        market,
        date,
        unix_micros(minute) AS minute_us,
        unix_micros(ts_told) AS told_us,
        unix_micros(ts_first) AS first_us,
        unix_micros(ts_last) AS last_us,
        unix_micros(ts_counting) AS counting_us,
        unix_micros(ts_left_out) AS left_out_us,
        states,
        funding_rate_last,
        funding_rate_next,
        funding_rate_predict,
        mark_price,
        index_price
    FROM funding_minutes
    WHERE ts_told IS NOT NULL
),

told AS (
    SELECT market, told_us, max(counting_us) AS counted_us, sum(states) AS states
    FROM minutes
    GROUP BY market, told_us
),

meant AS (
    SELECT
        market,
        told_us,
        CASE
            WHEN told_us % 3600000000 = 0 THEN told_us
            ELSE max_by(told_us, states * 3600000000 - told_us % 3600000000) OVER (
                PARTITION BY
                    market,
                    CASE WHEN told_us % 3600000000 = 0 THEN 1 ELSE 0 END,
                    told_us - told_us % 3600000000
            )
        END AS settling_us,
        counted_us
    FROM told
),

settled AS (
    SELECT
        minutes.*,
        settling_us,
        CASE WHEN (last_us + 30000000) % 3600000000 >= 150000000 THEN funding_rate_last END AS rate_away
    FROM minutes
    INNER JOIN meant ON meant.market = minutes.market AND meant.told_us = minutes.told_us
    WHERE
        counted_us IS NOT NULL
        AND abs(minutes.told_us - settling_us) <= 120000000
        AND minute_us < settling_us
),

steps AS (
    SELECT
        *,
        lag(settling_us) OVER in_turn AS before_us,
        coalesce(left_out_us, lag(last_us) OVER in_turn) AS before_last_us,
        coalesce(
            lag(funding_rate_last, 1) OVER in_turn,
            lag(funding_rate_last, 2) OVER in_turn,
            lag(funding_rate_last, 3) OVER in_turn,
            lag(funding_rate_last, 4) OVER in_turn,
            lag(funding_rate_last, 5) OVER in_turn
        ) AS rate_before,
        coalesce(
            rate_away,
            lead(rate_away, 1) OVER in_turn,
            lead(rate_away, 2) OVER in_turn,
            lead(rate_away, 3) OVER in_turn,
            lead(rate_away, 4) OVER in_turn,
            lead(rate_away, 5) OVER in_turn
        ) AS rate_after
    FROM settled
    WINDOW in_turn AS (PARTITION BY market ORDER BY first_us, settling_us, told_us)
),

turns AS (
    SELECT
        *,
        CASE
            WHEN before_us <= first_us + 60000000 AND settling_us >= before_us + 3480000000 THEN before_us
        END AS turned_us
    FROM steps
),

spans AS (
    SELECT
        *,
        max(turned_us) OVER (
            PARTITION BY market
            ORDER BY first_us, settling_us, told_us
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS settled_us
    FROM turns
),

hours AS (
    SELECT
        *,
        greatest(before_last_us - 120000000, coalesce(settled_us + 3480000000, 0)) + 3599999999
            AS ahead_of_hour_us
    FROM spans
),

hiding AS (
    SELECT
        *,
        CASE
            WHEN before_us IS NULL THEN 0
            WHEN turned_us IS NOT NULL
                THEN CASE
                    WHEN first_us >= turned_us + 3480000000 AND settling_us >= turned_us + 7080000000 THEN 1
                    ELSE 0
                END
            WHEN before_us <= first_us + 60000000 AND before_us <> settling_us THEN 1
            WHEN first_us - before_last_us <= 120000000 OR rate_before = rate_after THEN 0
            WHEN settling_us % 3600000000 <> 0 OR before_us % 3600000000 <> 0 THEN 1
            WHEN
                ahead_of_hour_us - ahead_of_hour_us % 3600000000
                <= least(first_us + 120000000, settling_us - 3480000000)
                THEN 1
            ELSE 0
        END AS hidden
    FROM hours
)

SELECT
    market,
    date,
    timestamp_micros(minute_us) AS minute,
    timestamp_micros(settling_us) AS ts_settling,
    timestamp_micros(settled_us) AS ts_settled,
    timestamp_micros(first_us) AS ts_first,
    timestamp_micros(last_us) AS ts_last,
    timestamp_micros(counting_us) AS ts_counting,
    states,
    funding_rate_last,
    funding_rate_next,
    funding_rate_predict,
    mark_price,
    index_price,
    CASE WHEN turned_us IS NOT NULL THEN 1 ELSE 0 END AS turned,
    hidden,
    CAST(sum(hidden) OVER (
        PARTITION BY market
        ORDER BY first_us, settling_us, told_us
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) AS hidden_so_far
FROM hiding;
