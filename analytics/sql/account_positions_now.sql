-- Question: what is held now, how far is it from its liquidation, and what will the next funding cost?
-- Grain: market; where something is held.
-- Units:
--   ts_recv | time, the recorder's clock | when the position was told last
--   position_id | - | the venue's id
--   side | - | `long` or `short`
--   position_type | - | `isolated` or `cross`
--   leverage | - | of the position
--   quantity | base | held; negative: short; contracts, if the market counts these
--   open_price | quote | mean price at which it was opened
--   mark_price | quote | as the market's newest state tells it
--   notional | quote | quantity x mark_price; null of an inverse market
--   profit_unrealised | quote | quantity x (mark_price - open_price); of an inverse market as told last
--   margin | quote | that it holds
--   margin_ratio | - | maintenance margin / (margin + profit_unrealised), of an isolated position; at 1 it is liquidated
--   liquidation_price | quote | the mark price at which it is liquidated, as told last
--   to_liquidation_bps | bps | how far the mark price may move against it until then
--   funding_next | quote | - notional x funding_rate_next: what the next settlement will charge; negative: to pay
--   minutes_left | min | until then
--   stop_loss_price | quote | as told last
--   take_profit_price | quote | as told last
-- Source: account_positions_last, funding_now, inverse_markets.
WITH marked AS (
    SELECT
        held.market,
        held.date,
        held.ts_recv,
        held.position_id,
        held.side,
        held.position_type,
        held.leverage,
        held.quantity,
        held.open_price,
        now_told.mark_price,
        CASE WHEN is_inverse IS NULL THEN CAST(held.quantity AS DOUBLE) * now_told.mark_price END AS notional,
        CASE
            WHEN is_inverse IS NULL
                THEN CAST(held.quantity AS DOUBLE) * (now_told.mark_price - CAST(held.open_price AS DOUBLE))
            ELSE CAST(held.profit_unrealised AS DOUBLE)
        END AS profit_unrealised,
        held.margin,
        CAST(held.margin AS DOUBLE) AS margin_held,
        CAST(held.maintenance_margin AS DOUBLE) AS maintenance,
        held.liquidation_price,
        CASE WHEN held.liquidation_price > 0 THEN CAST(held.liquidation_price AS DOUBLE) END AS liquidated_at,
        CASE WHEN held.quantity < 0 THEN -1e4 ELSE 1e4 END AS way,
        now_told.funding_rate_next,
        now_told.minutes_left,
        held.stop_loss_price,
        held.take_profit_price
    FROM account_positions_last AS held
    LEFT JOIN funding_now AS now_told ON now_told.market = held.market
    LEFT JOIN inverse_markets ON inverse_markets.market = held.market
    WHERE held.is_held
)

SELECT
    market,
    date,
    ts_recv,
    position_id,
    side,
    position_type,
    leverage,
    quantity,
    open_price,
    mark_price,
    notional,
    profit_unrealised,
    margin,
    CASE
        WHEN position_type = 'isolated' AND margin_held + profit_unrealised > 0
            THEN maintenance / (margin_held + profit_unrealised)
    END AS margin_ratio,
    liquidation_price,
    way * (mark_price - liquidated_at) / mark_price AS to_liquidation_bps,
    -notional * funding_rate_next AS funding_next,
    minutes_left,
    stop_loss_price,
    take_profit_price
FROM marked;
