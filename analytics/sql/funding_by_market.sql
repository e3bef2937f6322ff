-- Question: what is each market's funding now?
-- Grain: market, its newest state.
-- Units: rates are fractions per interval; minutes to the next settlement; prices in the quote currency;
--        open interest in base units.
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
