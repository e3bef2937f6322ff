-- Question: how much of each bucket was seen, stream by stream, and how good is it?
-- Grain: market, minute.
-- Units:
--   minutes | - | judged minutes: rows of the table coverage
--   judged | 0 to 1 | these as a share of the bucket
--   share_a | 0 to 1 | share of the judged minutes of grade A
--   share_b | 0 to 1 | share of the judged minutes of grade B
--   share_c | 0 to 1 | share of the judged minutes of grade C
--   share_d | 0 to 1 | share of the judged minutes of grade D
--   minutes_trades_missing | - | judged minutes of which trades are, or may be, missing after all repairs
--   trade_gap_seconds | s | what no repair closed of the market's trades, in judged minutes
--   depth_gap_seconds | s | likewise of books
--   kline_gap_seconds | s | likewise of candles
--   state_gap_seconds | s | likewise of states
--   trade_coverage | 0 to 1 | time in which trades were recorded, or repaired, as a share of the bucket
--   depth_coverage | 0 to 1 | likewise of books
--   kline_coverage | 0 to 1 | likewise of candles
--   state_coverage | 0 to 1 | likewise of states
--   coverage | 0 to 1 | the least of the four: 0 also where a stream was not asked for
-- Source: coverage.
-- Note: trades are, or may be, missing where a gap in trades is left, or the candle shows that some never came.
-- Note: a bucket without a judged minute has no row; a minute that is not judged counts as not seen. The newest bucket
--       is still being filled: its shares grow. To join to other views by market, date and minute, hour or day.
WITH sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        count(*) AS minutes,
        sum(CASE WHEN grade = 'A' THEN 1 ELSE 0 END) AS minutes_a,
        sum(CASE WHEN grade = 'B' THEN 1 ELSE 0 END) AS minutes_b,
        sum(CASE WHEN grade = 'C' THEN 1 ELSE 0 END) AS minutes_c,
        sum(CASE WHEN grade = 'D' THEN 1 ELSE 0 END) AS minutes_d,
        sum(
            CASE
                WHEN trade_gap_seconds > 0 THEN 1
                WHEN missed LIKE '%trade=none%' OR missed LIKE '%trade=partly%' THEN 1
                ELSE 0
            END
        ) AS minutes_trades_missing,
        sum(trade_gap_seconds) AS trade_gap_seconds,
        sum(depth_gap_seconds) AS depth_gap_seconds,
        sum(kline_gap_seconds) AS kline_gap_seconds,
        sum(state_gap_seconds) AS state_gap_seconds,
        sum(trade_seconds) AS trade_seconds,
        sum(depth_seconds) AS depth_seconds,
        sum(kline_seconds) AS kline_seconds,
        sum(state_seconds) AS state_seconds,
        max(grade) AS grade
    FROM coverage
    GROUP BY market, date, minute
)

SELECT
    market,
    date,
    bucket AS minute,
    minutes,
    60 * minutes / bucket_seconds AS judged,
    minutes_a / minutes AS share_a,
    minutes_b / minutes AS share_b,
    minutes_c / minutes AS share_c,
    minutes_d / minutes AS share_d,
    CAST(minutes_trades_missing AS BIGINT) AS minutes_trades_missing,
    trade_gap_seconds,
    depth_gap_seconds,
    kline_gap_seconds,
    state_gap_seconds,
    trade_seconds / bucket_seconds AS trade_coverage,
    depth_seconds / bucket_seconds AS depth_coverage,
    kline_seconds / bucket_seconds AS kline_coverage,
    state_seconds / bucket_seconds AS state_coverage,
    least(trade_seconds, depth_seconds, kline_seconds, state_seconds) / bucket_seconds AS coverage,
    grade
FROM sums;
