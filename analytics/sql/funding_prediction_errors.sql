-- Question: by how much is each market's funding told wrongly, at each lead?
-- Grain: market, lead time.
-- Units:
--   lead_minutes | minutes | how long before the settlement
--   settlements | - | settlements whose charge is proven
--   next_n | - | of these, with a funding_rate_next told so long before
--   next_mean_bps | bps | mean of (told - charged): + told too high
--   next_mae_bps | bps | mean of its magnitude
--   next_rmse_bps | bps | square root of the mean of its square
--   predict_n | - | of these, with a funding_rate_predict told so long before the settlement before
--   predict_mean_bps | bps | mean of (told - charged) of these
--   predict_mae_bps | bps | mean of its magnitude
--   predict_rmse_bps | bps | square root of the mean of its square
--   coverage | 0 to 1 | next_n as a share of settlements; null without any
--   grade | A to D | the worst grade of their intervals
-- Source: funding_predictions.
-- Reach: all
-- Note: errors are null where n is 0; those of few settlements say little, which is why n is beside them.
SELECT
    market,
    lead_minutes,
    count(funding_rate) AS settlements,
    count(next_error_bps) AS next_n,
    avg(next_error_bps) AS next_mean_bps,
    avg(abs(next_error_bps)) AS next_mae_bps,
    sqrt(avg(next_error_bps * next_error_bps)) AS next_rmse_bps,
    count(predict_error_bps) AS predict_n,
    avg(predict_error_bps) AS predict_mean_bps,
    avg(abs(predict_error_bps)) AS predict_mae_bps,
    sqrt(avg(predict_error_bps * predict_error_bps)) AS predict_rmse_bps,
    count(next_error_bps) / nullif(count(funding_rate) * 1e0, 0e0) AS coverage,
    max(CASE WHEN funding_rate IS NOT NULL THEN grade END) AS grade
FROM funding_predictions
GROUP BY market, lead_minutes;
