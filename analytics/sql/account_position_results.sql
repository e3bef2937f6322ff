-- Question: what did each position bring from its opening to its end, and do its fills and its funding add up to that?
-- Grain: position.
-- Units:
--   ts_event | time, the venue's clock | when it was opened; of one that was never told, its first fill
--   ts_updated | time, the venue's clock | when it changed last, as told, or by its last fill
--   ts_closed | time, the venue's clock | when it ended; null where it is open, or no record tells
--   seconds_held | s | from ts_event to ts_closed
--   position_id | - | the venue's id; null where neither a position nor an order tells
--   side | - | `long` or `short`
--   position_type | - | `isolated` or `cross`; null where never told
--   status | - | `open`; `closed` or `liquidated`, as a push or the last fill tells; `ended`: not there any more, and no push told how
--   told | - | how often answers and pushes told of it; 0: known by its fills alone
--   quantity | base | held, as told last and with the fills since; negative: short, 0 where it has ended
--   quantity_max | base | the most it has held; null where no push told
--   entry_price | quote | mean price of the fills that opened it, by quantity; null where some are missing
--   exit_price | quote | mean price of those that closed it, likewise
--   fills | - | its own, as in account_position_fills
--   quantity_missing | base | quantity less what its fills bought and sold: 0 where all of them are recorded
--   profit_of_fills | quote | of what the recorded ones closed
--   fees | quote | paid for them
--   funding | quote | charged at its settlements by the ledger, as in account_funding; negative: paid
--   net | quote | profit_of_fills - fees + funding; null where quantity_missing is not 0, for it would be a part
--   profit_realised | quote | closed profits, fees and funding, as the push of its last change tells; null where none did
--   difference | quote | profit_realised - net: 0 where all was recorded, to the decimals that fills are told to
-- Source: account_position_fills, account_positions_told, account_funding, account_answers.
-- Reach: all
-- Note: a position is not told where pushes were missed, and its fills are asked for all the same: so it has the fills from after its last
--       told change, too, and one that was never told has a row by its fills.
-- Note: fills that miss in pairs, an opening and a closing of one quantity, leave quantity_missing at 0; difference tells of them.
-- Note: over the positions of a market net adds up to that of account_by_market where no row has a quantity_missing.
-- Note: funding is of the position that was opened last before the settlement. One that was never told is open if nothing later was told
--       of its market, and no answer about all positions came more than 5 s after its last fill.
-- Note: net is without what the venue takes or gives in a liquidation beside the loss, which the ledger tells without a market
--       (liquidation of account_pnl_1d).
-- Note: difference is null where fills have not been asked for up to its last change.
WITH of_fills AS (
    SELECT
        market,
        coalesce(position_id, -1) AS key_id,
        coalesce(untold, 0) AS run,
        count(*) AS fills,
        min(ts_event) AS first_fill,
        max(ts_event) AS last_fill,
        max(position_side) AS fill_side,
        max(closes_id) AS closes_id,
        max_by(cause, number) AS last_cause,
        sum(signed) AS bought,
        sum(CASE WHEN is_later THEN signed END) AS bought_later,
        count(CASE WHEN is_later THEN 1 END) AS later,
        sum(CASE WHEN way = 'opens' THEN abs(CAST(signed AS DOUBLE)) END) AS opened,
        sum(CASE WHEN way = 'opens' THEN abs(CAST(signed AS DOUBLE)) * CAST(price AS DOUBLE) END) AS opened_for,
        sum(CASE WHEN way = 'closes' THEN abs(CAST(signed AS DOUBLE)) END) AS closed,
        sum(CASE WHEN way = 'closes' THEN abs(CAST(signed AS DOUBLE)) * CAST(price AS DOUBLE) END) AS closed_for,
        sum(profit) AS profit,
        sum(fee) AS fee
    FROM account_position_fills
    GROUP BY market, coalesce(position_id, -1), coalesce(untold, 0)
),

newest AS (
    SELECT market, max(ts_opened) AS ts_newest
    FROM account_positions_told
    GROUP BY market
),

witnesses AS (
    SELECT max(unix_micros(ts_recv)) AS answered_us
    FROM account_answers
    WHERE call = 'position_pending' AND market IS NULL
),

known AS (
    SELECT
        coalesce(told.market, of_fills.market) AS market,
        coalesce(told.position_id, key_id) AS key_id,
        coalesce(run, 0) AS run,
        coalesce(told.position_id, closes_id) AS position_id,
        coalesce(ts_opened, first_fill) AS ts_opened,
        ts_updated AS ts_told,
        coalesce(told.side, fill_side) AS side,
        position_type,
        status AS status_told,
        coalesce(told.told, 0) AS told,
        quantity AS quantity_told,
        quantity_max,
        profit_realised,
        coalesce(fills, 0) AS fills,
        first_fill,
        last_fill,
        last_cause,
        coalesce(bought, CAST(0 AS DECIMAL(38, 20))) AS bought,
        coalesce(bought_later, CAST(0 AS DECIMAL(38, 20))) AS bought_later,
        coalesce(later, 0) AS later,
        opened_for / opened AS entry_price,
        closed_for / closed AS exit_price,
        coalesce(profit, CAST(0 AS DECIMAL(38, 20))) AS profit_of_fills,
        coalesce(fee, CAST(0 AS DECIMAL(38, 20))) AS fees
    FROM account_positions_told AS told
    FULL OUTER JOIN of_fills ON of_fills.market = told.market AND of_fills.key_id = told.position_id
),

