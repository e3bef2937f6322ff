"""Pushes of the four public streams, read and written, against the literal texts of the documents."""

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from literal import body, lines, push, refusal

from recorder.exchange.answers import parse_answer
from recorder.exchange.encoding import book_result, encode_push, trade_result
from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import parse
from recorder.exchange.pushes import STATE_FIELDS as STATE_FIELD_NAMES
from recorder.exchange.pushes import (
    Book,
    DepthPush,
    State,
    StatePush,
    Trade,
    TradePush,
    parse_book,
    parse_states,
    parse_trade,
    read_state,
    read_states,
)

TRADE = Trade(27699216, "ETHUSDT", "1573.89", "0.922", "buy", 1697619536.256684)


def changed(item, **changes):
    """A copy with some fields replaced; `...` takes one out."""
    return {name: value for name, value in {**item, **changes}.items() if value is not ...}


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


class TestReadState:
    def test_every_field_of_the_document_is_a_field_under_its_own_name(self):
        names = [each.name for each in fields(State)]
        assert set(names) == {*STATE_FIELD_NAMES, "more"}
        assert read_state("ETHUSDT", STATE_FIELDS, notices := []) == State(**STATE_FIELDS)
        assert notices == []

    def test_decimals_are_the_texts_that_came_and_counts_are_integers(self):
        state = read_state("ETHUSDT", STATE_FIELDS, [])
        assert (state.insurance, state.position_amount) == ("10500.45426906585552617850", "2.100")
        assert (state.funding_time, state.period) == (400, 86_400)

    def test_every_field_may_be_absent_or_stand_for_no_value(self):
        for item in ({}, dict.fromkeys(STATE_FIELD_NAMES), {"last": "-", "open": "--", "high": ""}):
            assert read_state("A", item, notices := []) == State(market="A")
            assert notices == []

    def test_what_the_document_does_not_have_is_kept_and_noticed(self):
        state = read_state("A", {"last": "1", "deal": {"x": [1]}, "time": 3}, notices := [])
        assert state.more == {"deal": {"x": [1]}, "time": 3}
        assert notices == ["unknown field state.deal", "unknown field state.time"]

    def test_what_cannot_be_read_costs_its_field_and_is_noticed(self):
        odd = {"last": "x", "open": "2", "funding_time": "soon", "period": []}
        state = read_state("A", odd, notices := [])
        assert state == State(market="A", open="2")
        assert notices == [
            "state.last is not a decimal",
            "state.period is not an integer",
            "state.funding_time is not an integer",
        ]

    def test_of_all_states_one_that_is_none_costs_itself(self):
        found = read_states({"A": {"last": "1"}, "B": []}, notices := [])
        assert found == {"A": State(market="A", last="1")}
        assert notices == ["state is not an object"]

    @pytest.mark.parametrize("result", [None, [], {}, "x"])
    def test_what_is_no_object_of_markets_is_refused(self, result):
        with pytest.raises(ProtocolError, match="state is not an object of markets"):
            read_states(result, [])


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
