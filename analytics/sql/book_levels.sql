-- Question: what did each book offer, level by level, while it stood?
-- Grain: a level of a book with both sides that stood for any time.
-- Units:
--   event_us | us since the epoch, the venue's clock | of the book
--   seq | - | orders books of one instant
--   is_bid | 0 or 1 | 1 for a bid, 0 for an ask
--   price | quote | of the level
--   value | quote | price x quantity
--   mid | quote | (best bid + best ask) / 2
--   stood_us | us | how long the book stood, as in books
-- Source: books.
-- Note: value is price x quantity whatever the market counts: of an inverse market it is no amount of money.
-- Note: levels without price or quantity offer nothing and are left out. A push tells at most 50 levels a side.
WITH levels AS (
    SELECT market, date, ts_event, seq, mid, stood_us, 0 AS is_bid, explode(asks) AS level
    FROM books
    WHERE mid IS NOT NULL AND stood_us > 0
    UNION ALL
    SELECT market, date, ts_event, seq, mid, stood_us, 1 AS is_bid, explode(bids) AS level
    FROM books
    WHERE mid IS NOT NULL AND stood_us > 0
)

SELECT
    market,
    date,
    unix_micros(ts_event) AS event_us,
    seq,
    is_bid,
    level.price AS price,
    level.price * level.quantity AS value,
    mid,
    stood_us
FROM levels
WHERE level.price > 0 AND level.quantity > 0;
