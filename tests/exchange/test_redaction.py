"""What signs is cut from what is written down, however it is repeated; all else stays as it came."""

import base64
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.exchange.redaction import Redaction, Signed
from recorder.exchange.signing import Credentials, sign

ID, KEY = "id/of+tests", 'a key="of" tests/+'
WHO = Credentials.of(ID, KEY)
SIGNED = sign(WHO, "0123456789abcdef0123", 1_697_619_536)
SECRETS = (ID, KEY, SIGNED["nonce"], SIGNED["sign"])
WAYS = {
    "text": str,
    "upper": str.upper,
    "swapped": str.swapcase,
    "url": lambda text: quote(text, safe=""),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "json": json.dumps,
    "json with slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "html": html.escape,
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
}


def redaction():
    made = Redaction(WHO)
    made.remember(SIGNED)
    return made


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_is_cut_in_each_form(secret, way):
    cut = redaction().cut_text(f"<p>no: {way(secret)}!</p>")
    assert "(cut)" in cut
    assert way(secret).lower() not in cut.lower()


@given(st.binary(max_size=5), st.binary(max_size=5), st.sampled_from(SECRETS))
def test_each_is_cut_in_base64_wherever_it_stands_in_a_text(before, after, secret):
    text = base64.b64encode(before + secret.encode() + after)
    assert b"(cut)" in redaction().cut(text)


def test_a_question_is_cut_by_its_names_whoever_signed_it():
    asked = {"client_id": "another", "nonce": "n-1", "ts": "5", "sign": "s-1", "market": "BTC"}
    for text in (urlencode(asked), quote(urlencode(asked)), json.dumps(asked), json.dumps(json.dumps(asked))):
        cut = redaction().cut_text(text)
        assert [value for value in ("another", "n-1", "s-1") if value in cut] == []
        assert "BTC" in cut


def test_json_stays_json():
    asked = {"data": {"client_id": 77, "sign": None, "nonce": "a"}, "msg": f'{{"sign":"{SIGNED["sign"]}"}}'}
    cut = json.loads(redaction().cut(json.dumps(asked).encode()))
    assert cut["data"] == {"client_id": "(cut)", "sign": "(cut)", "nonce": "(cut)"}


def test_an_answer_that_repeats_nothing_stays_as_it_came():
    text = json.dumps({"sign_price": "1.5", "user_id": 9108, "design": "sign", "key": "tests"}).encode()
    assert redaction().cut(text) == text


def test_an_id_that_is_a_number_is_not_cut_from_numbers():
    made = Redaction(Credentials.of("16976195", KEY))
    text = b'{"time":1697619536.25,"order_id":16976195,"client_id":"16976195"}'
    assert made.cut(text) == b'{"time":1697619536.25,"order_id":16976195,"client_id":"(cut)"}'


def test_what_is_signed_shows_in_no_repr():
    assert repr(Signed(SIGNED)) == "Signed(client_id, nonce, ts, sign)"
    assert repr(redaction()) == "Redaction()"
