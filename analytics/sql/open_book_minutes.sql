-- Question: what were each market's books together in a minute, on days whose minutes are not stored yet?
-- Grain: market, minute.
-- Units:
--   snapshots | - | books, by ts_event
--   observed_seconds | s | in which a book with both sides stood
--   spread_seconds | quote x s | best ask - best bid, times how long it stood
--   relative_spread_bps_seconds | bps x s | the spread in bps of the mid, likewise
--   mid_seconds | quote x s | the mid, likewise
--   bid_quantity_seconds | base x s | quantity at the best bid, likewise
--   ask_quantity_seconds | base x s | quantity at the best ask, likewise
--   imbalance_seconds | s | (bid - ask) / (bid + ask) of the best quantities, likewise
--   spread_min | quote | narrowest spread of a book that stood for any time
--   spread_max | quote | widest spread of a book that stood for any time
--   basis_seconds | s | in which the standing book's index and mark price were known
--   index_price_seconds | quote x s | over these: the index price
--   mark_price_seconds | quote x s | over these: the mark price
--   basis_bps_seconds | bps x s | over these: mark / index - 1
--   mid_basis_seconds | s | in which a book with both sides and an index price stood
--   mid_basis_bps_seconds | bps x s | over these: mid / index - 1
--   last_basis_seconds | s | in which the standing book's index and last price were known
--   last_price_seconds | quote x s | over these: the last price, as told with the book
--   last_basis_bps_seconds | bps x s | over these: last / index - 1
-- Source: open_books.
-- Note: the columns are those of the table minutes, in which compaction stores them.
WITH touched AS (
    SELECT
        market,
        date,
        unix_micros(ts_event) AS event_us,
        unix_micros(ts_event) - unix_micros(ts_event) % 60000000 AS minute_us,
        stood_us,
        mid,
        ask_price - bid_price AS spread,
        bid_quantity,
        ask_quantity,
        CASE
            WHEN bid_quantity + ask_quantity > 0
                THEN (bid_quantity - ask_quantity) / (bid_quantity + ask_quantity)
            ELSE 0e0
        END AS imbalance,
        CASE WHEN index_price > 0 THEN index_price END AS index_price,
        mark_price,
        last
    FROM open_books
),

parts AS (
    SELECT 0 AS part
    UNION ALL
    SELECT 1 AS part
),

stays AS (
    SELECT
        touched.*,
        parts.part,
        touched.minute_us + 60000000 * parts.part AS at_us,
        CASE
            WHEN parts.part = 0 THEN least(stood_us, minute_us + 60000000 - event_us)
            ELSE greatest(stood_us - (minute_us + 60000000 - event_us), 0)
        END AS us
    FROM touched
    CROSS JOIN parts
)

SELECT
    market,
    date,
    timestamp_micros(at_us) AS minute,
    CAST(sum(CASE WHEN part = 0 THEN 1 ELSE 0 END) AS BIGINT) AS snapshots,
    sum(CASE WHEN mid IS NOT NULL THEN us ELSE 0 END) / 1e6 AS observed_seconds,
    coalesce(sum(CASE WHEN mid IS NOT NULL THEN spread * us END), 0e0) / 1e6 AS spread_seconds,
    coalesce(sum(1e4 * spread / mid * us), 0e0) / 1e6 AS relative_spread_bps_seconds,
    coalesce(sum(mid * us), 0e0) / 1e6 AS mid_seconds,
    coalesce(sum(CASE WHEN mid IS NOT NULL THEN bid_quantity * us END), 0e0) / 1e6 AS bid_quantity_seconds,
    coalesce(sum(CASE WHEN mid IS NOT NULL THEN ask_quantity * us END), 0e0) / 1e6 AS ask_quantity_seconds,
    coalesce(sum(CASE WHEN mid IS NOT NULL THEN imbalance * us END), 0e0) / 1e6 AS imbalance_seconds,
    min(CASE WHEN mid IS NOT NULL AND us > 0 THEN spread END) AS spread_min,
    max(CASE WHEN mid IS NOT NULL AND us > 0 THEN spread END) AS spread_max,
    sum(CASE WHEN mark_price / index_price IS NOT NULL THEN us ELSE 0 END) / 1e6 AS basis_seconds,
    coalesce(sum(CASE WHEN mark_price IS NOT NULL THEN index_price * us END), 0e0) / 1e6 AS index_price_seconds,
    coalesce(sum(CASE WHEN index_price IS NOT NULL THEN mark_price * us END), 0e0) / 1e6 AS mark_price_seconds,
    coalesce(sum(1e4 * (mark_price / index_price - 1) * us), 0e0) / 1e6 AS basis_bps_seconds,
    sum(CASE WHEN mid / index_price IS NOT NULL THEN us ELSE 0 END) / 1e6 AS mid_basis_seconds,
    coalesce(sum(1e4 * (mid / index_price - 1) * us), 0e0) / 1e6 AS mid_basis_bps_seconds,
    sum(CASE WHEN last / index_price IS NOT NULL THEN us ELSE 0 END) / 1e6 AS last_basis_seconds,
    coalesce(sum(CASE WHEN index_price IS NOT NULL THEN last * us END), 0e0) / 1e6 AS last_price_seconds,
    coalesce(sum(1e4 * (last / index_price - 1) * us), 0e0) / 1e6 AS last_basis_bps_seconds
FROM stays
WHERE part = 0 OR us > 0
GROUP BY market, date, at_us;
