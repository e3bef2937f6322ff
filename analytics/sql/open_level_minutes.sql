-- Question: how much stood near the mid, and what did taking cost, on days whose minutes are not stored yet?
-- Grain: market, minute.
-- Units:
--   bid_depth_seconds | quote x s | price x quantity of the bids within 10 bps of the mid, times how long it stood
--   ask_depth_seconds | quote x s | price x quantity of the asks within 10 bps of the mid, likewise
--   cost_buy_seconds | s | in which the visible asks held 10,000 quote units
--   cost_buy_bps_seconds | bps x s | over these: above the mid paid for taking that much
--   cost_sell_seconds | s | in which the visible bids held 10,000 quote units
--   cost_sell_bps_seconds | bps x s | over these: below the mid got for selling that much
--   premium_seconds | s | in which both sides held 10,000 quote units, and the index was known
--   premium_bps_seconds | bps x s | over these: (max(0, bid - index) - max(0, index - ask)) / index, of the prices got and paid for that much
-- Source: open_books.
-- Note: the columns are those of the table minutes, in which compaction stores them.
WITH levels AS (
    SELECT market, date, 2 * number AS side, ts_event, mid, index_price, stood_us, 1 AS sign, explode(asks) AS level
    FROM open_books
    WHERE mid IS NOT NULL AND stood_us > 0
    UNION ALL
    SELECT market, date, 2 * number + 1 AS side, ts_event, mid, index_price, stood_us, -1 AS sign, explode(bids) AS level
    FROM open_books
    WHERE mid IS NOT NULL AND stood_us > 0
),

offers AS (
    SELECT
        market,
        date,
        side,
        unix_micros(ts_event) AS event_us,
        mid,
        index_price,
        stood_us,
        sign,
        level.price AS price,
        level.price * level.quantity AS value
    FROM levels
    WHERE level.price > 0 AND level.quantity > 0
),

reached AS (
    SELECT
        *,
        sum(value) OVER (
            PARTITION BY market, date, side
            ORDER BY sign * price
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS value_to_here
    FROM offers
),

sides AS (
    SELECT
        market,
        date,
        side,
        min(event_us) AS event_us,
        min(sign) AS sign,
        min(mid) AS mid,
        min(CASE WHEN index_price > 0 THEN index_price END) AS index_price,
        min(stood_us) AS stood_us,
        sum(CASE WHEN abs(price - mid) <= mid * 1e-3 THEN value ELSE 0e0 END) AS near,
        CASE
            WHEN sum(value) >= 1e4
                THEN 1e4 / sum(greatest(least(value, 1e4 - (value_to_here - value)), 0e0) / price)
        END AS taken_at
    FROM reached
    GROUP BY market, date, side
),

-- Both sides of a book in one row: of a book of which one is too thin there is no premium.
pairs AS (
    SELECT
        market,
        date,
        min(event_us) AS event_us,
        min(stood_us) AS stood_us,
        min(index_price) AS index_price,
        max(CASE WHEN sign = -1 THEN taken_at END) AS sold_at,
        max(CASE WHEN sign = 1 THEN taken_at END) AS bought_at
    FROM sides
    GROUP BY market, date, side - side % 2
),

told AS (
    SELECT
        market,
        date,
        sign,
        event_us,
        stood_us,
        near,
        1e4 * sign * (taken_at / mid - 1) AS bps
    FROM sides
    UNION ALL
    SELECT
        market,
        date,
        0 AS sign,
        event_us,
        stood_us,
        0e0 AS near,
        1e4 * (greatest(sold_at / index_price - 1, 0e0) - greatest(1 - bought_at / index_price, 0e0)) AS bps
    FROM pairs
    WHERE sold_at IS NOT NULL AND bought_at IS NOT NULL AND index_price IS NOT NULL
),

parts AS (
    SELECT 0 AS part
    UNION ALL
    SELECT 1 AS part
),

stays AS (
    SELECT
        told.market,
        told.date,
        told.sign,
        told.near,
        told.bps,
        event_us - event_us % 60000000 + 60000000 * parts.part AS at_us,
        CASE
            WHEN parts.part = 0 THEN least(stood_us, 60000000 - event_us % 60000000)
            ELSE greatest(stood_us - (60000000 - event_us % 60000000), 0)
        END AS us
    FROM told
    CROSS JOIN parts
)

SELECT
    market,
    date,
    timestamp_micros(at_us) AS minute,
    sum(CASE WHEN sign = -1 THEN near * us ELSE 0e0 END) / 1e6 AS bid_depth_seconds,
    sum(CASE WHEN sign = 1 THEN near * us ELSE 0e0 END) / 1e6 AS ask_depth_seconds,
    sum(CASE WHEN sign = 1 AND bps IS NOT NULL THEN us ELSE 0 END) / 1e6 AS cost_buy_seconds,
    coalesce(sum(CASE WHEN sign = 1 THEN bps * us END), 0e0) / 1e6 AS cost_buy_bps_seconds,
    sum(CASE WHEN sign = -1 AND bps IS NOT NULL THEN us ELSE 0 END) / 1e6 AS cost_sell_seconds,
    coalesce(sum(CASE WHEN sign = -1 THEN bps * us END), 0e0) / 1e6 AS cost_sell_bps_seconds,
    sum(CASE WHEN sign = 0 THEN us ELSE 0 END) / 1e6 AS premium_seconds,
    coalesce(sum(CASE WHEN sign = 0 THEN bps * us END), 0e0) / 1e6 AS premium_bps_seconds
FROM stays
WHERE us > 0
GROUP BY market, date, at_us;
