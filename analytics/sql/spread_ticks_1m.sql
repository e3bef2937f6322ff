-- Question: how many price steps wide was each market's spread?
-- Grain: market, minute.
-- Units:
--   spread_ticks | - | time-weighted (ask - bid) / tick_size; null where the tick size is not known, or changed within the bucket
--   tick_size | quote | the step between two prices; null likewise
--   observed_seconds | s | in which a book with both sides stood
--   coverage | 0 to 1 | observed_seconds as a share of the bucket
-- Source: closed_minutes, open_book_minutes, coverage, tick_sizes.
-- Note: figures are null where less than 0.1 of the bucket was observed. It is a view of its own so that spread_1m need not
--       look for tick sizes.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        spread_seconds,
        NULL AS grade
    FROM closed_minutes
    WHERE snapshots > 0 OR observed_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        spread_seconds,
        NULL AS grade
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS spread_seconds,
        grade
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        sum(spread_seconds) AS spread_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    sums.market,
    sums.date,
    sums.bucket AS minute,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds
            THEN spread_seconds / observed_seconds / tick_sizes.tick_size
    END AS spread_ticks,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN tick_sizes.tick_size END AS tick_size,
    observed_seconds,
    observed_seconds / bucket_seconds AS coverage,
    grade
FROM sums
LEFT JOIN tick_sizes
    ON
        tick_sizes.market = sums.market
        AND tick_sizes.since_us <= unix_micros(sums.bucket)
        AND tick_sizes.until_us >= unix_micros(sums.bucket) + sums.bucket_seconds * 1e6;
