"""The account over all its days, and over all its markets."""

import math
import statistics
from decimal import Decimal

import pytest
from account_lakes import add_rows, answer, assets, line, position
from asked_accounts import rows
from asked_lakes import described, lake_at
from lakedays import HOUR_US, MINUTE_US

from analytics import open_lake

DAY = 24 * HOUR_US


def lake_of(data_dir, markets=(), **tables):
    with lake_at(data_dir) as day:
        add_rows(day, markets=list(markets), **tables)
    return open_lake(data_dir)


# --- all days -----------------------------------------------------------------------------------------------


def days_of(data_dir, *profits):
    """A deposit of 100, and on each day what it brought."""
    balance, ledger = Decimal(100), [line(0, 0, "Deposit", 100, 100)]
    for number, profit in enumerate(profits):
        balance += profit
        ledger.append(line(number * DAY + HOUR_US, number + 1, "Close pnl", profit, balance))
    [row] = rows(lake_of(data_dir, account_ledger=ledger), "SELECT * FROM account_summary")
    return row


def test_return_and_risk_are_those_of_the_daily_returns(tmp_path):
    found = days_of(tmp_path, 10, -11, 9)
    returns = [0.1, -0.1, 9 / 99]
    mean, stdev = statistics.mean(returns), statistics.stdev(returns)
    figures = {
        "days": 3, "return_total": 0.08, "return_mean": mean, "volatility": stdev * math.sqrt(365),
        "sharpe": mean / stdev * math.sqrt(365), "max_drawdown": 0.1, "best_day": 0.1, "worst_day": -0.1,
        "sharpe_error": math.sqrt((1 + (mean / stdev) ** 2 / 2) / 3 * 365), "winning_share": 2 / 3,
    }  # fmt: skip
    assert {name: found[name] for name in figures} == pytest.approx(figures, rel=1e-12)
    assert (found["equity"], found["profit"], found["transfers"]) == (108, 8, 100)


def test_one_day_has_a_return_and_no_risk(tmp_path):
    found = days_of(tmp_path, 10)
    assert (found["days"], found["best_day"]) == (1, pytest.approx(0.1))
    assert (found["return_stdev"], found["sharpe"], found["sharpe_error"]) == (None, None, None)


def test_an_account_without_a_known_day_has_no_return(tmp_path):
    lake = lake_of(tmp_path, account_ledger=[line(0, 9, "fee", -1, 99)])
    [row] = rows(lake, "SELECT days, return_total, max_drawdown, winning_share FROM account_summary")
    assert tuple(row.values()) == (0, None, None, None)


# --- all markets --------------------------------------------------------------------------------------------


def exposed(data_dir, told, *answered, kind="linear"):
    """By the minute, of an account worth 1,000; `answered` are the times of answers about all positions."""
    answers = [answer(at, "position_pending", seq=number) for number, at in enumerate(answered)]
    worth = [assets(at, 990, 10, seq=number) for number, at in enumerate(answered)]
    markets = [described(name) | {"type": kind} for name in ("AAA", "BBB")]
    lake = lake_of(
        data_dir, markets, account_positions=told, account_answers=answers, account_assets=worth
    )  # fmt: skip
    return rows(lake, "SELECT * FROM account_exposure_1m ORDER BY minute")


def test_exposure_is_of_all_positions_of_an_answer_at_their_mark_prices(tmp_path):
    told = [position(1, 20, 100.0, profit_unrealised=40.0), position(1, -5, 100.0, market="BBB")]
    [row] = exposed(tmp_path, told, 1)
    figures = {"positions": 2, "gross_notional": 2_540, "net_notional": 1_540, "equity": 1_000}
    figures |= {"leverage": 2.54, "net_leverage": 1.54, "told": 1}
    assert {name: row[name] for name in figures} == pytest.approx(figures, rel=1e-12)


def test_of_a_minutes_answers_the_last_counts_and_the_greatest_is_told(tmp_path):
    first, last = 1, 30_000_000
    told = [position(first, 20, seq=0), position(last, 5, seq=1)]
    [row] = exposed(tmp_path, told, first, last)
    assert (row["gross_notional"], row["gross_notional_max"], row["told"]) == (500, 2_000, 2)


def test_an_answer_without_a_position_tells_that_nothing_is_held(tmp_path):
    [row] = exposed(tmp_path, [], 1)
    assert (row["positions"], row["gross_notional"], row["leverage"]) == (0, 0, 0)


def test_what_is_told_later_of_one_instant_is_the_equity_as_in_account_equity(tmp_path):
    worth = [assets(1, amount, seq=seq) for seq, amount in ((4, 7), (9, 2), (8, 5), (3, 9))]
    answers = [answer(1, "position_pending")]
    lake = lake_of(tmp_path, [described("AAA")], account_answers=answers, account_assets=worth)
    query = "SELECT equity FROM account_exposure_1h UNION ALL SELECT equity FROM account_equity_1h"
    assert rows(lake, query) == [{"equity": 2}] * 2


def test_a_push_tells_of_one_position_and_of_no_exposure(tmp_path):
    told = [position(1, 20), position(MINUTE_US, 10, realised=1)]
    assert len(exposed(tmp_path, told, 1)) == 1


def test_a_position_of_contracts_has_no_notional(tmp_path):
    [row] = exposed(tmp_path, [position(1, 20)], 1, kind="inverse")
    assert (row["positions"], row["gross_notional"]) == (0, 0)
