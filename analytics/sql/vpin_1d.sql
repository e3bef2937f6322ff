-- Question: how one-sided was each market's flow in the day (VPIN)?
-- Grain: market, day.
-- Units:
--   vpin | 0 to 1 | sum of abs(buy_volume - sell_volume) / sum of volume over the day's 50 buckets of equal volume
--   trades | - | trades of the day
--   volume | base | their quantity
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
-- Source: volume_buckets, coverage.
-- Note: volume is null also where less than 0.95 of the day's judged time was covered.
-- Note: null where less than 0.1 of the day was covered, or it has fewer than 250 trades, 5 a bucket. Sides tossed by a coin,
--       in trades of one size, give about 0.8 / sqrt(trades / 50): 0.36 at 250 trades, 0.06 at 10,000. The figure says
--       something by what it is above that.
-- Note: sides are the venue's own, not guessed from price changes in bulk, as in the paper, for which see estimators.py. The
--       bucket is a fiftieth of this day's volume, so that the figure is one of a day that is known, no forecast.
-- Reference: Easley, Lopez de Prado and O'Hara 2012.
WITH facts AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(ts_end) - unix_micros(ts_end) % 86400000000) AS bucket,
        trades,
        volume,
        abs(buy_volume - sell_volume) AS uneven,
        NULL AS grade,
        NULL AS trade_seconds
    FROM volume_buckets
    UNION ALL
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(minute) - unix_micros(minute) % 86400000000) AS bucket,
        NULL AS trades,
        NULL AS volume,
        NULL AS uneven,
        grade,
        trade_seconds
    FROM coverage
),

sums AS (
    SELECT
        market,
        date,
        bucket,
        CAST(coalesce(sum(trades), 0) AS BIGINT) AS trades,
        sum(volume) AS volume,
        sum(uneven) / nullif(sum(volume), 0e0) AS vpin,
        sum(trade_seconds) / 86400e0 AS coverage,
        count(trade_seconds) / 1440e0 AS judged,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, bucket
)

SELECT
    market,
    date,
    bucket AS day,
    CASE WHEN coalesce(coverage, 1e0) >= 0.1e0 AND trades >= 250 THEN vpin END AS vpin,
    trades,
    CASE WHEN coalesce(coverage >= greatest(0.95e0 * judged, 0.1e0), true) THEN volume END AS volume,
    coverage,
    grade
FROM sums;
