"""Codes: which may pass, and why a signed call was denied."""

import pytest

from recorder.exchange.refusals import Denial, denial, hint, retryable


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (429, None, True), (500, None, True), (502, None, True), (503, None, True), (504, None, True),
        (400, None, False), (403, None, False), (404, None, False),
        (200, 1_010_007, True), (200, 1_010_314, True), (200, 12_026, True), (200, 10_500, True),
        (200, 80_005, False), (200, 20_002, False), (200, 20_019, False), (200, 1_010_313, False),
        (200, 0, False),
    ],
)  # fmt: skip
def test_a_call_is_tried_again_when_it_may_succeed_later_and_only_then(status, code, again):
    assert retryable(status, code) is again


@pytest.mark.parametrize(
    ("code", "message", "off_s", "found"),
    [
        (1_010_313, "signature error", 0.3, Denial.WRONG_KEY),
        (1_010_313, "signature error", None, Denial.WRONG_KEY),
        (1_010_316, "sign invalid", 7.0, Denial.WRONG_TIME),
        (1_010_316, "sign invalid", -7.0, Denial.WRONG_TIME),
        (1_010_313, "timestamp expired", 0.0, Denial.WRONG_TIME),
        (1_010_313, "Nonce has been used", 0.0, Denial.USED_NONCE),
        (1_010_313, "sign error: client_id=a&nonce=b&ts=1&sign=c", 0.0, Denial.WRONG_KEY),
        (
            1_010_313,
            'sign error {"client_id": "a", "nonce": "b", "ts": "1", "sign": "c"}',
            0.0,
            Denial.WRONG_KEY,
        ),
        (1_010_313, "api key expired", 0.0, Denial.WRONG_KEY),
        (1_010_313, "key: request expired", 9.0, Denial.WRONG_TIME),
        (1_010_315, "ip not allowed", 9.0, Denial.WRONG_ADDRESS),
        (80_005, "nonce missing", 9.0, None),
        (None, "sign error", None, Denial.WRONG_KEY),
        (None, "invalid api key", None, Denial.WRONG_KEY),
        (None, "timestamp expired", None, Denial.WRONG_TIME),
        (None, "nonce repeated", None, Denial.USED_NONCE),
        (None, "IP not allowed", None, Denial.WRONG_ADDRESS),
        (None, "method not found: sign", None, None),
        (None, "unknown method subscribe.sign", None, None),
        (None, "zip error", None, None),
        (None, "no", None, None),
    ],
)
def test_wrong_key_time_nonce_and_address_are_told_apart(code, message, off_s, found):
    assert denial(code, message, off_s) is found


@pytest.mark.parametrize(
    ("status", "words"),
    [(302, "https"), (401, "key"), (403, "address"), (404, "RECORDER_REST_URL"), (502, "")],
)
def test_what_is_not_the_venues_own_answer_says_what_may_be_behind_it(status, words):
    assert words in hint(status)
    assert (hint(status) == "") is (not words)


def test_each_says_what_to_do():
    cures = {Denial.WRONG_KEY: "check", Denial.WRONG_TIME: "set this machine's clock",
             Denial.USED_NONCE: "twice", Denial.WRONG_ADDRESS: "add it"}  # fmt: skip
    assert {each: cures[each] in each.value for each in Denial} == dict.fromkeys(Denial, True)
