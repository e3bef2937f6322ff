"""What is told of an account becomes exact rows of its tables; what does not fit is kept with its reason."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.exchange.account import read_assets, read_page, read_records
from recorder.exchange.records import Fill, LedgerEntry, Order, Position, StopOrder
from recorder.journal.record import frame_lines, rest_line
from recorder.lake.decoding.account import ACCOUNT_CALLS
from recorder.lake.decoding.decoder import Decoder
from recorder.lake.store.account import COLUMNS
from recorder.lake.store.account_tables import ACCOUNT
from recorder.lake.store.table import PRECISE

FRAMES = Path(__file__).parents[2] / "fixtures" / "frames"
T0 = 1_697_619_600_000_000_000


def literal(name):
    return (FRAMES / f"rest_{name}.json").read_bytes().replace(b"\n", b"")


def of_answer(call, body, **params):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Decoder().decode(rest_line(T0, call, params, 200, body, asked_ns=T0 - 5_000_000), 5)


def success(data):
    return {"code": 0, "msg": "success", "data": data}


def of_push(stream, result, error=None):
    frame = json.dumps({"id": 0, "method": f"update.{stream}", "result": result, "error": error}).encode()
    return Decoder().decode(frame_lines(T0, 0, [frame]), 5)


def rows(decoded, table):
    return decoded.account[table].to_pylist() if table in decoded.account else []


def money_of(table, record):
    """A record's money by the table's columns."""
    return {column.name: getattr(record, column.wire) for column in COLUMNS[table] if column.kind == "money"}


ANSWERS = [
    ("asset_query", "account_assets", lambda data: read_assets(data, [])),
    ("asset_history", "account_ledger", lambda data: read_page(LedgerEntry, data, []).records),
    ("position_pending", "account_positions", lambda data: read_records(Position, data, [])),
    ("order_pending", "account_orders", lambda data: read_page(Order, data, []).records),
    ("order_finished", "account_orders", lambda data: read_page(Order, data, []).records),
    ("order_deals", "account_fills", lambda data: read_page(Fill, data, []).records),
    ("stop_pending", "account_stop_orders", lambda data: read_page(StopOrder, data, []).records),
    ("stop_finished", "account_stop_orders", lambda data: read_page(StopOrder, data, []).records),
]


@pytest.mark.parametrize(("call", "table", "read"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_the_documents_answer_is_a_row_a_record_with_its_money_exact(call, table, read):
    records = read(json.loads(literal(call))["data"])
    found = rows(of_answer(call, literal(call)), table)
    assert [{name: row[name] for name in money_of(table, records[0])} for row in found] == [
        money_of(table, record) for record in records
    ]
    assert records != []
    assert {(row["source"], row["seq"]) for row in found} == {("rest", 5)}


def test_the_documents_order_detail_is_an_order():
    [row] = rows(of_answer("order_detail", literal("order_detail")), "account_orders")
    assert row["order_id"] == json.loads(literal("order_detail"))["data"]["order_id"]


def test_numbers_of_things_are_their_words_and_no_value_is_null():
    [row] = rows(of_answer("position_pending", literal("position_pending")), "account_positions")
    assert (row["side"], row["position_type"], row["stop_loss_price"], row["event"]) == (
        "long", "isolated", None, None,
    )  # fmt: skip
    [row, *_] = rows(of_answer("order_deals", literal("order_deals")), "account_fills")
    assert (row["side"], row["role"], row["profit"]) == ("buy", "taker", None)


def test_a_number_that_is_not_known_is_its_text():
    order = {"order_id": 1, "market": "AAA", "status": 9, "side": 7}
    [row] = rows(of_push("order", order), "account_orders")
    assert (row["status"], row["side"]) == ("9", "7")


def test_leverage_and_margin_are_rows_of_what_was_asked_for():
    [row] = rows(of_answer("leverage", literal("leverage"), market="AAA"), "account_leverage")
    assert (row["market"], row["position_id"]) == ("AAA", None)
    assert row["leverage"] is not None
    asked = {"market": "BBB", "position_id": "7"}
    [row] = rows(of_answer("margin_adjustable", literal("margin_adjustable"), **asked), "account_leverage")
    assert (row["market"], row["position_id"], row["margin_addable"] is not None) == ("BBB", 7, True)


def test_an_id_of_19_digits_is_read_as_a_number_and_as_a_text():
    asked = {"market": "BBB", "position_id": "1693809549574678795"}
    [row] = rows(of_answer("margin_adjustable", literal("margin_adjustable"), **asked), "account_leverage")
    assert row["position_id"] == 1_693_809_549_574_678_795
    for order_id in (2**63 - 1, str(2**63 - 1)):
        [row] = rows(of_push("order", {"order_id": order_id, "market": "AAA"}), "account_orders")
        assert row["order_id"] == 2**63 - 1


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("123456789012345678.12345678901234567890", True),
        ("0.00000000000000000001000", True),
        ("-999999999999999999.99999999999999999999", True),
        ("0.000000000000000000001", False),
        ("1000000000000000000", False),
        ("1e30", False),
    ],
)
def test_money_is_exact_or_its_record_is_rejected(text, fits):
    decoded = of_answer("asset_query", success({"USDT": {"available": text}, "BTC": {"available": "1"}}))
    found = {row["asset"]: row["available"] for row in rows(decoded, "account_assets")}
    assert found == ({"USDT": Decimal(text)} if fits else {}) | {"BTC": Decimal(1)}
    rejects = [row["reason"] for row in decoded.rejects.to_pylist()]
    assert rejects == ([] if fits else ["asset_query: available is more than decimal128(38, 20) holds"])


def test_one_record_that_cannot_be_read_costs_itself_alone():
    records = [{"order_id": 1, "market": "A"}, {"market": "B"}, 7, {"order_id": 4, "market": "D"}]
    decoded = of_answer("order_pending", success({"records": records}))
    assert [row["order_id"] for row in rows(decoded, "account_orders")] == [1, 4]
    assert decoded.rejects.num_rows == 2


@pytest.mark.parametrize("data", [None, 7, [], "x", {"records": 7}])
def test_a_page_that_is_none_is_a_reject(data):
    decoded = of_answer("order_deals", success(data), market="A")
    assert (decoded.account, decoded.rejects.num_rows) == ({}, 1)


def test_an_empty_page_is_an_answer_alone_and_a_refusal_is_nothing():
    for body in (success({"records": []}), success({"records": None})):
        decoded = of_answer("order_deals", body, market="A")
        assert (list(decoded.account), decoded.rejects.num_rows) == (["account_answers"], 0)
    decoded = of_answer("order_deals", {"code": 20_002, "msg": "market"}, market="A")
    assert (decoded.account, decoded.rejects.num_rows) == ({}, 0)


def test_equal_fills_of_a_page_are_counted():
    fill = {"order_id": 1, "market": "A", "time": 1_697_619_536.25, "price": "1.0", "amount": "2"}
    other = {**fill, "price": "1.00"}
    decoded = of_answer("order_deals", success({"records": [fill, other, {**fill, "amount": "3"}]}))
    assert [row["place"] for row in rows(decoded, "account_fills")] == [1, 2, 1]


def test_pushes_are_rows_with_their_event():
    frames = [json.loads(line) for line in (FRAMES / "private.jsonl").read_text().splitlines()]
    found = {}
    for frame in frames:
        decoded = of_push(frame["method"].removeprefix("update."), frame["result"])
        assert decoded.rejects.num_rows == 0
        for name, table in decoded.account.items():
            found.setdefault(name, []).extend(table.to_pylist())
    assert set(found) == {"account_assets", "account_positions", "account_orders"}
    assert found["account_positions"][0]["event"] == 1
    assert {row["source"] for table in found.values() for row in table} == {"ws"}
    assert decoded.notices == {}


@pytest.mark.parametrize(
    ("stream", "result", "error"),
    [("order", 7, None), ("position", {}, None), ("asset", [], None), ("asset", {}, {"code": 1, "msg": ""})],
)
def test_a_push_that_cannot_be_read_is_a_reject(stream, result, error):
    decoded = of_push(stream, result, error)
    assert (decoded.account, decoded.rejects.num_rows) == ({}, 1)


NAMES = st.sampled_from(
    sorted({column.wire for columns in COLUMNS.values() for column in columns} | {"records", "USDT", "time"})
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from(["-", "--", "", "1", "-0", "1e999", "9" * 40, "AAA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=12),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=60)
@given(data=VALUES)
@pytest.mark.parametrize("call", sorted(ACCOUNT_CALLS))
def test_whatever_is_answered_or_pushed_is_rows_or_rejects(call, data):
    of_answer(call, success(data), market="AAA", position_id="1")
    of_answer(call, success({"records": [data]}), market="AAA")
    of_push(call.partition("_")[0] if call.startswith(("asset", "order", "position")) else "order", data)


def test_all_money_of_an_account_is_exact():
    kinds = {field.type for table in ACCOUNT for field in table.schema}
    assert PRECISE in kinds
    assert not [kind for kind in kinds if str(kind) in ("double", "float")]


def test_a_push_is_rejected_whole_and_once_while_what_can_be_read_of_it_stands():
    bad = {"available": "1e30"}
    decoded = of_push("asset", {"A": bad, "B": {"available": "1"}, "C": bad})
    assert [row["asset"] for row in rows(decoded, "account_assets")] == ["B"]
    [reject] = decoded.rejects.to_pylist()
    assert reject["reason"] == "available is more than decimal128(38, 20) holds"
    assert json.loads(reject["frame"])["method"] == "update.asset"
