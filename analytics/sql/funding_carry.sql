-- Question: what did it bring, or cost, to hold a unit long or short through each settlement, and up to there?
-- Grain: market, settlement.
-- Units:
--   ts_settled | time, UTC | the settlement
--   interval_hours | hours | measured, as in funding_settlements
--   funding_rate | fraction an interval | charged; null where unproven
--   mark_price | quote | the last one told before it, at most 15 min
--   long_carry | fraction of notional | - funding_rate: what a long position is paid
--   short_carry | fraction of notional | funding_rate: what a short position is paid
--   long_carry_quote | quote per base unit | - funding_rate x mark_price
--   short_carry_quote | quote per base unit | funding_rate x mark_price
--   long_carry_total | fraction of notional | sum of long_carry up to here, of an equal notional each time; null before the first one known
--   short_carry_total | fraction of notional | likewise
--   long_carry_quote_total | quote per base unit | sum of long_carry_quote up to here: of one base unit held throughout; null likewise
--   short_carry_quote_total | quote per base unit | likewise
--   settlements | - | of the market up to here, this one with them
--   unproven | - | of these, charges that are not in the totals because they are unproven; unknown is not zero
--   unpriced | - | of these, charges that are not in the totals in quote: unproven, without a mark price, or of an inverse market
--   intervals_unproven | - | of the steps between them, those in which more settlements may have happened than are listed
--   coverage | 0 to 1 | share of the interval in which states were recorded, as in funding_settlements
-- Source: funding_settlements, inverse_markets.
-- Reach: all
-- Note: an inverse contract is paid in base units: its fractions of notional hold, its figures in quote are null, and its charges unpriced.
-- Note: totals are what was charged for certain where unproven and intervals_unproven are 0.
WITH steps AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market ORDER BY ts_settled) AS settlements,
        CASE WHEN is_inverse IS NULL THEN funding_rate * mark_price END AS quote_rate
    FROM funding_settlements
    LEFT JOIN inverse_markets USING (market)
),

sums AS (
    SELECT
        *,
        sum(funding_rate) OVER (
            PARTITION BY market ORDER BY ts_settled ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS total,
        sum(quote_rate) OVER (
            PARTITION BY market ORDER BY ts_settled ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS quote_total,
        count(funding_rate) OVER (
            PARTITION BY market ORDER BY ts_settled ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS proven_charges,
        count(quote_rate) OVER (
            PARTITION BY market ORDER BY ts_settled ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS priced_charges,
        count(CASE WHEN settlements > 1 AND interval_hours IS NULL THEN 1 END) OVER (
            PARTITION BY market ORDER BY ts_settled ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS intervals_unproven
    FROM steps
)

SELECT
    market,
    date,
    ts_settled,
    interval_hours,
    funding_rate,
    mark_price,
    -funding_rate AS long_carry,
    funding_rate AS short_carry,
    -quote_rate AS long_carry_quote,
    quote_rate AS short_carry_quote,
    -total AS long_carry_total,
    total AS short_carry_total,
    -quote_total AS long_carry_quote_total,
    quote_total AS short_carry_quote_total,
    CAST(settlements AS BIGINT) AS settlements,
    settlements - proven_charges AS unproven,
    settlements - priced_charges AS unpriced,
    intervals_unproven,
    coverage,
    grade
FROM sums;
