-- Question: how much was traded, by whom, and at what prices?
-- Grain: market, minute.
-- Units:
--   trades | - | trades, by ts_event
--   volume | base | their quantity
--   turnover | quote | their price x quantity
--   buy_volume | base | of trades of side buy, the taker's side in the venue's word
--   sell_volume | base | of the others
--   imbalance | -1 to 1 | (buy_volume - sell_volume) / volume; null without a trade
--   vwap | quote | sum of price x quantity / volume; null without a trade
--   open | quote | price of the first trade, by ts_event and trade_id; null without a trade, never the price before
--   high | quote | highest price
--   low | quote | lowest price
--   close | quote | price of the last trade, by ts_event and trade_id
--   buy_trades | - | trades of side buy
--   buy_turnover | quote | their price x quantity
--   candle_volume | base | of the venue's own candles, also where no trade was recorded; null where there is none
--   candle_turnover | quote | likewise; of an inverse market in base
--   coverage | 0 to 1 | share of the bucket in which trades were recorded, or repaired; null until it is graded
-- Source: closed_minutes, open_trade_minutes, coverage, inverse_markets.
-- Note: figures are null where less than 0.1 of the bucket was observed; trades counts what there is all the same. Sums (volumes,
--       turnovers, buy_trades) are null, too, where less than 0.95 of the bucket's judged time was, for the rest of it would be
--       missing from them: those of the newest bucket are of the time so far. candle_volume is of the venue, whatever was seen.
-- Note: of an inverse market, which counts contracts, turnover and buy_turnover are null: price x quantity is no amount of money.
--       Its vwap weighs prices by contracts, which differs from contracts / base by about the relative variance of prices.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        trades,
        volume,
        turnover,
        buy_trades,
        buy_volume,
        buy_turnover,
        open,
        high,
        low,
        close,
        ts_first,
        ts_last,
        NULL AS grade,
        NULL AS trade_seconds,
        NULL AS candle_volume,
        NULL AS candle_turnover
    FROM closed_minutes
    WHERE trades > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        trades,
        volume,
        turnover,
        buy_trades,
        buy_volume,
        buy_turnover,
        open,
        high,
        low,
        close,
        ts_first,
        ts_last,
        NULL AS grade,
        NULL AS trade_seconds,
        NULL AS candle_volume,
        NULL AS candle_turnover
    FROM open_trade_minutes
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS trades,
        NULL AS volume,
        NULL AS turnover,
        NULL AS buy_trades,
        NULL AS buy_volume,
        NULL AS buy_turnover,
        NULL AS open,
        NULL AS high,
        NULL AS low,
        NULL AS close,
        NULL AS ts_first,
        NULL AS ts_last,
        grade,
        trade_seconds,
        candle_volume,
        candle_turnover
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        CAST(coalesce(sum(trades), 0) AS BIGINT) AS trades,
        coalesce(sum(volume), 0e0) AS volume,
        coalesce(sum(turnover), 0e0) AS turnover,
        CAST(coalesce(sum(buy_trades), 0) AS BIGINT) AS buy_trades,
        coalesce(sum(buy_volume), 0e0) AS buy_volume,
        coalesce(sum(buy_turnover), 0e0) AS buy_turnover,
        min_by(open, ts_first) AS open,
        max(high) AS high,
        min(low) AS low,
        max_by(close, ts_last) AS close,
        60e0 AS bucket_seconds,
        sum(trade_seconds) AS covered_seconds,
        60e0 * count(trade_seconds) AS judged_seconds,
        sum(candle_volume) AS candle_volume,
        sum(candle_turnover) AS candle_turnover,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
),

covered AS (
    SELECT
        *,
        covered_seconds / bucket_seconds AS coverage,
        coalesce(covered_seconds >= 0.1e0 * bucket_seconds, true) AS is_seen,
        coalesce(covered_seconds >= greatest(0.95e0 * judged_seconds, 0.1e0 * bucket_seconds), true) AS is_summed
    FROM sums
)

SELECT
    market,
    date,
    bucket AS minute,
    trades,
    CASE WHEN is_summed THEN volume END AS volume,
    CASE WHEN is_summed AND is_inverse IS NULL THEN turnover END AS turnover,
    CASE WHEN is_summed THEN buy_volume END AS buy_volume,
    CASE WHEN is_summed THEN volume - buy_volume END AS sell_volume,
    CASE WHEN is_seen THEN (2 * buy_volume - volume) / nullif(volume, 0e0) END AS imbalance,
    CASE WHEN is_seen THEN turnover / nullif(volume, 0e0) END AS vwap,
    CASE WHEN is_seen THEN open END AS open,
    CASE WHEN is_seen THEN high END AS high,
    CASE WHEN is_seen THEN low END AS low,
    CASE WHEN is_seen THEN close END AS close,
    CASE WHEN is_summed THEN buy_trades END AS buy_trades,
    CASE WHEN is_summed AND is_inverse IS NULL THEN buy_turnover END AS buy_turnover,
    candle_volume,
    candle_turnover,
    coverage,
    grade
FROM covered
LEFT JOIN inverse_markets USING (market);
