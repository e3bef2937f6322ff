"""The account's fills and orders against the market: by hand, and by a search through the books in Python."""

import random

import pytest
from account_lakes import RandomOwner, add_rows, fill, line, order, position
from asked_accounts import rows
from asked_lakes import fill as fill_market
from asked_lakes import graded, lake_at, rows_as
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US, book, trade

from analytics import AnalyticsError, open_lake
from analytics.account import HORIZONS_S

NOON = 12 * HOUR_US


def a_book(ts, mid, *, half=0.5, **more):
    return book(ts, bids=[(mid - half, 1.0)], asks=[(mid + half, 1.0)], **more)


def lake_of(data_dir, books=(), trades=(), coverage=(), **tables):
    with lake_at(data_dir) as day:
        for name, those in (("depth", books), ("trades", trades), ("coverage", coverage)):
            if those:
                day.add(name, rows_as(name, list(those)))
        add_rows(day, **tables)
    return open_lake(data_dir)


# --- a fill -------------------------------------------------------------------------------------------------

BOOKS = [a_book(NOON - SECOND_US, 100), a_book(NOON, 104), a_book(NOON + 3 * SECOND_US, 110)]


def test_a_buy_above_the_mid_before_it_has_slipped_and_the_market_went_its_way(tmp_path):
    lake = lake_of(tmp_path, BOOKS, account_fills=[fill(NOON, 2, 101, fee=0.101)])
    [row] = rows(lake, "SELECT * FROM account_fill_costs WHERE horizon_s = 5")
    assert (row["mid_before"], row["mid_after"]) == (100, 110)
    figures = {
        "slippage_bps": 100.0, "effective_spread_bps": 200.0, "realised_spread_bps": -1800.0,
        "impact_bps": 2000.0, "fee_bps": 5.0, "cost_bps": 105.0,
    }  # fmt: skip
    assert {name: row[name] for name in figures} == pytest.approx(figures, rel=1e-12)


def test_a_sell_below_the_mid_has_slipped_as_much(tmp_path):
    lake = lake_of(tmp_path, BOOKS, account_fills=[fill(NOON, -2, 99)])
    [row] = rows(lake, "SELECT slippage_bps, impact_bps FROM account_fill_costs WHERE horizon_s = 1")
    assert row == pytest.approx({"slippage_bps": 100.0, "impact_bps": -800.0}, rel=1e-12)


def test_the_mid_is_looked_at_again_at_each_horizon(tmp_path):
    lake = lake_of(tmp_path, BOOKS, account_fills=[fill(NOON, 1, 101)])
    found = rows(lake, "SELECT horizon_s, mid_after FROM account_fill_costs ORDER BY 1")
    assert [tuple(row.values()) for row in found] == [(1, 104), (5, 110), (30, 110), (60, 110), (300, None)]
    assert tuple(row["horizon_s"] for row in found) == HORIZONS_S


def test_a_fill_long_after_the_last_book_has_no_mid_and_keeps_its_fee(tmp_path):
    lake = lake_of(tmp_path, BOOKS, account_fills=[fill(NOON + 5 * MINUTE_US, 1, 100, fee=0.05)])
    [row] = rows(lake, "SELECT * FROM account_fill_costs WHERE horizon_s = 1")
    assert (row["mid_before"], row["slippage_bps"], row["cost_bps"]) == (None, None, None)
    assert row["fee_bps"] == pytest.approx(5.0)


def test_a_book_of_one_side_is_no_mid_though_it_is_the_last(tmp_path):
    books = [a_book(NOON - SECOND_US, 100), book(NOON - 1, bids=[], asks=[(101.0, 1.0)])]
    lake = lake_of(tmp_path, books, account_fills=[fill(NOON, 1, 101)])
    assert rows(lake, "SELECT DISTINCT mid_before FROM account_fill_costs") == [{"mid_before": None}]


def test_all_mids_are_those_that_a_search_through_the_books_finds(tmp_path):
    owner = RandomOwner(random.Random(2), markets=("AAA", "BBB"))
    with lake_at(tmp_path) as day:
        fill_market(day, 5)
        add_rows(day, account_fills=owner.day()["account_fills"])
    lake = open_lake(tmp_path)
    books = {}
    for row in rows(lake, "SELECT market, epoch_us(ts_event) us, mid, stood_us FROM books ORDER BY 2, seq"):
        books.setdefault(row["market"], []).append(row)

    def mid(market, us, *, strictly):
        before = [each for each in books[market] if each["us"] < us or (each["us"] == us and not strictly)]
        last = before[-1] if before else None
        return last["mid"] if last is not None and us - last["us"] <= last["stood_us"] else None

    found = rows(lake, "SELECT *, epoch_us(ts_event) AS us FROM account_fill_costs")
    assert len(found) > 300
    assert sum(row["mid_before"] is not None for row in found) > 20
    for row in found:
        assert row["mid_before"] == mid(row["market"], row["us"], strictly=True)
        if row["us"] + row["horizon_s"] * SECOND_US < DAY_US + 24 * HOUR_US:
            after_us = row["us"] + row["horizon_s"] * SECOND_US
            assert row["mid_after"] == mid(row["market"], after_us, strictly=False)


