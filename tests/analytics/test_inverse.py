"""Of a market that counts contracts, what is price x quantity is null: it is no amount of money."""

import math

import pytest
from asked_lakes import described, graded, lake_at, rows_as
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US, book, state, trade

from analytics import open_lake
from analytics.report.scope import find_scope

INVERSE, LINEAR = "BTCUSD", "BTCUSDT"
NULL = {
    "volume_1m": ("turnover", "buy_turnover"),
    "volume_1d": ("turnover", "buy_turnover"),
    "cvd_1m": ("delta_turnover", "cvd_turnover"),
    "turnover_1d": ("turnover", "mean_trade", "open_interest_notional", "turnover_ratio"),
    "trade_sizes_1d": (
        *("notional_mean", "notional_median", "notional_p90", "notional_p99", "notional_max", "top_share"),
    ),
    "volume_profile_1d": ("turnover",),
    "volume_by_market": ("turnover",),
    "organic_1d": ("turnover_ratio", "turnover_to_depth"),
    "liquidity_1m": (
        *("bid_depth", "ask_depth", "cost_bps_buy", "cost_bps_sell", "cost_seconds_buy", "cost_seconds_sell"),
    ),
    "depth_profile_1h": ("bid_depth", "ask_depth"),
    "cost_profile_1h": ("cost_bps_buy", "cost_bps_sell", "deep_share_buy", "deep_share_sell"),
    "premium_index_1m": ("premium", "impact_bid", "impact_ask"),
    "open_interest_1h": ("notional",),
    "kyle_1h": ("kyle_lambda", "r2"),
    "amihud_1h": ("amihud", "amihud_weighted"),
    "minute_bars": ("turnover", "signed_turnover"),
    "funding_carry": ("long_carry_quote", "short_carry_quote", "short_carry_quote_total"),
}  # fmt: skip
ALIKE = {
    "volume_1h": ("trades", "volume", "buy_volume", "imbalance", "vwap", "open", "high", "low", "close"),
    "volume_by_market": ("volume", "buy_share", "vwap"),
    "prices_1h": ("twap", "vwap", "twap_to_vwap_bps", "last_price"),
    "spread_1h": ("relative_spread_bps", "spread", "effective_spread_bps"),
    "liquidity_1h": ("imbalance", "bid_quantity", "ask_quantity"),
    "basis_1h": ("mid", "mark_price", "basis_bps"),
    "open_interest_1h": ("open_interest", "change"),
    "volatility_1h": ("realised", "parkinson"),
    "vpin_1d": ("vpin", "volume"),
    "value_area_1d": ("point_of_control", "value_area_share"),
    "funding_carry": ("long_carry_total", "mark_price"),
}  # fmt: skip


def description(market, kind, ts=0):
    return described(market) | {"type": kind, "ts_recv": DAY_US + ts}


def of_market(market):
    """Five hours of one market in which funding settles once, by table."""
    minutes = range(5 * 60)
    mids = [100 + math.sin(minute / 9) for minute in minutes]
    prices = {"index_price": 99.9, "mark_price": 100.0}
    states = []
    for minute in minutes:
        row = state(minute * MINUTE_US, 50.0 + minute, market=market, seq=minute)
        at = minute // 240
        row |= {"funding_rate_last": 1e-4 * at, "funding_rate_next": 1e-4 * (at + 1)}
        row |= {"funding_minutes": 240 - minute % 240, "mark_price": 100.0, "volume": 1e3}
        states.append(row | {"ts_funding": DAY_US + (at + 1) * 4 * HOUR_US})
    return {
        "markets": [description(market, "inverse" if market == INVERSE else "linear")],
        "trades": [
            trade(
                minute * MINUTE_US + part * 10 * SECOND_US, 6 * minute + part, round(mid + 0.001 * part, 3),
                1.0 + (minute + part) % 5, "buy" if (minute + part) % 3 else "sell", market=market,
            )
            for minute, mid in enumerate(mids)
            for part in range(1, 6)
        ],
        "depth": [
            book(
                minute * MINUTE_US, market=market, seq=minute,
                bids=[(round(mid - 0.01, 3), 500.0)], asks=[(round(mid + 0.01, 3), 500.0)], **prices,
            )
            for minute, mid in enumerate(mids)
        ],
        "state": states,
        "coverage": [graded(minute, market=market) for minute in range(1440)],
    }  # fmt: skip


