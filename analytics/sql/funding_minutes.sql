-- Question: what did the states of a minute tell of funding, and of which settlement?
-- Grain: market, minute of the recorder's clock, settlement told (two in a minute of a turn); of compacted days the minutes that matter.
-- Units:
--   ts_told | time, UTC | the coming settlement: the whole hour where ts_funding is within 2 min of it, else ts_funding; null without one
--   ts_first | time, the recorder's clock | of the first such state of the minute
--   ts_last | time, the recorder's clock | of the last one
--   ts_counting | time, the recorder's clock | of the last one whose countdown was a minute or more; null without one
--   ts_left_out | time, the recorder's clock | of the last state of the minutes that are left out before this one; null where none is
--   states | - | how many there were, with those of the minutes left out
--   funding_rate_last | fraction an interval | charged at the last settlement, as told last in the minute
--   funding_rate_next | fraction an interval | what the coming settlement will charge, likewise
--   funding_rate_predict | fraction an interval | estimate for the one after, likewise
--   mark_price | quote | likewise
--   index_price | quote | likewise
-- Source: open_funding_state, closed_funding_told.
-- Note: states whose countdown is under a minute and ends off the whole hour tell of no settlement.
-- Note: rates told less than 30 s before the instant told are left out: a slow clock would take those of the next interval for them.
-- Note: compaction keeps a minute where it may matter to when funding settled, at what rate, or to what was told how long before, and
--   leaves out those that only repeat it: funding_timeline follows from the others as it does from all.
WITH states AS (
    SELECT
        market,
        date,
        unix_micros(ts_recv) AS recv_us,
        unix_micros(ts_recv) * 1024 + seq % 1024 AS place,
        unix_micros(ts_funding) AS funding_us,
        (unix_micros(ts_funding) + 120000000) % 3600000000 AS past_us,
        funding_rate_last,
        funding_rate_next,
        funding_rate_predict,
        mark_price,
        index_price
    FROM open_funding_state
),

named AS (
    SELECT
        *,
        funding_us - recv_us AS ahead_us,
        CASE
            WHEN past_us <= 240000000 THEN funding_us + 120000000 - past_us
            WHEN funding_us - recv_us >= 60000000 THEN funding_us
        END AS told_us
    FROM states
),

minutes AS (
    SELECT
        market,
        date,
        recv_us - recv_us % 60000000 AS minute_us,
        told_us,
        min(recv_us) AS first_us,
        max(recv_us) AS last_us,
        max(CASE WHEN told_us IS NOT NULL AND ahead_us >= 60000000 THEN recv_us END) AS counting_us,
        count(*) AS states,
        max_by(
            funding_rate_last,
            CASE
                WHEN funding_rate_last IS NOT NULL AND recv_us < coalesce(told_us - 30000000, recv_us + 1)
                    THEN place
            END
        ) AS funding_rate_last,
        max_by(
            funding_rate_next,
            CASE
                WHEN funding_rate_next IS NOT NULL AND recv_us < coalesce(told_us - 30000000, recv_us + 1)
                    THEN place
            END
        ) AS funding_rate_next,
        max_by(
            funding_rate_predict,
            CASE
                WHEN funding_rate_predict IS NOT NULL AND recv_us < coalesce(told_us - 30000000, recv_us + 1)
                    THEN place
            END
        ) AS funding_rate_predict,
        max_by(mark_price, CASE WHEN mark_price IS NOT NULL THEN place END) AS mark_price,
        max_by(index_price, CASE WHEN index_price IS NOT NULL THEN place END) AS index_price
    FROM named
    GROUP BY market, date, recv_us - recv_us % 60000000, told_us
)

SELECT
    market,
    date,
    timestamp_micros(minute_us) AS minute,
    timestamp_micros(told_us) AS ts_told,
    timestamp_micros(first_us) AS ts_first,
    timestamp_micros(last_us) AS ts_last,
    timestamp_micros(counting_us) AS ts_counting,
    timestamp_micros(CAST(NULL AS BIGINT)) AS ts_left_out,
    states,
    funding_rate_last,
    funding_rate_next,
    funding_rate_predict,
    mark_price,
    index_price
FROM minutes
UNION ALL
SELECT
    market,
    date,
    minute,
    ts_told,
    ts_first,
    ts_last,
    ts_counting,
    ts_left_out,
    states,
    funding_rate_last,
    funding_rate_next,
    funding_rate_predict,
    mark_price,
    index_price
FROM closed_funding_told;
