-- Question: what were each market's trades together in a minute, on days whose minutes are not stored yet?
-- Grain: market, minute.
-- Units:
--   trades | - | trades, by ts_event
--   volume | base | their quantity
--   turnover | quote | their price x quantity
--   buy_trades | - | trades of side buy
--   buy_volume | base | their quantity
--   buy_turnover | quote | their price x quantity
--   open | quote | price of the first trade, by ts_event and trade_id
--   high | quote | highest price
--   low | quote | lowest price
--   close | quote | price of the last trade, by ts_event and trade_id
--   ts_first | time, UTC | of the first trade
--   ts_last | time, UTC | of the last trade
-- Source: open_trades.
-- Note: the columns are those of the table minutes, in which compaction stores them.
WITH instants AS (
    SELECT
        market,
        date,
        ts_event,
        count(*) AS trades,
        sum(quantity) AS volume,
        sum(price * quantity) AS turnover,
        sum(CASE WHEN side = 'buy' THEN 1 ELSE 0 END) AS buy_trades,
        sum(CASE WHEN side = 'buy' THEN quantity ELSE 0e0 END) AS buy_volume,
        sum(CASE WHEN side = 'buy' THEN price * quantity ELSE 0e0 END) AS buy_turnover,
        min_by(price, trade_id) AS open,
        max(price) AS high,
        min(price) AS low,
        max_by(price, trade_id) AS close
    FROM open_trades
    GROUP BY market, date, ts_event
)

SELECT
    market,
    date,
    timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 60000000) AS minute,
    CAST(sum(trades) AS BIGINT) AS trades,
    sum(volume) AS volume,
    sum(turnover) AS turnover,
    CAST(sum(buy_trades) AS BIGINT) AS buy_trades,
    sum(buy_volume) AS buy_volume,
    sum(buy_turnover) AS buy_turnover,
    min_by(open, ts_event) AS open,
    max(high) AS high,
    min(low) AS low,
    max_by(close, ts_event) AS close,
    min(ts_event) AS ts_first,
    max(ts_event) AS ts_last
FROM instants
GROUP BY market, date, timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 60000000);
