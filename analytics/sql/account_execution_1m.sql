-- Question: how well did the account trade, and how much of the market was it?
-- Grain: market, minute.
-- Units:
--   fills | - | of the account
--   quantity | base | filled; contracts, if the market counts these
--   buy_quantity | base | of that, bought
--   turnover | quote | value of the fills, as the venue tells it
--   maker_share | 0 to 1 | share of the quantity that was filled as a maker
--   buy_price | quote | mean price of what was bought, by quantity; null without any
--   sell_price | quote | mean price of what was sold, likewise
--   fee | quote | fees paid
--   fee_bps | bps | fee / turnover
--   profit | quote | of what was closed
--   slippage_bps | bps | (price - mid_before) / mid_before, + against the account, mean by quantity
--   taker_slippage_bps | bps | likewise, of the fills as a taker
--   maker_slippage_bps | bps | likewise, of the fills as a maker: negative, what was earned
--   effective_spread_bps | bps | 2 x slippage_bps: + paid, - earned
--   realised_spread_bps | bps | likewise against the mid 5 s later
--   impact_bps | bps | 2 x (mid 5 s later - mid_before) / mid_before, + where the market went on the way of the account
--   cost_bps | bps | slippage_bps + fee / turnover, both of the fills of which the mid before is known
--   market_volume | base | of all trades of the market, the account's with them
--   participation | 0 to 1 | quantity / market_volume
--   market_vwap | quote | of all trades, by quantity
--   vwap_slippage_bps | bps | buys above and sells below market_vwap, as a share of it, mean by quantity
--   priced_share | 0 to 1 | share of the quantity of which the mid before is known, and that the figures against mids are of
--   coverage | 0 to 1 | share of the bucket in which trades were recorded, or repaired; null until it is graded
-- Source: account_fill_costs, account_fills, closed_minutes, open_trade_minutes, coverage.
-- Note: a bucket without a fill has no row.
-- Note: what a liquidation closes is no decision of the owner, and in none of it: account_fill_costs tells what, by its cause.
-- Note: market_volume and what is made of it are null where less than 0.95 of the bucket's judged time was observed, as in volume_1m.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        volume,
        turnover AS market_turnover,
        NULL AS trade_seconds,
        NULL AS grade,
        NULL AS role,
        NULL AS side,
        NULL AS own,
        NULL AS paid,
        CAST(NULL AS DECIMAL(38, 20)) AS quantity,
        CAST(NULL AS DECIMAL(38, 20)) AS own_turnover,
        CAST(NULL AS DECIMAL(38, 20)) AS fee,
        CAST(NULL AS DECIMAL(38, 20)) AS profit,
        NULL AS slippage_bps,
        NULL AS realised_spread_bps,
        NULL AS impact_bps
    FROM closed_minutes
    WHERE trades > 0 AND market IN (SELECT market FROM account_fills)
    UNION ALL
    SELECT
        market,
        date,
        minute,
        volume,
        turnover AS market_turnover,
        NULL AS trade_seconds,
        NULL AS grade,
        NULL AS role,
        NULL AS side,
        NULL AS own,
        NULL AS paid,
        NULL AS quantity,
        NULL AS own_turnover,
        NULL AS fee,
        NULL AS profit,
        NULL AS slippage_bps,
        NULL AS realised_spread_bps,
        NULL AS impact_bps
    FROM open_trade_minutes
    WHERE market IN (SELECT market FROM account_fills)
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS volume,
        NULL AS market_turnover,
        trade_seconds,
        grade,
        NULL AS role,
        NULL AS side,
        NULL AS own,
        NULL AS paid,
        NULL AS quantity,
        NULL AS own_turnover,
        NULL AS fee,
        NULL AS profit,
        NULL AS slippage_bps,
        NULL AS realised_spread_bps,
        NULL AS impact_bps
    FROM coverage
    WHERE market IN (SELECT market FROM account_fills)
    UNION ALL
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 60000000) AS minute,
        NULL AS volume,
        NULL AS market_turnover,
        NULL AS trade_seconds,
        NULL AS grade,
        role,
        side,
        CAST(quantity AS DOUBLE) AS own,
        CAST(price AS DOUBLE) AS paid,
        quantity,
        turnover AS own_turnover,
        fee,
        profit,
        slippage_bps,
        realised_spread_bps,
        impact_bps
    FROM account_fill_costs
    WHERE horizon_s = 5 AND cause = 'order'
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        count(own) AS fills,
        sum(quantity) AS quantity,
        sum(CASE WHEN side = 'buy' THEN quantity END) AS buy_quantity,
        sum(own_turnover) AS turnover,
        sum(fee) AS fee,
        sum(profit) AS profit,
        sum(own) AS own,
        sum(CASE WHEN role = 'maker' THEN own END) AS maker_own,
        sum(CASE WHEN side = 'buy' THEN own END) AS bought,
        sum(CASE WHEN side = 'sell' THEN own END) AS sold,
        sum(CASE WHEN side = 'buy' THEN own * paid END) AS paid,
        sum(CASE WHEN side = 'sell' THEN own * paid END) AS got,
        sum(CASE WHEN slippage_bps IS NOT NULL THEN own END) AS priced,
        sum(CASE WHEN slippage_bps IS NOT NULL THEN own_turnover END) AS priced_turnover,
        sum(CASE WHEN slippage_bps IS NOT NULL THEN fee END) AS priced_fee,
        sum(CASE WHEN slippage_bps IS NOT NULL AND role = 'taker' THEN own END) AS taker_priced,
        sum(CASE WHEN slippage_bps IS NOT NULL AND role = 'maker' THEN own END) AS maker_priced,
        sum(own * slippage_bps) AS slippage,
        sum(CASE WHEN role = 'taker' THEN own * slippage_bps END) AS taker_slippage,
        sum(CASE WHEN role = 'maker' THEN own * slippage_bps END) AS maker_slippage,
        sum(CASE WHEN impact_bps IS NOT NULL THEN own END) AS followed,
        sum(own * realised_spread_bps) AS realised,
        sum(own * impact_bps) AS impact,
        sum(volume) AS volume,
        sum(market_turnover) AS market_turnover,
        sum(trade_seconds) AS covered_seconds,
        60e0 * count(trade_seconds) AS judged_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

