-- Question: how far from the index were mark, mid and last price?
-- Grain: market, minute.
-- Units:
--   mark_price | quote | as told with the books, time-weighted
--   index_price | quote | likewise
--   mid | quote | (best bid + best ask) / 2, time-weighted
--   basis_bps | bps | mark / index - 1, time-weighted
--   mid_basis_bps | bps | mid / index - 1, time-weighted
--   last_price | quote | the last price, as told with the books, time-weighted
--   last_basis_bps | bps | last price / index - 1, time-weighted
--   mid_basis_seconds | s | time in which a book with both sides and an index stood
--   coverage | 0 to 1 | time in which a book with mark and index stood, as a share of the bucket
-- Source: closed_minutes, open_book_minutes, coverage.
-- Note: a figure is null where it was observed in less than 0.1 of the bucket.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        basis_seconds,
        index_price_seconds,
        mark_price_seconds,
        basis_bps_seconds,
        mid_seconds,
        observed_seconds,
        mid_basis_seconds,
        mid_basis_bps_seconds,
        last_basis_seconds,
        last_price_seconds,
        last_basis_bps_seconds,
        NULL AS grade
    FROM closed_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        basis_seconds,
        index_price_seconds,
        mark_price_seconds,
        basis_bps_seconds,
        mid_seconds,
        observed_seconds,
        mid_basis_seconds,
        mid_basis_bps_seconds,
        last_basis_seconds,
        last_price_seconds,
        last_basis_bps_seconds,
        NULL AS grade
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS basis_seconds,
        NULL AS index_price_seconds,
        NULL AS mark_price_seconds,
        NULL AS basis_bps_seconds,
        NULL AS mid_seconds,
        NULL AS observed_seconds,
        NULL AS mid_basis_seconds,
        NULL AS mid_basis_bps_seconds,
        NULL AS last_basis_seconds,
        NULL AS last_price_seconds,
        NULL AS last_basis_bps_seconds,
        grade
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        coalesce(sum(basis_seconds), 0e0) AS basis_seconds,
        coalesce(sum(index_price_seconds), 0e0) AS index_price_seconds,
        coalesce(sum(mark_price_seconds), 0e0) AS mark_price_seconds,
        coalesce(sum(basis_bps_seconds), 0e0) AS basis_bps_seconds,
        coalesce(sum(mid_seconds), 0e0) AS mid_seconds,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        coalesce(sum(mid_basis_seconds), 0e0) AS mid_basis_seconds,
        coalesce(sum(mid_basis_bps_seconds), 0e0) AS mid_basis_bps_seconds,
        coalesce(sum(last_basis_seconds), 0e0) AS last_basis_seconds,
        coalesce(sum(last_price_seconds), 0e0) AS last_price_seconds,
        coalesce(sum(last_basis_bps_seconds), 0e0) AS last_basis_bps_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    market,
    date,
    bucket AS minute,
    CASE WHEN basis_seconds >= 0.1e0 * bucket_seconds THEN mark_price_seconds / basis_seconds END AS mark_price,
    CASE WHEN basis_seconds >= 0.1e0 * bucket_seconds THEN index_price_seconds / basis_seconds END AS index_price,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN mid_seconds / observed_seconds END AS mid,
    CASE WHEN basis_seconds >= 0.1e0 * bucket_seconds THEN basis_bps_seconds / basis_seconds END AS basis_bps,
    CASE WHEN mid_basis_seconds >= 0.1e0 * bucket_seconds THEN mid_basis_bps_seconds / mid_basis_seconds END AS mid_basis_bps,
    CASE WHEN last_basis_seconds >= 0.1e0 * bucket_seconds THEN last_price_seconds / last_basis_seconds END AS last_price,
    CASE WHEN last_basis_seconds >= 0.1e0 * bucket_seconds THEN last_basis_bps_seconds / last_basis_seconds END AS last_basis_bps,
    mid_basis_seconds,
    basis_seconds / bucket_seconds AS coverage,
    grade
FROM sums;
