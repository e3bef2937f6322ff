"""Positions over time, and now."""

import pytest
from account_lakes import answer, position
from asked_accounts import lake_of, rows
from asked_lakes import described
from funding_lakes import NEW, OLD, state
from lakedays import HOUR_US

# --- over time ----------------------------------------------------------------------------------------------


def test_a_minute_tells_what_was_held_last_and_how_far_it_is_from_liquidation(tmp_path):
    told = [position(1, 5), position(2, -4, 100.0, profit_unrealised=-8.0, liquidation_price=112.2)]
    [row] = rows(lake_of(tmp_path, account_positions=told), "SELECT * FROM account_positions_1m")
    assert (row["side"], row["quantity"], row["told"]) == ("short", -4, 2)
    figures = {
        "mark_price": 102.0, "notional": -408.0, "margin_ratio": 2 / (10 - 8),
        "to_liquidation_bps": 1e4 * (112.2 - 102) / 102,
    }  # fmt: skip
    assert {name: row[name] for name in figures} == pytest.approx(figures, rel=1e-12)


def test_what_only_pushes_tell_is_that_of_the_last_push(tmp_path):
    told = [position(1, 5, realised=-1), position(2, 5, seq=2)]
    [row] = rows(lake_of(tmp_path, account_positions=told), "SELECT * FROM account_positions_1h")
    assert (row["profit_realised"], row["told"]) == (-1, 2)


def test_all_of_a_row_is_of_the_position_that_was_told_last(tmp_path):
    told = [position(1, 0, realised=-7, event=3), position(2, 5, position_id=2, seq=1, margin=None)]
    [row] = rows(lake_of(tmp_path, account_positions=told), "SELECT * FROM account_positions_1h")
    assert (row["position_id"], row["margin"], row["profit_realised"], row["told"]) == (2, None, None, 2)


def test_contracts_have_no_value_in_quote(tmp_path):
    lake = lake_of(
        tmp_path, markets=[described("AAA") | {"type": "inverse"}], account_positions=[position(1, 5)]
    )
    [row] = rows(lake, "SELECT * FROM account_positions_1m")
    assert (row["quantity"], row["mark_price"], row["notional"], row["to_liquidation_bps"]) == (
        5,
        *[None] * 3,
    )


# --- now ----------------------------------------------------------------------------------------------------


def rounds(*hours):
    """Answers about all positions."""
    return [answer(hour * HOUR_US, "position_pending", seq=hour) for hour in hours]


def asked(hour, quantity, **more):
    """A position as such an answer tells it."""
    return position(hour * HOUR_US, quantity, **more)


def test_a_position_that_a_later_answer_does_not_tell_of_is_not_held(tmp_path):
    told = [asked(1, 5, market="GONE"), asked(2, 5, market="HELD"), position(3 * HOUR_US, 5, market="NEW")]
    lake = lake_of(tmp_path, account_positions=told, account_answers=rounds(1, 2))
    found = rows(lake, "SELECT market FROM account_positions_now ORDER BY 1")
    assert [row["market"] for row in found] == ["HELD", "NEW"]


def test_an_answer_about_one_market_says_nothing_of_the_others(tmp_path):
    answers = [answer(2 * HOUR_US, "position_pending", market="BBB"), answer(2 * HOUR_US, "asset_query")]
    lake = lake_of(tmp_path, account_positions=[asked(1, 5)], account_answers=answers)
    assert len(rows(lake, "SELECT market FROM account_positions_now")) == 1


def test_a_position_that_a_push_closed_is_not_held(tmp_path):
    told = [asked(1, 5), position(2 * HOUR_US, 0, realised=3, event=3)]
    lake = lake_of(tmp_path, account_positions=told, account_answers=rounds(1))
    assert rows(lake, "SELECT * FROM account_positions_now") == []


def test_the_next_funding_is_told_at_the_newest_mark_and_rate(tmp_path):
    now = state("03:00", "08:00", OLD, NEW, mark_price=110.0, index_price=110.0)
    told = [asked(2, -4, open_price=100.0, liquidation_price=132.0)]
    lake = lake_of(tmp_path, [now], account_positions=told, account_answers=rounds(2))
    [row] = rows(lake, "SELECT * FROM account_positions_now")
    figures = {
        "mark_price": 110.0, "notional": -440.0, "profit_unrealised": -40.0, "to_liquidation_bps": 2000.0,
        "funding_next": 440 * NEW,
    }  # fmt: skip
    assert {name: row[name] for name in figures} == pytest.approx(figures, rel=1e-12)
