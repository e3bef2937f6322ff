-- Question: what did taking 1,000 to 1,000,000 quote units at once cost, and how often was the book deep enough?
-- Grain: market, hour, notional.
-- Units:
--   notional | quote | the amount taken from the visible levels, best first: 1e3, 1e4, 1e5 or 1e6
--   cost_bps_buy | bps | (notional / base bought) / mid - 1, time-weighted over the time in which the asks held as much
--   cost_bps_sell | bps | 1 - (notional / base sold) / mid, time-weighted over the time in which the bids held as much
--   deep_share_buy | 0 to 1 | share of the observed time in which the visible asks held as much
--   deep_share_sell | 0 to 1 | share of the observed time in which the visible bids held as much
--   observed_seconds | s | in which a book with both sides stood
--   coverage | 0 to 1 | observed_seconds as a share of the hour
-- Source: book_levels, observed_1h, inverse_markets.
-- Note: a cost is null where the visible book was too thin for half of the observed time or more. A push tells at most
--       50 levels a side, so too thin means: too thin as far as it is seen. Where the deep share is below 1 the cost is
--       that of the deeper times alone, which are the cheaper ones as a rule.
-- Note: figures are null where less than 0.1 of the hour was observed. Fees are not in it.
-- Note: every level of every book is put in order: name a market and a date, of which it takes some seconds.
-- Note: of an inverse market, which counts contracts, costs and deep shares are null: price x quantity is no amount of money.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH reached AS (
    SELECT
        *,
        sum(value) OVER (
            PARTITION BY market, date, event_us, seq, is_bid
            ORDER BY CASE WHEN is_bid = 1 THEN -price ELSE price END
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS value_to_here
    FROM book_levels
),

sides AS (
    SELECT
        market,
        date,
        event_us,
        seq,
        is_bid,
        mid,
        stood_us,
        CASE
            WHEN sum(value) >= 1e3
                THEN 1e3 / sum(greatest(least(value, 1e3 - (value_to_here - value)), 0e0) / price)
        END AS taken_1e3,
        CASE
            WHEN sum(value) >= 1e4
                THEN 1e4 / sum(greatest(least(value, 1e4 - (value_to_here - value)), 0e0) / price)
        END AS taken_1e4,
        CASE
            WHEN sum(value) >= 1e5
                THEN 1e5 / sum(greatest(least(value, 1e5 - (value_to_here - value)), 0e0) / price)
        END AS taken_1e5,
        CASE
            WHEN sum(value) >= 1e6
                THEN 1e6 / sum(greatest(least(value, 1e6 - (value_to_here - value)), 0e0) / price)
        END AS taken_1e6
    FROM reached
    GROUP BY market, date, event_us, seq, is_bid, mid, stood_us
),

parts AS (
    SELECT 0 AS part
    UNION ALL
    SELECT 1 AS part
),

stays AS (
    SELECT
        sides.*,
        event_us - event_us % 3600000000 + 3600000000 * parts.part AS at_us,
        CASE
            WHEN parts.part = 0 THEN least(stood_us, 3600000000 - event_us % 3600000000)
            ELSE greatest(stood_us - (3600000000 - event_us % 3600000000), 0)
        END AS us
    FROM sides
    CROSS JOIN parts
),

hours AS (
    SELECT
        market,
        date,
        timestamp_micros(at_us) AS hour,
        is_bid,
        sum(CASE WHEN taken_1e3 IS NOT NULL THEN us ELSE 0 END) AS deep_1e3_us,
        sum(CASE WHEN taken_1e4 IS NOT NULL THEN us ELSE 0 END) AS deep_1e4_us,
        sum(CASE WHEN taken_1e5 IS NOT NULL THEN us ELSE 0 END) AS deep_1e5_us,
        sum(CASE WHEN taken_1e6 IS NOT NULL THEN us ELSE 0 END) AS deep_1e6_us,
        sum(CASE WHEN is_bid = 1 THEN 1 - taken_1e3 / mid ELSE taken_1e3 / mid - 1 END * us) AS away_1e3_us,
        sum(CASE WHEN is_bid = 1 THEN 1 - taken_1e4 / mid ELSE taken_1e4 / mid - 1 END * us) AS away_1e4_us,
        sum(CASE WHEN is_bid = 1 THEN 1 - taken_1e5 / mid ELSE taken_1e5 / mid - 1 END * us) AS away_1e5_us,
        sum(CASE WHEN is_bid = 1 THEN 1 - taken_1e6 / mid ELSE taken_1e6 / mid - 1 END * us) AS away_1e6_us
    FROM stays
    WHERE us > 0
    GROUP BY market, date, at_us, is_bid
),

amounts AS (
    SELECT 1e3 AS notional
    UNION ALL
    SELECT 1e4 AS notional
    UNION ALL
    SELECT 1e5 AS notional
    UNION ALL
    SELECT 1e6 AS notional
),

taken AS (
    SELECT
        hours.market,
        hours.date,
        hours.hour,
        hours.is_bid,
        amounts.notional,
        CASE amounts.notional
            WHEN 1e3 THEN deep_1e3_us
            WHEN 1e4 THEN deep_1e4_us
            WHEN 1e5 THEN deep_1e5_us
            WHEN 1e6 THEN deep_1e6_us
        END / 1e6 AS deep_seconds,
        CASE amounts.notional
            WHEN 1e3 THEN away_1e3_us
            WHEN 1e4 THEN away_1e4_us
            WHEN 1e5 THEN away_1e5_us
            WHEN 1e6 THEN away_1e6_us
        END / 1e6 AS away_seconds
    FROM hours
    CROSS JOIN amounts
),

facts AS (
    SELECT
        market,
        date,
        hour,
        notional,
        CASE WHEN is_bid = 0 THEN deep_seconds END AS buy_seconds,
        CASE WHEN is_bid = 0 THEN away_seconds END AS buy_away_seconds,
        CASE WHEN is_bid = 1 THEN deep_seconds END AS sell_seconds,
        CASE WHEN is_bid = 1 THEN away_seconds END AS sell_away_seconds,
        NULL AS observed_seconds,
        NULL AS coverage,
        NULL AS grade
    FROM taken
    UNION ALL
    SELECT
        observed_1h.market,
        observed_1h.date,
        observed_1h.hour,
        amounts.notional,
        NULL AS buy_seconds,
        NULL AS buy_away_seconds,
        NULL AS sell_seconds,
        NULL AS sell_away_seconds,
        observed_1h.observed_seconds,
        observed_1h.coverage,
        observed_1h.grade
    FROM observed_1h
    CROSS JOIN amounts
),

sums AS (
    SELECT
        market,
        date,
        hour,
        notional,
        coalesce(sum(buy_seconds), 0e0) AS buy_seconds,
        sum(buy_away_seconds) AS buy_away_seconds,
        coalesce(sum(sell_seconds), 0e0) AS sell_seconds,
        sum(sell_away_seconds) AS sell_away_seconds,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        coalesce(max(coverage), 0e0) AS coverage,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, hour, notional
)

SELECT
    market,
    date,
    hour,
    notional,
    CASE
        WHEN coverage >= 0.1e0 AND buy_seconds > observed_seconds / 2 AND is_inverse IS NULL
            THEN 1e4 * buy_away_seconds / buy_seconds
    END AS cost_bps_buy,
    CASE
        WHEN coverage >= 0.1e0 AND sell_seconds > observed_seconds / 2 AND is_inverse IS NULL
            THEN 1e4 * sell_away_seconds / sell_seconds
    END AS cost_bps_sell,
    CASE WHEN coverage >= 0.1e0 AND is_inverse IS NULL THEN buy_seconds / observed_seconds END AS deep_share_buy,
    CASE WHEN coverage >= 0.1e0 AND is_inverse IS NULL THEN sell_seconds / observed_seconds END AS deep_share_sell,
    observed_seconds,
    coverage,
    grade
FROM sums
LEFT JOIN inverse_markets USING (market);
