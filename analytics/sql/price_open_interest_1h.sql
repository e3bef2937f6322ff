-- Question: did money come in or go out while the price moved?
-- Grain: market, hour.
-- Units:
--   price | quote | of the last trade at the hour's end: prices_1h.last_price
--   price_change | fraction | price / that of the hour before - 1; null unless both hours have one
--   open_interest | base | the last one told in the hour
--   open_interest_change | base | since the hour before; null unless both hours have one
--   open_interest_change_share | fraction | the same as a share of the hour before's
--   quadrant | words | long build-up, short covering, short build-up or long unwinding; null where either did not change, or is unknown
--   coverage | 0 to 1 | the lesser share of the hour in which trades, or states, were recorded; null until it is graded
-- Source: prices_1h, open_interest_1h.
-- Reach: 1 before
-- Note: price and open interest up: long build-up; up and down: short covering; down and up: short build-up; both down: long
--       unwinding.
-- Note: every open contract has a long and a short side: the words say which one the price suggests was the more eager. It is
--       a reading, no observation of who traded.
-- Note: both figures of an hour are null where less than 0.1 of it was observed, and the changes to and from it with them.
WITH hours AS (
    SELECT
        prices_1h.market,
        prices_1h.date,
        prices_1h.hour,
        prices_1h.last_price AS price,
        open_interest_1h.open_interest,
        least(prices_1h.coverage, open_interest_1h.coverage) AS coverage,
        greatest(prices_1h.grade, open_interest_1h.grade) AS grade
    FROM prices_1h
    INNER JOIN open_interest_1h
        ON
            open_interest_1h.market = prices_1h.market
            AND open_interest_1h.date = prices_1h.date
            AND open_interest_1h.hour = prices_1h.hour
),

followed AS (
    SELECT
        *,
        lag(hour) OVER (PARTITION BY market ORDER BY hour) = hour - INTERVAL 1 HOUR AS follows,
        lag(price) OVER (PARTITION BY market ORDER BY hour) AS price_before,
        lag(open_interest) OVER (PARTITION BY market ORDER BY hour) AS open_interest_before
    FROM hours
),

changes AS (
    SELECT
        *,
        CASE WHEN follows THEN price - price_before END AS price_change,
        CASE WHEN follows THEN open_interest - open_interest_before END AS open_interest_change
    FROM followed
)

SELECT
    market,
    date,
    hour,
    price,
    price_change / nullif(price_before, 0e0) AS price_change,
    open_interest,
    open_interest_change,
    open_interest_change / nullif(open_interest_before, 0e0) AS open_interest_change_share,
    CASE
        WHEN price_change > 0 AND open_interest_change > 0 THEN 'long build-up'
        WHEN price_change > 0 AND open_interest_change < 0 THEN 'short covering'
        WHEN price_change < 0 AND open_interest_change > 0 THEN 'short build-up'
        WHEN price_change < 0 AND open_interest_change < 0 THEN 'long unwinding'
    END AS quadrant,
    coverage,
    grade
FROM changes;
