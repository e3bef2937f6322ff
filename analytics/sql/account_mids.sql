-- Question: which mid stood before, and at, the instants of the account's fills and orders?
-- Grain: market, instant.
-- Units:
--   ts_event | time, the venue's clock | of a fill, of 1, 5, 30, 60 or 300 s after one, or of an order's beginning
--   mid_before | quote | mid of the last book before it; null where none stood
--   mid_at | quote | mid of the last book up to it; null where none stood
-- Source: account_fills, account_orders, books.
-- Reach: 1 before, 7 after
-- Note: a book stands for stood_us of books and no longer, as for the mids of trades.
-- Note: books and instants are put in one order; each instant finds the last book before it.
WITH delays AS (
    SELECT 0 AS delay_s
    UNION ALL
    SELECT 1 AS delay_s
    UNION ALL
    SELECT 5 AS delay_s
    UNION ALL
    SELECT 30 AS delay_s
    UNION ALL
    SELECT 60 AS delay_s
    UNION ALL
    SELECT 300 AS delay_s
),

instants AS (
    SELECT market, unix_micros(ts_event) + 1000000 * delay_s AS at_us
    FROM account_fills
    CROSS JOIN delays
    UNION
    SELECT market, unix_micros(ts_created) AS at_us
    FROM account_orders
    WHERE ts_created IS NOT NULL
),

dated AS (
    SELECT market, at_us, CAST(timestamp_micros(at_us) AS DATE) AS date
    FROM instants
),

timeline AS (
    SELECT
        books.market,
        books.date,
        unix_micros(books.ts_event) AS at_us,
        books.seq,
        1 AS turn,
        coalesce(books.mid, -1e0) AS mid,
        unix_micros(books.ts_event) + books.stood_us AS stands_until_us
    FROM books
    INNER JOIN (SELECT DISTINCT market, date FROM dated) AS wanted
        ON wanted.market = books.market AND wanted.date = books.date
    UNION ALL
    SELECT market, date, at_us, NULL AS seq, 0 AS turn, NULL AS mid, NULL AS stands_until_us
    FROM dated
    UNION ALL
    SELECT market, date, at_us, NULL AS seq, 2 AS turn, NULL AS mid, NULL AS stands_until_us
    FROM dated
),

numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market, date ORDER BY at_us, turn, seq) AS number
    FROM timeline
),

standing AS (
    SELECT
        market,
        date,
        at_us,
        turn,
        max_by(mid, CASE WHEN turn = 1 THEN number END) OVER (
            PARTITION BY market, date ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS mid,
        max_by(stands_until_us, CASE WHEN turn = 1 THEN number END) OVER (
            PARTITION BY market, date ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS stands_until_us
    FROM numbered
)

SELECT
    market,
    date,
    timestamp_micros(at_us) AS ts_event,
    max(CASE WHEN turn = 0 THEN nullif(mid, -1e0) END) AS mid_before,
    max(CASE WHEN turn = 2 THEN nullif(mid, -1e0) END) AS mid_at
FROM standing
WHERE turn <> 1 AND (stands_until_us IS NULL OR at_us <= stands_until_us)
GROUP BY market, date, at_us;
