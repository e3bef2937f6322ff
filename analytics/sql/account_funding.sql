-- Question: was each settlement of funding charged to the account as the market's rate and the position say?
-- Grain: market, settlement, where something was held; and a line of the ledger that belongs to none.
-- Units:
--   market | - | the venue's name of the market; null of a line of which no position is known
--   ts_settled | time, UTC | the settlement, as in funding_settlements; of a line that belongs to none, its own time
--   position_id | - | of the position as told last before; null where none was
--   quantity | base | held then, as in account_holdings; negative: short
--   funding_rate | fraction an interval | charged by the market, as recorded; null where unproven
--   mark_price | quote | the last one told before the settlement, at most 15 min
--   expected | quote | - quantity x funding_rate x mark_price; negative: to pay; null of an inverse market
--   asset | - | the currency of the ledger's line, or of the market
--   ledger_id | - | the line of the ledger; null where there is none
--   ts_charged | time, the venue's clock | of that line
--   charged | asset | by that line; negative: paid, exactly
--   position_change | quote | what the position's profit_realised changed by, as in account_holdings
--   difference | quote | charged - expected
--   difference_bps | bps | difference by notional, quantity x mark_price
--   mark_price_charged | quote | the mark price that charged tells of: charged / (- quantity x funding_rate)
--   verdict | - | `agrees`, `differs`, `not in the ledger`, `not asked yet`, `no position known` or `not known`
-- Source: account_holdings, account_ledger_lines, account_answers, inverse_markets, markets.
-- Reach: all, all markets
-- Note: the ledger names no market. A line belongs to the settlement that was due last, from 60 s before that to 15 min after. Of the
--       lines of one settlement and currency, and the positions that were held then (by position_change, else by expected), the least
--       goes with the least and so on, where there are as many of both; else those go together that are next to each other in size, and
--       nearer to each other than to their other neighbours.
-- Note: it agrees where charged is within 1 % of expected, for the venue charges by a mark price of its own instant; without an expected
--       one, within 1 % of position_change; and where nothing was to be charged, and nothing was. A settlement of which neither is known
--       is not known. Until the ledger is asked for up to a minute after the settlement, it is not
--       asked yet.
WITH currencies AS (
    SELECT
        market,
        max_by(quote, unix_micros(ts_recv)) AS quote,
        max_by(base, unix_micros(ts_recv)) AS base
    FROM markets
    GROUP BY market
),

entries AS (
    SELECT
        CASE WHEN is_inverse IS NULL THEN quote ELSE base END AS asset,
        unix_micros(ts_settled) - 60000000 AS at_us,
        unix_micros(ts_settled) AS settled_us,
        account_holdings.market,
        position_id,
        quantity,
        funding_rate,
        mark_price,
        CASE WHEN is_inverse IS NULL THEN -CAST(quantity AS DOUBLE) * funding_rate * mark_price END AS expected,
        position_change,
        CAST(NULL AS BIGINT) AS ledger_id,
        NULL AS ts_charged,
        CAST(NULL AS DECIMAL(38, 20)) AS charged
    FROM account_holdings
    LEFT JOIN currencies ON currencies.market = account_holdings.market
    LEFT JOIN inverse_markets ON inverse_markets.market = account_holdings.market
    UNION ALL
    SELECT
        asset,
        unix_micros(ts_event) AS at_us,
        NULL AS settled_us,
        NULL AS market,
        NULL AS position_id,
        NULL AS quantity,
        NULL AS funding_rate,
        NULL AS mark_price,
        NULL AS expected,
        NULL AS position_change,
        ledger_id,
        ts_event AS ts_charged,
        change AS charged
    FROM account_ledger_lines
    WHERE kind = 'funding'
),

dated AS (
    SELECT
        *,
        max(settled_us) OVER (
            PARTITION BY asset ORDER BY at_us, coalesce(ledger_id, -1)
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS last_us
    FROM entries
),

placed AS (
    SELECT
        *,
        CASE WHEN ledger_id IS NULL THEN settled_us WHEN at_us - last_us <= 900000000 THEN last_us END AS group_us,
        CASE WHEN ledger_id IS NULL THEN 0 ELSE 1 END AS is_line,
        CASE WHEN ledger_id IS NULL THEN coalesce(CAST(position_change AS DOUBLE), expected) ELSE CAST(charged AS DOUBLE) END
            AS amount
    FROM dated
),

ranked AS (
    SELECT
        *,
        CASE WHEN amount IS NULL THEN 1 ELSE 0 END AS is_unknown,
        row_number() OVER (
            PARTITION BY asset, group_us, is_line, amount IS NULL ORDER BY amount, market, ledger_id
        ) AS place,
        sum(CASE WHEN amount IS NULL THEN 0 WHEN is_line = 1 THEN 1 ELSE -1 END) OVER (PARTITION BY asset, group_us)
            AS more_lines
    FROM placed
),

sorted AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY asset, group_us
            ORDER BY is_unknown, CASE WHEN more_lines = 0 THEN CAST(place AS DOUBLE) ELSE amount END, is_line, place
        ) AS number
    FROM ranked
),

