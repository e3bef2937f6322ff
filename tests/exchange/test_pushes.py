"""Pushes of the four public streams, read and written, against the literal texts of the documents."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.exchange.answers import parse_answer
from recorder.exchange.encoding import book_result, candle_row, encode_push, kline_result, trade_result
from recorder.exchange.messages import (
    Book,
    Candle,
    DepthPush,
    KlinePush,
    ProtocolError,
    StatePush,
    Trade,
    TradePush,
    parse,
    parse_book,
    parse_candle,
    parse_candles,
    parse_states,
    parse_trade,
)

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"
TRADE = Trade(27699216, "ETHUSDT", "1573.89", "0.922", "buy", 1697619536.256684)
LINEAR = Candle("ETHUSDT", 1697560680, "1571.23", "1575.00", "1570.01", "1573.89", "3.02", "4753.05", "ohlc")


def lines(name):
    return (FRAMES / f"{name}.jsonl").read_bytes().splitlines()


def body(name):
    return (FRAMES / f"rest_{name}.json").read_bytes()


def push(stream, result, **envelope):
    return json.dumps({"id": 0, "method": f"update.{stream}", "result": result, "error": None, **envelope})


def changed(fields, **changes):
    """A copy with some fields replaced; `...` takes one out."""
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}


def refusal(frame):
    with pytest.raises(ProtocolError) as caught:
        parse(frame)
    return str(caught.value)


TRADE_FIELDS = json.loads(lines("trade")[0])["result"]
BOOK_FIELDS = json.loads(lines("depth")[0])["result"]
STATE_FIELDS = json.loads(lines("state")[0])["result"]["ETHUSDT"]


class TestTrade:
    def test_every_literal_form_is_read_without_loss(self):
        pushes = [parse(line) for line in lines("trade")]
        assert all(isinstance(each, TradePush) for each in pushes)
        assert pushes[0].trades == pushes[2].trades == pushes[3].trades == pushes[5].trades == (TRADE,)
        assert pushes[1].trades[0].price == "1573.80"
        assert pushes[1].trades[0].type == "sell"
        assert [trade.id for trade in pushes[4].trades] == [27699216, 27699218]

    def test_a_list_of_trades_is_read_and_noticed(self):
        assert parse(lines("trade")[4]).notices == ("trade push is a list",)
        assert parse(lines("trade")[0]).notices == ()

    def test_unknown_fields_are_noticed_once_at_both_levels(self):
        trade = changed(TRADE_FIELDS, deal="x", foo=None)
        found = parse(push("trade", [trade, trade], ts=5)).notices
        assert found == (
            "unknown field push.ts",
            "trade push is a list",
            "unknown field trade.deal",
            "unknown field trade.foo",
        )

    def test_decimals_written_as_numbers_are_read(self):
        trade = parse(push("trade", changed(TRADE_FIELDS, price=1573.5, amount=3))).trades[0]
        assert (trade.price, trade.amount) == ("1573.5", "3")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"type": "BUY"}, "trade.type is neither buy nor sell"),
            ({"type": ...}, "trade.type is neither buy nor sell"),
            ({"id": "x"}, "trade.id is not an integer"),
            ({"id": True}, "trade.id is not an integer"),
            ({"id": 2**63}, "trade.id is not an integer"),
            ({"market": ...}, "trade.market is missing"),
            ({"market": 5}, "trade.market is missing"),
            ({"price": "1,5"}, "trade.price is not a decimal"),
            ({"price": "NaN"}, "trade.price is not a decimal"),
            ({"price": "1e999"}, "trade.price is not a decimal"),
            ({"price": "\u0661"}, "trade.price is not a decimal"),
            ({"price": "-"}, "trade.price is not a decimal"),
            ({"amount": None}, "trade.amount is not a decimal"),
            ({"amount": True}, "trade.amount is not a decimal"),
            ({"time": 1697619536256}, "trade.time is out of range"),
            ({"time": None}, "trade.time is not a decimal"),
        ],
    )
    def test_a_trade_that_cannot_be_stored_is_refused_with_the_field(self, changes, reason):
        assert refusal(push("trade", changed(TRADE_FIELDS, **changes))) == reason

    def test_the_deals_endpoint_takes_its_market_from_the_question(self):
        (item,) = parse_answer(body("deals")).data
        assert parse_trade(item, "ETHUSDT") == TRADE

    def test_a_trade_survives_encoding_and_reading(self):
        assert parse(encode_push("trade", trade_result(TRADE))) == TradePush((TRADE,))


class TestDepth:
    def test_every_literal_form_is_read_without_loss(self):
        books = [parse(line).book for line in lines("depth")]
        first = books[0]
        assert first.asks == (("1621.22", "30.613"), ("1621.30", "2"))
        assert first.bids == (("1573.84", "0.819"), ("1573.5", "1.25"), ("1573.10", "0.001"))
        assert (first.last, first.index_price, first.sign_price) == ("1573.89", "1577.63", "1581.5")
        assert (first.market, first.time) == ("ETHUSDT", 1697620709569)
        assert books[5] == first
        assert books[2].asks == ()
        assert books[3].bids == ()

    def test_absent_prices_are_none_in_every_form_of_absence(self):
        assert parse(lines("depth")[3]).book.last is None
        assert (parse(lines("depth")[4]).book.last, parse(lines("depth")[4]).book.index_price) == (None, None)
        bare = changed(BOOK_FIELDS, last="--", index_price=..., sign_price=...)
        book = parse(push("depth", bare)).book
        assert (book.last, book.index_price, book.sign_price) == (None, None, None)

    def test_levels_may_be_objects_or_longer_than_a_pair(self):
        levels = [{"price": "2", "quantity": "1"}, {"price": 3, "amount": "4"}, ["5", "6", "extra"]]
        book = parse(push("depth", changed(BOOK_FIELDS, asks=levels))).book
        assert book.asks == (("2", "1"), ("3", "4"), ("5", "6"))

    def test_unknown_fields_are_noticed(self):
        assert parse(push("depth", changed(BOOK_FIELDS, checksum=1))).notices == (
            "unknown field depth.checksum",
        )

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"asks": ...}, "depth.asks is not a list"),
            ({"bids": {}}, "depth.bids is not a list"),
            ({"bids": [["1"]]}, "depth.bids has a level that is no pair"),
            ({"bids": ["12"]}, "depth.bids has a level that is no pair"),
            ({"bids": [["1", ""]]}, "depth.bids is not a decimal"),
            ({"bids": [{"price": "1"}]}, "depth.bids is not a decimal"),
            ({"time": 1697620709.5}, "depth.time is not an integer"),
            ({"time": 1697620709}, "depth.time is out of range"),
            ({"market": None}, "depth.market is missing"),
            ({"last": []}, "depth.last is not a decimal"),
        ],
    )
    def test_a_book_that_cannot_be_stored_is_refused_with_the_field(self, changes, reason):
        assert refusal(push("depth", changed(BOOK_FIELDS, **changes))) == reason

    def test_the_depth_endpoint_takes_its_market_from_the_question(self):
        book = parse_book(parse_answer(body("depth")).data, "ETHUSDT")
        assert book == parse(lines("depth")[1]).book

    def test_a_book_survives_encoding_and_reading(self):
        book = Book("A", (("2", "1"),), (("1", "3.0"), ("0.9", "4")), None, "1.5", "1.6", 1697620709569)
        assert parse(encode_push("depth", book_result(book))) == DepthPush(book)


class TestKline:
    def test_every_literal_form_is_read_and_both_column_orders_agree(self):
        pushes = [parse(line) for line in lines("kline")]
        assert all(isinstance(each, KlinePush) and each.period == "1min" for each in pushes)
        assert [[candle.order for candle in each.candles] for each in pushes] == [
            ["flat"], ["ohlc"], ["ochl"], ["ohlc", "flat"], ["ochl", "flat"], ["named"], ["ohlc"],
        ]  # fmt: skip
        assert all(each.faults == () for each in pushes)
        assert pushes[1].candles == pushes[6].candles == (LINEAR,)
        prices = {(c.open, c.high, c.low, c.close) for c in (pushes[n].candles[0] for n in (1, 2, 5))}
        assert prices == {("1571.23", "1575.00", "1570.01", "1573.89")}

    def test_a_row_that_fits_no_order_is_a_fault_and_the_others_stand(self):
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
    def test_columns_are_decided_by_number_never_by_text(self, prices, order, close):
        candle = parse_candle([1697560680, *prices, "0", "0", "A"], None)
        assert (candle.order, candle.close) == (order, close)

    @given(st.permutations(["1", "2", "3", "4"]))
    def test_whatever_is_read_has_high_and_low_that_bound_it(self, prices):
        candles, faults = parse_candles([[1697560680, *prices, "0", "0", "A"]], None)
        assert len(candles) + len(faults) == 1
        for candle in candles:
            assert (candle.high, candle.low) == ("4", "1")
            assert sorted((candle.open, candle.high, candle.low, candle.close)) == ["1", "2", "3", "4"]

    def test_optional_parts_of_a_row_may_be_missing(self):
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
    def test_a_row_that_cannot_be_stored_is_refused_with_the_field(self, row, reason):
        assert parse_candles([row], None) == ((), (reason,))

    @pytest.mark.parametrize(
        ("result", "reason"),
        [
            ([], "kline is not an object"),
            ({"period": "1min"}, "kline.data is not a list"),
            ({"data": []}, "kline.period is missing"),
        ],
    )
    def test_a_push_without_rows_or_period_is_refused(self, result, reason):
        assert refusal(push("kline", result)) == reason

    def test_unknown_fields_are_noticed(self):
        assert parse(push("kline", {"data": [], "period": "1min", "x": 1})).notices == (
            "unknown field kline.x",
        )

    def test_the_kline_endpoint_answers_rows_as_in_the_push(self):
        candles, faults = parse_candles(parse_answer(body("kline")).data, None)
        assert faults == ()
        assert candles == parse(lines("kline")[0]).candles

    @pytest.mark.parametrize("order", ["ohlc", "ochl"])
    def test_a_candle_survives_encoding_and_reading_in_either_order(self, order):
        result = kline_result("1min", [candle_row(LINEAR, order)], "ETHUSDT")
        (candle,) = parse(encode_push("kline", result)).candles
        assert candle == Candle(**{**{n: getattr(LINEAR, n) for n in LINEAR.__slots__}, "order": order})


class TestState:
    def test_every_literal_form_is_read_verbatim(self):
        for line in lines("state"):
            message = parse(line)
            assert isinstance(message, StatePush)
            assert message.states == json.loads(line)["result"]
        assert parse(lines("state")[0]).states["ETHUSDT"]["insurance"] == "10500.45426906585552617850"
        assert set(parse(lines("state")[1]).states) >= {"1000SHIBUSDT", "ETHUSDT"}

    def test_unknown_fields_are_noticed_once_for_all_markets(self):
        states = {"A": changed(STATE_FIELDS, deal="1"), "B": changed(STATE_FIELDS, deal="2", time=3)}
        notices = parse(push("state", states)).notices
        assert notices == ("unknown field state.deal", "unknown field state.time")
        assert parse(lines("state")[3]).notices == ("unknown field state.server_time",)

    def test_fields_may_be_absent(self):
        assert parse(push("state", {"A": {}})).states == {"A": {}}

    @pytest.mark.parametrize(
        ("result", "reason"),
        [
            ({}, "state is not an object of markets"),
            ([], "state is not an object of markets"),
            ({"": {}}, "state is not an object of markets"),
            ({"A": []}, "state is not an object of markets"),
            ({"A": {"last": "x"}}, "state.last is not a decimal"),
            ({"A": {"insurance": {}}}, "state.insurance is not a decimal"),
            ({"A": {"funding_time": "soon"}}, "state.funding_time is not an integer"),
        ],
    )
    def test_a_state_that_cannot_be_stored_is_refused_with_the_field(self, result, reason):
        assert refusal(push("state", result)) == reason

    def test_both_state_endpoints_answer_what_the_push_holds(self):
        one = parse_answer(body("state")).data
        every = parse_answer(body("state_all")).data
        assert parse_states({"ETHUSDT": one})["ETHUSDT"] == STATE_FIELDS
        assert parse_states(every)["1000SHIBUSDT"]["market"] == "1000SHIBUSDT"


decimals = st.decimals(allow_nan=False, allow_infinity=False, places=8).map(lambda value: f"{value:f}")


@settings(max_examples=100, deadline=None)
@given(decimals, decimals, st.integers(-(2**63), 2**63 - 1), st.floats(946_684_800, 4_102_444_799))
def test_any_trade_survives_encoding_and_reading(price, amount, trade_id, time):
    trade = Trade(trade_id, "BTCUSDT", price, amount, "sell", time)
    assert parse(encode_push("trade", trade_result(trade))) == TradePush((trade,))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(decimals, decimals), max_size=5), st.none() | decimals)
def test_any_book_survives_encoding_and_reading(levels, last):
    book = Book("BTCUSDT", tuple(levels), tuple(reversed(levels)), last, None, last, 1697620709569)
    assert parse(encode_push("depth", book_result(book))) == DepthPush(book)