covered AS (
    SELECT
        *,
        covered_seconds / bucket_seconds AS coverage,
        market_turnover / nullif(volume, 0e0) AS vwap,
        1e4 * CAST(fee AS DOUBLE) / CASE WHEN turnover > 0 THEN CAST(turnover AS DOUBLE) END AS fee_bps,
        1e4 * CAST(priced_fee AS DOUBLE) / CASE WHEN priced_turnover > 0 THEN CAST(priced_turnover AS DOUBLE) END
            AS priced_fee_bps,
        coalesce(covered_seconds >= greatest(0.95e0 * judged_seconds, 0.1e0 * bucket_seconds), true) AS is_summed
    FROM sums
    WHERE fills > 0
)

SELECT
    market,
    date,
    bucket AS minute,
    fills,
    quantity,
    coalesce(buy_quantity, CAST(0 AS DECIMAL(38, 20))) AS buy_quantity,
    turnover,
    coalesce(maker_own, 0e0) / nullif(own, 0e0) AS maker_share,
    paid / nullif(bought, 0e0) AS buy_price,
    got / nullif(sold, 0e0) AS sell_price,
    fee,
    fee_bps,
    profit,
    slippage / nullif(priced, 0e0) AS slippage_bps,
    taker_slippage / nullif(taker_priced, 0e0) AS taker_slippage_bps,
    maker_slippage / nullif(maker_priced, 0e0) AS maker_slippage_bps,
    2 * slippage / nullif(priced, 0e0) AS effective_spread_bps,
    realised / nullif(followed, 0e0) AS realised_spread_bps,
    impact / nullif(followed, 0e0) AS impact_bps,
    slippage / nullif(priced, 0e0) + priced_fee_bps AS cost_bps,
    CASE WHEN is_summed THEN volume END AS market_volume,
    CASE WHEN is_summed THEN own / nullif(volume, 0e0) END AS participation,
    CASE WHEN is_summed THEN vwap END AS market_vwap,
    CASE
        WHEN is_summed
            THEN
                1e4
                * (coalesce(paid, 0e0) - coalesce(got, 0e0) - vwap * (coalesce(bought, 0e0) - coalesce(sold, 0e0)))
                / (vwap * own)
    END AS vwap_slippage_bps,
    coalesce(priced, 0e0) / nullif(own, 0e0) AS priced_share,
    coverage,
    grade
FROM covered;