held_now AS (
    SELECT
        known.*,
        CASE
            WHEN told > 0 THEN CAST(quantity_told AS DECIMAL(36, 20)) + CAST(bought_later AS DECIMAL(36, 20))
            ELSE CAST(bought AS DECIMAL(36, 20))
        END AS held,
        CASE
            WHEN told > 0 THEN status_told
            WHEN first_fill <= ts_newest OR unix_micros(last_fill) < answered_us - 5000000 THEN 'ended'
            ELSE 'open'
        END AS status_before
    FROM known
    LEFT JOIN newest ON newest.market = known.market
    CROSS JOIN witnesses
),

judged AS (
    SELECT
        *,
        CASE
            WHEN status_before IN ('closed', 'liquidated') THEN status_before
            WHEN status_before = 'open' AND held <> 0 AND (held > 0) = (side = 'long') THEN 'open'
            WHEN held = 0 AND last_cause = 'liquidation' THEN 'liquidated'
            ELSE 'ended'
        END AS status
    FROM held_now
),

counted AS (
    SELECT
        *,
        CASE WHEN status = 'open' THEN held ELSE CAST(0 AS DECIMAL(38, 20)) END AS quantity,
        CASE WHEN status = 'open' THEN CAST(held AS DECIMAL(36, 20)) ELSE CAST(0 AS DECIMAL(36, 20)) END
        - CAST(bought AS DECIMAL(36, 20)) AS quantity_missing
    FROM judged
),

openings AS (
    SELECT market, unix_micros(ts_settled) AS at_us, 0 AS turn, NULL AS key_id, NULL AS run, charged
    FROM account_funding
    WHERE market IS NOT NULL AND charged IS NOT NULL
    UNION ALL
    SELECT market, unix_micros(ts_opened) AS at_us, 1 AS turn, key_id, run, CAST(0 AS DECIMAL(38, 20)) AS charged
    FROM counted
),

in_turn AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market ORDER BY at_us, turn, run, key_id) AS number
    FROM openings
),

charged_to AS (
    SELECT
        market,
        charged,
        max_by(key_id, CASE WHEN turn = 1 THEN number END) OVER so_far AS key_id,
        max_by(run, CASE WHEN turn = 1 THEN number END) OVER so_far AS run
    FROM in_turn
    WINDOW so_far AS (PARTITION BY market ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),

of_funding AS (
    SELECT market, key_id, run, sum(charged) AS funding
    FROM charged_to
    GROUP BY market, key_id, run
),

asked AS (
    SELECT market, max(coalesce(ts_until, ts_recv)) AS ts_asked
    FROM account_answers
    WHERE call = 'order_deals'
    GROUP BY market
),

summed AS (
    SELECT
        counted.*,
        ts_asked,
        coalesce(funding, CAST(0 AS DECIMAL(38, 20))) AS funding,
        CASE
            WHEN quantity_missing = 0
                THEN
                    CAST(profit_of_fills AS DECIMAL(36, 20))
                    - CAST(fees AS DECIMAL(36, 20))
                    + CAST(coalesce(funding, CAST(0 AS DECIMAL(38, 20))) AS DECIMAL(36, 20))
        END AS net,
        CASE
            WHEN status = 'open' THEN NULL
            WHEN status_before IN ('closed', 'liquidated') THEN ts_told
            WHEN quantity_missing = 0 THEN last_fill
        END AS ts_closed,
        CASE WHEN status <> 'ended' AND later = 0 THEN profit_realised END AS realised
    FROM counted
    LEFT JOIN of_funding
        ON
            of_funding.market = counted.market
            AND of_funding.key_id = counted.key_id
            AND of_funding.run = counted.run
    LEFT JOIN asked ON asked.market = counted.market
)

SELECT
    market,
    CAST(ts_opened AS DATE) AS date,
    ts_opened AS ts_event,
    greatest(coalesce(ts_told, last_fill), coalesce(last_fill, ts_told)) AS ts_updated,
    ts_closed,
    (unix_micros(ts_closed) - unix_micros(ts_opened)) / 1e6 AS seconds_held,
    position_id,
    side,
    position_type,
    status,
    told,
    quantity,
    quantity_max,
    CASE WHEN quantity_missing = 0 THEN entry_price END AS entry_price,
    CASE WHEN quantity_missing = 0 THEN exit_price END AS exit_price,
    fills,
    quantity_missing,
    profit_of_fills,
    fees,
    funding,
    net,
    realised AS profit_realised,
    CASE
        WHEN coalesce(ts_told <= ts_asked, TRUE)
            THEN CAST(realised AS DECIMAL(36, 20)) - CAST(net AS DECIMAL(36, 20))
    END AS difference
FROM summed;
