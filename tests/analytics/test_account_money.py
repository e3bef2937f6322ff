"""The account's money: the ledger line by line, by kind and by bucket; equity; days."""

import random
from decimal import Decimal

import pytest
from account_lakes import RandomOwner, assets, line
from asked_accounts import lake_of, rows
from asked_lakes import moved
from lakedays import DAY_US, HOUR_US, MINUTE_US

# --- the ledger ---------------------------------------------------------------------------------------------


KINDS = {
    "Funding fee": "funding",
    "Trading fee": "fee",
    "fee": "fee",
    "Close pnl": "pnl",
    "Realized PnL": "pnl",
    "Liquidation": "liquidation",
    "liquidation fee": "liquidation",
    "ADL": "liquidation",
    "Deposit": "transfer",
    "withdraw": "transfer",
    "Transfer in": "transfer",
    "Trading bonus": "transfer",
    "system": "other",
    None: "other",
}


def test_the_kind_of_a_line_is_in_the_venues_word(tmp_path):
    told = [line(number, number, word, 1, number) for number, word in enumerate(KINDS)]
    found = rows(lake_of(tmp_path, account_ledger=told), "SELECT business, kind FROM account_ledger_lines")
    assert {row["business"]: row["kind"] for row in found} == KINDS


def test_a_line_that_is_not_there_is_missing_at_the_next_one_to_the_last_digit(tmp_path):
    tiny = Decimal("0.00000000000000000001")
    told = [line(0, 1, "Deposit", 100, 100), line(5, 2, "fee", -1, 99), line(9, 4, "fee", -1, 95 + tiny)]
    lake = lake_of(tmp_path, account_ledger=told)
    found = rows(lake, "SELECT balance_before, missing FROM account_ledger_lines ORDER BY number")
    assert [tuple(row.values()) for row in found] == [(None, None), (100, 0), (99, -3 + tiny)]


def test_lines_of_one_instant_are_in_the_order_of_their_ids(tmp_path):
    told = [line(0, 3, "fee", -1, 97), line(0, 1, "Deposit", 99, 99), line(0, 2, "fee", -1, 98)]
    lake = lake_of(tmp_path, account_ledger=told)
    assert rows(lake, "SELECT sum(missing) AS missing FROM account_ledger_lines") == [{"missing": 0}]


def test_currencies_are_each_their_own(tmp_path):
    told = [line(0, 1, "Deposit", 5, 5), line(1, 2, "Deposit", 7, 7, asset="BTC"), line(2, 3, "fee", -1, 4)]
    found = rows(lake_of(tmp_path, account_ledger=told), "SELECT * FROM account_pnl_1d ORDER BY asset")
    assert [(row["asset"], row["balance"], row["missing"]) for row in found] == [
        ("BTC", 7, 0),
        ("USDT", 4, 0),
    ]


@pytest.fixture(scope="module")
def owned(tmp_path_factory):
    """Three days of an account at random: its rows and a lake of them."""
    owner = RandomOwner(random.Random(4))
    made = {}
    for later in range(3):
        for name, of_day in owner.day().items():
            made.setdefault(name, []).extend(moved(of_day, later))
    return made, lake_of(tmp_path_factory.mktemp("lake"), **made)


