-- Question: when were a market's books not received by any recorder?
-- Grain: market, UTC day of its books, span; only of days whose minutes are not stored yet.
-- Units:
--   start_us | us since the epoch, the recorder's clock | the first instant missed
--   end_us | us since the epoch, the recorder's clock | the first instant received again; far ahead while missing
-- Source: gaps, open_depth.
-- Note: what one recorder received is not missing, whatever another one missed: the spans of each recorder are
--       joined, then those are kept in which as many miss as ever told of a gap of this market. Only gaps that
--       touch a book of the day, which stands a minute at most, are looked at; one of no market is of all. Gaps
--       of reason missed are made from the grades, not told by records: they are left out, as when dt is stored.
WITH days AS (
    SELECT
        market,
        date,
        unix_micros(min(ts_recv)) AS first_us,
        unix_micros(max(ts_recv)) + 60000000 AS last_us
    FROM open_depth
    GROUP BY market, date
),

twice AS (
    SELECT 0 AS part
    UNION ALL
    SELECT 1 AS part
),

called AS (
    SELECT days.*, CASE WHEN twice.part = 0 THEN days.market ELSE '' END AS told_as
    FROM days
    CROSS JOIN twice
),

told AS (
    SELECT
        coalesce(market, '') AS told_as,
        recorder,
        unix_micros(remains_start) AS start_us,
        coalesce(unix_micros(remains_end), 4611686018427387904) AS end_us
    FROM gaps
    WHERE (stream IS NULL OR stream = 'depth') AND reason <> 'missed'
),

of_days AS (
    SELECT called.market, called.date, called.first_us, called.last_us, told.recorder, told.start_us, told.end_us
    FROM called
    INNER JOIN told ON told.told_as = called.told_as
),

ranked AS (
    SELECT
        *,
        dense_rank() OVER (PARTITION BY market, date ORDER BY recorder) AS recorder_number
    FROM of_days
),

counted AS (
    SELECT
        *,
        max(recorder_number) OVER (PARTITION BY market, date) AS recorders
    FROM ranked
),

edges AS (
    SELECT
        counted.market,
        counted.date,
        counted.recorder,
        counted.recorders,
        CASE WHEN twice.part = 0 THEN counted.start_us ELSE counted.end_us END AS at_us,
        CASE WHEN twice.part = 0 THEN 1 ELSE -1 END AS step
    FROM counted
    CROSS JOIN twice
    WHERE
        counted.start_us < counted.end_us
        AND counted.start_us <= counted.last_us
        AND counted.end_us > counted.first_us
),

nested AS (
    SELECT
        *,
        sum(step) OVER (
            PARTITION BY market, date, recorder ORDER BY at_us, step DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS within
    FROM edges
),

missing AS (
    SELECT
        market,
        date,
        recorders,
        at_us AS start_us,
        sum(step) OVER (
            PARTITION BY market, date ORDER BY at_us, step
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS missing_at,
        lead(at_us) OVER (PARTITION BY market, date ORDER BY at_us, step) AS end_us
    FROM nested
    WHERE (step = 1 AND within = 1) OR (step = -1 AND within = 0)
)

SELECT market, date, start_us, end_us
FROM missing
WHERE missing_at = recorders AND start_us < end_us;
