-- Question: how far above or below the index could 10,000 quote units be traded, which is what funding is made of?
-- Grain: market, minute.
-- Units:
--   premium | fraction | (max(0, impact bid - index) - max(0, index - impact ask)) / index of each book, time-weighted
--   impact_bid | quote | mean price got for selling 10,000 quote units, of the bucket's means: mid x (1 - cost_bps_sell / 1e4)
--   impact_ask | quote | mean price paid for buying 10,000 quote units, of the bucket's means: mid x (1 + cost_bps_buy / 1e4)
--   index_price | quote | as told with the books, time-weighted
--   mid | quote | (best bid + best ask) / 2, time-weighted
--   mid_basis_bps | bps | mid / index - 1, time-weighted
--   cost_bps_buy | bps | above the mid paid for taking 10,000 quote units, of the time in which the visible asks held as much
--   cost_bps_sell | bps | below the mid got for selling 10,000 quote units, likewise
--   premium_seconds | s | in which both visible sides held 10,000 quote units, and the index was known: premium is of this time
--   coverage | 0 to 1 | time in which a book with both sides and an index price stood, as a share of the bucket
-- Source: closed_minutes, open_book_minutes, open_level_minutes, coverage, inverse_markets.
-- Note: a figure is null where less than 0.1 of the bucket was observed, and what a thin side makes also where the visible book did not
--   hold 10,000 quote units for half of the time or more: premium for either side, an impact price and a cost for its own.
-- Note: premium is made book by book, each by the index told with it, as venues sample it: it is not what the impact prices of this row
--   make of its index, which are means. Where the index lies between them for a part of the time only, that would be nearer to 0.
-- Note: of an inverse market, which counts contracts, premium, impact prices and costs are null: price x quantity is no amount of money.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        mid_seconds,
        basis_seconds,
        index_price_seconds,
        mid_basis_seconds,
        mid_basis_bps_seconds,
        cost_buy_seconds,
        cost_buy_bps_seconds,
        cost_sell_seconds,
        cost_sell_bps_seconds,
        premium_seconds,
        premium_bps_seconds,
        NULL AS grade
    FROM closed_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        observed_seconds,
        mid_seconds,
        basis_seconds,
        index_price_seconds,
        mid_basis_seconds,
        mid_basis_bps_seconds,
        NULL AS cost_buy_seconds,
        NULL AS cost_buy_bps_seconds,
        NULL AS cost_sell_seconds,
        NULL AS cost_sell_bps_seconds,
        NULL AS premium_seconds,
        NULL AS premium_bps_seconds,
        NULL AS grade
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0 OR last_basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS mid_seconds,
        NULL AS basis_seconds,
        NULL AS index_price_seconds,
        NULL AS mid_basis_seconds,
        NULL AS mid_basis_bps_seconds,
        cost_buy_seconds,
        cost_buy_bps_seconds,
        cost_sell_seconds,
        cost_sell_bps_seconds,
        premium_seconds,
        premium_bps_seconds,
        NULL AS grade
    FROM open_level_minutes
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS observed_seconds,
        NULL AS mid_seconds,
        NULL AS basis_seconds,
        NULL AS index_price_seconds,
        NULL AS mid_basis_seconds,
        NULL AS mid_basis_bps_seconds,
        NULL AS cost_buy_seconds,
        NULL AS cost_buy_bps_seconds,
        NULL AS cost_sell_seconds,
        NULL AS cost_sell_bps_seconds,
        NULL AS premium_seconds,
        NULL AS premium_bps_seconds,
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
        sum(mid_seconds) AS mid_seconds,
        coalesce(sum(basis_seconds), 0e0) AS basis_seconds,
        sum(index_price_seconds) AS index_price_seconds,
        coalesce(sum(mid_basis_seconds), 0e0) AS mid_basis_seconds,
        sum(mid_basis_bps_seconds) AS mid_basis_bps_seconds,
        coalesce(sum(cost_buy_seconds), 0e0) AS cost_buy_seconds,
        sum(cost_buy_bps_seconds) AS cost_buy_bps_seconds,
        coalesce(sum(cost_sell_seconds), 0e0) AS cost_sell_seconds,
        sum(cost_sell_bps_seconds) AS cost_sell_bps_seconds,
        coalesce(sum(premium_seconds), 0e0) AS premium_seconds,
        sum(premium_bps_seconds) AS premium_bps_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

means AS (
    SELECT
        market,
        date,
        bucket,
        CASE
            WHEN premium_seconds >= 0.1e0 * bucket_seconds AND premium_seconds > mid_basis_seconds / 2 AND is_inverse IS NULL
                THEN premium_bps_seconds / premium_seconds / 1e4
        END AS premium,
        CASE WHEN basis_seconds >= 0.1e0 * bucket_seconds THEN index_price_seconds / basis_seconds END AS index_price,
        CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN mid_seconds / observed_seconds END AS mid,
        CASE
            WHEN mid_basis_seconds >= 0.1e0 * bucket_seconds THEN mid_basis_bps_seconds / mid_basis_seconds
        END AS mid_basis_bps,
        CASE
            WHEN observed_seconds >= 0.1e0 * bucket_seconds AND cost_buy_seconds > observed_seconds / 2 AND is_inverse IS NULL
                THEN cost_buy_bps_seconds / cost_buy_seconds
        END AS cost_bps_buy,
        CASE
            WHEN observed_seconds >= 0.1e0 * bucket_seconds AND cost_sell_seconds > observed_seconds / 2 AND is_inverse IS NULL
                THEN cost_sell_bps_seconds / cost_sell_seconds
        END AS cost_bps_sell,
        CASE WHEN is_inverse IS NULL THEN premium_seconds END AS premium_seconds,
        mid_basis_seconds / bucket_seconds AS coverage,
        grade
    FROM sums
    LEFT JOIN inverse_markets USING (market)
)

SELECT
    market,
    date,
    bucket AS minute,
    premium,
    mid * (1 - cost_bps_sell / 1e4) AS impact_bid,
    mid * (1 + cost_bps_buy / 1e4) AS impact_ask,
    index_price,
    mid,
    mid_basis_bps,
    cost_bps_buy,
    cost_bps_sell,
    premium_seconds,
    coverage,
    grade
FROM means;
