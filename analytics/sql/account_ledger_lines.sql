-- Question: what kind of thing changed a balance each time, and is any line of the ledger missing before it?
-- Grain: a line of the ledger.
-- Units:
--   asset | - | the currency
--   ts_event | time, the venue's clock | of the change
--   ledger_id | - | the venue's id
--   business | - | the venue's word for why
--   kind | - | `funding`, `liquidation`, `transfer` (in or out), `pnl` (of what was closed), `fee` or `other`, by that word
--   change | asset | by how much the balance changed, exactly
--   balance | asset | the balance after it
--   balance_before | asset | the balance after the line before; null of the first one
--   missing | asset | balance - balance_before - change: what lines that are not there have changed; 0 where none is missing
--   number | - | of the line, from 1, by asset, in the order of time and id
-- Source: account_ledger.
-- Reach: all
-- Note: words are looked for in any case: funding; liquid, adl; deposit, withdraw, transfer, bonus; pnl, profit, loss, close; fee. The
--       first of these groups that fits is the kind, so that a funding fee is funding.
WITH lines AS (
    SELECT
        asset,
        date,
        ts_event,
        ledger_id,
        business,
        lower(coalesce(business, '')) AS word,
        change,
        balance,
        lag(balance) OVER (PARTITION BY asset ORDER BY ts_event, ledger_id) AS balance_before,
        row_number() OVER (PARTITION BY asset ORDER BY ts_event, ledger_id) AS number
    FROM account_ledger
)

SELECT
    asset,
    date,
    ts_event,
    ledger_id,
    business,
    CASE
        WHEN word LIKE '%funding%' THEN 'funding'
        WHEN word LIKE '%liquid%' OR word LIKE '%adl%' THEN 'liquidation'
        WHEN word LIKE '%deposit%' OR word LIKE '%withdraw%' OR word LIKE '%transfer%' OR word LIKE '%bonus%'
            THEN 'transfer'
        WHEN word LIKE '%pnl%' OR word LIKE '%profit%' OR word LIKE '%loss%' OR word LIKE '%close%' THEN 'pnl'
        WHEN word LIKE '%fee%' THEN 'fee'
        ELSE 'other'
    END AS kind,
    change,
    balance,
    balance_before,
    CAST(balance AS DECIMAL(36, 20)) - CAST(balance_before AS DECIMAL(36, 20)) - CAST(change AS DECIMAL(36, 20))
        AS missing,
    number
FROM lines;
