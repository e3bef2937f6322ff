-- Question: is there a reason to doubt that each day's reported volume is organic?
-- Grain: market, day.
-- Units:
--   trades | - | trades, by ts_event
--   orders | - | takers' orders, as far as the trades show them
--   benford_mad | 0 to 1 | mean over d = 1 to 9 of |share of orders whose quantity begins with d - log10(1 + 1/d)|
--   benford_chi_square | - | orders x sum over d of (that difference)^2 / log10(1 + 1/d)
--   round_share | 0 to 1 | share of orders whose quantity has one significant digit (0.02, 3, 500)
--   commonest_share | 0 to 1 | share of orders of the commonest quantity
--   commonest_quantity | base | that quantity; of equals the least
--   side_autocorrelation | -1 to 1 | of an order's sign (buy 1, sell -1) and the next one's: (mean product - mean^2) / (1 - mean^2)
--   inside_share | 0 to 1 | share of trades surely inside the spread before them; null for fewer than 200 with a mid before them
--   turnover_ratio | - | turnover_1d.turnover_ratio: the day's turnover / open interest notional
--   turnover_to_depth | 1/minute | turnover of a recorded minute / (bid_depth + ask_depth) of liquidity_1d
--   judged | - | how many of the warnings' figures are known, of 6
--   warnings | - | how many of them are beyond their bound
--   warning | words | which, by the words of the notes, one after the other; null where none is
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
-- Source: trades, closed_trades, open_trade_mids, closed_minutes, open_book_minutes, turnover_1d, liquidity_1d, coverage_1d.
-- Note: trades of one side that follow each other, by ts_event and trade_id, within less than 1 ms are taken for one order. A
--       trade is surely inside the spread where it is nearer to the mid before it than half of the narrowest spread that stood
--       in that minute. What stands within 10 bps is taken turnover_to_depth times a minute.
-- Note: each warning is an indication, none a proof: markets differ, and honest ones may go beyond a bound. A day without a warning
--       is not proven organic either. Compare with the same market's other days and with other markets.
-- Note: figures made of orders are null for fewer than 200 of them, side_autocorrelation also where all are of one side; all are
--       null where less than 0.1 of the day was observed.
-- Note: first digits warns where benford_mad > 0.03 and benford_chi_square > 26.12, which chance exceeds once in 1,000 (8 degrees
--       of freedom): few orders do not warn by chance. By Nigrini (2012) a benford_mad up to 0.006 is close conformity, to 0.012
--       acceptable, to 0.015 marginal, above it none: the bound here is twice that, for sizes that are few, or span less than a
--       power of ten, do not follow the law for reasons of their own.
-- Note: one size warns where commonest_share > 0.25; inside the spread where inside_share > 0.5 (a price between bid and ask is
--       nobody's quote, unless the book moved after it was last seen); sides without memory where side_autocorrelation + 2 / sqrt(orders) < 0.05
--       (orders of one side follow each other in markets that were studied: Lillo and Farmer 2004); turnover to open interest where
--       turnover_ratio > 20; turnover to depth where turnover_to_depth > 10 (of what is visible). These bounds are our own, and wide.
-- Note: round_share has no bound: people's sizes gather at round numbers, which wash trades lack (Cong, Li, Tang and Yang 2023),
--       but so do honest programs' sizes.
-- Note: turnover_ratio is null like that of turnover_1d: where less than 0.95 of the day's judged time was observed. Of an inverse market,
--       which counts contracts, it and turnover_to_depth are null: price x quantity is no amount of money.
-- Reference: Nigrini 2012, Benford's Law, table 7.1; Cong, Li, Tang and Yang 2023, Crypto Wash Trading, Management Science;
--       Lillo and Farmer 2004, The Long Memory of the Efficient Market.
WITH steps AS (
    SELECT
        market,
        date,
        side,
        quantity,
        unix_micros(ts_event) AS event_us,
        trade_id,
        CASE
            WHEN
                side = lag(side) OVER (PARTITION BY market, date ORDER BY ts_event, trade_id)
                AND unix_micros(ts_event)
                - lag(unix_micros(ts_event)) OVER (PARTITION BY market, date ORDER BY ts_event, trade_id)
                < 1000
                THEN 0
            ELSE 1
        END AS begins
    FROM trades
    WHERE quantity > 0
),

numbered AS (
    SELECT
        *,
        sum(begins) OVER (
            PARTITION BY market, date ORDER BY event_us, trade_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS number
    FROM steps
),

orders AS (
    SELECT
        market,
        date,
        number,
        count(*) AS trades,
        sum(quantity) AS quantity,
        CASE WHEN min(side) = 'buy' THEN 1e0 ELSE -1e0 END AS sign
    FROM numbered
    GROUP BY market, date, number
),

followed AS (
    SELECT
        *,
        sign * lead(sign) OVER (PARTITION BY market, date ORDER BY number) AS product,
        floor(log10(quantity) + 1e-12) AS exponent
    FROM orders
),

-- As decimals of 10 digits: what is equal but for the last bit of a sum or a logarithm is equal.
sizes AS (
    SELECT
        market,
        date,
        exponent,
        round(quantity / pow(10e0, exponent), 9) AS mantissa,
        count(*) AS orders,
        sum(trades) AS trades,
        sum(sign) AS sign,
        sum(product) AS product,
        count(product) AS steps
    FROM followed
    GROUP BY market, date, exponent, round(quantity / pow(10e0, exponent), 9)
),

ranked AS (
    SELECT
        *,
        max(orders) OVER (PARTITION BY market, date) AS most,
        sum(orders) OVER (PARTITION BY market, date) AS day_orders
    FROM sizes
),

firsts AS (
    SELECT
        market,
        date,
        least(floor(mantissa), 9) AS digit,
        max(day_orders) AS day_orders,
        sum(orders) / max(day_orders) AS share,
        sum(CASE WHEN mantissa = floor(mantissa) THEN orders ELSE 0 END) AS round_orders,
        max(most) AS most,
        min(CASE WHEN orders = most THEN mantissa * pow(10e0, exponent) END) AS commonest_quantity,
        sum(trades) AS trades,
        sum(sign) AS sign,
        sum(product) AS product,
        sum(steps) AS steps
    FROM ranked
    GROUP BY market, date, least(floor(mantissa), 9)
),

compared AS (
    SELECT
        *,
        log10(1 + 1e0 / digit) AS expected
    FROM firsts
),

-- A digit that no order begins with has a share of 0, and no row: its part of the sums is what the others leave.
added AS (
    SELECT
        market,
        date,
        CAST(sum(trades) AS BIGINT) AS trades,
        CAST(max(day_orders) AS BIGINT) AS orders,
        (sum(abs(share - expected)) + 1 - sum(expected)) / 9 AS benford_mad,
        max(day_orders) * (sum((share - expected) * (share - expected) / expected) + 1 - sum(expected))
            AS benford_chi_square,
        sum(round_orders) / max(day_orders) AS round_share,
        max(most) / max(day_orders) AS commonest_share,
        min(commonest_quantity) AS commonest_quantity,
        sum(sign) / max(day_orders) AS mean_sign,
        sum(product) / nullif(sum(steps), 0) AS mean_product
    FROM compared
    GROUP BY market, date
),

sized AS (
    SELECT
        *,
        (mean_product - mean_sign * mean_sign)
        / nullif(1 - mean_sign * mean_sign, 0e0) AS side_autocorrelation
    FROM added
),

-- The book before a trade stood in the microsecond before it, and so in that one's minute.
with_mid AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_event) - 1 - (unix_micros(ts_event) - 1) % 60000000) AS minute,
        abs(price - mid_before) AS away
    FROM closed_trades
    WHERE mid_before IS NOT NULL
    UNION ALL
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_event) - 1 - (unix_micros(ts_event) - 1) % 60000000) AS minute,
        abs(price - mid_before) AS away
    FROM open_trade_mids
    WHERE mid_before IS NOT NULL
),

