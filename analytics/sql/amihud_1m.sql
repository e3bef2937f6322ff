-- Question: how far did each market's price move for what was traded (Amihud's illiquidity)?
-- Grain: market, minute.
-- Units:
--   amihud | bps per million quote | mean over the minutes of abs(return) / turnover, return = ln(close / close of the minute before)
--   amihud_weighted | bps per million quote | sum of abs(return) / sum of turnover over the same minutes: small minutes weigh little
--   minutes | - | minutes that entered: with trades and with a return
--   coverage | 0 to 1 | share of the bucket in which trades were recorded, or repaired; null until it is graded
-- Source: minute_bars.
-- Note: minutes without turnover are left out, as days without are in the paper, whose ratio is of days; amihud is the mean of
--       what may be few minutes, and one of little turnover can outweigh the others: minutes says how many they are.
-- Note: null where less than 0.1 of the bucket was covered. Prices are of trades: their bounce between bid and ask is in it.
-- Note: of an inverse market, which counts contracts, both figures are null: price x quantity is no amount of money.
-- Reference: Amihud 2002.
WITH moves AS (
    SELECT
        market,
        date,
        minute,
        CASE WHEN turnover > 0 THEN 1e4 * abs(change) END AS bps,
        CASE WHEN turnover > 0 AND change IS NOT NULL THEN turnover / 1e6 END AS millions,
        trade_seconds,
        grade
    FROM minute_bars
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        count(bps) AS minutes,
        avg(bps / nullif(millions, 0e0)) AS amihud,
        sum(bps) / nullif(sum(millions), 0e0) AS amihud_weighted,
        sum(trade_seconds) AS covered_seconds,
        max(grade) AS grade
    FROM moves
    GROUP BY market, date, minute
),

covered AS (
    SELECT
        *,
        covered_seconds / bucket_seconds AS coverage
    FROM sums
)

SELECT
    market,
    date,
    bucket AS minute,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN amihud END AS amihud,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 THEN amihud_weighted END AS amihud_weighted,
    minutes,
    coverage,
    grade
FROM covered;
