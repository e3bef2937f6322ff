-- Question: which way did orders press at the best prices, and how far did the mid go with them?
-- Grain: market, minute.
-- Units:
--   order_flow_imbalance | base | sum over pairs of successive books of b(bid) - b(ask), see the first note; + is pressure to buy
--   touch_depth | base | mean over the later book of each pair of (bid_quantity + ask_quantity) / 2
--   normalised_imbalance | - | order_flow_imbalance / touch_depth
--   mid_change | quote | sum over the pairs of the mid's change: the bucket's whole change where no pair is missing
--   mid_change_bps | bps | 1e4 x mid_change / the mid before the first pair
--   mid_change_ticks | - | mid_change / tick_size; null where the tick size is not known, or changed within the bucket
--   pairs | - | pairs of successive books, in the bucket of the later one
--   coverage | 0 to 1 | time in which a book with both sides stood, as a share of the bucket
-- Source: books, observed_1m, tick_sizes.
-- Note: b(bid) is the later bid's quantity where its price is not lower than the earlier one's, less the earlier bid's
--       quantity where the price is not higher: new quantity at a better price, less what was lost at a worse one, or
--       the change at the same one. b(ask) is the same of the asks, where lower is better.
-- Note: a pair counts only while its earlier book still stood when the later one came, each with both sides: never
--       across a gap, after more than 60 s, or over the end of a UTC day. Of books of one instant the last one counts.
-- Note: books are snapshots. What came and went between two of them is not seen, so this is the order flow as sampled;
--       figures of markets with different paces of pushes are not of one scale, those of a market with itself are.
-- Note: figures are null without a pair, and where less than 0.1 of the bucket was observed.
-- Note: grade is about trades and candles; whether books were seen, coverage tells.
-- Reference: Cont, Kukanov and Stoikov (2014).
WITH standing AS (
    SELECT
        market,
        date,
        unix_micros(ts_event) AS event_us,
        stood_us,
        mid,
        bid_price,
        bid_quantity,
        ask_price,
        ask_quantity,
        lag(unix_micros(ts_event) + stood_us) OVER in_order AS stood_until_us,
        lag(mid) OVER in_order AS mid_before,
        lag(bid_price) OVER in_order AS bid_price_before,
        lag(bid_quantity) OVER in_order AS bid_quantity_before,
        lag(ask_price) OVER in_order AS ask_price_before,
        lag(ask_quantity) OVER in_order AS ask_quantity_before
    FROM books
    WHERE stood_us > 0
    WINDOW in_order AS (PARTITION BY market, date ORDER BY ts_event, seq)
),

flows AS (
    SELECT
        market,
        date,
        event_us,
        event_us - event_us % 60000000 AS at_us,
        CASE WHEN bid_price >= bid_price_before THEN bid_quantity ELSE 0e0 END
        - CASE WHEN bid_price <= bid_price_before THEN bid_quantity_before ELSE 0e0 END
        - CASE WHEN ask_price <= ask_price_before THEN ask_quantity ELSE 0e0 END
        + CASE WHEN ask_price >= ask_price_before THEN ask_quantity_before ELSE 0e0 END AS flow,
        (bid_quantity + ask_quantity) / 2 AS touch,
        mid_before,
        mid - mid_before AS change
    FROM standing
    WHERE stood_until_us >= event_us AND mid IS NOT NULL AND mid_before IS NOT NULL
),

facts AS (
    SELECT
        market,
        date,
        timestamp_micros(at_us) AS minute,
        count(*) AS pairs,
        sum(flow) AS flow,
        sum(touch) AS touch,
        sum(change) AS change,
        min(event_us) AS first_us,
        min_by(mid_before, event_us) AS mid_before,
        NULL AS observed_seconds,
        NULL AS grade
    FROM flows
    GROUP BY market, date, at_us
    UNION ALL
    SELECT
        market,
        date,
        minute,
        NULL AS pairs,
        NULL AS flow,
        NULL AS touch,
        NULL AS change,
        NULL AS first_us,
        NULL AS mid_before,
        observed_seconds,
        grade
    FROM observed_1m
),

sums AS (
    SELECT
        market,
        date,
        minute AS bucket,
        60e0 AS bucket_seconds,
        CAST(coalesce(sum(pairs), 0) AS BIGINT) AS pairs,
        sum(flow) AS flow,
        sum(touch) AS touch,
        sum(change) AS change,
        min_by(mid_before, first_us) AS mid_before,
        coalesce(sum(observed_seconds), 0e0) AS observed_seconds,
        max(grade) AS grade
    FROM facts
    GROUP BY market, date, minute
)

SELECT
    sums.market,
    sums.date,
    sums.bucket AS minute,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN flow END AS order_flow_imbalance,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN touch / pairs END AS touch_depth,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN flow / nullif(touch / pairs, 0e0)
    END AS normalised_imbalance,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN change END AS mid_change,
    CASE WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN 1e4 * change / mid_before END AS mid_change_bps,
    CASE
        WHEN observed_seconds >= 0.1e0 * bucket_seconds THEN change / tick_sizes.tick_size
    END AS mid_change_ticks,
    pairs,
    observed_seconds / bucket_seconds AS coverage,
    grade
FROM sums
LEFT JOIN tick_sizes
    ON
        tick_sizes.market = sums.market
        AND tick_sizes.since_us <= unix_micros(sums.bucket)
        AND tick_sizes.until_us >= unix_micros(sums.bucket) + sums.bucket_seconds * 1e6;
