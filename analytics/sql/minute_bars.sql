-- Question: where did each minute's price begin, go and end, and how far was that from the minute before?
-- Grain: market, minute, of trades or graded.
-- Units:
--   trades | - | trades, by ts_event
--   turnover | quote | their price x quantity
--   signed_turnover | quote | price x quantity of the trades of side buy, less that of the others
--   open | quote | price of the first trade; of a quiet minute its candle's price; null where the minute is no bar
--   high | quote | highest price, likewise
--   low | quote | lowest price, likewise
--   close | quote | price of the last trade, likewise
--   quiet | - | 1 where nothing was traded and that is proven: grade A or B, without a trade; else 0
--   before | quote | close of the minute just before, if that is a bar of the same UTC day; null otherwise
--   change | fraction | ln(close / before): the return of the minute
--   change_before | fraction | the return of the minute just before; null where there is none
--   trade_seconds | s | of the minute in which trades were recorded, or repaired; null until it is graded
-- Source: closed_minutes, open_trade_minutes, coverage, inverse_markets.
-- Note: a bar is a minute that was seen whole: of grade A or B, or with trades that were recorded all the time (trade_seconds), or with trades and
--       not graded yet. A quiet minute is a flat bar at the price of the venue's own candle, which is that of the last trade:
--       its return is 0, and a first trade after it is measured from there. What was not seen is no bar, and no return is
--       measured across it, nor across midnight: a day is answered from that day's files.
-- Note: of an inverse market, which counts contracts, turnover and signed_turnover are null: price x quantity is no amount of money.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        trades,
        turnover,
        buy_turnover,
        open,
        high,
        low,
        close,
        NULL AS grade,
        NULL AS trade_seconds,
        NULL AS candle_close
    FROM closed_minutes
    WHERE trades > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        trades,
        turnover,
        buy_turnover,
        open,
        high,
        low,
        close,
        NULL AS grade,
        NULL AS trade_seconds,
        NULL AS candle_close
    FROM open_trade_minutes
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS trades,
        NULL AS turnover,
        NULL AS buy_turnover,
        NULL AS open,
        NULL AS high,
        NULL AS low,
        NULL AS close,
        grade,
        trade_seconds,
        candle_close
    FROM coverage
),

minutes AS (
    SELECT
        market,
        date,
        minute,
        CAST(coalesce(sum(trades), 0) AS BIGINT) AS trades,
        coalesce(sum(turnover), 0e0) AS turnover,
        coalesce(sum(2 * buy_turnover - turnover), 0e0) AS signed_turnover,
        max(open) AS open,
        max(high) AS high,
        max(low) AS low,
        max(close) AS close,
        max(grade) AS grade,
        max(trade_seconds) AS trade_seconds,
        max(candle_close) AS candle_close
    FROM facts
    GROUP BY market, date, minute
),

judged AS (
    SELECT
        *,
        CASE
            WHEN trades > 0 AND low > 0 AND (grade IN ('A', 'B') OR coalesce(trade_seconds, 60e0) >= 60e0) THEN 'traded'
            WHEN trades = 0 AND candle_close > 0 AND grade IN ('A', 'B') THEN 'quiet'
            ELSE 'unknown'
        END AS seen
    FROM minutes
),

bars AS (
    SELECT
        market,
        date,
        minute,
        trades,
        turnover,
        signed_turnover,
        CASE seen WHEN 'traded' THEN open WHEN 'quiet' THEN candle_close END AS open,
        CASE seen WHEN 'traded' THEN high WHEN 'quiet' THEN candle_close END AS high,
        CASE seen WHEN 'traded' THEN low WHEN 'quiet' THEN candle_close END AS low,
        CASE seen WHEN 'traded' THEN close WHEN 'quiet' THEN candle_close END AS close,
        CASE seen WHEN 'quiet' THEN 1 ELSE 0 END AS quiet,
        trade_seconds,
        grade
    FROM judged
),

followed AS (
    SELECT
        *,
        lag(close) OVER (PARTITION BY market, date ORDER BY minute) AS close_1,
        lag(minute) OVER (PARTITION BY market, date ORDER BY minute) AS minute_1,
        lag(close, 2) OVER (PARTITION BY market, date ORDER BY minute) AS close_2,
        lag(minute, 2) OVER (PARTITION BY market, date ORDER BY minute) AS minute_2
    FROM bars
),

adjacent AS (
    SELECT
        *,
        CASE WHEN minute_1 = minute - INTERVAL 1 MINUTE THEN close_1 END AS before,
        CASE WHEN minute_2 = minute - INTERVAL 2 MINUTE THEN close_2 END AS before_that
    FROM followed
)

SELECT
    market,
    date,
    minute,
    trades,
    CASE WHEN is_inverse IS NULL THEN turnover END AS turnover,
    CASE WHEN is_inverse IS NULL THEN signed_turnover END AS signed_turnover,
    open,
    high,
    low,
    close,
    quiet,
    before,
    ln(close / before) AS change,
    ln(before / before_that) AS change_before,
    trade_seconds,
    grade
FROM adjacent
LEFT JOIN inverse_markets USING (market);
