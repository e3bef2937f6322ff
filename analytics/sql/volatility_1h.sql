-- Question: how much did each market's price move in the hour, by six estimators?
-- Grain: market, hour.
-- Units:
--   realised | fraction a year | sqrt(525600 x mean of r^2) over the returns r = ln(close / close of the minute before)
--   bipower | fraction a year | sqrt(525600 x pi / 2 x mean of abs(r) abs(r of the minute before)), both of the hour: without jumps
--   jump_share | 0 to 1 | max(0, 1 - bipower^2 / realised^2); null where nothing moved
--   parkinson | fraction a year | sqrt(525600 x mean of ln(high / low)^2 / (4 ln 2)) over the minute bars
--   garman_klass | fraction a year | sqrt(525600 x mean of (ln(high / low)^2 / 2 - (2 ln 2 - 1) ln(close / open)^2)), likewise
--   rogers_satchell | fraction a year | sqrt(525600 x mean of rs), rs = ln(high / close) ln(high / open) + ln(low / close) ln(low / open)
--   yang_zhang | fraction a year | sqrt(525600 x (var(o) + k var(c) + (1 - k) mean(rs))) over the n bars that have a return
--   minutes | - | minute bars that entered, quiet ones among them
--   quiet_minutes | - | of these the proven quiet ones: flat, with a return of 0
--   returns | - | minutes with a return: both they and the minute before are bars
--   coverage | 0 to 1 | share of the hour in which trades were recorded, or repaired; null until it is graded
-- Source: minute_bars.
-- Note: in yang_zhang o = ln(open / close of the minute before), c = ln(close / open), rs as for rogers_satchell,
--       var divides by n - 1, and k = 0.34 / (1.34 + (n + 1) / (n - 1)).
-- Note: a year is 365 days of 1,440 minutes. A figure is null where less than 0.1 of the hour was covered, or fewer than 0.1
--       of its minutes (6) entered: as bars, as returns, or, for bipower, as returns beside one another.
-- Note: minutes that were not seen whole are left out and no return is measured across them; minute_bars says how.
-- Note: prices are those of trades. Their going to and fro between bid and ask adds to realised and bipower, about half the
--       squared spread to each squared return; volatility_mid_1h is free of that. Where a minute has few trades its range
--       misses what lies between two bars, and the three estimators by range are low; realised and yang_zhang see it.
-- Reference: Parkinson 1980; Garman and Klass 1980; Rogers and Satchell 1991; Yang and Zhang 2000; Barndorff-Nielsen and
--       Shephard 2004, with the small-sample factor n / (n - 1), by which a sum of n - 1 pairs stands beside one of n squares.
WITH bars AS (
    SELECT
        market,
        date,
        timestamp_micros(unix_micros(minute) - unix_micros(minute) % 3600000000) AS bucket,
        close,
        quiet,
        change,
        CASE WHEN unix_micros(minute) % 3600000000 > 0 THEN abs(change * change_before) END AS pair,
        pow(ln(high / low), 2) AS height,
        pow(ln(close / open), 2) AS body,
        ln(high / close) * ln(high / open) + ln(low / close) * ln(low / open) AS corners,
        ln(open / before) AS jump,
        CASE WHEN before IS NOT NULL THEN ln(close / open) END AS drift,
        CASE WHEN before IS NOT NULL THEN ln(high / close) * ln(high / open) + ln(low / close) * ln(low / open) END AS corners_after,
        trade_seconds,
        grade
    FROM minute_bars
),

means AS (
    SELECT
        market,
        date,
        bucket,
        60e0 AS bucket_minutes,
        count(close) AS minutes,
        CAST(sum(quiet) AS BIGINT) AS quiet_minutes,
        count(change) AS returns,
        count(pair) AS pairs,
        avg(change * change) AS realised,
        avg(pair) * pi() / 2 AS bipower,
        avg(height) / (4 * ln(2e0)) AS parkinson,
        avg(height) / 2 - (2 * ln(2e0) - 1) * avg(body) AS garman_klass,
        avg(corners) AS rogers_satchell,
        var_samp(jump) AS jumps,
        var_samp(drift) AS drifts,
        avg(corners_after) AS corners,
        0.34e0 / (1.34e0 + (count(change) + 1) / nullif(count(change) - 1e0, 0e0)) AS k,
        sum(trade_seconds) AS covered_seconds,
        max(grade) AS grade
    FROM bars
    GROUP BY market, date, bucket
),

covered AS (
    SELECT
        *,
        covered_seconds / (60 * bucket_minutes) AS coverage,
        CASE WHEN coalesce(covered_seconds / (60 * bucket_minutes), 1e0) >= 0.1e0 THEN 0.1e0 * bucket_minutes END AS least
    FROM means
)

SELECT
    market,
    date,
    bucket AS hour,
    CASE WHEN returns >= least THEN sqrt(525600 * realised) END AS realised,
    CASE WHEN pairs >= least THEN sqrt(525600 * bipower) END AS bipower,
    CASE WHEN pairs >= least AND realised > 0 THEN greatest(0e0, 1 - bipower / realised) END AS jump_share,
    CASE WHEN minutes >= least THEN sqrt(525600 * parkinson) END AS parkinson,
    CASE WHEN minutes >= least THEN sqrt(525600 * greatest(0e0, garman_klass)) END AS garman_klass,
    CASE WHEN minutes >= least THEN sqrt(525600 * greatest(0e0, rogers_satchell)) END AS rogers_satchell,
    CASE WHEN returns >= least THEN sqrt(525600 * greatest(0e0, jumps + k * drifts + (1 - k) * corners)) END AS yang_zhang,
    minutes,
    quiet_minutes,
    returns,
    coverage,
    grade
FROM covered;
