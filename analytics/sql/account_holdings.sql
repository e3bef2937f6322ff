-- Question: what did the account hold at each settlement of funding, and what did the position itself lose or gain by it?
-- Grain: market, settlement; where something was held.
-- Units:
--   ts_settled | time, UTC | the settlement, as in funding_settlements
--   funding_rate | fraction an interval | charged, as recorded; null where unproven
--   mark_price | quote | the last one told before the settlement, at most 15 min
--   quantity | base | held then, by what the position was told to be and the fills since; negative: short
--   position_id | - | of the position as told last before; null where none was
--   position_change | quote | change of its profit_realised over the settlement, less what fills did; null unless pushes told both
-- Source: funding_settlements, account_positions, account_fills.
-- Reach: all
-- Note: quantity is the sum of the fills up to then, and what the position was more than that sum when it was told last before (or, if
--       never before, when it was told first): what was held before any fill that is recorded. Fills are asked for to the end, so that it
--       holds also where no push told of a change.
-- Note: the push after a settlement is the first one up to an hour later.
-- Note: a position is told with the time of its last change, which is the venue's, as that of fills and settlements.
WITH told AS (
    SELECT
        market,
        unix_micros(coalesce(ts_updated, ts_recv)) AS at_us,
        position_id,
        CASE WHEN side = 'short' THEN -quantity ELSE quantity END AS held,
        profit_realised,
        row_number() OVER (
            PARTITION BY market, coalesce(ts_updated, ts_recv) ORDER BY ts_recv DESC, seq DESC
        ) AS version,
        row_number() OVER (
            PARTITION BY market, coalesce(ts_updated, ts_recv), profit_realised IS NULL ORDER BY ts_recv DESC, seq DESC
        ) AS pushed_version
    FROM account_positions
),

events AS (
    SELECT
        market,
        unix_micros(ts_settled) AS at_us,
        0 AS turn,
        funding_rate,
        mark_price,
        CAST(NULL AS DECIMAL(38, 20)) AS bought,
        CAST(NULL AS DECIMAL(38, 20)) AS earned,
        0 AS is_told,
        CAST(NULL AS BIGINT) AS position_id,
        CAST(NULL AS DECIMAL(38, 20)) AS held,
        CAST(NULL AS DECIMAL(38, 20)) AS profit_realised
    FROM funding_settlements
    UNION ALL
    SELECT
        market,
        unix_micros(ts_event) AS at_us,
        1 AS turn,
        NULL AS funding_rate,
        NULL AS mark_price,
        CASE WHEN side = 'sell' THEN -quantity ELSE quantity END AS bought,
        CAST(
            coalesce(CAST(profit AS DECIMAL(36, 20)), CAST(0 AS DECIMAL(36, 20)))
            - coalesce(CAST(fee AS DECIMAL(36, 20)), CAST(0 AS DECIMAL(36, 20)))
            AS DECIMAL(38, 20)
        ) AS earned,
        0 AS is_told,
        NULL AS position_id,
        NULL AS held,
        NULL AS profit_realised
    FROM account_fills
    UNION ALL
    SELECT
        market,
        at_us,
        2 AS turn,
        NULL AS funding_rate,
        NULL AS mark_price,
        NULL AS bought,
        NULL AS earned,
        CASE WHEN version = 1 THEN 1 ELSE 0 END AS is_told,
        position_id,
        held,
        CASE WHEN pushed_version = 1 THEN profit_realised END AS profit_realised
    FROM told
    WHERE version = 1 OR (pushed_version = 1 AND profit_realised IS NOT NULL)
),

summed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market ORDER BY at_us, turn, is_told) AS number,
        coalesce(
            sum(bought) OVER (
                PARTITION BY market ORDER BY at_us, turn, is_told
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ),
            CAST(0 AS DECIMAL(38, 20))
        ) AS bought_so_far,
        coalesce(
            sum(earned) OVER (
                PARTITION BY market ORDER BY at_us, turn, is_told
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ),
            CAST(0 AS DECIMAL(38, 20))
        ) AS earned_so_far
    FROM events
),

beside AS (
    SELECT
        *,
        CASE WHEN is_told = 1 THEN number END AS told_at,
        CASE WHEN profit_realised IS NOT NULL THEN number END AS pushed_at,
        CASE WHEN is_told = 1 THEN CAST(held AS DECIMAL(36, 20)) - CAST(bought_so_far AS DECIMAL(36, 20)) END
            AS held_beside,
        CAST(profit_realised AS DECIMAL(36, 20)) - CAST(earned_so_far AS DECIMAL(36, 20)) AS earned_beside
    FROM summed
),

around AS (
    SELECT
        market,
        at_us,
        turn,
        funding_rate,
        mark_price,
        bought_so_far,
        max_by(held_beside, told_at) OVER earlier AS held_before,
        min_by(held_beside, told_at) OVER later AS held_after,
        max_by(position_id, told_at) OVER earlier AS position_id,
        max_by(position_id, pushed_at) OVER earlier AS pushed_before,
        min_by(position_id, pushed_at) OVER later AS pushed_after,
        min_by(at_us, pushed_at) OVER later AS pushed_after_us,
        max_by(earned_beside, pushed_at) OVER earlier AS earned_before,
        min_by(earned_beside, pushed_at) OVER later AS earned_after
    FROM beside
    WINDOW
        earlier AS (PARTITION BY market ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        later AS (PARTITION BY market ORDER BY number ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
),

found AS (
    SELECT
        market,
        at_us,
        funding_rate,
        mark_price,
        CAST(bought_so_far AS DECIMAL(36, 20))
        + CAST(coalesce(held_before, held_after, CAST(0 AS DECIMAL(36, 20))) AS DECIMAL(36, 20)) AS quantity,
        position_id,
        CASE
            WHEN pushed_after = pushed_before AND pushed_after_us <= at_us + 3600000000
                THEN CAST(earned_after AS DECIMAL(36, 20)) - CAST(earned_before AS DECIMAL(36, 20))
        END AS position_change
    FROM around
    WHERE turn = 0
)

SELECT
    market,
    CAST(timestamp_micros(at_us) AS DATE) AS date,
    timestamp_micros(at_us) AS ts_settled,
    funding_rate,
    mark_price,
    quantity,
    position_id,
    position_change
FROM found
WHERE quantity <> 0;
