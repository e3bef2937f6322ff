"""Signatures are the document's, and who signs shows nowhere."""

import traceback

import pytest

from recorder.exchange.signing import Credentials, sign, signature, without_signature

ID, KEY = "12345", "a-key-of-tests"
BY_OPENSSL = "f32024e71bb2ddae08dda393f75cb7f631c30a9a15046daf47621ff3b024665a"
"""printf 'client_id=12345&nonce=abcdefg&ts=1697619536' | openssl dgst -sha256 -hmac a-key-of-tests"""


def test_a_signature_is_what_openssl_makes_of_the_documents_text():
    assert signature(KEY, ID, "abcdefg", 1_697_619_536) == BY_OPENSSL


def test_the_parameters_are_the_documents_four_as_texts():
    params = sign(Credentials.of(ID, KEY), "abcdefg", 1_697_619_536)
    assert params == {"client_id": ID, "nonce": "abcdefg", "ts": "1697619536", "sign": BY_OPENSSL}


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda who: f"{who.client_key}{who.client_id}"])
def test_neither_id_nor_key_shows_in_a_text(show):
    shown = show(Credentials.of(ID, KEY))
    assert KEY not in shown
    assert ID not in shown


def test_neither_shows_in_a_traceback_with_its_locals():
    who = Credentials.of(ID, KEY)
    try:
        sign(who, "abcdefg", "no time")[who]
    except KeyError as error:
        lines = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert "who" in lines
        assert KEY not in lines


@pytest.mark.parametrize(("client_id", "key", "said"), [("", KEY, "id is empty"), (ID, "", "key is empty")])
def test_half_of_them_is_refused_by_name(client_id, key, said):
    with pytest.raises(ValueError, match=said):
        Credentials.of(client_id, key)


def test_what_is_written_down_of_a_question_is_not_its_signature():
    asked = {"market": "BTCUSDT", "page": 1} | sign(Credentials.of(ID, KEY), "n", 1)
    assert without_signature(asked) == {"market": "BTCUSDT", "page": 1}