@pytest.mark.parametrize("horizon_s", [7, "abc", "5", True, None, 1.5])
def test_another_horizon_is_refused_with_those_that_there_are(tmp_path, horizon_s):
    account = lake_of(tmp_path, BOOKS, account_fills=[fill(NOON, 1, 101)]).account
    assert account.fills(horizon_s=300).height == 1
    with pytest.raises(AnalyticsError, match=r"no horizon: .* after 1, 5, 30, 60, 300 s"):
        account.fills(horizon_s=horizon_s)


@pytest.mark.parametrize(
    "asked", [{"every": 60}, {"every": None}, {"every": "x"}, {"start": 5}, {"end": "x"}]
)
def test_what_is_no_bucket_and_no_time_is_refused_as_a_wrong_question(tmp_path, asked):
    lake = lake_of(tmp_path, BOOKS, account_fills=[fill(NOON, 1, 101)])
    for ask in (lake.account.execution, lake.volume, lake.spread):
        with pytest.raises(AnalyticsError, match=r"is no (bucket|time): (write|give)"):
            ask(**asked)


# --- buckets ------------------------------------------------------------------------------------------------


@pytest.fixture
def traded(tmp_path):
    """A minute of 10 in all, in which the account buys 3 at 101 as a taker and sells 1 at 102 as a maker."""
    trades = [trade(NOON + 1, 1, 101.0, 3.0), trade(NOON + 2, 2, 102.0, 1.0), trade(NOON + 3, 3, 100.0, 6.0)]
    own = [
        fill(NOON + 1, 3, 101, fee=0.3, order_id=1),
        fill(NOON + 2, -1, 102, fee=0.02, role="maker", profit=1, order_id=2),
    ]
    books = [a_book(NOON - SECOND_US, 100)]
    return lake_of(tmp_path, books, trades, [graded(720)], account_fills=own)


def test_a_minute_tells_own_prices_shares_and_costs_by_quantity(traded):
    [row] = rows(traded, "SELECT * FROM account_execution_1m")
    figures = {
        "fills": 2, "quantity": 4, "buy_quantity": 3, "turnover": 405, "maker_share": 0.25,
        "buy_price": 101.0, "sell_price": 102.0, "fee_bps": 1e4 * 0.32 / 405, "slippage_bps": 25.0,
        "taker_slippage_bps": 100.0, "maker_slippage_bps": -200.0, "market_volume": 10.0,
        "participation": 0.4, "market_vwap": 100.5, "priced_share": 1.0, "coverage": 1.0,
        "vwap_slippage_bps": 1e4 * (3 * 0.5 - 1 * 1.5) / (4 * 100.5),
    }  # fmt: skip
    assert {name: float(row[name]) for name in figures} == pytest.approx(figures, rel=1e-12, abs=1e-9)


def test_an_hour_takes_part_of_the_volume_of_all_its_minutes(tmp_path):
    trades = [trade(NOON + 1, 1, 100.0, 2.0), trade(NOON + 30 * MINUTE_US, 2, 100.0, 8.0)]
    coverage = [graded(720 + minute) for minute in range(60)]
    lake = lake_of(tmp_path, (), trades, coverage, account_fills=[fill(NOON + 1, 2)])
    [row] = rows(lake, "SELECT fills, participation, slippage_bps, priced_share FROM account_execution_1h")
    assert row == {"fills": 1, "participation": 0.2, "slippage_bps": None, "priced_share": 0}


def test_participation_in_a_volume_that_was_not_seen_is_null(tmp_path):
    trades = [trade(NOON + 1, 1, 100.0, 2.0)]
    lake = lake_of(tmp_path, (), trades, [graded(720, "D", seconds=30.0)], account_fills=[fill(NOON + 1, 2)])
    [row] = rows(lake, "SELECT fills, participation, market_volume, coverage FROM account_execution_1m")
    assert row == {"fills": 1, "participation": None, "market_volume": None, "coverage": 0.5}


def test_a_minute_in_which_only_others_traded_has_no_row(tmp_path):
    lake = lake_of(tmp_path, (), [trade(NOON, 1)], [graded(720)])
    assert rows(lake, "SELECT * FROM account_execution_1m") == []


def test_what_a_bucket_cost_is_the_slippage_and_the_fees_of_the_same_fills(tmp_path):
    own = [fill(NOON, 1, 101, fee=0.101, order_id=1), fill(NOON + 30 * MINUTE_US, 1, 100, fee=5, order_id=2)]
    [row] = rows(lake_of(tmp_path, BOOKS, account_fills=own), "SELECT * FROM account_execution_1h")
    assert row["priced_share"] == 0.5
    assert row["cost_bps"] == pytest.approx(110.0, rel=1e-12)
    assert row["fee_bps"] == pytest.approx(1e4 * 5.101 / 201, rel=1e-12)


