-- Question: what was each market's price step, and from when until when?
-- Grain: market, span in which the step was the same.
-- Units:
--   tick_size | quote | the step between two prices of the market
--   since_us | us since the epoch, the recorder's clock | when it was first told; far back for the first one told
--   until_us | us since the epoch, the recorder's clock | when another one was told; far ahead for the newest
-- Source: markets.
-- Note: a change is known from when the market list was read, which may be a minute after the venue made it.
WITH told AS (
    SELECT
        market,
        tick_size,
        unix_micros(ts_recv) AS told_us,
        lag(tick_size) OVER (PARTITION BY market ORDER BY ts_recv) AS last_size
    FROM markets
    WHERE tick_size > 0
)

SELECT
    market,
    tick_size,
    CASE WHEN last_size IS NULL THEN -4611686018427387904 ELSE told_us END AS since_us,
    coalesce(lead(told_us) OVER (PARTITION BY market ORDER BY told_us), 4611686018427387904) AS until_us
FROM told
WHERE last_size IS NULL OR last_size <> tick_size;
