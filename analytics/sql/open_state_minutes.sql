-- Question: what was each market's open interest in a minute, on days whose minutes are not stored yet?
-- Grain: market, minute of the recorder's clock.
-- Units:
--   state_rows | - | rows of state, by ts_recv
--   open_interest_first | base | the first one known, by ts_recv and seq
--   open_interest_last | base | the last one known, by ts_recv and seq
--   ts_state_last | time, UTC | ts_recv of the last row of state
-- Source: open_state.
-- Note: the columns are those of the table minutes, in which compaction stores them.
WITH instants AS (
    SELECT
        market,
        date,
        ts_recv,
        count(*) AS state_rows,
        min_by(open_interest, CASE WHEN open_interest IS NOT NULL THEN seq END) AS first,
        max_by(open_interest, CASE WHEN open_interest IS NOT NULL THEN seq END) AS last
    FROM open_state
    GROUP BY market, date, ts_recv
)

SELECT
    market,
    date,
    timestamp_micros(unix_micros(ts_recv) - unix_micros(ts_recv) % 60000000) AS minute,
    CAST(sum(state_rows) AS BIGINT) AS state_rows,
    min_by(first, CASE WHEN first IS NOT NULL THEN ts_recv END) AS open_interest_first,
    max_by(last, CASE WHEN last IS NOT NULL THEN ts_recv END) AS open_interest_last,
    max(ts_recv) AS ts_state_last
FROM instants
GROUP BY market, date, timestamp_micros(unix_micros(ts_recv) - unix_micros(ts_recv) % 60000000);
