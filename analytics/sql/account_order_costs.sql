-- Question: what became of each order of the account, and what did it cost against the mid when it was sent?
-- Grain: market, order.
-- Units:
--   ts_event | time, the venue's clock | when the order was made
--   ts_updated | time, the venue's clock | when it changed last
--   order_id | - | the venue's id
--   order_type | limit or market | its kind
--   side | buy or sell | the account's
--   status | - | what has become of it, as told last
--   price | quote | limit; 0 of a market order
--   price_mean | quote | mean price of what is filled
--   quantity | base | ordered
--   quantity_filled | base | filled
--   fill_share | 0 to 1 | quantity_filled / quantity
--   seconds | s | from when it was made to when it changed last
--   turnover | quote | value of what is filled
--   fee | quote | fees paid for that
--   arrival_mid | quote | mid of the last book up to when it was made; null where none stood
--   shortfall_bps | bps | (price_mean - arrival_mid) / arrival_mid, + against the account: what it cost to wait and to trade
--   fee_bps | bps | fee / turnover
--   cost_bps | bps | shortfall_bps + fee_bps
--   cause | - | `order`, or `liquidation` where a fill of it is one in account_fill_causes
-- Source: account_orders, account_mids, account_fill_causes.
-- Reach: 7 before, 7 after
-- Note: of each order the version that was told last. An order is looked for in the days from a week before it was made to a week
--       after; what became of it later is not seen by a question about a span of time.
-- Reference: Perold (1988) for the implementation shortfall; what was not filled is not in it.
WITH numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market, order_id ORDER BY ts_updated DESC, ts_recv DESC, seq DESC) AS version
    FROM account_orders
),

newest AS (
    SELECT
        *,
        CASE WHEN quantity_filled > 0 AND price_mean > 0 THEN CAST(price_mean AS DOUBLE) END AS paid,
        CASE WHEN side = 'buy' THEN 1e4 WHEN side = 'sell' THEN -1e4 END AS way,
        1e4 * CAST(fee AS DOUBLE) / CASE WHEN turnover > 0 THEN CAST(turnover AS DOUBLE) END AS fee_bps
    FROM numbered
    WHERE version = 1 AND ts_created IS NOT NULL
),

liquidated AS (
    SELECT DISTINCT market, order_id
    FROM account_fill_causes
    WHERE cause = 'liquidation'
)

SELECT
    newest.market,
    CAST(newest.ts_created AS DATE) AS date,
    newest.ts_created AS ts_event,
    ts_updated,
    newest.order_id,
    order_type,
    side,
    status,
    price,
    price_mean,
    quantity,
    quantity_filled,
    CAST(quantity_filled AS DOUBLE) / CASE WHEN quantity > 0 THEN CAST(quantity AS DOUBLE) END AS fill_share,
    (unix_micros(ts_updated) - unix_micros(newest.ts_created)) / 1e6 AS seconds,
    turnover,
    fee,
    mid_at AS arrival_mid,
    way * (paid - mid_at) / mid_at AS shortfall_bps,
    fee_bps,
    way * (paid - mid_at) / mid_at + fee_bps AS cost_bps,
    CASE WHEN liquidated.order_id IS NULL THEN 'order' ELSE 'liquidation' END AS cause
FROM newest
LEFT JOIN account_mids ON account_mids.market = newest.market AND account_mids.ts_event = newest.ts_created
LEFT JOIN liquidated ON liquidated.market = newest.market AND liquidated.order_id = newest.order_id;
