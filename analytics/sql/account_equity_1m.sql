-- Question: what was the account worth, and how much of it was held as margin?
-- Grain: asset, minute.
-- Units:
--   asset | - | the currency
--   ts_told | time, the recorder's clock | when it was told last in the bucket
--   balance | asset | as told last
--   profit_unrealised | asset | of the open positions at mark prices, likewise
--   equity | asset | balance + profit_unrealised, likewise
--   equity_min | asset | least equity told in the bucket
--   equity_max | asset | greatest
--   available | asset | free to use, as told last
--   frozen | asset | held for open orders, likewise
--   margin | asset | held as margin of positions, likewise
--   margin_used | - | (margin + frozen) / equity: how much of what it was worth was held; null unless equity is above 0
--   told | - | how often it was told: by answers and by pushes
-- Source: account_assets.
-- Note: exact decimals but for margin_used. A bucket in which nothing was told has no row: nothing is carried on.
-- Note: between two that are told equity follows mark prices, so that equity_min and equity_max are of instants that were told.
WITH facts AS (
    SELECT
        asset,
        date,
        timestamp_micros(unix_micros(ts_recv) - unix_micros(ts_recv) % 60000000) AS minute,
        ts_recv,
        balance,
        profit_unrealised,
        CAST(balance AS DECIMAL(36, 20)) + coalesce(CAST(profit_unrealised AS DECIMAL(36, 20)), CAST(0 AS DECIMAL(36, 20)))
            AS equity,
        available,
        frozen,
        margin,
        row_number() OVER (PARTITION BY asset ORDER BY ts_recv, seq) AS number
    FROM account_assets
),

sums AS (
    SELECT
        asset,
        date,
        minute AS bucket,
        max(ts_recv) AS ts_told,
        max_by(balance, CASE WHEN balance IS NOT NULL THEN number END) AS balance,
        max_by(profit_unrealised, CASE WHEN profit_unrealised IS NOT NULL THEN number END) AS profit_unrealised,
        max_by(equity, CASE WHEN equity IS NOT NULL THEN number END) AS equity,
        min(equity) AS equity_min,
        max(equity) AS equity_max,
        max_by(available, CASE WHEN available IS NOT NULL THEN number END) AS available,
        max_by(frozen, CASE WHEN frozen IS NOT NULL THEN number END) AS frozen,
        max_by(margin, CASE WHEN margin IS NOT NULL THEN number END) AS margin,
        count(*) AS told
    FROM facts
    GROUP BY asset, date, minute
)

SELECT
    asset,
    date,
    bucket AS minute,
    ts_told,
    balance,
    profit_unrealised,
    equity,
    equity_min,
    equity_max,
    available,
    frozen,
    margin,
    (CAST(margin AS DOUBLE) + coalesce(CAST(frozen AS DOUBLE), 0e0)) / CASE WHEN equity > 0 THEN CAST(equity AS DOUBLE) END
        AS margin_used,
    told
FROM sums;
