-- Question: of which position is each fill of the account?
-- Grain: a fill.
-- Units:
--   ts_event | time, the venue's clock | of the fill
--   order_id | - | of which order
--   number | - | of the fill, by market, in the order of time
--   closes_id | - | the position that its order was to close, as the order tells; null: none, or no order told
--   way | - | `opens` or `closes`
--   position_side | - | `long` or `short`: what is opened or closed
--   signed | base | quantity, negative: sold
--   price | quote | of the fill
--   profit | quote | of what it closed; null where it opened
--   fee | quote | paid
--   cause | - | `order` or `liquidation`, as in account_fill_causes
--   position_id | - | the position that was told, and of which it is; null: of one that was never told
--   untold | - | of that one: the number of its first fill; null where position_id is known
--   is_later | - | whether it came after the last change of the position that was told
-- Source: account_fill_causes, account_orders, account_positions_told.
-- Reach: all
-- Note: this venue keeps one position for each market and account. What comes from the opening of a position to the last change that was
--       told of it is its own, if it is of its side. Of the fills at the very instant at which one ends and the next of the same side
--       begins, what closes is of the first, what opens of the second.
-- Note: pushes are missed in gaps, fills are not. After the last change that was told, the quantity of then and the fills since are added
--       up: they are of the position until it is 0, or the side changes. What follows, up to the next one that was told, is of positions
--       that nobody told of: each begins where nothing is held. What closes more than is known to be held does so for one that began
--       before the fills, and what opens after it begins anew.
-- Note: an order that was to close a position, by its id, has closed that one.
WITH orders AS (
    SELECT market, order_id, max(position_id) AS closes_id
    FROM account_orders
    WHERE position_id > 0
    GROUP BY market, order_id
),

events AS (
    SELECT
        market,
        unix_micros(ts_opened) AS at_us,
        0 AS turn,
        position_id,
        side,
        unix_micros(ts_updated) AS until_us,
        abs(quantity) AS held,
        lag(position_id) OVER one_by_one AS before_id,
        lag(side) OVER one_by_one AS before_side,
        lag(unix_micros(ts_updated)) OVER one_by_one AS before_until_us,
        lag(abs(quantity)) OVER one_by_one AS before_held,
        NULL AS ts_event,
        CAST(NULL AS BIGINT) AS order_id,
        NULL AS place,
        NULL AS bought,
        CAST(NULL AS DECIMAL(38, 20)) AS quantity,
        CAST(NULL AS DECIMAL(38, 20)) AS price,
        CAST(NULL AS DECIMAL(38, 20)) AS profit,
        CAST(NULL AS DECIMAL(38, 20)) AS fee,
        NULL AS cause,
        NULL AS is_opening
    FROM account_positions_told
    WINDOW one_by_one AS (PARTITION BY market ORDER BY ts_opened, position_id)
    UNION ALL
    SELECT
        market,
        unix_micros(ts_event) AS at_us,
        1 AS turn,
        NULL AS position_id,
        CASE WHEN (side = 'buy') = (profit IS NULL) THEN 'long' ELSE 'short' END AS side,
        NULL AS until_us,
        NULL AS held,
        NULL AS before_id,
        NULL AS before_side,
        NULL AS before_until_us,
        NULL AS before_held,
        ts_event,
        order_id,
        place,
        side AS bought,
        quantity,
        price,
        profit,
        fee,
        cause,
        CASE WHEN profit IS NULL THEN 1 ELSE 0 END AS is_opening
    FROM account_fill_causes
),

numbered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY market ORDER BY at_us, turn, position_id, order_id, is_opening, price, quantity, place
        ) AS number
    FROM events
),

