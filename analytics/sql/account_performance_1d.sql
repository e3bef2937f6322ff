-- Question: what did the account earn each day, of what, and on how much?
-- Grain: asset, day.
-- Units:
--   asset | - | the currency
--   balance | asset | at the day's end, by the ledger; of a currency of which it has no line, as told last in the day
--   profit_unrealised | asset | as told last in the day, or before
--   equity | asset | balance + profit_unrealised
--   transfers | asset | deposits, withdrawals and the like, in less out
--   profit | asset | change of equity less transfers; null on the first day, unless the account was empty before, and without a ledger
--   realised_pnl | asset | profits and losses of what was closed
--   fees | asset | of fills; negative: paid
--   funding | asset | of settlements; negative: paid
--   liquidation | asset | to and from the venue in liquidations
--   other | asset | lines of no known kind
--   unrealised_change | asset | change of profit_unrealised
--   missing | asset | what the balance changed by beside the lines that are there; profit is the sum of these seven
--   profit_share | fraction | profit / (equity of the day before + transfers, where more came in than went out): the day's return
--   growth | - | what one unit became since the first day: the product of 1 + profit_share; 0 once all was lost
--   drawdown | fraction | how far growth is below its greatest so far
--   balance_told | asset | as told last in the day by account_assets; null on a day without
--   told_difference | asset | balance_told less the ledger's balance at that instant: 0 where both are whole
-- Source: account_pnl_1d, account_equity_1d, account_ledger_lines.
-- Reach: all
-- Note: of a currency of which the ledger has no line nobody knows what was transferred, earned or paid: profit and its parts are null, and
--       missing is all that the balance changed by. It may be a loss as well as a withdrawal.
-- Note: days with a line of the ledger or with assets told; on others nothing is known to have happened. Exact decimals but for
--       profit_share, growth and drawdown.
-- Note: pushes tell assets at once, the ledger is asked for in rounds: of a day that is running, and of the last one where the recorder
--       stopped between two rounds, equity and profit lack told_difference until the next round; account_equity_1d has what was pushed.
-- Note: the ledger has the venue's time, assets have ours: a line of the milliseconds between the two is in told_difference.
WITH openings AS (
    SELECT asset, CAST(balance AS DECIMAL(36, 20)) - CAST(change AS DECIMAL(36, 20)) AS opening
    FROM account_ledger_lines
    WHERE number = 1
),

ends AS (
    SELECT asset, day, unix_micros(ts_told) AS at_us, 1 AS turn, 0 AS line
    FROM account_equity_1d
    UNION ALL
    SELECT asset, NULL AS day, unix_micros(ts_event) AS at_us, 0 AS turn, 1 AS line
    FROM account_ledger_lines
),

