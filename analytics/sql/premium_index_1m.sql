-- Question: how far above or below the index could 10,000 quote units be traded, which is what funding is made of?
-- Grain: market, minute.
-- Units:
--   premium | fraction | (max(0, impact_bid - index) - max(0, index - impact_ask)) / index, of the minute's means
--   impact_bid | quote | mean price got for selling 10,000 quote units: mid x (1 - cost_bps_sell / 1e4)
--   impact_ask | quote | mean price paid for buying 10,000 quote units: mid x (1 + cost_bps_buy / 1e4)
--   index_price | quote | as told with the books, time-weighted
--   mid | quote | (best bid + best ask) / 2, time-weighted
--   mid_basis_bps | bps | mid / index - 1, time-weighted
--   cost_bps_buy | bps | above the mid paid for taking 10,000 quote units, of the time in which the visible asks held as much
--   cost_bps_sell | bps | below the mid got for selling 10,000 quote units, likewise
--   coverage | 0 to 1 | time in which a book with both sides and an index price stood, as a share of the minute
-- Source: closed_minutes, open_book_minutes, open_level_minutes, coverage.
-- Note: a figure is null where less than 0.1 of the minute was observed, and what a thin side makes also where the visible book did not
--   hold 10,000 quote units on that side for half of the time or more: premium for either side, an impact price and a cost for its own.
-- Note: an approximation: impact / index is taken as mean(mid / index) x (1 -+ mean cost), and max() of these means. It is exact where
--   mid / index and costs stand still in the minute. Else it leaves out their covariance, and where a premium was above 0 for a part of
--   the minute only, it is nearer to 0 than the mean of max() would be.
-- Note: there is no hour or day of it, for max() does not add up: average the minutes.
-- Note: an inverse market's 10,000 quote units are 10,000 of price x quantity, whatever its contract is worth.
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
        NULL AS grade
    FROM closed_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0
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
        NULL AS grade
    FROM open_book_minutes
    WHERE snapshots > 0 OR observed_seconds > 0 OR basis_seconds > 0
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
        grade
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        coalesce(sum(mid_seconds), 0e0) AS mid_seconds,
        coalesce(sum(basis_seconds), 0e0) AS basis_seconds,
        coalesce(sum(index_price_seconds), 0e0) AS index_price_seconds,
        coalesce(sum(mid_basis_seconds), 0e0) AS mid_basis_seconds,
        coalesce(sum(mid_basis_bps_seconds), 0e0) AS mid_basis_bps_seconds,
        coalesce(sum(cost_buy_seconds), 0e0) AS cost_buy_seconds,
        coalesce(sum(cost_buy_bps_seconds), 0e0) AS cost_buy_bps_seconds,
        coalesce(sum(cost_sell_seconds), 0e0) AS cost_sell_seconds,
        coalesce(sum(cost_sell_bps_seconds), 0e0) AS cost_sell_bps_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

means AS (
    SELECT
        market,
        date,
        minute,
        CASE WHEN observed_seconds >= 6e0 THEN mid_seconds / observed_seconds END AS mid,
        CASE WHEN basis_seconds >= 6e0 THEN index_price_seconds / basis_seconds END AS index_price,
        CASE
            WHEN mid_basis_seconds >= 6e0 THEN mid_basis_bps_seconds / mid_basis_seconds
        END AS mid_basis_bps,
        CASE
            WHEN observed_seconds >= 6e0 AND cost_buy_seconds > observed_seconds / 2
                THEN cost_buy_bps_seconds / cost_buy_seconds
        END AS cost_bps_buy,
        CASE
            WHEN observed_seconds >= 6e0 AND cost_sell_seconds > observed_seconds / 2
                THEN cost_sell_bps_seconds / cost_sell_seconds
        END AS cost_bps_sell,
        mid_basis_seconds / 60 AS coverage,
        grade
    FROM sums
),

impacts AS (
    SELECT
        *,
        (1 + mid_basis_bps / 1e4) * (1 - cost_bps_sell / 1e4) - 1 AS bid_premium,
        (1 + mid_basis_bps / 1e4) * (1 + cost_bps_buy / 1e4) - 1 AS ask_premium
    FROM means
)

SELECT
    market,
    date,
    minute,
    CASE
        WHEN bid_premium IS NOT NULL AND ask_premium IS NOT NULL
            THEN greatest(bid_premium, 0e0) - greatest(-ask_premium, 0e0)
    END AS premium,
    mid * (1 - cost_bps_sell / 1e4) AS impact_bid,
    mid * (1 + cost_bps_buy / 1e4) AS impact_ask,
    index_price,
    mid,
    mid_basis_bps,
    cost_bps_buy,
    cost_bps_sell,
    coverage,
    grade
FROM impacts;
