"""Positions over time, now, and from their opening to their end; and what each market brought."""

from decimal import Decimal

import pytest
from account_lakes import add_rows, answer, fill, line, position
from asked_lakes import described, lake_at, rows_as
from funding_lakes import NEW, OLD, add_states, around, state
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US

from analytics import open_lake


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def lake_of(data_dir, states=(), markets=(), **tables):
    with lake_at(data_dir) as day:
        if states:
            add_states(day, states)
        if markets:
            day.add("markets", rows_as("markets", markets))
        add_rows(day, **tables)
    return open_lake(data_dir)


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


# --- results ------------------------------------------------------------------------------------------------

MARK = {"mark_price": 100.0, "index_price": 100.0}


@pytest.fixture
def turned(tmp_path):
    """A long position, charged at 8:00 and turned round at 9:00; the short one is liquidated at 10:00."""
    at = [hour * HOUR_US for hour in range(11)]
    fills = [
        fill(at[7], 10, 100, fee=0.5, order_id=1),
        fill(at[9], -10, 101, fee=0.4, profit=10, order_id=2),
        fill(at[9], -3, 101, fee=0.1, order_id=3),
        fill(at[10], 3, 103, profit=-6, order_id=4),
    ]
    told = [
        position(at[7], 10, realised=-0.5, event=1, seq=1),
        position(at[8], 10, realised=-0.7, event=2, seq=2, ts_created=DAY_US + at[7]),
        position(at[9], 0, realised=8.9, event=3, seq=3, ts_created=DAY_US + at[7]),
        position(at[9], -3, realised=-0.1, event=1, seq=4, position_id=2),
        position(
            at[10], 0, realised=-6.1, event=4, seq=5, position_id=2, side="short", ts_created=DAY_US + at[9]
        ),
    ]
    ledger = [line(at[8] + SECOND_US, 1, "Funding fee", -0.2, 99)]
    answers = [*rounds(11), answer(11 * HOUR_US, "asset_history", until=11 * HOUR_US)]
    return lake_of(
        tmp_path, around("8:00", "16:00", **MARK), [described("AAA")], account_fills=fills,
        account_positions=told, account_ledger=ledger, account_answers=answers,
    )  # fmt: skip


def test_a_positions_fills_and_funding_add_up_to_what_it_realised(turned):
    first, second = rows(turned, "SELECT * FROM account_position_results ORDER BY ts_event")
    assert (first["status"], first["fills"], first["fees"], first["funding"]) == (
        "closed", 2, Decimal("0.9"), Decimal("-0.2"),
    )  # fmt: skip
    assert (first["net"], first["difference"]) == (Decimal("8.9"), 0)
    assert (second["status"], second["side"], second["fills"]) == ("liquidated", "short", 2)
    assert (second["net"], second["difference"]) == (Decimal("-6.1"), 0)


def results_of(data_dir, fills, told):
    """Of positions, in the order of their ids: how many fills each has, and what these do not explain."""
    lake = lake_of(data_dir, account_fills=fills, account_positions=told)
    found = rows(lake, "SELECT fills, difference FROM account_position_results ORDER BY position_id")
    return [tuple(row.values()) for row in found]


def test_what_opens_at_the_instant_of_the_end_is_its_own_where_no_other_begins(tmp_path):
    at = [hour * HOUR_US for hour in range(3)]
    fills = [
        fill(at[1], 10, fee=0.5, order_id=1),
        fill(at[2], 5, fee=0.25, order_id=2),
        fill(at[2], -15, fee=0.75, profit=3, order_id=3),
    ]
    ended = {"realised": 1.5, "event": 3, "ts_created": DAY_US + at[1]}
    told = [position(at[1], 10, realised=-0.5), position(at[2], 0, seq=1, **ended)]
    assert results_of(tmp_path, fills, told) == [(3, 0)]


def test_of_two_that_begin_at_one_instant_each_has_the_fills_of_its_side(tmp_path):
    at = [hour * HOUR_US for hour in range(3)]
    fills = [
        fill(at[1], 10, fee=0.5, order_id=1),
        fill(at[1], -10, fee=0.5, profit=2, order_id=2),
        fill(at[1], -4, fee=0.25, order_id=3),
        fill(at[2], 4, fee=0.25, profit=1, order_id=4),
    ]
    ended = {"event": 3, "ts_created": DAY_US + at[1]}
    told = [
        position(at[1], 0, realised=1, side="long", position_id=1, **ended),
        position(at[2], 0, realised=0.5, side="short", position_id=2, seq=1, **ended),
    ]
    assert results_of(tmp_path, fills, told) == [(2, 0), (2, 0)]


def test_what_closes_one_that_ended_unseen_is_not_of_the_next(tmp_path):
    at = [hour * HOUR_US for hour in range(4)]
    fills = [
        fill(at[2], -10, fee=0.5, profit=7, order_id=1),
        fill(at[2], -4, fee=0.25, order_id=2),
        fill(at[3], 4, fee=0.25, profit=1, order_id=3),
    ]
    told = [
        position(at[1], 10, realised=-0.5, position_id=1),
        position(at[2], -4, realised=-0.25, position_id=2, seq=1),
        position(
            at[3], 0, realised=0.5, position_id=2, side="short", event=3, ts_created=DAY_US + at[2], seq=2
        ),
    ]
    assert results_of(tmp_path, fills, told)[1] == (2, 0)


def test_until_fills_are_asked_for_a_difference_is_not_known(tmp_path):
    told = [position(HOUR_US, 10, realised=-0.5)]
    answers = [answer(HOUR_US, "order_deals", until=HOUR_US - 1, market="AAA")]
    lake = lake_of(tmp_path, account_positions=told, account_answers=answers)
    [row] = rows(lake, "SELECT profit_realised, difference FROM account_position_results")
    assert row == {"profit_realised": Decimal("-0.5"), "difference": None}


def test_a_market_brings_what_its_fills_and_its_funding_do(turned):
    [row] = rows(turned, "SELECT * FROM account_by_market")
    assert (row["fills"], row["quantity"], row["turnover"], row["held"]) == (4, 26, 2622, None)
    assert (row["profit_of_fills"], row["fees"], row["funding"]) == (4, 1, Decimal("-0.2"))
    assert row["net"] == Decimal("2.8")
    assert row["net_bps"] == pytest.approx(1e4 * 2.8 / 2622, rel=1e-12)


def test_a_position_that_ended_unseen_is_told_to_have_ended_without_a_result(tmp_path):
    told = [position(MINUTE_US, 5, realised=-1)]
    lake = lake_of(tmp_path, account_positions=told, account_answers=rounds(1, 2))
    [row] = rows(lake, "SELECT status, quantity, profit_realised, difference FROM account_position_results")
    assert row == {"status": "ended", "quantity": 0, "profit_realised": None, "difference": None}


def test_a_position_that_an_answer_still_tells_of_is_open(tmp_path):
    told = [position(MINUTE_US, 5, realised=-1), asked(2, 5, ts_updated=DAY_US + MINUTE_US)]
    lake = lake_of(tmp_path, account_positions=told, account_answers=rounds(1, 2))
    [row] = rows(lake, "SELECT status, profit_realised FROM account_position_results")
    assert row == {"status": "open", "profit_realised": -1}
