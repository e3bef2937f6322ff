-- Question: how much was turned over against what is open, and do all who tell of the volume agree?
-- Grain: market, day.
-- Units:
--   trades | - | trades, by ts_event
--   volume | base | their quantity
--   turnover | quote | their price x quantity
--   mean_trade | quote | turnover / trades
--   open_interest_notional | quote | mean over the day's hours of last open interest x time-weighted mark price; null for fewer than 3
--   turnover_ratio | - | turnover / open_interest_notional: how often what is open was turned over in what was recorded of the day
--   candle_volume | base | of the venue's own candles
--   candle_turnover | quote | likewise; in the unit of the venue's
--   trades_to_candles | - | volume of the trades / that of the candles, over minutes that have a candle; null for fewer than 144
--   state_volume | base | the 24 h volume told by the day's last state, if received in the day's last two minutes
--   trades_to_state | - | volume / state_volume: the state's window may end up to two minutes before the day does
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
-- Source: volume_1d, closed_minutes, open_state_minutes, open_book_minutes, coverage, state, inverse_markets.
-- Note: figures are null where less than 0.1 of the day was observed, all but trades_to_candles also where less than 0.95 of its
--       judged time was. What was not recorded is not in turnover: where coverage is less than 1, turnover_ratio and
--       trades_to_state are a little too low, trades_to_candles tells by how much.
-- Note: of an inverse market, which counts contracts, turnover, mean_trade, open_interest_notional and turnover_ratio are null: price x quantity is no amount of money.
WITH facts AS (
    SELECT
        market,
        date,
        minute,
        open_interest_last,
        mark_price_seconds,
        basis_seconds
    FROM closed_minutes
    WHERE open_interest_last IS NOT NULL OR basis_seconds > 0
    UNION ALL
    SELECT
        market,
        date,
        minute,
        open_interest_last,
        NULL AS mark_price_seconds,
        NULL AS basis_seconds
    FROM open_state_minutes
    WHERE open_interest_last IS NOT NULL
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS open_interest_last,
        mark_price_seconds,
        basis_seconds
    FROM open_book_minutes
    WHERE basis_seconds > 0
),

hours AS (
    SELECT
        market,
        date,
        max_by(open_interest_last, CASE WHEN open_interest_last IS NOT NULL THEN minute END)
        * sum(mark_price_seconds) / nullif(sum(basis_seconds), 0e0) AS notional
    FROM facts
    GROUP BY market, date, timestamp_micros(unix_micros(minute) - unix_micros(minute) % 3600000000)
),

open_interests AS (
    SELECT
        market,
        date,
        CASE WHEN count(notional) >= 3 THEN avg(notional) END AS notional
    FROM hours
    GROUP BY market, date
),

witnessed AS (
    SELECT
        market,
        date,
        CASE
            WHEN count(candle_volume) >= 144 THEN sum(volume) / nullif(sum(candle_volume), 0e0)
        END AS trades_to_candles
    FROM coverage
    WHERE candle_volume IS NOT NULL
    GROUP BY market, date
),

instants AS (
    SELECT
        market,
        date,
        ts_recv,
        max_by(volume, seq) AS volume
    FROM state
    WHERE volume IS NOT NULL AND unix_micros(ts_recv) % 86400000000 >= 86280000000
    GROUP BY market, date, ts_recv
),

last_states AS (
    SELECT
        market,
        date,
        max_by(volume, ts_recv) AS volume
    FROM instants
    GROUP BY market, date
)

SELECT
    volume_1d.market,
    volume_1d.date,
    volume_1d.day,
    volume_1d.trades,
    volume_1d.volume,
    volume_1d.turnover,
    volume_1d.turnover / nullif(volume_1d.trades, 0) AS mean_trade,
    CASE WHEN is_inverse IS NULL THEN open_interests.notional END AS open_interest_notional,
    volume_1d.turnover / nullif(open_interests.notional, 0e0) AS turnover_ratio,
    volume_1d.candle_volume,
    volume_1d.candle_turnover,
    CASE
        WHEN coalesce(volume_1d.coverage, 1e0) >= 0.1e0 THEN witnessed.trades_to_candles
    END AS trades_to_candles,
    last_states.volume AS state_volume,
    volume_1d.volume / nullif(last_states.volume, 0e0) AS trades_to_state,
    volume_1d.coverage,
    volume_1d.grade
FROM volume_1d
LEFT JOIN open_interests ON open_interests.market = volume_1d.market AND open_interests.date = volume_1d.date
LEFT JOIN witnessed ON witnessed.market = volume_1d.market AND witnessed.date = volume_1d.date
LEFT JOIN last_states ON last_states.market = volume_1d.market AND last_states.date = volume_1d.date
LEFT JOIN inverse_markets ON inverse_markets.market = volume_1d.market;