turned AS (
    SELECT market, date, sum(price * quantity) AS turnover
    FROM trades
    GROUP BY market, date
),

narrowest AS (
    SELECT market, date, minute, spread_min
    FROM closed_minutes
    WHERE spread_min IS NOT NULL
    UNION ALL
    SELECT market, date, minute, spread_min
    FROM open_book_minutes
    WHERE spread_min IS NOT NULL
),

insides AS (
    SELECT
        with_mid.market,
        with_mid.date,
        CASE
            WHEN count(*) >= 200
                THEN avg(CASE WHEN away < spread_min / 2 * (1 - 1e-9) THEN 1e0 ELSE 0e0 END)
        END AS inside_share
    FROM with_mid
    INNER JOIN narrowest
        ON
            narrowest.market = with_mid.market
            AND narrowest.date = with_mid.date
            AND narrowest.minute = with_mid.minute
    GROUP BY with_mid.market, with_mid.date
),

figures AS (
    SELECT
        sized.market,
        sized.date,
        sized.trades,
        sized.orders,
        sized.commonest_quantity,
        sized.orders >= 200 AND coalesce(coverage_1d.trade_coverage, 1e0) >= 0.1e0 AS enough,
        sized.benford_mad,
        sized.benford_chi_square,
        sized.round_share,
        sized.commonest_share,
        sized.side_autocorrelation,
        CASE
            WHEN coalesce(coverage_1d.trade_coverage, 1e0) >= 0.1e0 THEN insides.inside_share
        END AS inside_share,
        turnover_1d.turnover_ratio,
        CASE
            WHEN coverage_1d.trade_coverage >= 0.1e0
                THEN
                    turned.turnover / (1440 * coverage_1d.trade_coverage)
                    / nullif(liquidity_1d.bid_depth + liquidity_1d.ask_depth, 0e0)
        END AS turnover_to_depth,
        coverage_1d.trade_coverage AS coverage,
        coverage_1d.grade
    FROM sized
    LEFT JOIN insides ON insides.market = sized.market AND insides.date = sized.date
    LEFT JOIN turned ON turned.market = sized.market AND turned.date = sized.date
    LEFT JOIN turnover_1d ON turnover_1d.market = sized.market AND turnover_1d.date = sized.date
    LEFT JOIN liquidity_1d ON liquidity_1d.market = sized.market AND liquidity_1d.date = sized.date
    LEFT JOIN coverage_1d ON coverage_1d.market = sized.market AND coverage_1d.date = sized.date
),

