-- Question: which way did the best quantities lean, and how far from the mid did they put the price?
-- Grain: market, minute.
-- Units:
--   weighted_mid | quote | (bid_quantity x ask_price + ask_quantity x bid_price) / (bid_quantity + ask_quantity), time-weighted
--   weighted_mid_bps | bps | weighted mid / mid - 1, time-weighted; + where more is bid than offered
--   weighted_mid_abs_bps | bps | its distance from the mid either way, time-weighted
--   observed_seconds | s | in which a book with both sides, and a quantity at one of them, stood
--   coverage | 0 to 1 | observed_seconds as a share of the bucket
-- Source: books, coverage.
-- Note: this is the weighted mid, which is often called so, and not Stoikov's micro-price: it is no martingale and jumps with each
--       quantity. His estimate, which a market's own books teach, is made in Python: analytics.microprice.
-- Note: figures are null where less than 0.1 of the bucket was observed.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
-- Reference: Stoikov (2018), for the weighted mid and what it lacks.
WITH weighed AS (
    SELECT
        market,
        date,
        unix_micros(ts_event) AS event_us,
        stood_us,
        mid,
        (bid_quantity * ask_price + ask_quantity * bid_price)
        / nullif(bid_quantity + ask_quantity, 0e0) AS weighted_mid
    FROM books
    WHERE mid IS NOT NULL AND stood_us > 0
),

parts AS (
    SELECT 0 AS part
    UNION ALL
    SELECT 1 AS part
),

stays AS (
    SELECT
        weighed.market,
        weighed.date,
        weighed.weighted_mid,
        1e4 * (weighted_mid / mid - 1) AS away_bps,
        event_us - event_us % 60000000 + 60000000 * parts.part AS at_us,
        CASE
            WHEN parts.part = 0 THEN least(stood_us, 60000000 - event_us % 60000000)
            ELSE greatest(stood_us - (60000000 - event_us % 60000000), 0)
        END AS us
    FROM weighed
    CROSS JOIN parts
    WHERE weighed.weighted_mid IS NOT NULL
),

facts AS (
    SELECT
        market,
        date,
        timestamp_micros(at_us) AS minute,
        sum(us) / 1e6 AS observed_seconds,
        sum(weighted_mid * us) / 1e6 AS weighted_mid_seconds,
        sum(away_bps * us) / 1e6 AS away_bps_seconds,
        sum(abs(away_bps) * us) / 1e6 AS apart_bps_seconds,
        NULL AS grade
    FROM stays
    WHERE us > 0
    GROUP BY market, date, at_us
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS weighted_mid_seconds,
        NULL AS away_bps_seconds,
        NULL AS apart_bps_seconds,
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
        sum(weighted_mid_seconds) AS weighted_mid_seconds,
        sum(away_bps_seconds) AS away_bps_seconds,
        sum(apart_bps_seconds) AS apart_bps_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    market,
    date,
    bucket AS minute,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN weighted_mid_seconds / observed_seconds
    END AS weighted_mid,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN away_bps_seconds / observed_seconds
    END AS weighted_mid_bps,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN apart_bps_seconds / observed_seconds
    END AS weighted_mid_abs_bps,
    observed_seconds,
    observed_seconds / bucket_seconds AS coverage,
    grade
FROM sums;
