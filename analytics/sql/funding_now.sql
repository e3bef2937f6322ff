-- Question: what will funding be at each market's next settlement, and what is that a year?
-- Grain: market, its newest state.
-- Units:
--   ts_recv | time, the recorder's clock | of the newest state
--   funding_rate_next | fraction an interval | what the next settlement will charge, as told last
--   funding_rate_predict | fraction an interval | estimate for the one after, as told last
--   funding_rate_last | fraction an interval | charged at the last settlement, as told last
--   minutes_left | minutes | from ts_recv to ts_next, rounded down
--   ts_next | time, UTC | the next settlement: the one told last, on the hour where it is within 2 min of one
--   interval_hours | hours | measured: from the last settlement to ts_next; null where that is unproven, as before the first one recorded
--   apr_next | fraction a year | simple: funding_rate_next x 8760 / interval_hours
--   mark_price | quote | as told last
--   index_price | quote | as told last
--   premium | fraction | mark_price / index_price - 1
--   ts_settled | time, UTC | the last settlement before
--   age_seconds | s | how much older the newest state is than the newest one of any market
--   coverage | 0 to 1 | share in which states were recorded of the judged minutes of the 60 that end with that of ts_recv; null until one is graded
--   grade | A to D | the worst grade of these minutes, which is about trades and candles; null until one is graded
-- Source: funding_minutes, funding_settlements, coverage.
-- Reach: all markets
-- Note: rates told less than 30 s before the settlement told are not heeded, as in funding_minutes.
WITH newest AS (
    SELECT
        market,
        max(unix_micros(ts_last)) AS recv_us,
        max_by(
            funding_rate_next, CASE WHEN funding_rate_next IS NOT NULL THEN unix_micros(ts_last) END
        ) AS funding_rate_next,
        max_by(
            funding_rate_predict, CASE WHEN funding_rate_predict IS NOT NULL THEN unix_micros(ts_last) END
        ) AS funding_rate_predict,
        max_by(
            funding_rate_last, CASE WHEN funding_rate_last IS NOT NULL THEN unix_micros(ts_last) END
        ) AS funding_rate_last,
        max_by(mark_price, CASE WHEN mark_price IS NOT NULL THEN unix_micros(ts_last) END) AS mark_price,
        max_by(index_price, CASE WHEN index_price IS NOT NULL THEN unix_micros(ts_last) END) AS index_price,
        max_by(unix_micros(ts_told), CASE WHEN ts_told IS NOT NULL THEN unix_micros(ts_last) END) AS told_us
    FROM funding_minutes
    GROUP BY market
),

dated AS (
    SELECT *, max(recv_us) OVER () AS newest_us
    FROM newest
),

settled AS (
    SELECT market, ts_settled, hours_to_next, unix_micros(ts_next) AS next_us
    FROM funding_settlements
    QUALIFY row_number() OVER (PARTITION BY market ORDER BY ts_settled DESC) = 1
),

coming AS (
    SELECT
        dated.*,
        settled.ts_settled,
        CASE WHEN abs(told_us - next_us) <= 120000000 THEN next_us ELSE told_us END AS coming_us,
        CASE WHEN abs(told_us - next_us) <= 120000000 THEN hours_to_next END AS interval_hours
    FROM dated
    LEFT JOIN settled ON settled.market = dated.market
),

-- By day first: of the others nothing is read.
days AS (
    SELECT market, recv_us, CAST(timestamp_micros(recv_us) AS DATE) AS date
    FROM newest
    UNION
    SELECT market, recv_us, CAST(timestamp_micros(recv_us - 3600000000) AS DATE) AS date
    FROM newest
),

covered AS (
    SELECT
        days.market,
        sum(coverage.state_seconds) / (60e0 * count(*)) AS coverage,
        max(coverage.grade) AS grade
    FROM days
    INNER JOIN coverage ON coverage.market = days.market AND coverage.date = days.date
    WHERE
        unix_micros(coverage.minute) <= days.recv_us
        AND unix_micros(coverage.minute) > days.recv_us - 3600000000
    GROUP BY days.market
)

SELECT
    coming.market,
    CAST(timestamp_micros(recv_us) AS DATE) AS date,
    timestamp_micros(recv_us) AS ts_recv,
    funding_rate_next,
    funding_rate_predict,
    funding_rate_last,
    CAST(floor(greatest(coming_us - recv_us, 0) / 6e7) AS BIGINT) AS minutes_left,
    timestamp_micros(coming_us) AS ts_next,
    interval_hours,
    funding_rate_next * 8760 / interval_hours AS apr_next,
    mark_price,
    index_price,
    mark_price / nullif(index_price, 0e0) - 1 AS premium,
    ts_settled,
    (newest_us - recv_us) / 1e6 AS age_seconds,
    covered.coverage,
    covered.grade
FROM coming
LEFT JOIN covered ON covered.market = coming.market;
