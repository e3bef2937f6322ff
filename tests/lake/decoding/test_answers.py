"""Answers by REST become rows like frames; what cannot be read of them is kept with its reason."""

import json
from pathlib import Path

import pytest

from recorder.journal.record import rest_line
from recorder.lake.asked import Candles, Deals
from recorder.lake.decoding.decoder import Decoder

FRAMES = Path(__file__).parents[2] / "fixtures" / "frames"
T0 = 1_697_619_600_000_000_000
ASKED = T0 - 5_000_000


def decoded(call, params, body, *, status=200, asked_ns=ASKED):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    line = rest_line(T0, call, params, status, body, asked_ns=asked_ns)
    return Decoder().decode(line, 5)


def success(data):
    return {"code": 0, "msg": "success", "data": data}


def literal(name):
    return (FRAMES / f"rest_{name}.json").read_bytes().replace(b"\n", b"")


def test_the_documents_deals_are_trades_with_their_market_and_source():
    result = decoded("market_deals", {"market": "ETHUSDT"}, literal("deals"))
    [row] = result.deals.to_pylist()
    assert (row["market"], row["trade_id"], row["price"], row["quantity"]) == (
        "ETHUSDT",
        27699216,
        1573.89,
        0.922,
    )
    assert (row["side"], row["source"], row["seq"]) == ("buy", "rest", 5)
    assert result.trades.num_rows == 0
    assert result.records[0].answer == Deals(
        "ETHUSDT", ASKED // 1000, frozenset({27699216}), 27699216, 1_697_619_536_256_684
    )


def test_the_documents_candles_are_rows_of_their_period():
    params = {"market": "ETHUSDT", "type": "1min", "start_time": "1697560000", "end_time": "1697561000"}
    result = decoded("market_kline", params, literal("kline"))
    [row] = result.klines.to_pylist()
    assert (row["market"], row["period"], row["close"], row["source"]) == ("ETHUSDT", "1min", 1571.23, "rest")
    opens = 1_697_560_680_000_000
    assert result.records[0].answer == Candles(
        "ETHUSDT", "1min", ASKED // 1000, 1_697_560_000_000_000, 1_697_561_000_000_000, opens, opens
    )


def test_the_documents_states_are_rows():
    result = decoded("market_state_all", {}, literal("state_all"))
    assert set(result.state["source"].to_pylist()) == {"rest"}
    one = decoded("market_state", {"market": "ETHUSDT"}, literal("state"))
    assert one.state["market"].to_pylist() == ["ETHUSDT"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(429, b"<html>"), (502, b"{}"), (200, {"code": 1010007, "msg": "too many requests", "data": None})],
)
def test_an_answer_that_says_no_has_neither_rows_nor_rejects(status, body):
    result = decoded("market_deals", {"market": "A"}, body, status=status)
    assert (result.deals.num_rows, result.rejects.num_rows, result.records[0].answer) == (0, 0, None)


@pytest.mark.parametrize(
    ("call", "params", "body", "reason"),
    [
        ("market_deals", {"market": "A"}, b"<html>tired</html>", "market_deals: answer without a code"),
        ("market_deals", {"market": "A"}, success({}), "market_deals: deals is not a list"),
        ("market_deals", {}, success([]), "market_deals: the question has no market"),
        ("market_kline", {"market": "A", "type": "1min"}, success(None), "market_kline: kline is not a list"),
        ("market_state_all", {}, success([]), "market_state_all: state is not an object of markets"),
    ],
)
def test_a_success_that_cannot_be_read_is_kept_with_its_reason(call, params, body, reason):
    result = decoded(call, params, body)
    assert result.rejects["reason"].to_pylist() == [reason]
    assert result.records[0].answer is None


def test_one_odd_deal_costs_only_itself():
    good = {"id": 1, "price": "1", "amount": "2", "type": "buy", "time": 1697619536.5}
    result = decoded("market_deals", {"market": "A"}, success([good, {**good, "id": 2, "price": "NaN"}]))
    assert result.deals["trade_id"].to_pylist() == [1]
    assert result.rejects["reason"].to_pylist() == ["deals: trade.price is not a decimal"]
    assert json.loads(result.rejects["frame"][0].as_py())["id"] == 2


def test_one_odd_candle_costs_only_itself():
    rows = [[1697560680, "1", "3", "1", "2", "5", "9", "A"], [1697560740, "3", "1", "4", "2", "5", "9", "A"]]
    result = decoded("market_kline", {"market": "A", "type": "1min"}, success(rows))
    assert result.klines.num_rows == 1
    assert result.rejects["reason"].to_pylist() == ["candle prices fit no column order"]


def test_candles_outside_the_question_are_rows_but_settle_nothing():
    params = {"market": "A", "type": "1min", "start_time": "1697560000", "end_time": "1697560100"}
    rows = [[1697560680, "1", "1", "1", "1", "5", "9", "A"]]
    result = decoded("market_kline", params, success(rows))
    assert result.klines.num_rows == 1
    assert (result.records[0].answer.first_us, result.records[0].answer.last_us) == (None, None)


def test_an_answer_of_an_older_journal_counts_as_asked_when_it_came():
    result = decoded("market_deals", {"market": "A"}, success([]), asked_ns=None)
    assert result.records[0].answer.asked_us == T0 // 1000
