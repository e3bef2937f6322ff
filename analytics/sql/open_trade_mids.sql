-- Question: which mid stood before each trade and 5 s after it, on days whose minutes are not stored yet?
-- Grain: a trade.
-- Units:
--   trade_id | - | the venue's, by market
--   ts_event | time, the venue's clock | of the trade
--   side | buy or sell | the taker's side, in the wire's word
--   price | quote | of the trade
--   quantity | base | of the trade
--   mid_before | quote | mid of the last book before the trade; null where none stood
--   mid_after | quote | mid of the last book up to 5 s after the trade; null where none stood
-- Source: open_trades, open_books.
-- Note: the rule is that of trades.mid_before, which is stored when a day is compacted. Books and the instants
--       that are asked about are put in one order; each instant finds the book with as many books before it.
WITH numbered AS (
    SELECT
        market,
        date,
        unix_micros(ts_event) AS since_us,
        stood_us,
        mid,
        number
    FROM open_books
),

timeline AS (
    SELECT market, date, since_us AS at_us, 1 AS turn, 1 AS book, CAST(NULL AS BIGINT) AS trade_id
    FROM numbered
    UNION ALL
    SELECT market, date, unix_micros(ts_event) AS at_us, 0 AS turn, 0 AS book, trade_id
    FROM open_trades
    UNION ALL
    SELECT market, date, unix_micros(ts_event) + 5000000 AS at_us, 2 AS turn, 0 AS book, trade_id
    FROM open_trades
),

counted AS (
    SELECT
        *,
        sum(book) OVER (
            PARTITION BY market, date ORDER BY at_us, turn
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS number
    FROM timeline
),

found AS (
    SELECT
        counted.market,
        counted.date,
        counted.trade_id,
        max(CASE WHEN counted.turn = 0 THEN numbered.mid END) AS mid_before,
        max(CASE WHEN counted.turn = 2 THEN numbered.mid END) AS mid_after
    FROM counted
    INNER JOIN numbered
        ON
            numbered.market = counted.market
            AND numbered.date = counted.date
            AND numbered.number = counted.number
    WHERE counted.turn <> 1 AND counted.at_us - numbered.since_us <= numbered.stood_us
    GROUP BY counted.market, counted.date, counted.trade_id
)

SELECT
    open_trades.market,
    open_trades.date,
    open_trades.trade_id,
    open_trades.ts_event,
    open_trades.side,
    open_trades.price,
    open_trades.quantity,
    found.mid_before,
    found.mid_after
FROM open_trades
LEFT JOIN found
    ON
        found.market = open_trades.market
        AND found.date = open_trades.date
        AND found.trade_id = open_trades.trade_id;