counted AS (
    SELECT
        *,
        sum(line) OVER (
            PARTITION BY asset ORDER BY at_us, turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS number
    FROM ends
),

days AS (
    SELECT asset, day FROM account_pnl_1d
    UNION
    SELECT asset, day FROM account_equity_1d
),

joined AS (
    SELECT
        days.asset,
        days.day,
        openings.opening,
        pnl.balance,
        CASE WHEN opening IS NOT NULL THEN coalesce(pnl.transfers, CAST(0 AS DECIMAL(38, 20))) END AS transfers,
        CASE WHEN opening IS NOT NULL THEN coalesce(pnl.realised_pnl, CAST(0 AS DECIMAL(38, 20))) END AS realised_pnl,
        CASE WHEN opening IS NOT NULL THEN coalesce(pnl.fees, CAST(0 AS DECIMAL(38, 20))) END AS fees,
        CASE WHEN opening IS NOT NULL THEN coalesce(pnl.funding, CAST(0 AS DECIMAL(38, 20))) END AS funding,
        CASE WHEN opening IS NOT NULL THEN coalesce(pnl.liquidation, CAST(0 AS DECIMAL(38, 20))) END AS liquidation,
        CASE WHEN opening IS NOT NULL THEN coalesce(pnl.other, CAST(0 AS DECIMAL(38, 20))) END AS other,
        CASE WHEN opening IS NOT NULL THEN coalesce(pnl.missing, CAST(0 AS DECIMAL(38, 20))) END AS missing,
        equity.balance AS balance_told,
        equity.profit_unrealised,
        coalesce(lines.balance, openings.opening) AS balance_then
    FROM days
    LEFT JOIN account_pnl_1d AS pnl ON pnl.asset = days.asset AND pnl.day = days.day
    LEFT JOIN account_equity_1d AS equity ON equity.asset = days.asset AND equity.day = days.day
    LEFT JOIN counted ON counted.asset = days.asset AND counted.day = days.day
    LEFT JOIN account_ledger_lines AS lines ON lines.asset = days.asset AND lines.number = counted.number
    LEFT JOIN openings ON openings.asset = days.asset
),

carried AS (
    SELECT
        *,
        coalesce(
            max_by(balance, CASE WHEN balance IS NOT NULL THEN day END) OVER (
                PARTITION BY asset ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ),
            opening,
            balance_told
        ) AS balance_at_end,
        coalesce(
            max_by(profit_unrealised, CASE WHEN profit_unrealised IS NOT NULL THEN day END) OVER (
                PARTITION BY asset ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ),
            CAST(0 AS DECIMAL(38, 20))
        ) AS unrealised
    FROM joined
),

worth AS (
    SELECT
        *,
        CAST(balance_at_end AS DECIMAL(36, 20)) + CAST(unrealised AS DECIMAL(36, 20)) AS equity,
        row_number() OVER (PARTITION BY asset ORDER BY day) AS number
    FROM carried
),

steps AS (
    SELECT
        *,
        coalesce(lag(equity) OVER (PARTITION BY asset ORDER BY day), CASE WHEN opening = 0 THEN opening END) AS before,
        coalesce(
            lag(unrealised) OVER (PARTITION BY asset ORDER BY day),
            CASE WHEN opening = 0 THEN CAST(0 AS DECIMAL(38, 20)) END
        ) AS unrealised_before,
        lag(balance_at_end) OVER (PARTITION BY asset ORDER BY day) AS balance_before
    FROM worth
),

earned AS (
    SELECT
        *,
        CAST(equity AS DECIMAL(36, 20)) - CAST(before AS DECIMAL(36, 20)) - CAST(transfers AS DECIMAL(36, 20)) AS profit,
        CAST(unrealised AS DECIMAL(36, 20)) - CAST(unrealised_before AS DECIMAL(36, 20)) AS unrealised_change,
        CAST(balance_at_end AS DECIMAL(36, 20)) - CAST(balance_before AS DECIMAL(36, 20)) AS balance_change,
        CAST(before AS DOUBLE) + CASE WHEN transfers > 0 THEN CAST(transfers AS DOUBLE) ELSE 0e0 END AS stake
    FROM steps
),

shares AS (
    SELECT
        *,
        CAST(profit AS DOUBLE) / CASE WHEN stake > 0 THEN stake END AS profit_share
    FROM earned
),

grown AS (
    SELECT
        *,
        CASE WHEN min(profit_share) OVER so_far <= -1 THEN 0e0 ELSE 1e0 END
        * exp(sum(CASE WHEN profit_share > -1 THEN ln(1 + profit_share) ELSE 0e0 END) OVER so_far) AS growth
    FROM shares
    WINDOW so_far AS (PARTITION BY asset ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)

SELECT
    asset,
    CAST(day AS DATE) AS date,
    day,
    balance_at_end AS balance,
    unrealised AS profit_unrealised,
    equity,
    transfers,
    profit,
    realised_pnl,
    fees,
    funding,
    liquidation,
    other,
    unrealised_change,
    CASE WHEN opening IS NULL THEN balance_change ELSE missing END AS missing,
    profit_share,
    growth,
    1
    - growth / greatest(
        max(growth) OVER (PARTITION BY asset ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 1e0
    ) AS drawdown,
    balance_told,
    CAST(balance_told AS DECIMAL(36, 20)) - CAST(balance_then AS DECIMAL(36, 20)) AS told_difference
FROM grown;
