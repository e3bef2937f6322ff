-- Question: how tight was each market's book, and what did crossing it cost?
-- Grain: market, minute.
-- Units:
--   relative_spread_bps | bps | time-weighted (ask - bid) / mid; times without books and books older than 60 s are left out
--   spread | quote | time-weighted ask - bid
--   spread_min | quote | narrowest spread of a book that stood for any time
--   spread_max | quote | widest spread of a book that stood for any time
--   effective_spread_bps | bps | 2 x (price - mid before) / mid before, + against the taker; weighted by price x quantity
--   realised_spread_bps | bps | 2 x (price - mid 5 s later) / mid before, likewise: what is left to the maker
--   impact_bps | bps | 2 x (mid 5 s later - mid before) / mid before, likewise; effective = realised + impact where both are known
--   observed_seconds | s | in which a book with both sides stood
--   snapshots | - | books
--   coverage | 0 to 1 | observed_seconds as a share of the bucket
-- Source: closed_minutes, open_book_minutes, open_cost_minutes, coverage.
-- Note: figures are null where less than 0.1 of the bucket was observed; sides are the venue's word for the taker.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        spread_seconds,
        relative_spread_bps_seconds,
        spread_min,
        spread_max,
        snapshots,
        effective_turnover,
        effective_bps_turnover,
        realised_turnover,
        realised_bps_turnover,
        impact_bps_turnover,
        NULL AS grade
    FROM closed_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0 OR effective_trades > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        spread_seconds,
        relative_spread_bps_seconds,
        spread_min,
        spread_max,
        snapshots,
        NULL AS effective_turnover,
        NULL AS effective_bps_turnover,
        NULL AS realised_turnover,
        NULL AS realised_bps_turnover,
        NULL AS impact_bps_turnover,
        NULL AS grade
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS spread_seconds,
        NULL AS relative_spread_bps_seconds,
        NULL AS spread_min,
        NULL AS spread_max,
        NULL AS snapshots,
        effective_turnover,
        effective_bps_turnover,
        realised_turnover,
        realised_bps_turnover,
        impact_bps_turnover,
        NULL AS grade
    FROM open_cost_minutes
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS spread_seconds,
        NULL AS relative_spread_bps_seconds,
        NULL AS spread_min,
        NULL AS spread_max,
        NULL AS snapshots,
        NULL AS effective_turnover,
        NULL AS effective_bps_turnover,
        NULL AS realised_turnover,
        NULL AS realised_bps_turnover,
        NULL AS impact_bps_turnover,
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
        sum(relative_spread_bps_seconds) AS relative_spread_bps_seconds,
        min(spread_min) AS spread_min,
        max(spread_max) AS spread_max,
        CAST(coalesce(sum(snapshots), 0) AS BIGINT) AS snapshots,
        sum(effective_turnover) AS effective_turnover,
        sum(effective_bps_turnover) AS effective_bps_turnover,
        sum(realised_turnover) AS realised_turnover,
        sum(realised_bps_turnover) AS realised_bps_turnover,
        sum(impact_bps_turnover) AS impact_bps_turnover,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    market,
    date,
    bucket AS minute,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN relative_spread_bps_seconds / observed_seconds
    END AS relative_spread_bps,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN spread_seconds / observed_seconds END AS spread,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN spread_min END AS spread_min,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN spread_max END AS spread_max,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds
            THEN effective_bps_turnover / nullif(effective_turnover, 0e0)
    END AS effective_spread_bps,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds
            THEN realised_bps_turnover / nullif(realised_turnover, 0e0)
    END AS realised_spread_bps,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds
            THEN impact_bps_turnover / nullif(realised_turnover, 0e0)
    END AS impact_bps,
    observed_seconds,
    snapshots,
    observed_seconds / bucket_seconds AS coverage,
    grade
FROM sums;