between_neighbours AS (
    SELECT
        *,
        CASE
            WHEN lag(is_line) OVER one_by_one <> is_line AND is_unknown = 0
                THEN amount - lag(amount) OVER one_by_one
        END AS from_previous,
        CASE
            WHEN lead(is_line) OVER one_by_one <> is_line AND lead(is_unknown) OVER one_by_one = 0
                THEN (lead(amount) OVER one_by_one) - amount
        END AS to_next
    FROM sorted
    WINDOW one_by_one AS (PARTITION BY asset, group_us ORDER BY number)
),

preferring AS (
    SELECT
        *,
        CASE
            WHEN is_unknown = 1 OR group_us IS NULL THEN 0
            WHEN more_lines = 0 THEN 1 - 2 * is_line
            WHEN from_previous IS NOT NULL AND (to_next IS NULL OR from_previous <= to_next) THEN -1
            WHEN to_next IS NOT NULL THEN 1
            ELSE 0
        END AS way
    FROM between_neighbours
),

paired AS (
    SELECT
        *,
        CASE
            WHEN way = 1 AND lead(way) OVER one_by_one = -1 THEN 1
            WHEN way = -1 AND lag(way) OVER one_by_one = 1 THEN -1
            ELSE 0
        END AS partner
    FROM preferring
    WINDOW one_by_one AS (PARTITION BY asset, group_us ORDER BY number)
),

told AS (
    SELECT
        *,
        CASE WHEN partner = 1 THEN lead(ledger_id) OVER one_by_one WHEN partner = -1 THEN lag(ledger_id) OVER one_by_one END
            AS line_id,
        CASE
            WHEN partner = 1 THEN lead(ts_charged) OVER one_by_one WHEN partner = -1 THEN lag(ts_charged) OVER one_by_one
        END AS ts_line,
        CASE WHEN partner = 1 THEN lead(charged) OVER one_by_one WHEN partner = -1 THEN lag(charged) OVER one_by_one END
            AS line_charged
    FROM paired
    WINDOW one_by_one AS (PARTITION BY asset, group_us ORDER BY number)
),

matched AS (
    SELECT
        market,
        coalesce(timestamp_micros(group_us), ts_charged) AS ts_settled,
        position_id,
        quantity,
        funding_rate,
        mark_price,
        expected,
        asset,
        CASE WHEN is_line = 1 THEN ledger_id ELSE line_id END AS ledger_id,
        CASE WHEN is_line = 1 THEN ts_charged ELSE ts_line END AS ts_charged,
        CASE WHEN is_line = 1 THEN charged ELSE line_charged END AS charged,
        position_change
    FROM told
    WHERE is_line = 0 OR partner = 0
),

asked AS (
    SELECT max(unix_micros(coalesce(ts_until, ts_recv))) AS asked_us
    FROM account_answers
    WHERE call = 'asset_history'
)

SELECT
    market,
    CAST(ts_settled AS DATE) AS date,
    ts_settled,
    position_id,
    quantity,
    funding_rate,
    mark_price,
    expected,
    asset,
    ledger_id,
    ts_charged,
    charged,
    position_change,
    CAST(charged AS DOUBLE) - expected AS difference,
    1e4 * (CAST(charged AS DOUBLE) - expected) / abs(CAST(quantity AS DOUBLE) * mark_price) AS difference_bps,
    -CAST(charged AS DOUBLE) / (CAST(quantity AS DOUBLE) * CASE WHEN funding_rate <> 0 THEN funding_rate END)
        AS mark_price_charged,
    CASE
        WHEN market IS NULL THEN 'no position known'
        WHEN ledger_id IS NULL AND coalesce(unix_micros(ts_settled) + 60000000 > asked_us, true) THEN 'not asked yet'
        WHEN ledger_id IS NULL AND expected IS NULL AND position_change IS NULL THEN 'not known'
        WHEN ledger_id IS NULL AND expected = 0 THEN 'agrees'
        WHEN ledger_id IS NULL THEN 'not in the ledger'
        WHEN
            abs(CAST(charged AS DOUBLE) - coalesce(expected, CAST(position_change AS DOUBLE)))
            <= 1e-2 * abs(coalesce(expected, CAST(position_change AS DOUBLE)))
            THEN 'agrees'
        ELSE 'differs'
    END AS verdict
FROM matched
CROSS JOIN asked;
