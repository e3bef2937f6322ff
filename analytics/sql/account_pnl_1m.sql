-- Question: what did each currency of the account gain and lose, and by what, as its ledger tells?
-- Grain: asset, minute.
-- Units:
--   asset | - | the currency
--   lines | - | of the ledger
--   realised_pnl | asset | profits and losses of what was closed, without fees and funding
--   fees | asset | of fills; negative: paid
--   funding | asset | of settlements; negative: paid, positive: received
--   liquidation | asset | to and from the venue in liquidations
--   transfers | asset | deposits, withdrawals and the like, in less out
--   other | asset | lines of no known kind
--   profit | asset | all of these but transfers
--   change | asset | all of these: what the lines change the balance by
--   missing | asset | by how much the balance changed beside them: 0 where no line is missing
--   balance | asset | after the last line of the bucket
-- Source: account_ledger_lines.
-- Note: exact decimals. A bucket without a line has no row. change + missing is balance less the balance of the row before.
-- Note: the ledger names no market: by market, account_by_market and account_funding_1d tell.
WITH facts AS (
    SELECT
        asset,
        date,
        timestamp_micros(unix_micros(ts_event) - unix_micros(ts_event) % 60000000) AS minute,
        kind,
        change,
        missing,
        balance,
        number
    FROM account_ledger_lines
),

sums AS (
    SELECT
        asset,
        date,
        minute AS bucket,
        count(*) AS lines,
        coalesce(sum(CASE WHEN kind = 'pnl' THEN change END), CAST(0 AS DECIMAL(38, 20))) AS realised_pnl,
        coalesce(sum(CASE WHEN kind = 'fee' THEN change END), CAST(0 AS DECIMAL(38, 20))) AS fees,
        coalesce(sum(CASE WHEN kind = 'funding' THEN change END), CAST(0 AS DECIMAL(38, 20))) AS funding,
        coalesce(sum(CASE WHEN kind = 'liquidation' THEN change END), CAST(0 AS DECIMAL(38, 20))) AS liquidation,
        coalesce(sum(CASE WHEN kind = 'transfer' THEN change END), CAST(0 AS DECIMAL(38, 20))) AS transfers,
        coalesce(sum(CASE WHEN kind = 'other' THEN change END), CAST(0 AS DECIMAL(38, 20))) AS other,
        coalesce(sum(CASE WHEN kind <> 'transfer' THEN change END), CAST(0 AS DECIMAL(38, 20))) AS profit,
        sum(change) AS change,
        coalesce(sum(missing), CAST(0 AS DECIMAL(38, 20))) AS missing,
        max_by(balance, CASE WHEN balance IS NOT NULL THEN number END) AS balance
    FROM facts
    GROUP BY asset, date, minute
)

SELECT
    asset,
    date,
    bucket AS minute,
    lines,
    realised_pnl,
    fees,
    funding,
    liquidation,
    transfers,
    other,
    profit,
    change,
    missing,
    balance
FROM sums;
