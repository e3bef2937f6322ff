-- Question: which mid stood before each trade, and which 1 to 300 s after it?
-- Grain: a trade, horizon_s.
-- Units:
--   trade_id | - | the venue's, by market
--   ts_event | time, the venue's clock | of the trade
--   horizon_s | s | how long after the trade the mid is looked at again: 1, 5, 30, 60 or 300
--   side | buy or sell | the taker's side, in the wire's word
--   price | quote | of the trade
--   quantity | base | of the trade
--   mid_before | quote | mid of the last book before the trade; null where none stood
--   mid_after | quote | mid of the last book up to horizon_s after the trade; null where none stood
-- Source: closed_trades, open_trade_mids, books.
-- Note: a book stands for stood_us of books and no longer, so a mid is never from across a gap, nor older than
--       60 s, nor of another UTC day than the trade.
-- Note: books and the instants that are asked about are put in one order; each instant finds the book with as
--       many books before it. All horizons of a market's day cost one sort.
WITH told AS (
    SELECT market, date, trade_id, ts_event, side, price, quantity, mid_before
    FROM closed_trades
    UNION ALL
    SELECT market, date, trade_id, ts_event, side, price, quantity, mid_before
    FROM open_trade_mids
),

horizons AS (
    SELECT 1 AS horizon_s
    UNION ALL
    SELECT 5 AS horizon_s
    UNION ALL
    SELECT 30 AS horizon_s
    UNION ALL
    SELECT 60 AS horizon_s
    UNION ALL
    SELECT 300 AS horizon_s
),

numbered AS (
    SELECT
        market,
        date,
        unix_micros(ts_event) AS since_us,
        stood_us,
        mid,
        row_number() OVER (PARTITION BY market, date ORDER BY ts_event, seq) AS number
    FROM books
),

timeline AS (
    SELECT
        market,
        date,
        since_us AS at_us,
        1 AS book,
        CAST(NULL AS BIGINT) AS trade_id,
        CAST(NULL AS INT) AS horizon_s,
        NULL AS ts_event,
        NULL AS side,
        CAST(NULL AS DOUBLE) AS price,
        CAST(NULL AS DOUBLE) AS quantity,
        CAST(NULL AS DOUBLE) AS mid_before
    FROM numbered
    UNION ALL
    SELECT
        told.market,
        told.date,
        unix_micros(told.ts_event) + 1000000 * horizons.horizon_s AS at_us,
        0 AS book,
        told.trade_id,
        horizons.horizon_s,
        told.ts_event,
        told.side,
        told.price,
        told.quantity,
        told.mid_before
    FROM told
    CROSS JOIN horizons
),

counted AS (
    SELECT
        *,
        sum(book) OVER (
            PARTITION BY market, date ORDER BY at_us, book DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS number
    FROM timeline
)

SELECT
    counted.market,
    counted.date,
    counted.trade_id,
    counted.ts_event,
    counted.horizon_s,
    counted.side,
    counted.price,
    counted.quantity,
    counted.mid_before,
    numbered.mid AS mid_after
FROM counted
LEFT JOIN numbered
    ON
        numbered.market = counted.market
        AND numbered.date = counted.date
        AND numbered.number = counted.number
        AND counted.at_us - numbered.since_us <= numbered.stood_us
WHERE counted.book = 0;
