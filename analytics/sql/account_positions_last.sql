-- Question: what was told last of the position in each market, and is it still there?
-- Grain: market in which a position was ever told.
-- Units:
--   ts_recv | time, the recorder's clock | when it was told last
--   position_id | - | the venue's id
--   side | - | `long` or `short`
--   position_type | - | `isolated` or `cross`
--   leverage | - | of the position
--   quantity | base | negative: short; contracts, if the market counts these
--   open_price | quote | mean price at which it was opened
--   margin | quote | that it holds
--   maintenance_margin | quote | least margin
--   profit_unrealised | quote | at the mark price of then
--   liquidation_price | quote | the mark price at which it is liquidated
--   stop_loss_price | quote | closes at a loss there
--   take_profit_price | quote | closes at a profit there
--   is_held | - | whether it is there: not closed, and no later answer about all positions is without it
-- Source: account_positions, account_answers.
-- Reach: all
-- Note: an answer within 5 s after the position was told is no witness: it may have been made before.
WITH answers AS (
    SELECT max(unix_micros(ts_recv)) AS answered_us
    FROM account_answers
    WHERE call = 'position_pending' AND market IS NULL
),

numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY market ORDER BY ts_recv DESC, seq DESC) AS version
    FROM account_positions
)

SELECT
    market,
    date,
    ts_recv,
    position_id,
    side,
    position_type,
    leverage,
    CASE WHEN side = 'short' THEN -quantity ELSE quantity END AS quantity,
    open_price,
    margin,
    maintenance_margin,
    profit_unrealised,
    liquidation_price,
    stop_loss_price,
    take_profit_price,
    coalesce(quantity <> 0 AND unix_micros(ts_recv) >= coalesce(answered_us - 5000000, 0), FALSE) AS is_held
FROM numbered
CROSS JOIN answers
WHERE version = 1;
