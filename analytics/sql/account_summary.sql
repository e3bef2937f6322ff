-- Question: how did the account do over all its days, and at what risk?
-- Grain: asset.
-- Units:
--   asset | - | the currency
--   first_day | time, UTC | the first day of account_performance_1d
--   last_day | time, UTC | the last one
--   days | - | days with a return
--   equity | asset | at the last day's end
--   transfers | asset | deposits, withdrawals and the like, in less out
--   profit | asset | sum of the days' profits, of those of which it is known
--   fees | asset | of fills; negative: paid
--   funding | asset | of settlements; negative: paid
--   return_total | fraction | growth - 1: of one unit since the first day
--   return_mean | fraction a day | mean of the days' returns
--   return_stdev | fraction a day | their standard deviation (of a sample); null unless there are two
--   volatility | fraction a year | return_stdev x sqrt(365)
--   sharpe | - | return_mean / return_stdev x sqrt(365): a year's, above a rate of 0
--   sharpe_error | - | its standard error, if days were independent: sqrt((1 + daily sharpe squared / 2) / days) x sqrt(365)
--   max_drawdown | fraction | the greatest drawdown at a day's end
--   best_day | fraction | the greatest return of a day
--   worst_day | fraction | the least
--   winning_share | 0 to 1 | days with a profit, of the days with a return
-- Source: account_performance_1d.
-- Reach: all
-- Note: exact decimals for amounts. A day of which nothing was told has no return, and is not counted as one of 0.
-- Note: the last day counts as any other, also before it is over. Until the ledger is asked again, or if the recorder stopped before,
--       equity and profit lack what happened since: told_difference of that day in account_performance_1d.
-- Note: a currency of which the ledger has no line has no profit and no return.
-- Reference: Sharpe (1994); Lo (2002) for its error.
WITH sums AS (
    SELECT
        asset,
        min(day) AS first_day,
        max(day) AS last_day,
        count(profit_share) AS days,
        max_by(equity, day) AS equity,
        sum(transfers) AS transfers,
        sum(profit) AS profit,
        sum(fees) AS fees,
        sum(funding) AS funding,
        max_by(growth, day) - 1 AS return_total,
        avg(profit_share) AS return_mean,
        stddev_samp(profit_share) AS return_stdev,
        max(drawdown) AS max_drawdown,
        max(profit_share) AS best_day,
        min(profit_share) AS worst_day,
        count(CASE WHEN profit_share > 0 THEN 1 END) AS winning
    FROM account_performance_1d
    GROUP BY asset
),

daily AS (
    SELECT
        *,
        return_mean / CASE WHEN return_stdev > 0 THEN return_stdev END AS daily_sharpe
    FROM sums
)

SELECT
    asset,
    first_day,
    last_day,
    days,
    equity,
    transfers,
    profit,
    fees,
    funding,
    CASE WHEN days > 0 THEN return_total END AS return_total,
    return_mean,
    return_stdev,
    return_stdev * sqrt(365e0) AS volatility,
    daily_sharpe * sqrt(365e0) AS sharpe,
    sqrt((1 + daily_sharpe * daily_sharpe / 2) / days) * sqrt(365e0) AS sharpe_error,
    CASE WHEN days > 0 THEN max_drawdown END AS max_drawdown,
    best_day,
    worst_day,
    winning / CASE WHEN days > 0 THEN CAST(days AS DOUBLE) END AS winning_share
FROM daily;
