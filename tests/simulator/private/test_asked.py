import json

import pytest

from recorder.simulator.private.asked import page_of, read_body
from recorder.simulator.refused import RefusedError


def test_a_body_is_read_as_what_it_is_whatever_its_header_says():
    assert read_body(b"a=1&b=x%20y&c=") == {"a": "1", "b": "x y", "c": ""}
    assert read_body(b' {"a": 1, "b": 0.10, "c": true, "d": null, "e": "x"}') == {
        "a": "1", "b": "0.10", "c": "true", "e": "x",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["market", "side", "quantity", "page", "asset", "order_price", "sign"])
@pytest.mark.parametrize("value", [[1], {}, {"a": 1}])
def test_a_field_that_calls_have_is_one_value(name, value):
    with pytest.raises(RefusedError) as caught:
        read_body(json.dumps({name: value}).encode())
    assert caught.value.code == 80_005


def test_a_field_that_no_call_has_costs_nothing_whatever_it_holds():
    assert read_body(b'{"side": 2, "tags": ["x"], "meta": {"a": [1]}, "note": "n"}') == {
        "side": "2",
        "note": "n",
    }


@pytest.mark.parametrize("body", [b"{", b'{"a":' + b"[" * 100_000, b"{'a': 1}"])
def test_a_body_that_is_not_json_is_a_wrong_parameter(body):
    with pytest.raises(RefusedError) as caught:
        read_body(body)
    assert caught.value.code == 80_005


def test_a_number_that_is_whole_is_that_whole_number():
    body = b'{"side": 2.0, "page": 2e0, "quantity": 0.10, "price": 9.7e4, "order_id": 17e0, "x": "2.0"}'
    assert read_body(body) == {
        "side": "2", "page": "2", "quantity": "0.10", "price": "97000", "order_id": "17", "x": "2.0",
    }  # fmt: skip
    assert read_body(b'{"a": 1e999999999, "b": NaN}') == {"a": "1e999999999", "b": "NaN"}


@pytest.mark.parametrize("body", [b'{"market": "BTCUSDT"}', b"market=BTCUSDT"])
def test_a_byte_order_mark_before_a_body_is_no_part_of_it(body):
    assert read_body(b"\xef\xbb\xbf" + body) == {"market": "BTCUSDT"}


def test_a_page_that_is_not_named_is_the_first_ten_of_all_time():
    page = page_of({})
    assert (page.number, page.size, page.start_us) == (1, 10, 0)
    assert page.end_us > 2e15
    page = page_of({"page": "3", "page_size": "100", "start_time": "5.7", "end_time": "7"})
    assert (page.number, page.size, page.start_us, page.end_us) == (3, 100, 5_000_000, 7_999_999)


@pytest.mark.parametrize("text", ["5.junk", "5.7.1", "1_000", " 5", "-1", "9" * 25])
def test_a_time_that_is_no_number_is_refused_whole(text):
    with pytest.raises(RefusedError) as caught:
        page_of({"start_time": text})
    assert caught.value.code == 20_017
