-- Question: how much did each market's mid move in the hour, free of the bounce between bid and ask?
-- Grain: market, hour.
-- Units:
--   realised_mid | fraction a year | sqrt(525600 x 1.5 x mean of r^2), r = ln(mid / mid of the minute before), mids time-weighted
--   minutes | - | minutes in which a book with both sides stood for 54 s at least
--   returns | - | minutes with a return: both they and the minute before are such minutes, of one UTC day
--   coverage | 0 to 1 | time in which a book with both sides stood, as a share of the hour
-- Source: closed_minutes, open_book_minutes, coverage.
-- Note: a mean over a minute is smoother than a price at its end: the changes of the means of a random walk have two thirds
--       of its variance, hence the 1.5. The last mid of a minute is not stored, its mean is.
-- Note: null where less than 0.1 of the hour was observed or it has fewer than 6 returns. Days whose minutes are not stored
--       yet take reading their books.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
-- Reference: Working 1960.
WITH facts AS (
    SELECT market, date, minute, mid_seconds, observed_seconds, NULL AS grade
    FROM closed_minutes
    WHERE observed_seconds > 0
    UNION ALL
    SELECT market, date, minute, mid_seconds, observed_seconds, NULL AS grade
    FROM open_book_minutes
    WHERE observed_seconds > 0
    UNION ALL
    SELECT market, date, minute, NULL AS mid_seconds, NULL AS observed_seconds, grade
    FROM coverage
),

minutes AS (
    SELECT
        market,
        date,
        minute,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        CASE WHEN sum(observed_seconds) >= 54e0 THEN sum(mid_seconds) / sum(observed_seconds) END AS mid,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

followed AS (
    SELECT
        *,
        lag(mid) OVER (PARTITION BY market, date ORDER BY minute) AS mid_1,
        lag(minute) OVER (PARTITION BY market, date ORDER BY minute) AS minute_1
    FROM minutes
),

returned AS (
    SELECT
        *,
        CASE WHEN minute_1 = minute - INTERVAL 1 MINUTE THEN ln(mid / mid_1) END AS change
    FROM followed
),

sums AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(minute) - unix_micros(minute) % 3600000000) AS bucket,
        3600e0 AS bucket_seconds,
        count(mid) AS minutes,
        count(change) AS returns,
        avg(change * change) AS realised,
        sum(observed_seconds) AS observed_seconds,
        max(grade) AS grade
    FROM returned
    GROUP BY market, date, timestamp_micros(unix_micros(minute) - unix_micros(minute) % 3600000000)
)

SELECT
    market,
    date,
    bucket AS hour,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds AND returns >= 6 THEN sqrt(525600 * 1.5e0 * realised)
    END AS realised_mid,
    minutes,
    returns,
    observed_seconds / bucket_seconds AS coverage,
    grade
FROM sums;
