-- Question: how long did each book stand, on days whose minutes are not stored yet?
-- Grain: a full book snapshot.
-- Units:
--   ts_event | time, the venue's clock | of the book
--   ts_recv | time, the recorder's clock | of its receipt
--   seq | - | orders books of one instant
--   bid_price | quote | best bid; null without one
--   bid_quantity | base | quantity at the best bid
--   ask_price | quote | best ask; null without one
--   ask_quantity | base | quantity at the best ask
--   mid | quote | (bid_price + ask_price) / 2; null unless both are there
--   index_price | quote | the index, as told with the book
--   mark_price | quote | the mark price, as told with the book
--   bids | quote, base | levels, best first
--   asks | quote, base | levels, best first
--   stood_us | us | until the next book, at most 60 s, not past the end of the UTC day, nor into a gap of books
-- Source: open_depth, book_gaps.
-- Note: the rule is that of depth.dt, which is stored when a day is compacted.
WITH timeline AS (
    SELECT
        market,
        unix_micros(ts_recv) AS at_us,
        1 AS is_book,
        CAST(NULL AS BIGINT) AS start_us,
        CAST(NULL AS BIGINT) AS end_us,
        date,
        ts_event,
        ts_recv,
        seq,
        bid_price,
        bid_quantity,
        ask_price,
        ask_quantity,
        index_price,
        mark_price,
        bids,
        asks
    FROM open_depth
    UNION ALL
    SELECT
        market,
        start_us AS at_us,
        0 AS is_book,
        start_us,
        end_us,
        NULL AS date,
        NULL AS ts_event,
        NULL AS ts_recv,
        NULL AS seq,
        NULL AS bid_price,
        NULL AS bid_quantity,
        NULL AS ask_price,
        NULL AS ask_quantity,
        NULL AS index_price,
        NULL AS mark_price,
        NULL AS bids,
        NULL AS asks
    FROM book_gaps
),

known AS (
    SELECT
        *,
        max(end_us) OVER (
            PARTITION BY market ORDER BY at_us, is_book
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS missing_until_us,
        min(start_us) OVER (
            PARTITION BY market ORDER BY at_us, is_book
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS missing_from_us
    FROM timeline
),

followed AS (
    SELECT
        *,
        unix_micros(ts_event) AS event_us,
        lead(unix_micros(ts_event)) OVER (PARTITION BY market, date ORDER BY ts_event, seq) AS next_us
    FROM known
    WHERE is_book = 1
)

SELECT
    market,
    date,
    ts_event,
    ts_recv,
    seq,
    bid_price,
    bid_quantity,
    ask_price,
    ask_quantity,
    CASE WHEN bid_price + ask_price > 0 THEN (bid_price + ask_price) / 2 END AS mid,
    index_price,
    mark_price,
    bids,
    asks,
    CASE
        WHEN missing_until_us > at_us THEN 0
        ELSE least(
            coalesce(next_us, event_us - event_us % 86400000000 + 86400000000) - event_us,
            60000000,
            coalesce(missing_from_us - at_us, 60000000)
        )
    END AS stood_us
FROM followed;
