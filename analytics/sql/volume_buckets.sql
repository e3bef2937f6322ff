-- Question: who took each fiftieth of a day's volume, and when?
-- Grain: market, UTC day, bucket: 50 of equal volume a day, in the order of the trades.
-- Units:
--   fiftieth | - | 1 to 50, in the order of the trades
--   ts_start | time, UTC | of the trade that fills the bucket before; of the first bucket, of the day's first trade
--   ts_end | time, UTC | of the trade that fills it
--   trades | - | trades that end in it; one that fills several buckets ends in the last of them
--   volume | base | a fiftieth of the day's volume
--   buy_volume | base | of it what is of side buy, the taker's side in the venue's word
--   sell_volume | base | the rest of it
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
--   grade | A to D | the worst grade of the day's minutes; null until one is graded
-- Source: closed_minutes, open_trade_minutes, trades, coverage_1d.
-- Note: a trade across the border of two buckets is divided there; trades are in the order of ts_event and trade_id. Of a day
--       that is not over, the fiftieths are of what was traded up to now; what was not recorded is in none.
-- Note: borders are looked for in the sums of minutes, so that only the trades of the minutes that hold one are put in order.
-- Reference: Easley, Lopez de Prado and O'Hara 2012.
WITH minutes AS (
    SELECT market, date, minute, trades, volume, buy_volume, ts_first
    FROM closed_minutes
    WHERE trades > 0
    UNION ALL
    SELECT market, date, minute, trades, volume, buy_volume, ts_first
    FROM open_trade_minutes
),

running AS (
    SELECT
        *,
        sum(trades) OVER (
            PARTITION BY market, date ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS trades_upto,
        sum(volume) OVER (
            PARTITION BY market, date ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS volume_upto,
        sum(buy_volume) OVER (
            PARTITION BY market, date ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS bought_upto,
        min(ts_first) OVER (PARTITION BY market, date) AS day_first
    FROM minutes
),

shares AS (
    SELECT
        *,
        max(volume_upto) OVER (PARTITION BY market, date) AS day_volume,
        50 * (volume_upto / nullif(max(volume_upto) OVER (PARTITION BY market, date), 0e0)) AS filled
    FROM running
),

-- Sums of decimals miss a border by their last bits: what is within a billionth of one is on it.
filled AS (
    SELECT *, CASE WHEN abs(filled - round(filled)) < 1e-9 THEN round(filled) ELSE filled END AS filled_upto
    FROM shares
),

followed AS (
    SELECT
        *,
        lag(filled_upto, 1, 0e0) OVER (PARTITION BY market, date ORDER BY minute) AS filled_before
    FROM filled
),

within AS (
    SELECT
        trades.market,
        trades.date,
        trades.ts_event,
        trades.trade_id,
        trades.side,
        trades.quantity,
        followed.minute,
        followed.day_first,
        followed.day_volume,
        followed.filled_before AS minute_filled_before,
        followed.filled_upto AS minute_filled_upto,
        followed.trades_upto - followed.trades + row_number() OVER (
            PARTITION BY trades.market, trades.date, followed.minute ORDER BY trades.ts_event, trades.trade_id
        ) AS trades_upto,
        followed.volume_upto - followed.volume + sum(trades.quantity) OVER (
            PARTITION BY trades.market, trades.date, followed.minute ORDER BY trades.ts_event, trades.trade_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS volume_upto,
        followed.bought_upto - followed.buy_volume
        + sum(CASE WHEN trades.side = 'buy' THEN trades.quantity ELSE 0e0 END) OVER (
            PARTITION BY trades.market, trades.date, followed.minute ORDER BY trades.ts_event, trades.trade_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS bought_upto,
        lead(trades.trade_id) OVER (
            PARTITION BY trades.market, trades.date, followed.minute ORDER BY trades.ts_event, trades.trade_id
        ) AS next_id
    FROM trades
    INNER JOIN followed
        ON
            followed.market = trades.market
            AND followed.date = trades.date
            AND followed.minute
            = timestamp_micros(unix_micros(trades.ts_event) - unix_micros(trades.ts_event) % 60000000)
            AND floor(followed.filled_upto) > floor(followed.filled_before)
),

within_filled AS (
    SELECT
        *,
        CASE
            WHEN next_id IS NULL THEN minute_filled_upto
            WHEN abs(50 * volume_upto / day_volume - round(50 * volume_upto / day_volume)) < 1e-9
                THEN round(50 * volume_upto / day_volume)
            ELSE 50 * volume_upto / day_volume
        END AS filled_upto
    FROM within
),

within_followed AS (
    SELECT
        *,
        lag(filled_upto, 1, minute_filled_before) OVER (
            PARTITION BY market, date, minute ORDER BY ts_event, trade_id
        ) AS filled_before
    FROM within_filled
),

numbers AS (
    SELECT tens.number * 10 + ones.number AS fiftieth
    FROM (VALUES (0), (1), (2), (3), (4)) AS tens (number)
    CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) AS ones (number)
),

borders AS (
    SELECT
        filling.market,
        filling.date,
        numbers.fiftieth,
        filling.day_first,
        filling.ts_event AS ts_end,
        filling.day_volume / 50 AS volume,
        CASE
            WHEN filling.side = 'buy'
                THEN
                    filling.bought_upto
                    - filling.quantity * (filling.filled_upto - numbers.fiftieth)
                    / (filling.filled_upto - filling.filled_before)
            ELSE filling.bought_upto
        END AS bought_upto,
        CASE
            WHEN filling.filled_upto > numbers.fiftieth THEN filling.trades_upto - 1
            ELSE filling.trades_upto
        END AS trades_upto
    FROM within_followed AS filling
    INNER JOIN numbers
        ON numbers.fiftieth > floor(filling.filled_before) AND numbers.fiftieth <= floor(filling.filled_upto)
    WHERE floor(filling.filled_upto) > floor(filling.filled_before)
),

buckets AS (
    SELECT
        *,
        lag(ts_end, 1, day_first) OVER (PARTITION BY market, date ORDER BY fiftieth) AS ts_start,
        trades_upto - lag(trades_upto, 1, 0) OVER (PARTITION BY market, date ORDER BY fiftieth) AS trades,
        bought_upto - lag(bought_upto, 1, 0e0) OVER (PARTITION BY market, date ORDER BY fiftieth) AS bought
    FROM borders
)

SELECT
    buckets.market,
    buckets.date,
    fiftieth,
    ts_start,
    ts_end,
    CAST(trades AS BIGINT) AS trades,
    volume,
    least(greatest(bought, 0e0), volume) AS buy_volume,
    volume - least(greatest(bought, 0e0), volume) AS sell_volume,
    coverage_1d.trade_coverage AS coverage,
    coverage_1d.grade
FROM buckets
LEFT JOIN coverage_1d ON coverage_1d.market = buckets.market AND coverage_1d.date = buckets.date;
