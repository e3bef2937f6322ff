-- Question: what did the account do, earn and pay in each market?
-- Grain: market.
-- Units:
--   fills | - | of the account
--   quantity | base | filled; contracts, if the market counts these
--   turnover | quote | value of the fills
--   maker_share | 0 to 1 | share of the quantity filled as a maker
--   profit_of_fills | quote | of what was closed
--   fees | quote | paid
--   funding | quote | charged by the ledger, as in account_funding; negative: paid
--   net | quote | profit_of_fills - fees + funding
--   net_bps | bps | net / turnover
--   held | base | now; negative: short
--   profit_unrealised | quote | of that, at the newest mark price
--   slippage_bps | bps | (price - mid_before) / mid_before, + against the account, mean by quantity; without liquidations
--   fee_bps | bps | fees / turnover
--   first_fill | time, the venue's clock | of the first fill
--   last_fill | time, the venue's clock | of the last fill
-- Source: account_fill_costs, account_funding, account_positions_now.
-- Reach: all
-- Note: markets in which the account ever had a fill, paid funding, or holds something.
-- Note: net is without what the venue takes or gives in a liquidation beside the loss, which the ledger tells without a market
--       (liquidation of account_pnl_1d).
WITH facts AS (
    SELECT
        market,
        ts_event,
        role,
        quantity,
        turnover,
        profit,
        fee,
        CAST(quantity AS DOUBLE) AS own,
        CASE WHEN cause = 'order' THEN slippage_bps END AS slippage_bps,
        CAST(NULL AS DECIMAL(38, 20)) AS charged,
        CAST(NULL AS DECIMAL(38, 20)) AS held,
        CAST(NULL AS DOUBLE) AS profit_unrealised
    FROM account_fill_costs
    WHERE horizon_s = 1
    UNION ALL
    SELECT
        market,
        NULL AS ts_event,
        NULL AS role,
        NULL AS quantity,
        NULL AS turnover,
        NULL AS profit,
        NULL AS fee,
        NULL AS own,
        NULL AS slippage_bps,
        charged,
        NULL AS held,
        NULL AS profit_unrealised
    FROM account_funding
    WHERE market IS NOT NULL AND charged IS NOT NULL
    UNION ALL
    SELECT
        market,
        NULL AS ts_event,
        NULL AS role,
        NULL AS quantity,
        NULL AS turnover,
        NULL AS profit,
        NULL AS fee,
        NULL AS own,
        NULL AS slippage_bps,
        NULL AS charged,
        quantity AS held,
        profit_unrealised
    FROM account_positions_now
),

sums AS (
    SELECT
        market,
        count(own) AS fills,
        coalesce(sum(quantity), CAST(0 AS DECIMAL(38, 20))) AS quantity,
        coalesce(sum(turnover), CAST(0 AS DECIMAL(38, 20))) AS turnover,
        coalesce(sum(CASE WHEN role = 'maker' THEN own END), 0e0) / nullif(sum(own), 0e0) AS maker_share,
        coalesce(sum(profit), CAST(0 AS DECIMAL(38, 20))) AS profit_of_fills,
        coalesce(sum(fee), CAST(0 AS DECIMAL(38, 20))) AS fees,
        coalesce(sum(charged), CAST(0 AS DECIMAL(38, 20))) AS funding,
        max(held) AS held,
        max(profit_unrealised) AS profit_unrealised,
        sum(own * slippage_bps) / nullif(sum(CASE WHEN slippage_bps IS NOT NULL THEN own END), 0e0) AS slippage_bps,
        min(ts_event) AS first_fill,
        max(ts_event) AS last_fill
    FROM facts
    GROUP BY market
),

netted AS (
    SELECT
        *,
        CAST(profit_of_fills AS DECIMAL(36, 20)) - CAST(fees AS DECIMAL(36, 20)) + CAST(funding AS DECIMAL(36, 20)) AS net,
        CASE WHEN turnover > 0 THEN CAST(turnover AS DOUBLE) END AS dealt
    FROM sums
)

SELECT
    market,
    fills,
    quantity,
    turnover,
    maker_share,
    profit_of_fills,
    fees,
    funding,
    net,
    1e4 * CAST(net AS DOUBLE) / dealt AS net_bps,
    held,
    profit_unrealised,
    slippage_bps,
    1e4 * CAST(fees AS DOUBLE) / dealt AS fee_bps,
    first_fill,
    last_fill
FROM netted;
