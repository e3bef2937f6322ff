-- Question: for how much of each minute did a book stand?
-- Grain: market, minute.
-- Units:
--   snapshots | - | books, by ts_event
--   observed_seconds | s | in which a book with both sides stood
--   coverage | 0 to 1 | observed_seconds as a share of the bucket
-- Source: closed_minutes, open_book_minutes, coverage.
-- Note: what every figure made of books is weighed against; a row is there for each graded minute, too.
WITH facts AS (
    SELECT market, date, minute, snapshots, observed_seconds, NULL AS grade
    FROM closed_minutes
    WHERE snapshots > 0 OR observed_seconds > 0
    UNION ALL
    SELECT market, date, minute, snapshots, observed_seconds, NULL AS grade
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0
    UNION ALL
    SELECT market, date, minute, NULL AS snapshots, NULL AS observed_seconds, grade
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        CAST(coalesce(sum(snapshots), 0) AS BIGINT) AS snapshots,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    market,
    date,
    bucket AS minute,
    snapshots,
    observed_seconds,
    observed_seconds / bucket_seconds AS coverage,
    grade
FROM sums;