# --- liquidations -------------------------------------------------------------------------------------------


def causes(data_dir, fills, **told):
    lake = lake_of(data_dir, BOOKS, account_fills=fills, **told)
    found = rows(lake, "SELECT cause FROM account_fill_causes ORDER BY order_id")
    return [row["cause"] for row in found], lake


def test_what_closes_where_a_push_tells_of_a_liquidation_is_no_order_of_the_owner(tmp_path):
    own = [
        fill(NOON, 1, 101, order_id=1),
        fill(NOON, -3, 90, profit=-9, order_id=2),
        fill(NOON, 1, 101, profit=1, order_id=3),
        fill(NOON, -3, 90, profit=-9, order_id=4, market="BBB"),
        fill(NOON + 3 * SECOND_US, -3, 90, profit=-9, order_id=5),
    ]
    pushed = [position(NOON, 0, realised=-9, event=4)]
    found, lake = causes(tmp_path, own, account_positions=pushed)
    assert found == ["order", "liquidation", "order", "order", "order"]
    query = "SELECT fills, quantity FROM account_execution_1h WHERE market = 'AAA'"
    assert rows(lake, query) == [{"fills": 3, "quantity": 5}]


def test_a_line_of_liquidation_tells_of_one_where_no_fee_or_another_type_does_too(tmp_path):
    own = [
        fill(NOON, -3, 90, profit=-9, order_id=1),
        fill(NOON, -3, 90, profit=-9, fee=0.1, order_id=2, filled_type=2),
        fill(NOON, -3, 90, profit=-9, fee=0.1, order_id=3, filled_type=1),
        fill(NOON + MINUTE_US, -3, 90, profit=-9, order_id=4, filled_type=2),
    ]
    found, _ = causes(tmp_path, own, account_ledger=[line(NOON, 1, "Liquidation", -1, 9)])
    assert found == ["liquidation", "liquidation", "order", "order"]


def test_the_slippage_of_a_market_is_without_its_liquidations(tmp_path):
    own = [fill(NOON, 1, 101, order_id=1), fill(NOON, -1, 50, profit=-9, order_id=2)]
    _, lake = causes(tmp_path, own, account_positions=[position(NOON, 0, realised=-9, event=4)])
    [row] = rows(lake, "SELECT fills, slippage_bps FROM account_by_market")
    assert (row["fills"], row["slippage_bps"]) == (2, pytest.approx(100.0))


# --- orders -------------------------------------------------------------------------------------------------


def test_an_order_is_held_against_the_mid_when_it_was_sent(tmp_path):
    sent, done = NOON, NOON + 90 * SECOND_US
    versions = [
        order(sent, 7, 4, seq=1),
        order(sent, 7, 4, updated=sent + SECOND_US, filled=1, price_mean=105, seq=2),
        order(sent, 7, 4, updated=done, filled=4, price_mean=106.08, seq=3) | {"fee": 0},
    ]
    lake = lake_of(tmp_path, BOOKS, account_orders=versions)
    [row] = rows(lake, "SELECT * FROM account_order_costs")
    assert (row["status"], row["fill_share"], row["seconds"], row["arrival_mid"]) == ("filled", 1, 90, 104)
    assert row["shortfall_bps"] == pytest.approx(200.0, rel=1e-12)


def test_an_order_that_sells_lower_falls_short_too_and_one_without_a_fill_has_no_price(tmp_path):
    versions = [order(NOON, 1, -2, filled=2, price_mean=102.96), order(NOON, 2, -2)]
    found = rows(
        lake_of(tmp_path, BOOKS, account_orders=versions),
        "SELECT order_id, shortfall_bps, fill_share FROM account_order_costs ORDER BY 1",
    )
    assert found[0]["shortfall_bps"] == pytest.approx(100.0, rel=1e-12)
    assert (found[1]["shortfall_bps"], found[1]["fill_share"]) == (None, 0)


def test_an_order_of_a_liquidation_is_told_from_the_owners(tmp_path):
    own = [fill(NOON, 1, 101, order_id=1), fill(NOON, -1, 50, profit=-9, order_id=2)]
    orders = [order(NOON, number, 1, filled=1, price_mean=101) for number in (1, 2, 3)]
    pushed = [position(NOON, 0, realised=-9, event=4)]
    lake = lake_of(tmp_path, BOOKS, account_fills=own, account_orders=orders, account_positions=pushed)
    found = rows(lake, "SELECT cause FROM account_order_costs ORDER BY order_id")
    assert [row["cause"] for row in found] == ["order", "liquidation", "order"]
