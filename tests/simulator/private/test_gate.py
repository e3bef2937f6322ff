import pytest

from recorder.exchange.refusals import Denial, denial
from recorder.exchange.signing import Credentials, sign
from recorder.simulator.private.gate import KEPT_FOR_S, MAX_NONCES, Gate
from recorder.simulator.private.keys import credentials
from recorder.simulator.refused import RefusedError

NOW = 1_795_392_000.5
KEYS = credentials(1, 2)
ME = Credentials.of("demo-1", KEYS["demo-1"])


def refusal(gate, params, address=None, now_s=NOW):
    with pytest.raises(RefusedError) as caught:
        gate.admit(params, address, now_s)
    return denial(caught.value.code, caught.value.message)


def test_who_signs_as_the_document_says_comes_in():
    assert Gate(KEYS).admit(sign(ME, "n", int(NOW)), None, NOW) == "demo-1"


def test_each_refusal_is_read_by_the_client_as_what_it_is():
    gate = Gate(KEYS)
    good = sign(ME, "n", int(NOW))
    assert refusal(gate, good | {"sign": "00"}) is Denial.WRONG_KEY
    assert refusal(gate, good | {"client_id": "demo-2"}) is Denial.WRONG_KEY
    assert refusal(gate, {}) is Denial.WRONG_KEY
    assert refusal(gate, sign(ME, "n", int(NOW) - 6)) is Denial.WRONG_TIME
    assert refusal(gate, sign(ME, "n", int(NOW) + 6)) is Denial.WRONG_TIME
    gate.admit(good, None, NOW)
    assert refusal(gate, good) is Denial.USED_NONCE
    assert refusal(Gate(KEYS, ("10.0.0.1",)), good, "10.0.0.2") is Denial.WRONG_ADDRESS


def test_a_nonce_may_be_used_again_when_no_signature_of_its_time_is_taken_any_more():
    gate = Gate(KEYS)
    gate.admit(sign(ME, "n", int(NOW)), None, NOW)
    later = NOW + KEPT_FOR_S + 1
    assert gate.admit(sign(ME, "n", int(later)), None, later) == "demo-1"


def test_the_documents_sample_code_comes_in_twice_where_that_is_wanted():
    gate = Gate(KEYS, repeats=True)
    for _ in range(2):
        assert gate.admit(sign(ME, "abcdefg", int(NOW)), None, NOW) == "demo-1"
    assert refusal(gate, sign(ME, "abcdefg", int(NOW) - 6)) is Denial.WRONG_TIME


def test_two_clients_may_use_the_same_nonce():
    gate = Gate(KEYS)
    for client_id, key in KEYS.items():
        assert gate.admit(sign(Credentials.of(client_id, key), "n", int(NOW)), None, NOW) == client_id


def test_a_clock_that_is_set_back_locks_nobody_out():
    gate = Gate(KEYS)
    gate.admit(sign(ME, "n", int(NOW)), None, NOW)
    early = NOW - 3_600
    assert gate.admit(sign(ME, "n", int(early)), None, early) == "demo-1"


def test_the_memory_of_nonces_has_an_end():
    gate = Gate(KEYS)
    gate._used["demo-1"] = {str(number): NOW for number in range(MAX_NONCES)}
    with pytest.raises(RefusedError) as caught:
        gate.admit(sign(ME, "n", int(NOW)), None, NOW)
    assert caught.value.code == 1_010_314


def test_keys_follow_from_the_seed_alone():
    assert credentials(1, 1) == {"demo-1": KEYS["demo-1"]}
    assert credentials(2, 1) != credentials(1, 1)
