-- Question: between which prices did most of each day's volume change hands?
-- Grain: market, day.
-- Units:
--   point_of_control | quote | middle of the bin with the most volume; of equals the nearest to the middle of the range, then the lower
--   value_area_low | quote | lowest price of the value area's lowest bin
--   value_area_high | quote | high of its highest bin, where the next one begins
--   value_area_share | 0 to 1 | share of the day's volume that was traded in it: 0.7 or more
--   value_area_bins | - | bins of it in which there was a trade
--   bins | - | bins of the day in which there was a trade
--   bin_width | quote | as in volume_profile_1d
--   volume | base | of the day; null like that of volume_profile_1d
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
-- Source: volume_profile_1d.
-- Note: the value area begins as the bin of the point of control. To it is added, again and again, the one of the two bins
--       next to it that has more volume, of equals the upper one, until it holds 70 % of the day's. A bin without a trade
--       counts as one of volume 0. (By another custom pairs of prices are compared: its areas may differ by a bin.)
-- Note: which bin is added when follows without a loop. Let a bin's key be the least volume on the way from the point of
--       control to it, itself included. A bin cannot be reached before the least one on its way is, and that one waits for
--       all of the other side that is greater: so bins are added in the order of their keys, greatest first, of equals the
--       upper side first, on each side from the middle outwards. Volumes are compared to 1e-12 of the day's.
-- Reference: the value area is of Steidlmayer's market profile (Steidlmayer and Koy 1986).
WITH ranged AS (
    SELECT
        *,
        round(share, 12) AS size,
        min(bin) OVER (PARTITION BY market, date) + max(bin) OVER (PARTITION BY market, date) AS twice_middle
    FROM volume_profile_1d
),

ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY market, date ORDER BY size DESC, abs(2 * bin - twice_middle), bin
        ) AS place
    FROM ranged
),

placed AS (
    SELECT
        *,
        bin - max(CASE WHEN place = 1 THEN bin END) OVER (PARTITION BY market, date) AS away
    FROM ranked
),

sided AS (
    SELECT
        *,
        CASE WHEN away > 0 THEN 1 WHEN away < 0 THEN -1 ELSE 0 END AS side,
        abs(away) AS distance
    FROM placed
),

-- The point of control is on neither side: a side's first bin is next to it where its distance is 1.
steps AS (
    SELECT
        *,
        CASE
            WHEN
                distance
                > 1 + coalesce(lag(distance) OVER (PARTITION BY market, date, side ORDER BY distance), 0)
                THEN 0e0
            ELSE size
        END AS passed
    FROM sided
),

keyed AS (
    SELECT
        *,
        min(passed) OVER (
            PARTITION BY market, date, side ORDER BY distance
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS key
    FROM steps
),

reached AS (
    SELECT
        *,
        sum(share) OVER (
            PARTITION BY market, date
            ORDER BY CASE WHEN side = 0 THEN 0 ELSE 1 END, key DESC, side DESC, distance
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - share AS before
    FROM keyed
)

SELECT
    market,
    date,
    day,
    max(CASE WHEN side = 0 AND share IS NOT NULL THEN (low + high) / 2 END) AS point_of_control,
    min(CASE WHEN before < 0.7e0 - 1e-12 THEN low END) AS value_area_low,
    max(CASE WHEN before < 0.7e0 - 1e-12 THEN high END) AS value_area_high,
    sum(CASE WHEN before < 0.7e0 - 1e-12 THEN share END) AS value_area_share,
    count(CASE WHEN before < 0.7e0 - 1e-12 THEN share END) AS value_area_bins,
    count(*) AS bins,
    max(bin_width) AS bin_width,
    sum(volume) AS volume,
    max(coverage) AS coverage,
    max(grade) AS grade
FROM reached
GROUP BY market, date, day;
