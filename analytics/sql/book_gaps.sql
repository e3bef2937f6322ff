-- Question: when were a market's books not received by any recorder?
-- Grain: market, span; only of markets with books in days whose minutes are not stored yet.
-- Units:
--   start_us | us since the epoch, the recorder's clock | the first instant missed
--   end_us | us since the epoch, the recorder's clock | the first instant received again; far ahead while missing
-- Source: gaps, open_depth.
-- Note: what one recorder received is not missing, whatever another one missed: the spans of each recorder are
--       joined, then those are kept in which as many miss as ever told of a gap of this market. Gaps of reason
--       missed are not the records', but made from the grades: they are left out, as when dt is stored.
WITH of_market AS (
    SELECT DISTINCT market
    FROM open_depth
),

told AS (
    SELECT
        of_market.market,
        gaps.recorder,
        unix_micros(gaps.remains_start) AS start_us,
        coalesce(unix_micros(gaps.remains_end), 4611686018427387904) AS end_us
    FROM gaps
    INNER JOIN of_market
        ON gaps.market IS NULL OR gaps.market = of_market.market
    WHERE
        (gaps.stream IS NULL OR gaps.stream = 'depth')
        AND gaps.reason <> 'missed'
        AND gaps.remains_start IS NOT NULL
),

recorders AS (
    SELECT of_market.market, count(DISTINCT gaps.recorder) AS recorders
    FROM gaps
    INNER JOIN of_market
        ON gaps.market IS NULL OR gaps.market = of_market.market
    WHERE (gaps.stream IS NULL OR gaps.stream = 'depth') AND gaps.reason <> 'missed'
    GROUP BY of_market.market
),

edges AS (
    SELECT market, recorder, start_us AS at_us, 1 AS step
    FROM told
    WHERE start_us < end_us
    UNION ALL
    SELECT market, recorder, end_us AS at_us, -1 AS step
    FROM told
    WHERE start_us < end_us
),

nested AS (
    SELECT
        market,
        at_us,
        step,
        sum(step) OVER (
            PARTITION BY market, recorder ORDER BY at_us, step DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS within
    FROM edges
),

missing AS (
    SELECT
        market,
        at_us AS start_us,
        sum(step) OVER (
            PARTITION BY market ORDER BY at_us, step
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS recorders,
        lead(at_us) OVER (PARTITION BY market ORDER BY at_us, step) AS end_us
    FROM nested
    WHERE (step = 1 AND within = 1) OR (step = -1 AND within = 0)
)

SELECT missing.market, missing.start_us, missing.end_us
FROM missing
INNER JOIN recorders
    ON recorders.market = missing.market AND recorders.recorders = missing.recorders
WHERE missing.start_us < missing.end_us;
