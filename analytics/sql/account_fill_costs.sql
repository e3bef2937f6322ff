-- Question: what did each fill of the account cost against the market, in price and in fees?
-- Grain: a fill, horizon_s: five rows a fill, of which a condition on horizon_s takes one.
-- Units:
--   ts_event | time, the venue's clock | of the fill
--   horizon_s | s | how long after the fill the mid is looked at again: 1, 5, 30, 60 or 300
--   order_id | - | of which order
--   place | - | which one of fills that are equal in everything, from 1
--   role | maker or taker | of the account
--   side | buy or sell | of the account
--   price | quote | of the fill
--   quantity | base | of the fill; contracts, if the market counts these
--   turnover | quote | its value, as the venue tells it
--   fee | quote | paid, likewise
--   profit | quote | of what it closed, likewise; null where it opened
--   cause | - | `order` or `liquidation`, as in account_fill_causes: what a liquidation cost is no cost of trading
--   mid_before | quote | mid of the last book before the fill; null where none stood
--   mid_after | quote | mid of the last book up to horizon_s after it; null where none stood
--   slippage_bps | bps | (price - mid_before) / mid_before, + against the account; the same at each horizon
--   effective_spread_bps | bps | 2 x slippage_bps: + paid, - earned
--   realised_spread_bps | bps | 2 x (price - mid_after) / mid_before, + where the price came back from where it was taken
--   impact_bps | bps | 2 x (mid_after - mid_before) / mid_before, + where the market went on the way of the account
--   fee_bps | bps | fee / turnover
--   cost_bps | bps | slippage_bps + fee_bps: all that it cost against the mid
--   coverage | 0 to 1 | share of the fill's minute in which books were recorded; null until it is graded
--   grade | A to D | of the fill's minute; null until it is graded
-- Source: account_fill_causes, account_mids, coverage.
-- Reach: 0 before, 1 after
-- Note: a figure is null where one of its mids is not known, never guessed from an older one.
-- Note: of a maker what is + for the account has its sign turned likewise: a maker's slippage is negative, what it earns.
WITH horizons AS (
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

fills AS (
    SELECT
        market,
        date,
        ts_event,
        horizon_s,
        timestamp_micros(unix_micros(ts_event) + 1000000 * horizon_s) AS ts_after,
        timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 60000000) AS minute,
        order_id,
        place,
        role,
        side,
        price,
        quantity,
        turnover,
        fee,
        profit,
        cause,
        CAST(price AS DOUBLE) AS paid,
        CASE WHEN side = 'buy' THEN 1e4 WHEN side = 'sell' THEN -1e4 END AS way
    FROM account_fill_causes
    CROSS JOIN horizons
),

priced AS (
    SELECT
        fills.*,
        earlier.mid_before,
        later.mid_at AS mid_after,
        1e4 * CAST(fee AS DOUBLE) / CASE WHEN turnover > 0 THEN CAST(turnover AS DOUBLE) END AS fee_bps,
        way * (paid - earlier.mid_before) / earlier.mid_before AS slippage_bps
    FROM fills
    LEFT JOIN account_mids AS earlier ON earlier.market = fills.market AND earlier.ts_event = fills.ts_event
    LEFT JOIN account_mids AS later ON later.market = fills.market AND later.ts_event = fills.ts_after
)

SELECT
    priced.market,
    priced.date,
    priced.ts_event,
    priced.horizon_s,
    priced.order_id,
    priced.place,
    priced.role,
    priced.side,
    priced.price,
    priced.quantity,
    priced.turnover,
    priced.fee,
    priced.profit,
    priced.cause,
    priced.mid_before,
    priced.mid_after,
    priced.slippage_bps,
    2 * slippage_bps AS effective_spread_bps,
    2 * way * (paid - mid_after) / mid_before AS realised_spread_bps,
    2 * way * (mid_after - mid_before) / mid_before AS impact_bps,
    priced.fee_bps,
    slippage_bps + fee_bps AS cost_bps,
    coverage.depth_seconds / 60e0 AS coverage,
    coverage.grade
FROM priced
LEFT JOIN coverage
    ON
        coverage.market = priced.market
        AND coverage.date = priced.date
        AND coverage.minute = priced.minute;
