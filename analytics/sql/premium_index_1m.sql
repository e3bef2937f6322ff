-- Question: how far above or below the index could 10,000 quote units be traded, which is what funding is made of?
-- Grain: market, minute.
-- Units:
--   premium | fraction | (max(0, impact_bid - index) - max(0, index - impact_ask)) / index, of the minute's means
--   impact_bid | quote | mean price got for selling 10,000 quote units: mid x (1 - cost_bps_sell / 1e4)
--   impact_ask | quote | mean price paid for buying 10,000 quote units: mid x (1 + cost_bps_buy / 1e4)
--   index_price | quote | as told with the books, time-weighted
--   mid | quote | (best bid + best ask) / 2, time-weighted
--   mid_basis_bps | bps | mid / index - 1, time-weighted
--   cost_bps_buy | bps | above the mid paid for taking 10,000 quote units, of the time in which the visible asks held as much
--   cost_bps_sell | bps | below the mid got for selling 10,000 quote units, likewise
--   coverage | 0 to 1 | time in which a book with both sides and an index price stood, as a share of the minute
-- Source: basis_1m, liquidity_1m.
-- Note: a figure is null where less than 0.1 of the minute was observed, and what a thin side makes also where the visible book did not
--   hold 10,000 quote units on that side for half of the time or more: premium for either side, an impact price and a cost for its own.
-- Note: an approximation: impact / index is taken as mean(mid / index) x (1 -+ mean cost), and max() of these means. It is exact where
--   mid / index and costs stand still in the minute. Else it leaves out their covariance, and where a premium was above 0 for a part of
--   the minute only, it is nearer to 0 than the mean of max() would be.
-- Note: there is no hour or day of it, for max() does not add up: average the minutes.
-- Note: an inverse market's 10,000 quote units are 10,000 of price x quantity, whatever its contract is worth.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
WITH means AS (
    SELECT
        basis_1m.market,
        basis_1m.date,
        basis_1m.minute,
        basis_1m.mid,
        basis_1m.index_price,
        basis_1m.mid_basis_bps,
        liquidity_1m.cost_bps_buy,
        liquidity_1m.cost_bps_sell,
        basis_1m.mid_basis_seconds / 60 AS coverage,
        basis_1m.grade
    FROM basis_1m
    INNER JOIN liquidity_1m
        ON
            liquidity_1m.market = basis_1m.market
            AND liquidity_1m.date = basis_1m.date
            AND liquidity_1m.minute = basis_1m.minute
),

impacts AS (
    SELECT
        *,
        (1 + mid_basis_bps / 1e4) * (1 - cost_bps_sell / 1e4) - 1 AS bid_premium,
        (1 + mid_basis_bps / 1e4) * (1 + cost_bps_buy / 1e4) - 1 AS ask_premium
    FROM means
)

SELECT
    market,
    date,
    minute,
    CASE
        WHEN bid_premium IS NOT NULL AND ask_premium IS NOT NULL
            THEN greatest(bid_premium, 0e0) - greatest(-ask_premium, 0e0)
    END AS premium,
    mid * (1 - cost_bps_sell / 1e4) AS impact_bid,
    mid * (1 + cost_bps_buy / 1e4) AS impact_ask,
    index_price,
    mid,
    mid_basis_bps,
    cost_bps_buy,
    cost_bps_sell,
    coverage,
    grade
FROM impacts;
