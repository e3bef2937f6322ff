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
--   last | quote | the last price, as told with the book
--   bids | quote, base | levels, best first
--   asks | quote, base | levels, best first
--   stood_us | us | until the next book, at most 60 s, not past the end of the UTC day, nor into a gap of books
--   number | - | 1 for the market's first book of the day, and so on
-- Source: open_depth, book_gaps.
-- Note: the rule is that of depth.dt, which is stored when a day is compacted.
WITH followed AS (
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
        index_price,
        mark_price,
        last,
        bids,
        asks,
        unix_micros(ts_event) AS event_us,
        unix_micros(ts_recv) AS at_us,
        row_number() OVER (PARTITION BY market, date ORDER BY ts_event, seq) AS number,
        lead(unix_micros(ts_event)) OVER (PARTITION BY market, date ORDER BY ts_event, seq) AS next_us
    FROM open_depth
),

spans AS (
    SELECT
        market,
        date,
        start_us,
        end_us,
        lag(end_us) OVER (PARTITION BY market, date ORDER BY start_us) AS last_end_us
    FROM book_gaps
),

ahead AS (
    SELECT
        market,
        date,
        greatest(start_us - 60000000, coalesce(last_end_us, 0)) AS from_us,
        start_us,
        end_us
    FROM spans
)

SELECT
    followed.market,
    followed.date,
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
    last,
    bids,
    asks,
    greatest(
        least(
            coalesce(next_us, event_us - event_us % 86400000000 + 86400000000) - event_us,
            60000000,
            coalesce(ahead.start_us - at_us, 60000000)
        ),
        0
    ) AS stood_us,
    number
FROM followed
LEFT JOIN ahead
    ON
        ahead.market = followed.market
        AND ahead.date = followed.date
        AND ahead.from_us <= followed.at_us
        AND ahead.end_us > followed.at_us;