following AS (
    SELECT
        *,
        max_by(position_id, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_id,
        max_by(side, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_side,
        max_by(at_us, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_us,
        max_by(until_us, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_until_us,
        max_by(held, CASE WHEN turn = 0 THEN number END) OVER so_far AS newest_held,
        max_by(before_id, CASE WHEN turn = 0 AND before_id IS NOT NULL THEN number END) OVER so_far AS earlier_id,
        max_by(before_side, CASE WHEN turn = 0 AND before_id IS NOT NULL THEN number END) OVER so_far AS earlier_side,
        max_by(before_until_us, CASE WHEN turn = 0 AND before_id IS NOT NULL THEN number END) OVER so_far
            AS earlier_until_us,
        max_by(before_held, CASE WHEN turn = 0 AND before_id IS NOT NULL THEN number END) OVER so_far AS earlier_held
    FROM numbered
    WINDOW so_far AS (PARTITION BY market ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),

turning AS (
    SELECT
        *,
        coalesce(
            newest_us = at_us
            AND CASE
                WHEN side <> newest_side THEN TRUE
                ELSE earlier_side = newest_side AND is_opening = 0 AND (earlier_until_us >= at_us OR earlier_held <> 0)
            END,
            FALSE
        ) AS is_of_earlier
    FROM following
    WHERE turn = 1
),

placed AS (
    SELECT
        *,
        CASE WHEN is_of_earlier THEN earlier_id ELSE newest_id END AS near_id,
        CASE WHEN is_of_earlier THEN earlier_side ELSE newest_side END AS near_side,
        CASE WHEN is_of_earlier THEN earlier_held ELSE newest_held END AS near_held,
        coalesce(CASE WHEN is_of_earlier THEN earlier_until_us ELSE newest_until_us END < at_us, TRUE) AS is_later
    FROM turning
),

moved AS (
    SELECT
        *,
        NOT is_later AND coalesce(side = near_side, TRUE) AS is_told,
        CASE WHEN is_opening = 1 THEN quantity ELSE -quantity END AS more
    FROM placed
),

sided AS (
    SELECT
        *,
        CASE
            WHEN side <> coalesce(lag(side) OVER in_order, near_side, side) THEN 1
            ELSE 0
        END AS is_turned
    FROM moved
    WHERE NOT is_told
    WINDOW in_order AS (PARTITION BY market, near_id ORDER BY number)
),

parted AS (
    SELECT
        *,
        sum(is_turned) OVER (
            PARTITION BY market, near_id ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS part
    FROM sided
),

summed AS (
    SELECT
        *,
        CAST(
            CASE WHEN part = 0 THEN coalesce(near_held, CAST(0 AS DECIMAL(38, 20))) ELSE CAST(0 AS DECIMAL(38, 20)) END
            AS DECIMAL(36, 20)
        )
        + CAST(
            sum(more) OVER (
                PARTITION BY market, near_id, part ORDER BY number
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS DECIMAL(36, 20)
        ) AS held_after
    FROM parted
),

before_each AS (
    SELECT
        *,
        CAST(held_after AS DECIMAL(36, 20)) - CAST(more AS DECIMAL(36, 20)) AS held_before,
        min(held_after) OVER (
            PARTITION BY market, near_id, part ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS least_before
    FROM summed
),

begun AS (
    SELECT
        *,
        max(CASE WHEN held_before <= 0 AND held_before <= coalesce(least_before, held_before) THEN number END) OVER (
            PARTITION BY market, near_id, part ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS begun_at
    FROM before_each
),

owned AS (
    SELECT moved.*, begun_at
    FROM moved
    LEFT JOIN begun ON begun.market = moved.market AND begun.number = moved.number
),

found AS (
    SELECT
        owned.*,
        CASE WHEN is_opening = 0 THEN closes_id END AS closes_id,
        CASE
            WHEN is_opening = 0 AND told.position_id IS NOT NULL THEN told.position_id
            WHEN begun_at IS NULL THEN near_id
        END AS of_id
    FROM owned
    LEFT JOIN orders ON orders.market = owned.market AND orders.order_id = owned.order_id
    LEFT JOIN account_positions_told AS told ON told.market = owned.market AND told.position_id = closes_id
)

SELECT
    market,
    CAST(ts_event AS DATE) AS date,
    ts_event,
    order_id,
    number,
    closes_id,
    CASE WHEN is_opening = 1 THEN 'opens' ELSE 'closes' END AS way,
    side AS position_side,
    CASE WHEN bought = 'sell' THEN -quantity ELSE quantity END AS signed,
    price,
    profit,
    fee,
    cause,
    of_id AS position_id,
    CASE WHEN of_id IS NULL THEN begun_at END AS untold,
    is_later
FROM found;
