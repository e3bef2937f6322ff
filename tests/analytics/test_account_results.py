"""Positions from their opening to their end: which fills are theirs, and what they brought."""

from decimal import Decimal

import pytest
from account_lakes import answer, fill, line, order, position
from asked_accounts import lake_of, rows
from asked_lakes import described
from funding_lakes import around
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US


def rounds(*hours):
    """Answers about all positions."""
    return [answer(hour * HOUR_US, "position_pending", seq=hour) for hour in hours]


def asked(hour, quantity, **more):
    """A position as such an answer tells it."""
    return position(hour * HOUR_US, quantity, **more)


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


# --- what no push told --------------------------------------------------------------------------------------


@pytest.fixture
def unseen(tmp_path):
    """A long position whose end no push told; then a short one, opened and liquidated, of which none told."""
    at = [hour * HOUR_US for hour in range(8)]
    fills = [
        fill(at[1], 10, 100, fee=0.5, order_id=1),
        fill(at[2], -4, 101, fee=0.2, profit=4, order_id=2),
        fill(at[3], -6, 102, fee=0.3, profit=12, order_id=3),
        fill(at[3], -3, 102, fee=0.15, order_id=4),
        fill(at[5], 3, 104, profit=-6, order_id=5, filled_type=2),
        fill(at[6], 2, 104, fee=0.1, order_id=6),
    ]
    told = [
        position(at[1], 10, realised=-0.5, event=1, seq=1),
        position(at[6], 2, 104, realised=-0.1, event=1, seq=2, position_id=9),
    ]
    orders = [order(at[5], 5, 3, filled=3, price_mean=104, position_id=7)]
    ledger = [
        line(at[4] + SECOND_US, 1, "Funding fee", 0.2, 99),
        line(at[5], 2, "Liquidation", -1, 98),
    ]
    return lake_of(
        tmp_path, around("4:00", "8:00", **MARK), [described("AAA")], account_fills=fills,
        account_positions=told, account_orders=orders, account_ledger=ledger, account_answers=rounds(6),
    )  # fmt: skip


def test_fills_that_no_push_told_of_are_of_the_position_until_it_is_closed(unseen):
    first = rows(unseen, "SELECT * FROM account_position_results ORDER BY ts_event")[0]
    known = {"status": "ended", "fills": 3, "quantity": 0, "quantity_missing": 0}
    assert {name: first[name] for name in known} == known
    assert (first["net"], first["funding"]) == (Decimal("15.0"), 0)
    assert (first["entry_price"], first["exit_price"]) == (100, pytest.approx(101.6))
    assert first["seconds_held"] == 7_200


def test_a_position_that_was_never_told_is_known_by_its_fills_and_the_order_that_closed_it(unseen):
    second = rows(unseen, "SELECT * FROM account_position_results ORDER BY ts_event")[1]
    known = {"told": 0, "position_id": 7, "side": "short", "status": "liquidated", "fills": 2, "quantity": 0}
    known |= {"quantity_missing": 0, "funding": Decimal("0.2"), "net": Decimal("-5.95")}
    known |= {"seconds_held": 7_200}
    assert {name: second[name] for name in known} == known
    assert second["profit_realised"] is None


def test_what_positions_bring_is_what_their_market_brings(unseen):
    [brought] = rows(unseen, "SELECT sum(net) AS net, sum(fills) AS fills FROM account_position_results")
    assert brought == rows(unseen, "SELECT net, fills FROM account_by_market")[0]


def missing_of(data_dir, fills, told):
    lake = lake_of(data_dir, account_fills=fills, account_positions=told, account_answers=rounds(1, 9))
    query = "SELECT status, quantity_missing, net, fills FROM account_position_results ORDER BY ts_event"
    return [tuple(row.values()) for row in rows(lake, query)]


def test_a_position_of_which_a_fill_is_missing_has_no_net_and_tells_how_much(tmp_path):
    opened = fill(HOUR_US, 10, fee=0.5, order_id=1)
    told = [position(HOUR_US, 10, realised=-0.5)]
    assert missing_of(tmp_path, [opened], told) == [("ended", -10, None, 1)]


def test_a_position_that_began_before_the_fills_has_no_net_and_the_next_one_has(tmp_path):
    fills = [
        fill(HOUR_US, -4, profit=3, order_id=1),
        fill(2 * HOUR_US, -1, fee=0.25, order_id=2),
        fill(3 * HOUR_US, 1, fee=0.25, profit=2, order_id=3),
        fill(4 * HOUR_US, 5, fee=0.25, order_id=4),
        fill(5 * HOUR_US, -5, fee=0.25, profit=1, order_id=5),
    ]
    assert missing_of(tmp_path, fills, []) == [
        ("ended", 4, None, 1), ("ended", 0, Decimal("1.5"), 2), ("ended", 0, Decimal("0.5"), 2),
    ]  # fmt: skip


def test_a_position_that_was_not_told_yet_is_open_by_its_fills(tmp_path):
    lake = lake_of(tmp_path, account_fills=[fill(HOUR_US, -4, fee=0.5)])
    [row] = rows(lake, "SELECT status, quantity, net, position_id, ts_closed FROM account_position_results")
    assert row == {
        "status": "open", "quantity": -4, "net": Decimal("-0.5"), "position_id": None, "ts_closed": None,
    }  # fmt: skip


def test_an_order_that_was_to_close_a_position_has_closed_that_one(tmp_path):
    at = [hour * HOUR_US for hour in range(4)]
    fills = [
        fill(at[1], 5, order_id=1),
        fill(at[2], -5, profit=2, order_id=2),
        fill(at[2], 5, order_id=3),
        fill(at[3], -5, profit=1, order_id=4),
    ]
    told = [position(at[1], 5, realised=0), position(at[2], 5, realised=0, position_id=2, seq=1)]
    orders = [order(at[2], 2, -5, position_id=1), order(at[3], 4, -5, position_id=2)]
    lake = lake_of(tmp_path, account_fills=fills, account_positions=told, account_orders=orders)
    found = rows(lake, "SELECT position_id FROM account_position_fills ORDER BY number")
    assert [row["position_id"] for row in found] == [1, 1, 2, 2]
