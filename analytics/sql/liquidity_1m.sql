-- Question: how much stood near the mid, and what did taking an amount cost?
-- Grain: market, minute.
-- Units:
--   bid_depth | quote | price x quantity of the bids within 10 bps of the mid, time-weighted, of the levels that are visible
--   ask_depth | quote | price x quantity of the asks within 10 bps of the mid, likewise
--   imbalance | -1 to 1 | (bid - ask) / (bid + ask) of the best quantities, time-weighted
--   bid_quantity | base | at the best bid, time-weighted
--   ask_quantity | base | at the best ask, time-weighted
--   cost_bps_buy | bps | above the mid paid for taking 10,000 quote units; null when the visible book is too thin for half of the time or more
--   cost_bps_sell | bps | below the mid got for selling 10,000 quote units; null likewise
--   cost_seconds_buy | s | in which the visible asks held as much
--   cost_seconds_sell | s | in which the visible bids held as much
--   coverage | 0 to 1 | time in which a book with both sides stood, as a share of the bucket
-- Source: closed_minutes, open_book_minutes, open_level_minutes, coverage, inverse_markets.
-- Note: figures are null where less than 0.1 of the bucket was observed.
-- Note: of an inverse market, which counts contracts, depths, costs and their seconds are null: price x quantity is no amount of money.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        imbalance_seconds,
        bid_quantity_seconds,
        ask_quantity_seconds,
        bid_depth_seconds,
        ask_depth_seconds,
        cost_buy_seconds,
        cost_buy_bps_seconds,
        cost_sell_seconds,
        cost_sell_bps_seconds,
        NULL AS grade
    FROM closed_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        imbalance_seconds,
        bid_quantity_seconds,
        ask_quantity_seconds,
        NULL AS bid_depth_seconds,
        NULL AS ask_depth_seconds,
        NULL AS cost_buy_seconds,
        NULL AS cost_buy_bps_seconds,
        NULL AS cost_sell_seconds,
        NULL AS cost_sell_bps_seconds,
        NULL AS grade
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS imbalance_seconds,
        NULL AS bid_quantity_seconds,
        NULL AS ask_quantity_seconds,
        bid_depth_seconds,
        ask_depth_seconds,
        cost_buy_seconds,
        cost_buy_bps_seconds,
        cost_sell_seconds,
        cost_sell_bps_seconds,
        NULL AS grade
    FROM open_level_minutes
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS imbalance_seconds,
        NULL AS bid_quantity_seconds,
        NULL AS ask_quantity_seconds,
        NULL AS bid_depth_seconds,
        NULL AS ask_depth_seconds,
        NULL AS cost_buy_seconds,
        NULL AS cost_buy_bps_seconds,
        NULL AS cost_sell_seconds,
        NULL AS cost_sell_bps_seconds,
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
        sum(imbalance_seconds) AS imbalance_seconds,
        sum(bid_quantity_seconds) AS bid_quantity_seconds,
        sum(ask_quantity_seconds) AS ask_quantity_seconds,
        sum(bid_depth_seconds) AS bid_depth_seconds,
        sum(ask_depth_seconds) AS ask_depth_seconds,
        coalesce(sum(cost_buy_seconds), 0e0) AS cost_buy_seconds,
        sum(cost_buy_bps_seconds) AS cost_buy_bps_seconds,
        coalesce(sum(cost_sell_seconds), 0e0) AS cost_sell_seconds,
        sum(cost_sell_bps_seconds) AS cost_sell_bps_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    market,
    date,
    bucket AS minute,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds AND is_inverse IS NULL THEN bid_depth_seconds / observed_seconds
    END AS bid_depth,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds AND is_inverse IS NULL THEN ask_depth_seconds / observed_seconds
    END AS ask_depth,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN imbalance_seconds / observed_seconds END AS imbalance,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN bid_quantity_seconds / observed_seconds END AS bid_quantity,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN ask_quantity_seconds / observed_seconds END AS ask_quantity,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds AND cost_buy_seconds > observed_seconds / 2 AND is_inverse IS NULL
            THEN cost_buy_bps_seconds / cost_buy_seconds
    END AS cost_bps_buy,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds AND cost_sell_seconds > observed_seconds / 2 AND is_inverse IS NULL
            THEN cost_sell_bps_seconds / cost_sell_seconds
    END AS cost_bps_sell,
    CASE WHEN is_inverse IS NULL THEN cost_buy_seconds END AS cost_seconds_buy,
    CASE WHEN is_inverse IS NULL THEN cost_sell_seconds END AS cost_seconds_sell,
    observed_seconds / bucket_seconds AS coverage,
    grade
FROM sums
LEFT JOIN inverse_markets USING (market);
