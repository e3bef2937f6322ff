"""Candles of pushes and of the kline endpoint, against the literal texts of the documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from literal import body, lines, push, refusal

from recorder.exchange.answers import parse_answer
from recorder.exchange.candles import Candle, KlinePush, parse_candle, parse_candles
from recorder.exchange.encoding import candle_row, encode_push, kline_result
from recorder.exchange.messages import parse

LINEAR = Candle("ETHUSDT", 1697560680, "1571.23", "1575.00", "1570.01", "1573.89", "3.02", "4753.05", "ohlc")


def test_every_literal_form_is_read_and_both_column_orders_agree():
    pushes = [parse(line) for line in lines("kline")]
    assert all(isinstance(each, KlinePush) and each.period == "1min" for each in pushes)
    assert [[candle.order for candle in each.candles] for each in pushes] == [
        ["flat"], ["ohlc"], ["ochl"], ["ohlc", "flat"], ["ochl", "flat"], ["named"], ["ohlc"],
    ]  # fmt: skip
    assert all(each.faults == () for each in pushes)
    assert pushes[1].candles == pushes[6].candles == (LINEAR,)
    prices = {(c.open, c.high, c.low, c.close) for c in (pushes[n].candles[0] for n in (1, 2, 5))}
    assert prices == {("1571.23", "1575.00", "1570.01", "1573.89")}


def test_a_row_that_fits_no_order_is_a_fault_and_the_others_stand():
    odd = [1697560680, "2", "1.5", "1.7", "1.8", "0", "0", "ETHUSDT"]
    flat = [1697560740, "1", "1", "1", "1", "0", "0", "ETHUSDT"]
    found = parse(push("kline", {"data": [odd, flat, 5], "period": "1min"}))
    assert found.faults == ("candle prices fit no column order", "candle row is too short")
    assert [candle.time for candle in found.candles] == [1697560740]


@pytest.mark.parametrize(
    ("prices", "order", "close"),
    [
        (["1", "2", "0.5", "1.5"], "ohlc", "1.5"),
        (["1", "1.5", "2", "0.5"], "ochl", "1.5"),
        (["1", "2", "1", "2"], "ohlc", "2"),
        (["1", "2", "2", "1"], "ochl", "2"),
        (["2", "2", "1", "1"], "ohlc", "1"),
        (["2", "1", "2", "1"], "ochl", "1"),
        (["1", "1.0", "1", "1.00"], "flat", "1.00"),
        (["10", "9", "10", "9"], "ochl", "9"),
    ],
)
def test_columns_are_decided_by_number_never_by_text(prices, order, close):
    candle = parse_candle([1697560680, *prices, "0", "0", "A"], None)
    assert (candle.order, candle.close) == (order, close)


@given(st.permutations(["1", "2", "3", "4"]))
def test_whatever_is_read_has_high_and_low_that_bound_it(prices):
    candles, faults = parse_candles([[1697560680, *prices, "0", "0", "A"]], None)
    assert len(candles) + len(faults) == 1
    for candle in candles:
        assert (candle.high, candle.low) == ("4", "1")
        assert sorted((candle.open, candle.high, candle.low, candle.close)) == ["1", "2", "3", "4"]


def test_optional_parts_of_a_row_may_be_missing():
    candle = parse_candle([1697560680, "1", "1", "1", "1", "0"], "A")
    assert (candle.market, candle.amount) == ("A", None)
    assert parse_candle([1697560680, "1", "1", "1", "1", "0", "-", "B"], "A").amount is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([1697560680, "1", "1", "1", "1", "0", "0"], "candle.market is missing"),
        ([1697560680000, "1", "1", "1", "1", "0", "0", "A"], "candle.time is out of range"),
        (["x", "1", "1", "1", "1", "0", "0", "A"], "candle.time is not an integer"),
        ([1697560680, "1", None, "1", "1", "0", "0", "A"], "candle price is not a decimal"),
        ([1697560680, "1", "1", "1", "1", None, "0", "A"], "candle.volume is not a decimal"),
        ({"time": 1697560680}, "candle.time is out of range"),
        (
            {"time": 1697560680000, "open": "2", "high": "1", "low": "1", "close": "1"},
            "candle high and low do not bound its prices",
        ),
        ({"time": 1697560680000, "open": "2"}, "candle.high is not a decimal"),
    ],
)
def test_a_row_that_cannot_be_stored_is_refused_with_the_field(row, reason):
    assert parse_candles([row], None) == ((), (reason,))


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ([], "kline is not an object"),
        ({"period": "1min"}, "kline.data is not a list"),
        ({"data": []}, "kline.period is missing"),
    ],
)
def test_a_push_without_rows_or_period_is_refused(result, reason):
    assert refusal(push("kline", result)) == reason


def test_unknown_fields_are_noticed():
    assert parse(push("kline", {"data": [], "period": "1min", "x": 1})).notices == ("unknown field kline.x",)


def test_the_kline_endpoint_answers_rows_as_in_the_push():
    candles, faults = parse_candles(parse_answer(body("kline")).data, None)
    assert faults == ()
    assert candles == parse(lines("kline")[0]).candles


@pytest.mark.parametrize("order", ["ohlc", "ochl"])
def test_a_candle_survives_encoding_and_reading_in_either_order(order):
    result = kline_result("1min", [candle_row(LINEAR, order)], "ETHUSDT")
    (candle,) = parse(encode_push("kline", result)).candles
    assert candle == Candle(**{**{n: getattr(LINEAR, n) for n in LINEAR.__slots__}, "order": order})