@pytest.mark.parametrize(
    "grain", [("minute", "1m", MINUTE_US), ("hour", "1h", HOUR_US), ("day", "1d", 24 * HOUR_US)]
)
def test_each_bucket_adds_up_its_lines_by_kind(owned, grain):
    column, suffix, length_us = grain
    made, lake = owned
    kinds = {
        "Close pnl": "realised_pnl",
        "Trading fee": "fees",
        "Funding fee": "funding",
        "Deposit": "transfers",
    }
    expected = {}
    for each in made["account_ledger"]:
        bucket = expected.setdefault(each["ts_event"] // length_us, dict.fromkeys(kinds.values(), Decimal(0)))
        bucket[kinds[each["business"]]] += each["change"]
    found = rows(lake, f"SELECT *, epoch_us({column}) // {length_us} AS bucket FROM account_pnl_{suffix}")
    assert {row["bucket"]: {name: row[name] for name in kinds.values()} for row in found} == expected
    for row in found:
        parts = [row[name] for name in ("realised_pnl", "fees", "funding", "liquidation", "other")]
        assert sum(parts) == row["profit"]
        assert row["profit"] + row["transfers"] == row["change"]


def test_the_balance_of_a_bucket_is_that_before_and_its_change(owned):
    _, lake = owned
    before = Decimal(0)
    for row in rows(lake, "SELECT * FROM account_pnl_1h ORDER BY hour"):
        assert before + row["change"] + row["missing"] == row["balance"]
        before = row["balance"]


def test_a_week_is_the_sum_of_its_days_from_monday(owned):
    _, lake = owned
    sunday, monday, tuesday = lake.account.pnl()["change"]
    assert lake.account.pnl(every="1w")["change"].to_list() == [sunday, monday + tuesday]


# --- equity -------------------------------------------------------------------------------------------------


def test_equity_is_what_was_told_last_with_the_extremes_of_what_was_told(tmp_path):
    told = [
        assets(1, 100, 5, seq=1),
        assets(2, 100, -7, seq=2),
        assets(3, 100, 1, margin=20, frozen=5, seq=3),
    ]
    lake = lake_of(tmp_path, account_assets=[*told, assets(MINUTE_US, 90, seq=4)])
    first, second = rows(lake, "SELECT * FROM account_equity_1m ORDER BY minute")
    assert (first["equity"], first["equity_min"], first["equity_max"], first["told"]) == (101, 93, 105, 3)
    assert (first["available"], first["margin_used"]) == (75, pytest.approx(25 / 101, rel=1e-15))
    assert (second["equity"], second["margin_used"]) == (90, 0)


def test_what_one_answer_tells_later_of_one_instant_is_later(tmp_path):
    lake = lake_of(tmp_path, account_assets=[assets(0, 2, seq=9), assets(0, 1, seq=8)])
    assert rows(lake, "SELECT equity FROM account_equity_1d") == [{"equity": 2}]


def test_nothing_is_carried_into_a_bucket_in_which_nothing_was_told(tmp_path):
    lake = lake_of(tmp_path, account_assets=[assets(0, 1), assets(5 * MINUTE_US, 2)])
    assert len(rows(lake, "SELECT * FROM account_equity_1m")) == 2


# --- days ---------------------------------------------------------------------------------------------------

DAY = 24 * HOUR_US


def test_a_days_profit_is_the_change_of_equity_less_what_was_transferred(tmp_path):
    ledger = [
        line(0, 1, "Deposit", 100, 100),
        line(HOUR_US, 2, "Close pnl", 10, 110),
        line(DAY, 3, "Deposit", 50, 160),
        line(DAY + HOUR_US, 4, "Trading fee", -8, 152),
    ]
    told = [assets(2 * HOUR_US, 110, 2), assets(DAY + 2 * HOUR_US, 152, 5)]
    first, second = rows(
        lake_of(tmp_path, account_ledger=ledger, account_assets=told),
        "SELECT * FROM account_performance_1d ORDER BY day",
    )
    assert (first["profit"], first["profit_share"]) == (12, pytest.approx(0.12))
    assert (second["equity"], second["transfers"], second["profit"]) == (157, 50, -5)
    assert second["profit_share"] == pytest.approx(-5 / 162, rel=1e-14)
    assert second["growth"] == pytest.approx(1.12 * (1 - 5 / 162), rel=1e-14)
    assert second["drawdown"] == pytest.approx(5 / 162, rel=1e-12)


def test_profit_is_the_sum_of_its_parts(owned):
    _, lake = owned
    parts = ("realised_pnl", "fees", "funding", "liquidation", "other", "unrealised_change", "missing")
    found = rows(lake, "SELECT * FROM account_performance_1d")
    assert len(found) == 3
    for row in found:
        assert sum(row[name] for name in parts) == row["profit"]
        assert row["told_difference"] == 0


def test_without_a_ledger_nobody_knows_whether_a_change_is_a_loss_or_a_withdrawal(tmp_path):
    told = [assets(0, 1000), assets(DAY, 900, 7), assets(0, 5, asset="BTC")]
    ledger = [line(0, 1, "Deposit", 5, 5, asset="BTC")]
    lake = lake_of(tmp_path, account_assets=told, account_ledger=ledger)
    query = "SELECT * FROM account_performance_1d WHERE asset = 'USDT' ORDER BY day"
    _, second = rows(lake, query)
    unknown = [
        "profit",
        "transfers",
        "realised_pnl",
        "fees",
        "funding",
        "liquidation",
        "other",
        "profit_share",
    ]
    assert [second[name] for name in unknown] == [None] * 8
    assert (second["equity"], second["unrealised_change"], second["missing"]) == (907, 7, -100)
    summed = rows(lake, "SELECT profit, days, return_total FROM account_summary ORDER BY asset")
    assert [tuple(row.values()) for row in summed] == [(0, 1, 0), (None, 0, None)]


def test_an_account_that_was_not_empty_before_has_no_profit_on_its_first_day(tmp_path):
    lake = lake_of(tmp_path, account_ledger=[line(0, 9, "fee", -1, 99)], account_assets=[assets(1, 99, 3)])
    [row] = rows(lake, "SELECT equity, profit, profit_share FROM account_performance_1d")
    assert row == {"equity": 102, "profit": None, "profit_share": None}


def test_an_account_that_lost_all_has_nothing_left_of_its_growth(tmp_path):
    ledger = [
        line(0, 1, "Deposit", 100, 100),
        line(DAY, 2, "Liquidation", -100, 0),
        line(2 * DAY, 3, "Deposit", 50, 50),
        line(2 * DAY + 1, 4, "Close pnl", 5, 55),
    ]
    found = rows(
        lake_of(tmp_path, account_ledger=ledger), "SELECT * FROM account_performance_1d ORDER BY day"
    )
    assert [(row["growth"], row["drawdown"]) for row in found] == [(1, 0), (0, 1), (0, 1)]


def test_millions_of_millions_keep_their_last_digit(tmp_path):
    tiny, digits = Decimal("0.00000000000000000001"), "00000000000000000001"
    huge, after = 10**15, Decimal(f"{10**15}.{digits}")
    ledger = [line(0, 1, "Deposit", huge, huge), line(1, 2, "Close pnl", tiny, after)]
    lake = lake_of(tmp_path, account_ledger=ledger, account_assets=[assets(2, after, 1)])
    assert rows(lake, "SELECT equity, profit FROM account_performance_1d") == [
        {"equity": Decimal(f"{10**15 + 1}.{digits}"), "profit": Decimal(f"1.{digits}")}
    ]


def test_what_assets_tell_beside_the_ledger_is_a_difference(tmp_path):
    told = [assets(5, 97), assets(DAY, 97)]
    ledger = [line(0, 1, "Deposit", 100, 100), line(9, 2, "fee", -3, 97)]
    found = rows(
        lake_of(tmp_path, account_ledger=ledger, account_assets=told),
        "SELECT told_difference, balance FROM account_performance_1d ORDER BY day",
    )
    assert [tuple(row.values()) for row in found] == [(-3, 97), (0, 97)]


def test_a_lake_without_an_account_has_no_rows_of_one(tmp_path):
    account = lake_of(tmp_path, account_assets=[]).account
    asked = (
        account.equity,
        account.pnl,
        account.performance,
        account.positions,
        account.now,
        account.results,
    )
    asked += (account.funding, account.execution, account.fills, account.orders, account.by_market)
    assert [each().height for each in asked] == [0] * 11


def test_the_first_instant_of_a_day_is_of_that_day(tmp_path):
    lake = lake_of(tmp_path, account_ledger=[line(0, 1, "Deposit", 1, 1)])
    assert rows(lake, "SELECT epoch_us(day) AS us FROM account_pnl_1d") == [{"us": DAY_US}]
