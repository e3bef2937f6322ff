-- Question: how much did the account hold in all its markets together, and at what leverage?
-- Grain: asset, minute.
-- Units:
--   asset | - | the currency, in which its markets are quoted
--   ts_told | time, the recorder's clock | of the last answer about all positions in the bucket
--   positions | - | held then
--   gross_notional | asset | sum of their notionals (quantity x mark_price) without signs; null where one is not known
--   net_notional | asset | sum with their signs; negative: short in all
--   gross_notional_max | asset | the greatest gross_notional of an answer in the bucket
--   equity | asset | as told last in the bucket
--   leverage | - | gross_notional / equity: what all of the account is geared; null unless equity is above 0
--   net_leverage | - | net_notional / equity; negative: short
--   told | - | how many answers about all positions there were
-- Source: account_answers, account_positions, account_assets, markets, inverse_markets.
-- Note: of answers about all positions alone, for a push tells of one. A bucket without such an answer has no row: nothing is carried on.
-- Note: mark_price is what the position's unrealised profit is told at, as in account_positions_1m. Inverse markets, whose notionals are
--       not known, are left out.
WITH currencies AS (
    SELECT
        markets.market,
        max_by(quote, unix_micros(ts_recv)) AS asset,
        max(is_inverse) AS is_inverse
    FROM markets
    LEFT JOIN inverse_markets ON inverse_markets.market = markets.market
    GROUP BY markets.market
),

held AS (
    SELECT
        asset,
        account_positions.date,
        ts_recv,
        seq,
        CASE WHEN side = 'short' THEN -1 ELSE 1 END * CAST(quantity AS DOUBLE) * CAST(open_price AS DOUBLE)
        + CAST(profit_unrealised AS DOUBLE) AS notional
    FROM account_positions
    INNER JOIN currencies ON currencies.market = account_positions.market
    WHERE source = 'rest' AND quantity > 0 AND is_inverse IS NULL
),

together AS (
    SELECT
        asset,
        date,
        ts_recv,
        seq,
        count(*) AS positions,
        CASE WHEN count(notional) = count(*) THEN sum(abs(notional)) END AS gross,
        CASE WHEN count(notional) = count(*) THEN sum(notional) END AS net
    FROM held
    GROUP BY asset, date, ts_recv, seq
),

assets AS (
    SELECT DISTINCT asset FROM account_assets
),

answers AS (
    SELECT
        assets.asset,
        account_answers.date,
        account_answers.ts_recv,
        account_answers.seq,
        coalesce(positions, 0) AS positions,
        CASE WHEN positions IS NULL THEN 0e0 ELSE gross END AS gross,
        CASE WHEN positions IS NULL THEN 0e0 ELSE net END AS net
    FROM account_answers
    CROSS JOIN assets
    LEFT JOIN together
        ON
            together.asset = assets.asset
            AND together.date = account_answers.date
            AND together.ts_recv = account_answers.ts_recv
            AND together.seq = account_answers.seq
    WHERE call = 'position_pending' AND account_answers.market IS NULL
),

facts AS (
    SELECT
        asset,
        date,
        timestamp_micros(unix_micros(ts_recv) - unix_micros(ts_recv) % 60000000) AS minute,
        ts_recv,
        seq,
        unix_micros(ts_recv) AS at_us,
        positions,
        gross,
        net,
        NULL AS worth
    FROM answers
    UNION ALL
    SELECT
        asset,
        date,
        timestamp_micros(unix_micros(ts_recv) - unix_micros(ts_recv) % 60000000) AS minute,
        NULL AS ts_recv,
        seq,
        unix_micros(ts_recv) AS at_us,
        NULL AS positions,
        NULL AS gross,
        NULL AS net,
        CAST(
            CAST(balance AS DECIMAL(36, 20)) + coalesce(CAST(profit_unrealised AS DECIMAL(36, 20)), CAST(0 AS DECIMAL(36, 20)))
            AS DOUBLE
        ) AS worth
    FROM account_assets
),

numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY asset ORDER BY at_us, seq) AS place
    FROM facts
),

sums AS (
    SELECT
        asset,
        date,
        minute AS bucket,
        max(ts_recv) AS ts_told,
        max_by(positions, CASE WHEN positions IS NOT NULL THEN place END) AS positions,
        max_by(gross, CASE WHEN positions IS NOT NULL THEN place END) AS gross_notional,
        max_by(net, CASE WHEN positions IS NOT NULL THEN place END) AS net_notional,
        max(gross) AS gross_notional_max,
        max_by(worth, CASE WHEN worth IS NOT NULL THEN place END) AS equity,
        count(positions) AS told
    FROM numbered
    GROUP BY asset, date, minute
)

SELECT
    asset,
    date,
    bucket AS minute,
    ts_told,
    positions,
    gross_notional,
    net_notional,
    gross_notional_max,
    equity,
    gross_notional / CASE WHEN equity > 0 THEN equity END AS leverage,
    net_notional / CASE WHEN equity > 0 THEN equity END AS net_leverage,
    told
FROM sums
WHERE told > 0;
