"""REST answers, against the literal texts of the document."""

from pathlib import Path

import pytest

from recorder.exchange.answers import Market, encode_answer, encode_refusal, parse_answer, parse_market_list
from recorder.exchange.fields import ProtocolError, optional_decimal

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"


def body(name):
    return (FRAMES / f"rest_{name}.json").read_bytes()


class TestAnswers:
    def test_the_market_list_of_the_document_is_read(self):
        markets, faults = parse_market_list(parse_answer(body("market_list")).data)
        assert faults == ()
        (market,) = markets
        assert (market.name, market.stock, market.money, market.type) == ("BTCUSTT", "BTC", "USTT", 1)
        assert (market.tick_size, market.amount_min, market.available) == ("0.01", "0.0001", True)
        assert (market.stock_prec, market.money_prec, market.amount_prec, market.fee_prec) == (8, 2, 4, 5)
        assert market.leverages == ("3", "5", "8", "10", "15", "20", "30", "50", "100")
        assert market.limits[0] == ("2500.0001", "3", "0.15")
        assert len(market.limits) == 9

    def test_a_market_needs_nothing_but_its_name(self):
        markets, faults = parse_market_list([{"name": "A"}, {"name": "B", "stock": None, "available": False}])
        assert faults == ()
        assert markets[0] == Market("A", None, "", "", None, None, None, None, None, None, True, (), ())
        assert (markets[1].stock, markets[1].available) == ("", False)

    @pytest.mark.parametrize(
        ("item", "reason"), [(5, "market is not an object"), ({}, "market.name is missing")]
    )
    def test_a_market_without_a_name_is_a_fault_and_the_others_stand(self, item, reason):
        markets, faults = parse_market_list([item, {"name": "B"}])
        assert faults == (reason,)
        assert [market.name for market in markets] == ["B"]

    @pytest.mark.parametrize(
        ("name", "value", "empty"),
        [
            ("type", "swap", None),
            ("tick_size", "abc", None),
            ("fee_prec", "x", None),
            ("limits", 5, ()),
            ("limits", [["1", "2"]], ()),
            ("limits", [None], ()),
            ("leverages", "35", ()),
            ("leverages", [None], ()),
        ],
    )
    def test_what_is_odd_in_a_market_is_told_and_the_market_stands(self, name, value, empty):
        markets, faults = parse_market_list([{"name": "A", name: value}])
        assert faults == (f"market.{name} cannot be read",)
        assert getattr(markets[0], name) == empty

    def test_answers_and_refusals_survive_encoding_and_reading(self):
        answer = parse_answer(encode_answer([1]))
        assert (answer.code, answer.message, answer.data, answer.time) == (0, "success", [1], None)
        refused = parse_answer(encode_refusal(20002, "market error"))
        assert (refused.code, refused.message, refused.data) == (20002, "market error", None)

    def test_the_servers_time_is_read_where_it_is_one(self):
        assert parse_answer(b'{"code":0,"time":1697619536.5}').time == 1697619536.5
        for time in (b"null", b'"now"', b"0", b"1" * 400):
            assert parse_answer(b'{"code":0,"time":' + time + b"}").time is None

    @pytest.mark.parametrize("text", [b"{}", b'{"code":"0"}', b'{"code":false}', b"<html>502</html>", b"[]"])
    def test_what_is_not_the_venues_envelope_is_refused(self, text):
        with pytest.raises(ProtocolError):
            parse_answer(text)


@pytest.mark.parametrize("value", [None, "", "-", "--"])
def test_the_venues_words_for_no_value_are_no_value(value):
    assert optional_decimal(value, "x") is None
