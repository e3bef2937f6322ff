-- Question: how much funding did the account pay and receive in each market, by its ledger, its positions and the recorded rates?
-- Grain: market, day.
-- Units:
--   market | - | the venue's name of the market; null: lines of the ledger of which no position is known
--   settlements | - | at which something was held; of no market: lines
--   paid | quote | by the ledger; negative
--   received | quote | by the ledger
--   charged | quote | paid + received, exactly
--   expected | quote | sum of - quantity x funding_rate x mark_price, of the settlements of which it is known
--   position_change | quote | sum of what the positions' own profits changed by, of those of which it is known
--   agreed | - | settlements that agree with the ledger, as in account_funding
--   differing | - | those that differ, are not in the ledger, or are of no known position
--   waiting | - | those that are not asked yet
--   difference | quote | sum of charged - expected, where both are known
-- Source: account_funding.
-- Note: over all rows of a day, and of a currency, charged adds up to the funding of account_pnl_1d.
SELECT
    market,
    date,
    timestamp_micros(unix_micros(ts_settled) - unix_micros(ts_settled) % 86400000000) AS day,
    count(*) AS settlements,
    coalesce(sum(CASE WHEN charged < 0 THEN charged END), CAST(0 AS DECIMAL(38, 20))) AS paid,
    coalesce(sum(CASE WHEN charged > 0 THEN charged END), CAST(0 AS DECIMAL(38, 20))) AS received,
    coalesce(sum(charged), CAST(0 AS DECIMAL(38, 20))) AS charged,
    sum(expected) AS expected,
    sum(position_change) AS position_change,
    count(CASE WHEN verdict = 'agrees' THEN 1 END) AS agreed,
    count(CASE WHEN verdict IN ('differs', 'not in the ledger', 'no position known') THEN 1 END) AS differing,
    count(CASE WHEN verdict = 'not asked yet' THEN 1 END) AS waiting,
    sum(difference) AS difference
FROM account_funding
GROUP BY market, date, unix_micros(ts_settled) - unix_micros(ts_settled) % 86400000000;
