-- Question: what was held in each market, at what margin, and how far from its liquidation?
-- Grain: market, minute.
-- Units:
--   ts_told | time, the recorder's clock | when it was told last in the bucket
--   position_id | - | the venue's id
--   side | - | `long` or `short`
--   position_type | - | `isolated` or `cross`
--   quantity | base | how much was held, as told last; negative: short, 0: closed
--   open_price | quote | mean price at which it was opened, likewise
--   mark_price | quote | that its unrealised profit is told at: open_price + profit_unrealised / quantity
--   notional | quote | quantity x mark_price; negative: short
--   leverage | - | as told last
--   margin | quote | that it held, likewise
--   maintenance_margin | quote | least margin, likewise
--   margin_ratio | - | maintenance_margin / (margin + profit_unrealised), of an isolated position; at 1 it is liquidated
--   profit_unrealised | quote | as told last
--   profit_realised | quote | closed profits, fees and funding of this position, as a push told it last in the bucket; null where none did
--   liquidation_price | quote | the mark price at which it is liquidated, as told last
--   to_liquidation_bps | bps | how far the mark price may move against it until then
--   told | - | how often it was told: by answers and by pushes
-- Source: account_positions, inverse_markets.
-- Note: this venue keeps one position for each market and account. A bucket in which nothing was told has no row.
-- Note: all of a row is of the position that was told last in the bucket, as it was then.
-- Note: of an inverse market mark_price and notional are null, and what follows from them.
WITH facts AS (
    SELECT
        account_positions.*,
        timestamp_micros(unix_micros(ts_recv) - unix_micros(ts_recv) % 60000000) AS minute,
        CASE WHEN side = 'short' THEN -quantity ELSE quantity END AS signed,
        is_inverse,
        row_number() OVER (PARTITION BY account_positions.market ORDER BY ts_recv, seq, ts_updated) AS number
    FROM account_positions
    LEFT JOIN inverse_markets ON inverse_markets.market = account_positions.market
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        max(ts_recv) AS ts_told,
        max(number) AS last_number,
        max(CASE WHEN profit_realised IS NOT NULL THEN number END) AS pushed_number,
        count(*) AS told
    FROM facts
    GROUP BY market, date, minute
),

newest AS (
    SELECT
        sums.market,
        sums.date,
        bucket,
        ts_told,
        facts.position_id,
        facts.side,
        facts.position_type,
        facts.signed AS quantity,
        facts.open_price,
        facts.leverage,
        facts.margin,
        facts.maintenance_margin,
        facts.profit_unrealised,
        CASE WHEN pushed.position_id = facts.position_id THEN pushed.profit_realised END AS profit_realised,
        facts.liquidation_price,
        facts.is_inverse,
        told
    FROM sums
    INNER JOIN facts ON facts.market = sums.market AND facts.number = last_number
    LEFT JOIN facts AS pushed ON pushed.market = sums.market AND pushed.number = pushed_number
),

marked AS (
    SELECT
        *,
        CASE
            WHEN is_inverse IS NULL
                THEN
                    CAST(open_price AS DOUBLE)
                    + CAST(profit_unrealised AS DOUBLE) / CASE WHEN quantity <> 0 THEN CAST(quantity AS DOUBLE) END
        END AS mark_price
    FROM newest
)

SELECT
    market,
    date,
    bucket AS minute,
    ts_told,
    position_id,
    side,
    position_type,
    quantity,
    open_price,
    mark_price,
    CAST(quantity AS DOUBLE) * mark_price AS notional,
    leverage,
    margin,
    maintenance_margin,
    CASE
        WHEN position_type = 'isolated' AND CAST(margin AS DOUBLE) + CAST(profit_unrealised AS DOUBLE) > 0
            THEN CAST(maintenance_margin AS DOUBLE) / (CAST(margin AS DOUBLE) + CAST(profit_unrealised AS DOUBLE))
    END AS margin_ratio,
    profit_unrealised,
    profit_realised,
    liquidation_price,
    CASE WHEN quantity > 0 THEN 1e4 WHEN quantity < 0 THEN -1e4 END
    * (mark_price - CASE WHEN liquidation_price > 0 THEN CAST(liquidation_price AS DOUBLE) END) / mark_price
        AS to_liquidation_bps,
    told
FROM marked;