bounded AS (
    SELECT
        *,
        CASE WHEN enough THEN benford_mad > 0.03e0 AND benford_chi_square > 26.12e0 END AS first_digits,
        CASE WHEN enough THEN commonest_share > 0.25e0 END AS one_size,
        inside_share > 0.5e0 AS inside,
        CASE WHEN enough THEN side_autocorrelation + 2e0 / sqrt(CAST(orders AS DOUBLE)) < 0.05e0 END AS no_memory,
        turnover_ratio > 20 AS beyond_open_interest,
        turnover_to_depth > 10 AS beyond_depth
    FROM figures
)

SELECT
    market,
    date,
    timestamp_micros(unix_micros(CAST(date AS TIMESTAMP))) AS day,
    trades,
    orders,
    CASE WHEN enough THEN benford_mad END AS benford_mad,
    CASE WHEN enough THEN benford_chi_square END AS benford_chi_square,
    CASE WHEN enough THEN round_share END AS round_share,
    CASE WHEN enough THEN commonest_share END AS commonest_share,
    CASE WHEN enough THEN commonest_quantity END AS commonest_quantity,
    CASE WHEN enough THEN side_autocorrelation END AS side_autocorrelation,
    inside_share,
    turnover_ratio,
    turnover_to_depth,
    CASE WHEN first_digits IS NULL THEN 0 ELSE 1 END
    + CASE WHEN one_size IS NULL THEN 0 ELSE 1 END
    + CASE WHEN inside IS NULL THEN 0 ELSE 1 END
    + CASE WHEN no_memory IS NULL THEN 0 ELSE 1 END
    + CASE WHEN beyond_open_interest IS NULL THEN 0 ELSE 1 END
    + CASE WHEN beyond_depth IS NULL THEN 0 ELSE 1 END AS judged,
    CASE WHEN first_digits THEN 1 ELSE 0 END
    + CASE WHEN one_size THEN 1 ELSE 0 END
    + CASE WHEN inside THEN 1 ELSE 0 END
    + CASE WHEN no_memory THEN 1 ELSE 0 END
    + CASE WHEN beyond_open_interest THEN 1 ELSE 0 END
    + CASE WHEN beyond_depth THEN 1 ELSE 0 END AS warnings,
    nullif(
        concat_ws(
            ', ',
            CASE WHEN first_digits THEN 'first digits' END,
            CASE WHEN one_size THEN 'one size' END,
            CASE WHEN inside THEN 'inside the spread' END,
            CASE WHEN no_memory THEN 'sides without memory' END,
            CASE WHEN beyond_open_interest THEN 'turnover to open interest' END,
            CASE WHEN beyond_depth THEN 'turnover to depth' END
        ),
        ''
    ) AS warning,
    coverage,
    grade
FROM bounded;
