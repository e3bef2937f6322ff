-- Question: which markets count contracts, so that price x quantity is no amount of money?
-- Grain: inverse market.
-- Units:
--   is_inverse | - | true
-- Source: markets.
-- Note: by the newest description that tells a type. A market without one counts as linear.
-- Note: a contract of such a market is worth a fixed amount of quote units, which the market list does not tell, and its money is
--       the base unit. So figures that are made of price x quantity are null: to join others to, by market.
WITH newest AS (
    SELECT
        market,
        max_by(type, unix_micros(ts_recv)) AS type
    FROM markets
    WHERE type <> 'unknown'
    GROUP BY market
)

SELECT
    market,
    true AS is_inverse
FROM newest
WHERE type = 'inverse';
