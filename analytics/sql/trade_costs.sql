-- Question: what did each trade cost its taker, and how much of that was left to the maker some time later?
-- Grain: a trade, horizon_s: five rows a trade, of which a condition on horizon_s takes one.
-- Units:
--   trade_id | - | the venue's, by market
--   ts_event | time, the venue's clock | of the trade
--   horizon_s | s | how long after the trade the mid is looked at again: 1, 5, 30, 60 or 300
--   side | buy or sell | the taker's side, in the wire's word
--   price | quote | of the trade
--   quantity | base | of the trade
--   mid_before | quote | mid of the last book before the trade; null where none stood
--   mid_after | quote | mid of the last book up to horizon_s after the trade; null where none stood
--   effective_spread_bps | bps | 2 x (price - mid_before) / mid_before, + against the taker; the same at each horizon
--   realised_spread_bps | bps | 2 x (price - mid_after) / mid_before, likewise: what is left to the maker
--   impact_bps | bps | 2 x (mid_after - mid_before) / mid_before, likewise; effective = realised + impact
--   coverage | 0 to 1 | share of the trade's minute in which books were recorded; null until it is graded
--   grade | A to D | of the trade's minute; null until it is graded
-- Source: trade_mids, coverage.
-- Note: a figure is null where one of its mids is not known, never guessed from an older one.
-- Note: sides are the venue's word for the taker; quality.side_is says whether the books agree.
-- Reference: Huang and Stoll (1996) for the parts of the effective spread.
SELECT
    trade_mids.market,
    trade_mids.date,
    trade_mids.trade_id,
    trade_mids.ts_event,
    trade_mids.horizon_s,
    trade_mids.side,
    trade_mids.price,
    trade_mids.quantity,
    trade_mids.mid_before,
    trade_mids.mid_after,
    CASE WHEN trade_mids.side = 'buy' THEN 2e4 ELSE -2e4 END
    * (trade_mids.price - trade_mids.mid_before) / trade_mids.mid_before AS effective_spread_bps,
    CASE WHEN trade_mids.side = 'buy' THEN 2e4 ELSE -2e4 END
    * (trade_mids.price - trade_mids.mid_after) / trade_mids.mid_before AS realised_spread_bps,
    CASE WHEN trade_mids.side = 'buy' THEN 2e4 ELSE -2e4 END
    * (trade_mids.mid_after - trade_mids.mid_before) / trade_mids.mid_before AS impact_bps,
    coverage.depth_seconds / 60e0 AS coverage,
    coverage.grade
FROM trade_mids
LEFT JOIN coverage
    ON
        coverage.market = trade_mids.market
        AND coverage.date = trade_mids.date
        AND coverage.minute
        = timestamp_micros(unix_micros(trade_mids.ts_event) - unix_micros(trade_mids.ts_event) % 60000000);
