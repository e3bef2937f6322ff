-- Question: which book stood when, and for how long could it be believed in?
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
-- Source: closed_depth, open_books.
-- Note: of a compacted day it is stored (depth.dt); of the others it is made by the same rule.
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
    last,
    bids,
    asks,
    CAST(round(dt * 1e6) AS BIGINT) AS stood_us
FROM closed_depth
UNION ALL
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
    mid,
    index_price,
    mark_price,
    last,
    bids,
    asks,
    stood_us
FROM open_books;
