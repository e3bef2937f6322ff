-- Question: was each fill of the account made by an order of its owner, or by a liquidation?
-- Grain: a fill.
-- Units:
--   ts_event | time, the venue's clock | of the fill
--   order_id | - | of which order
--   place | - | which one of fills that are equal in everything, from 1
--   role | maker or taker | of the account
--   side | buy or sell | of the account
--   price | quote | of the fill
--   quantity | base | of the fill; contracts, if the market counts these
--   turnover | quote | its value, as the venue tells it
--   fee | quote | paid, likewise
--   profit | quote | of what it closed, likewise; null where it opened
--   cause | - | `order` or `liquidation`
-- Source: account_fills, account_positions, account_ledger_lines.
-- Note: a liquidation is what closes within a second or two of one: of a push that the market's position of its side was liquidated (event 4),
--       or of a line of liquidation in the ledger. The ledger names no market: there it counts only if the fill had no fee, or is of another
--       filled_type than 1.
-- Note: the venue's documents show no filled_type but 1 and tell of none, so that it decides nothing alone.
WITH told AS (
    SELECT
        market,
        CASE WHEN side = 'short' THEN 'buy' ELSE 'sell' END AS closing_side,
        floor(unix_micros(ts_updated) / 1e6) AS second
    FROM account_positions
    WHERE event = 4 AND ts_updated IS NOT NULL
),

posted AS (
    SELECT DISTINCT floor(unix_micros(ts_event) / 1e6) AS second
    FROM account_ledger_lines
    WHERE kind = 'liquidation'
),

beside AS (
    SELECT -1 AS away
    UNION ALL
    SELECT 0 AS away
    UNION ALL
    SELECT 1 AS away
),

pushed_seconds AS (
    SELECT DISTINCT market, closing_side, second + away AS second
    FROM told
    CROSS JOIN beside
),

posted_seconds AS (
    SELECT DISTINCT second + away AS second
    FROM posted
    CROSS JOIN beside
)

SELECT
    fills.market,
    fills.date,
    fills.ts_event,
    fills.order_id,
    fills.place,
    fills.role,
    fills.side,
    fills.price,
    fills.quantity,
    fills.turnover,
    fills.fee,
    fills.profit,
    CASE
        WHEN fills.profit IS NULL THEN 'order'
        WHEN pushed_seconds.second IS NOT NULL THEN 'liquidation'
        WHEN posted_seconds.second IS NOT NULL AND (coalesce(fills.fee, 0) = 0 OR fills.filled_type <> 1) THEN 'liquidation'
        ELSE 'order'
    END AS cause
FROM account_fills AS fills
LEFT JOIN pushed_seconds
    ON
        pushed_seconds.market = fills.market
        AND pushed_seconds.closing_side = fills.side
        AND pushed_seconds.second = floor(unix_micros(fills.ts_event) / 1e6)
LEFT JOIN posted_seconds ON posted_seconds.second = floor(unix_micros(fills.ts_event) / 1e6);
