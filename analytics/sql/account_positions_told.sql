-- Question: what was told of each position, by answers and by pushes?
-- Grain: position.
-- Units:
--   position_id | - | the venue's id
--   ts_opened | time, the venue's clock | when it was opened
--   ts_updated | time, the venue's clock | when it changed last, as told last
--   side | - | `long` or `short`
--   position_type | - | `isolated` or `cross`
--   status | - | `open`; `closed` or `liquidated`, as a push told; `ended`: not there any more, and no push told how
--   quantity | base | held, as told last, negative: short; 0 where a push told its end
--   quantity_max | base | the most it has held; null where no push told
--   profit_realised | quote | as the push of its last change tells; null where none did
--   told | - | how often it was told
-- Source: account_positions, account_positions_last.
-- Reach: all
WITH versions AS (
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
        max(CASE WHEN profit_realised IS NOT NULL THEN ts_updated END) AS ts_pushed,
        count(*) AS told
    FROM versions
    GROUP BY market, position_id
)

SELECT
    positions.market,
    CAST(ts_opened AS DATE) AS date,
    ts_opened,
    ts_updated,
    positions.position_id,
    positions.side,
    positions.position_type,
    CASE
        WHEN event = 4 THEN 'liquidated'
        WHEN event = 3 THEN 'closed'
        WHEN is_held AND newest.position_id = positions.position_id THEN 'open'
        ELSE 'ended'
    END AS status,
    CASE WHEN event IN (3, 4) THEN CAST(0 AS DECIMAL(38, 20)) ELSE positions.quantity END AS quantity,
    quantity_max,
    CASE WHEN ts_pushed = ts_updated THEN profit_told END AS profit_realised,
    told
FROM positions
LEFT JOIN account_positions_last AS newest ON newest.market = positions.market;
