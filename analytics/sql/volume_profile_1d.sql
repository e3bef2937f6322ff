-- Question: at which prices did each day's volume change hands?
-- Grain: market, day, bin of prices in which there was a trade.
-- Units:
--   bin | - | number of the bin: low = bin x bin_width; neighbours differ by 1
--   bin_width | quote | the largest of 1, 2 or 5 x 10^k ticks that is no more than 5 bps of the day's mean price by quantity, and at least one tick
--   low | quote | the bin's lowest price
--   high | quote | low + bin_width: the next bin's lowest price
--   trades | - | trades at low <= price < high
--   volume | base | their quantity
--   turnover | quote | their price x quantity
--   buy_volume | base | of those of side buy, the taker's side in the venue's word
--   share | 0 to 1 | volume as a share of the day's
--   coverage | 0 to 1 | share of the day in which trades were recorded, or repaired; null until it is graded
-- Source: trades, markets, coverage_1d, inverse_markets.
-- Note: the tick is the market's tick_size as last described up to that day, or as first described after it; without any
--       description it is taken for 1e-9. Figures are null where less than 0.1 of the day was observed, sums
--       (volumes and turnover) also where less than 0.95 of its judged time was.
-- Note: of an inverse market, which counts contracts, turnover is null: price x quantity is no amount of money.
WITH described AS (
    SELECT
        market,
        date,
        max_by(tick_size, unix_micros(ts_recv)) AS tick_size
    FROM markets
    WHERE tick_size > 0
    GROUP BY market, date
),

ticks AS (
    SELECT
        market,
        tick_size,
        CASE
            WHEN row_number() OVER (PARTITION BY market ORDER BY date) > 1 THEN date
            ELSE DATE '1970-01-01'
        END AS date_from,
        coalesce(lead(date) OVER (PARTITION BY market ORDER BY date), DATE '9999-12-31') AS date_until
    FROM described
),

prices AS (
    SELECT
        market,
        date,
        price,
        count(*) AS trades,
        sum(quantity) AS volume,
        sum(price * quantity) AS turnover,
        sum(CASE WHEN side = 'buy' THEN quantity ELSE 0e0 END) AS buy_volume
    FROM trades
    GROUP BY market, date, price
),

of_day AS (
    SELECT
        prices.*,
        coalesce(ticks.tick_size, 1e-9) AS tick_size,
        sum(prices.volume) OVER (PARTITION BY prices.market, prices.date) AS day_volume,
        sum(prices.turnover) OVER (PARTITION BY prices.market, prices.date) AS day_turnover
    FROM prices
    LEFT JOIN ticks
        ON
            ticks.market = prices.market
            AND prices.date >= ticks.date_from
            AND prices.date < ticks.date_until
),

-- A little more than 5 bps: what is a round multiple but for the last bit of a sum shall count as one.
wanted AS (
    SELECT
        *,
        greatest(5e-4 * (1 + 1e-9) * day_turnover / nullif(day_volume, 0e0) / tick_size, 1e0) AS ticks
    FROM of_day
),

scaled AS (
    SELECT
        *,
        pow(10e0, floor(log10(ticks))) AS ten
    FROM wanted
),

-- Where a unit is a whole number of ticks, to divide by it gives the decimal that was meant, to the last bit.
sized AS (
    SELECT
        *,
        CASE WHEN ticks >= 5 * ten THEN 5 * ten WHEN ticks >= 2 * ten THEN 2 * ten ELSE ten END AS wide,
        CASE WHEN abs(round(1 / tick_size) * tick_size - 1) < 1e-9 THEN round(1 / tick_size) END AS per_unit
    FROM scaled
),

numbered AS (
    SELECT
        *,
        CAST(floor(coalesce(price * per_unit / wide, price / (wide * tick_size)) + 1e-9) AS BIGINT) AS bin,
        coalesce(wide / per_unit, wide * tick_size) AS bin_width
    FROM sized
),

bins AS (
    SELECT
        market,
        date,
        bin,
        max(bin_width) AS bin_width,
        max(wide) AS wide,
        max(per_unit) AS per_unit,
        max(tick_size) AS tick_size,
        CAST(sum(trades) AS BIGINT) AS trades,
        sum(volume) AS volume,
        sum(turnover) AS turnover,
        sum(buy_volume) AS buy_volume,
        max(day_volume) AS day_volume
    FROM numbered
    GROUP BY market, date, bin
),

covered AS (
    SELECT
        bins.*,
        coverage_1d.trade_coverage AS coverage,
        coverage_1d.grade,
        is_inverse,
        coalesce(coverage_1d.trade_coverage >= 0.1e0, true) AS is_seen,
        coalesce(coverage_1d.trade_coverage >= greatest(0.95e0 * coverage_1d.judged, 0.1e0), true) AS is_summed
    FROM bins
    LEFT JOIN coverage_1d ON coverage_1d.market = bins.market AND coverage_1d.date = bins.date
    LEFT JOIN inverse_markets ON inverse_markets.market = bins.market
)

SELECT
    market,
    date,
    timestamp_micros(unix_micros(CAST(date AS TIMESTAMP))) AS day,
    bin,
    bin_width,
    coalesce(bin * wide / per_unit, bin * wide * tick_size) AS low,
    coalesce((bin + 1) * wide / per_unit, (bin + 1) * wide * tick_size) AS high,
    trades,
    CASE WHEN is_summed THEN volume END AS volume,
    CASE WHEN is_summed AND is_inverse IS NULL THEN turnover END AS turnover,
    CASE WHEN is_summed THEN buy_volume END AS buy_volume,
    CASE WHEN is_seen THEN volume / nullif(day_volume, 0e0) END AS share,
    coverage,
    grade
FROM covered;