def with_both(data_dir, *, compacted):
    with lake_at(data_dir) as day:
        for market in (INVERSE, LINEAR):
            for name, made in of_market(market).items():
                day.add(name, rows_as(name, made))
        if compacted:
            day.compact()
    return open_lake(data_dir)


@pytest.fixture(scope="module", params=[False, True], ids=["open", "compacted"])
def lake(request, tmp_path_factory):
    return with_both(tmp_path_factory.mktemp("lake"), compacted=request.param)


def of_both(lake, view):
    """A view's rows of either market."""
    rows = lake.ask(view).pl()
    found = [rows.filter(market=market) for market in (INVERSE, LINEAR)]
    assert all(each.height for each in found)
    return found


@pytest.mark.parametrize("view", NULL)
def test_what_is_price_by_quantity_is_null_of_an_inverse_market_alone(lake, view):
    inverse, linear = of_both(lake, view)
    told = [name for name in NULL[view] if inverse[name].null_count() < inverse.height]
    untold = [name for name in NULL[view] if linear[name].null_count() == linear.height]
    assert (told, untold) == ([], [])


@pytest.mark.parametrize("view", ALIKE)
def test_what_is_of_prices_or_of_quantities_alone_stays(lake, view):
    found = of_both(lake, view)
    for name in ALIKE[view]:
        inverse, linear = (rows[name].drop_nulls().to_list() for rows in found)
        assert inverse == pytest.approx(linear, rel=1e-12, abs=1e-9)
        assert inverse


def test_bars_shorter_than_a_minute_say_no_turnover_either(lake):
    bars = lake.volume(INVERSE, every="10s")
    assert bars.select("volume", "vwap").null_count().row(0) == (0, 0)
    assert bars.select("turnover", "buy_turnover").null_count().row(0) == (bars.height,) * 2


def test_sizes_by_price_and_quantity_have_no_rows(lake):
    assert lake.ask("trade_size_histogram_1d").pl()["market"].unique().to_list() == [LINEAR]


def test_funding_in_quote_counts_as_unpriced(lake):
    told = lake.ask("funding_carry", INVERSE).pl()
    assert told["unpriced"].to_list() == told["settlements"].to_list()


def test_a_report_puts_it_behind_the_others(tmp_path):
    with_both(tmp_path, compacted=False)
    with lake_at(tmp_path) as day:
        candle = graded(1, market=INVERSE, candle_turnover=1e12)
        day.add("coverage", rows_as("coverage", [candle]), date="2026-11-22")
    assert find_scope(open_lake(tmp_path), tmp_path, (), None, None).markets == (LINEAR, INVERSE)


@pytest.mark.parametrize(
    ("kinds", "is_inverse"),
    [
        (["inverse"], True),
        (["linear", "inverse"], True),
        (["inverse", "linear"], False),
        (["inverse", "unknown"], True),
        (["unknown"], False),
    ],
    ids=str,
)
def test_the_newest_description_that_tells_a_type_counts(tmp_path, kinds, is_inverse):
    told = [description(INVERSE, kind, at * SECOND_US) for at, kind in enumerate(kinds)]
    with lake_at(tmp_path) as day:
        day.add("markets", rows_as("markets", told))
    found = open_lake(tmp_path).sql("SELECT market FROM inverse_markets").fetchall()
    assert found == ([(INVERSE,)] if is_inverse else [])
