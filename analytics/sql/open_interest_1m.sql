-- Question: how much is open, and how did it change?
-- Grain: market, minute.
-- Units:
--   open_interest | base | the last one of the bucket, by the recorder's clock; null where none was told
--   notional | quote | open_interest x mark_price
--   change | base | since the last one known before this bucket
--   mark_price | quote | as told with the books, time-weighted
--   coverage | 0 to 1 | share of the bucket in which states were recorded; null until it is graded
-- Source: closed_minutes, open_state_minutes, open_book_minutes, coverage, inverse_markets.
-- Reach: 1 before
-- Note: figures are null where less than 0.1 of the bucket was observed.
-- Note: of an inverse market, which counts contracts, notional is null: mark price x contracts is no amount of money.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        open_interest_last,
        ts_state_last,
        state_rows,
        mark_price_seconds,
        basis_seconds,
        NULL AS grade,
        NULL AS state_seconds
    FROM closed_minutes
    WHERE state_rows > 0 OR snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        open_interest_last,
        ts_state_last,
        state_rows,
        NULL AS mark_price_seconds,
        NULL AS basis_seconds,
        NULL AS grade,
        NULL AS state_seconds
    FROM open_state_minutes
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS open_interest_last,
        NULL AS ts_state_last,
        NULL AS state_rows,
        mark_price_seconds,
        basis_seconds,
        NULL AS grade,
        NULL AS state_seconds
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS open_interest_last,
        NULL AS ts_state_last,
        NULL AS state_rows,
        NULL AS mark_price_seconds,
        NULL AS basis_seconds,
        grade,
        state_seconds
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        max_by(open_interest_last, CASE WHEN open_interest_last IS NOT NULL THEN minute END) AS open_interest,
        sum(mark_price_seconds) / nullif(sum(basis_seconds), 0e0) AS mark_price,
        sum(state_seconds) AS covered_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

covered AS (
    SELECT
        *,
        covered_seconds / bucket_seconds AS coverage,
        lag(open_interest) OVER (
            PARTITION BY market, CASE WHEN open_interest IS NULL THEN 0 ELSE 1 END ORDER BY bucket
        ) AS before
    FROM sums
)

SELECT
    market,
    date,
    bucket AS minute,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN open_interest END AS open_interest,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 AND is_inverse IS NULL THEN open_interest * mark_price END AS notional,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN open_interest - before END AS change,
    mark_price,
    coverage,
    grade
FROM covered
LEFT JOIN inverse_markets USING (market);
