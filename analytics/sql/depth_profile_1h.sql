-- Question: how much stood within 1, 5, 10, 25, 50 and 100 bps of the mid?
-- Grain: market, hour, within_bps.
-- Units:
--   within_bps | bps of the mid | how far from the mid a level may lie, to either side: 1, 5, 10, 25, 50 or 100
--   bid_depth | quote | price x quantity of the visible bids as near as that, time-weighted
--   ask_depth | quote | price x quantity of the visible asks as near as that, likewise
--   bid_complete | 0 to 1 | share of the observed time in which the last visible bid lay as far away or farther: all of the depth was seen
--   ask_complete | 0 to 1 | the same of the asks
--   observed_seconds | s | in which a book with both sides stood
--   coverage | 0 to 1 | observed_seconds as a share of the hour
-- Source: book_levels, observed_1h, inverse_markets.
-- Note: a push tells at most 50 levels a side. Where they end nearer to the mid than within_bps, what stands beyond
--       them is not known, and the depth is a lower bound: believe it as far as the complete share reaches.
-- Note: figures are null where less than 0.1 of the hour was observed.
-- Note: of an inverse market, which counts contracts, depths are null: price x quantity is no amount of money.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH sides AS (
    SELECT
        market,
        date,
        event_us,
        seq,
        is_bid,
        mid,
        stood_us,
        max(abs(price - mid)) AS reach,
        sum(CASE WHEN abs(price - mid) <= mid * 1e-4 THEN value ELSE 0e0 END) AS near_1,
        sum(CASE WHEN abs(price - mid) <= mid * 5e-4 THEN value ELSE 0e0 END) AS near_5,
        sum(CASE WHEN abs(price - mid) <= mid * 1e-3 THEN value ELSE 0e0 END) AS near_10,
        sum(CASE WHEN abs(price - mid) <= mid * 2.5e-3 THEN value ELSE 0e0 END) AS near_25,
        sum(CASE WHEN abs(price - mid) <= mid * 5e-3 THEN value ELSE 0e0 END) AS near_50,
        sum(CASE WHEN abs(price - mid) <= mid * 1e-2 THEN value ELSE 0e0 END) AS near_100
    FROM book_levels
    GROUP BY market, date, event_us, seq, is_bid, mid, stood_us
),

parts AS (
    SELECT 0 AS part
    UNION ALL
    SELECT 1 AS part
),

stays AS (
    SELECT
        sides.*,
        event_us - event_us % 3600000000 + 3600000000 * parts.part AS at_us,
        CASE
            WHEN parts.part = 0 THEN least(stood_us, 3600000000 - event_us % 3600000000)
            ELSE greatest(stood_us - (3600000000 - event_us % 3600000000), 0)
        END AS us
    FROM sides
    CROSS JOIN parts
),

hours AS (
    SELECT
        market,
        date,
        timestamp_micros(at_us) AS hour,
        is_bid,
        sum(near_1 * us) AS near_1_us,
        sum(near_5 * us) AS near_5_us,
        sum(near_10 * us) AS near_10_us,
        sum(near_25 * us) AS near_25_us,
        sum(near_50 * us) AS near_50_us,
        sum(near_100 * us) AS near_100_us,
        sum(CASE WHEN reach >= mid * 1e-4 THEN us ELSE 0 END) AS whole_1_us,
        sum(CASE WHEN reach >= mid * 5e-4 THEN us ELSE 0 END) AS whole_5_us,
        sum(CASE WHEN reach >= mid * 1e-3 THEN us ELSE 0 END) AS whole_10_us,
        sum(CASE WHEN reach >= mid * 2.5e-3 THEN us ELSE 0 END) AS whole_25_us,
        sum(CASE WHEN reach >= mid * 5e-3 THEN us ELSE 0 END) AS whole_50_us,
        sum(CASE WHEN reach >= mid * 1e-2 THEN us ELSE 0 END) AS whole_100_us
    FROM stays
    WHERE us > 0
    GROUP BY market, date, at_us, is_bid
),

bands AS (
    SELECT 1 AS within_bps
    UNION ALL
    SELECT 5 AS within_bps
    UNION ALL
    SELECT 10 AS within_bps
    UNION ALL
    SELECT 25 AS within_bps
    UNION ALL
    SELECT 50 AS within_bps
    UNION ALL
    SELECT 100 AS within_bps
),

banded AS (
    SELECT
        hours.market,
        hours.date,
        hours.hour,
        hours.is_bid,
        bands.within_bps,
        CASE bands.within_bps
            WHEN 1 THEN near_1_us
            WHEN 5 THEN near_5_us
            WHEN 10 THEN near_10_us
            WHEN 25 THEN near_25_us
            WHEN 50 THEN near_50_us
            WHEN 100 THEN near_100_us
        END / 1e6 AS near_seconds,
        CASE bands.within_bps
            WHEN 1 THEN whole_1_us
            WHEN 5 THEN whole_5_us
            WHEN 10 THEN whole_10_us
            WHEN 25 THEN whole_25_us
            WHEN 50 THEN whole_50_us
            WHEN 100 THEN whole_100_us
        END / 1e6 AS whole_seconds
    FROM hours
    CROSS JOIN bands
),

facts AS (
    SELECT
        market,
        date,
        hour,
        within_bps,
        CASE WHEN is_bid = 1 THEN near_seconds END AS bid_depth_seconds,
        CASE WHEN is_bid = 0 THEN near_seconds END AS ask_depth_seconds,
        CASE WHEN is_bid = 1 THEN whole_seconds END AS bid_whole_seconds,
        CASE WHEN is_bid = 0 THEN whole_seconds END AS ask_whole_seconds,
        NULL AS observed_seconds,
        NULL AS coverage,
        NULL AS grade
    FROM banded
    UNION ALL
    SELECT
        observed_1h.market,
        observed_1h.date,
        observed_1h.hour,
        bands.within_bps,
        NULL AS bid_depth_seconds,
        NULL AS ask_depth_seconds,
        NULL AS bid_whole_seconds,
        NULL AS ask_whole_seconds,
        observed_1h.observed_seconds,
        observed_1h.coverage,
        observed_1h.grade
    FROM observed_1h
    CROSS JOIN bands
),

sums AS (
    SELECT
        market,
        date,
        hour,
        within_bps,
        coalesce(sum(bid_depth_seconds), 0e0) AS bid_depth_seconds,
        coalesce(sum(ask_depth_seconds), 0e0) AS ask_depth_seconds,
        coalesce(sum(bid_whole_seconds), 0e0) AS bid_whole_seconds,
        coalesce(sum(ask_whole_seconds), 0e0) AS ask_whole_seconds,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        coalesce(max(coverage), 0e0) AS coverage,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, hour, within_bps
)

SELECT
    market,
    date,
    hour,
    within_bps,
    CASE WHEN coverage >= 0.1e0 AND is_inverse IS NULL THEN bid_depth_seconds / observed_seconds END AS bid_depth,
    CASE WHEN coverage >= 0.1e0 AND is_inverse IS NULL THEN ask_depth_seconds / observed_seconds END AS ask_depth,
    CASE WHEN coverage >= 0.1e0 THEN bid_whole_seconds / observed_seconds END AS bid_complete,
    CASE WHEN coverage >= 0.1e0 THEN ask_whole_seconds / observed_seconds END AS ask_complete,
    observed_seconds,
    coverage,
    grade
FROM sums
LEFT JOIN inverse_markets USING (market);
