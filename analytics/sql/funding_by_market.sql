-- Question: what is each market's funding now?
-- Grain: market, its newest state.
-- Units:
--   ts_recv | time, the recorder's clock | of the newest state
--   funding_rate_last | fraction an interval | charged at the last settlement
--   funding_rate_next | fraction an interval | what the next settlement will charge
--   funding_rate_predict | fraction an interval | estimate for the one after
--   funding_minutes | minutes | to the next settlement, rounded down
--   mark_price | quote | the mark price
--   index_price | quote | the index
--   open_interest | base | open interest
-- Source: state.
SELECT
    market,
    max(ts_recv) AS ts_recv,
    max_by(funding_rate_last, ts_recv) AS funding_rate_last,
    max_by(funding_rate_next, ts_recv) AS funding_rate_next,
    max_by(funding_rate_predict, ts_recv) AS funding_rate_predict,
    max_by(funding_minutes, ts_recv) AS funding_minutes,
    max_by(mark_price, ts_recv) AS mark_price,
    max_by(index_price, ts_recv) AS index_price,
    max_by(open_interest, ts_recv) AS open_interest
FROM state
GROUP BY market;
