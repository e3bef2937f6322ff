import pytest

from recorder.simulator.private.asked import page_of, read_body
from recorder.simulator.refused import RefusedError


def test_a_body_is_read_as_what_it_is_whatever_its_header_says():
    assert read_body(b"a=1&b=x%20y&c=") == {"a": "1", "b": "x y", "c": ""}
    assert read_body(b' {"a": 1, "b": 0.10, "c": true, "d": null, "e": "x"}') == {
        "a": "1", "b": "0.10", "c": "true", "e": "x",
    }  # fmt: skip


@pytest.mark.parametrize("body", [b'{"a": [1]}', b'{"a": {}}', b"{", b'{"a":' + b"[" * 100_000])
def test_a_body_with_more_than_single_values_is_a_wrong_parameter(body):
    with pytest.raises(RefusedError) as caught:
        read_body(body)
    assert caught.value.code == 80_005


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
