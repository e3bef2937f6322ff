-- Question: what did each position bring from its opening to its end, and do its fills and its funding add up to that?
-- Grain: position.
-- Units:
--   position_id | - | the venue's id
--   ts_event | time, the venue's clock | when it was opened
--   ts_updated | time, the venue's clock | when it changed last, as told last
--   side | - | `long` or `short`
--   position_type | - | `isolated` or `cross`
--   status | - | `open`; `closed` or `liquidated`, as a push told; `ended`: not there any more, and no push told how
--   quantity | base | held, as told last; negative: short, 0 where it has ended
--   quantity_max | base | the most it has held; null where no push told
--   fills | - | of the market from its opening to its last change
--   profit_of_fills | quote | of what they closed
--   fees | quote | paid for them
--   funding | quote | charged at its settlements by the ledger, as in account_funding; negative: paid
--   net | quote | profit_of_fills - fees + funding
--   profit_realised | quote | closed profits, fees and funding, as the push of its last change tells; null where none did
--   difference | quote | profit_realised - net: 0 where all was recorded, to the decimals that fills are told to
-- Source: account_positions, account_fills, account_funding, account_positions_last, account_answers.
-- Reach: all
-- Note: this venue keeps one position for each market and account: the fills of the market from its opening to its last change are its
--       own. Of those at the very instant at which one ends and the next begins, each is of the one on whose side it opens or against
--       which it closes; of two on the same side what closes is of the first, what opens of the second.
-- Note: net is without what the venue takes or gives in a liquidation beside the loss, which the ledger tells without a market
--       (liquidation of account_pnl_1d).
-- Note: difference is null where fills have not been asked for up to its last change.
WITH told AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market, position_id ORDER BY ts_recv DESC, seq DESC) AS version,
        row_number() OVER (
            PARTITION BY market, position_id, profit_realised IS NULL ORDER BY ts_updated DESC, ts_recv DESC, seq DESC
        ) AS pushed_version
    FROM account_positions
    WHERE position_id IS NOT NULL AND ts_created IS NOT NULL
),

positions AS (
    SELECT
        market,
        position_id,
        min(ts_created) AS ts_opened,
        max(ts_updated) AS ts_updated,
        max(CASE WHEN version = 1 THEN side END) AS side,
        max(CASE WHEN version = 1 THEN position_type END) AS position_type,
        max(event) AS event,
        max(CASE WHEN version = 1 THEN CASE WHEN side = 'short' THEN -quantity ELSE quantity END END) AS quantity,
        max(quantity_max) AS quantity_max,
        max(CASE WHEN pushed_version = 1 THEN profit_realised END) AS profit_told,
        max(CASE WHEN profit_realised IS NOT NULL THEN ts_updated END) AS ts_pushed
    FROM told
    GROUP BY market, position_id
),

ended AS (
    SELECT
        positions.*,
        CASE
            WHEN positions.event = 4 THEN 'liquidated'
            WHEN positions.event = 3 THEN 'closed'
            WHEN is_held AND newest.position_id = positions.position_id THEN 'open'
            ELSE 'ended'
        END AS status
    FROM positions
    LEFT JOIN account_positions_last AS newest ON newest.market = positions.market
),

events AS (
    SELECT
        market,
        unix_micros(ts_opened) AS at_us,
        0 AS turn,
        position_id,
        side,
        unix_micros(ts_updated) AS until_us,
        lag(position_id) OVER one_by_one AS before_id,
        lag(side) OVER one_by_one AS before_side,
        lag(unix_micros(ts_updated)) OVER one_by_one AS before_until_us,
        CAST(NULL AS DECIMAL(38, 20)) AS profit,
        CAST(NULL AS DECIMAL(38, 20)) AS fee
    FROM ended
    WINDOW one_by_one AS (PARTITION BY market ORDER BY ts_opened, position_id)
    UNION ALL
    SELECT
        market,
        unix_micros(ts_event) AS at_us,
        1 AS turn,
        NULL AS position_id,
        CASE WHEN (side = 'buy') = (profit IS NULL) THEN 'long' ELSE 'short' END AS side,
        NULL AS until_us,
        NULL AS before_id,
        NULL AS before_side,
        NULL AS before_until_us,
        profit,
        fee
    FROM account_fills
),

numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market ORDER BY at_us, turn, position_id) AS number
    FROM events
),

following AS (
    SELECT
        market,
        at_us,
        turn,
        side,
        profit,
        fee,
        max_by(position_id, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_id,
        max_by(side, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_side,
        max_by(at_us, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_us,
        max_by(until_us, CASE WHEN turn = 0 THEN number END) OVER so_far AS until_us,
        max_by(before_id, CASE WHEN turn = 0 AND before_id IS NOT NULL THEN number END) OVER so_far AS before_id,
        max_by(before_side, CASE WHEN turn = 0 AND before_id IS NOT NULL THEN number END) OVER so_far AS before_side,
        max_by(before_until_us, CASE WHEN turn = 0 AND before_id IS NOT NULL THEN number END) OVER so_far
            AS before_until_us
    FROM numbered
    WINDOW so_far AS (PARTITION BY market ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),

owned AS (
    SELECT
        market,
        profit,
        fee,
        CASE
            WHEN
                newest_us = at_us
                AND before_until_us >= at_us
                AND CASE WHEN before_side <> newest_side THEN side = before_side ELSE profit IS NOT NULL END
                THEN before_id
            WHEN until_us >= at_us AND (newest_us < at_us OR coalesce(side = newest_side, TRUE)) THEN newest_id
        END AS position_id
    FROM following
    WHERE turn = 1
),

of_fills AS (
    SELECT market, position_id, count(*) AS fills, sum(profit) AS profit_of_fills, sum(fee) AS fees
    FROM owned
    WHERE position_id IS NOT NULL
    GROUP BY market, position_id
),

of_funding AS (
    SELECT market, position_id, sum(charged) AS funding
    FROM account_funding
    WHERE charged IS NOT NULL
    GROUP BY market, position_id
),

results AS (
    SELECT
        ended.*,
        CASE WHEN ts_pushed = ended.ts_updated AND status <> 'ended' THEN profit_told END AS profit_realised,
        coalesce(fills, 0) AS fills,
        coalesce(profit_of_fills, CAST(0 AS DECIMAL(38, 20))) AS profit_of_fills,
        coalesce(fees, CAST(0 AS DECIMAL(38, 20))) AS fees,
        coalesce(funding, CAST(0 AS DECIMAL(38, 20))) AS funding
    FROM ended
    LEFT JOIN of_fills ON of_fills.market = ended.market AND of_fills.position_id = ended.position_id
    LEFT JOIN of_funding ON of_funding.market = ended.market AND of_funding.position_id = ended.position_id
),

asked AS (
    SELECT market, max(coalesce(ts_until, ts_recv)) AS ts_asked
    FROM account_answers
    WHERE call = 'order_deals'
    GROUP BY market
),

summed AS (
    SELECT
        results.*,
        ts_asked,
        CAST(profit_of_fills AS DECIMAL(36, 20)) - CAST(fees AS DECIMAL(36, 20)) + CAST(funding AS DECIMAL(36, 20)) AS net
    FROM results
    LEFT JOIN asked ON asked.market = results.market
)

SELECT
    market,
    CAST(ts_opened AS DATE) AS date,
    ts_opened AS ts_event,
    ts_updated,
    position_id,
    side,
    position_type,
    status,
    CASE WHEN status = 'ended' THEN CAST(0 AS DECIMAL(38, 20)) ELSE quantity END AS quantity,
    quantity_max,
    fills,
    profit_of_fills,
    fees,
    funding,
    net,
    profit_realised,
    CASE
        WHEN coalesce(ts_updated <= ts_asked, TRUE)
            THEN CAST(profit_realised AS DECIMAL(36, 20)) - CAST(net AS DECIMAL(36, 20))
    END AS difference
FROM summed;
