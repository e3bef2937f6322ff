import pytest

from recorder.exchange.messages import ProtocolError, Reply, parse
from recorder.simulator.faults import VARIANTS, Fault
from recorder.simulator.living import STATE
from recorder.simulator.mischief import Mischief, garbage
from recorder.simulator.source import Push

NOW_S = 1_795_392_000


def test_a_silence_swallows_its_stream_only_and_only_while_it_lasts():
    mischief = Mischief()
    mischief.begin(Fault("silence", at=0, stream="state", seconds=2), 10.0)
    push = Push(1, STATE, b"")
    assert not mischief.passes(push, 11.0)
    assert mischief.passes(push, 12.0)
    mischief.begin(Fault("silence", at=0, stream="trade", seconds=2), 12.0)
    assert mischief.passes(push, 12.5)


def test_late_pushes_are_held_back_in_number_and_released_after_their_time():
    mischief = Mischief()
    mischief.begin(Fault("late", at=0, count=2, seconds=1.0), 10.0)
    pushes = [Push(n, STATE, b"") for n in range(3)]
    assert [mischief.passes(push, 10.0) for push in pushes] == [False, False, True]
    assert mischief.released(10.9) == []
    assert mischief.released(11.0) == pushes[:2]
    assert mischief.released(11.0) == []


def test_a_gateway_and_a_code_answer_for_their_paths_only():
    mischief = Mischief()
    mischief.begin(Fault("http", at=0, status=429, seconds=1, path="/open/api/v2/market/deals"), 0.0)
    mischief.begin(Fault("code", at=0, seconds=1), 0.0)
    assert mischief.gateway("/open/api/v2/market/deals", 0.5) == 429
    assert mischief.gateway("/open/api/v2/market/list", 0.5) is None
    assert mischief.code("/open/api/v2/market/list", 0.5) == 1_010_007
    assert mischief.code("/open/api/v2/market/list", 1.5) is None


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("not_json", "not JSON"),
        ("binary", "not JSON"),
        ("truncated", "not JSON"),
        ("wrong_types", "depth is not an object"),
        ("empty", "not JSON"),
        ("nested", "not JSON"),
        ("nan_price", "trade.price is not a decimal"),
        ("invalid_utf8", "not JSON"),
    ],
)
def test_garbage_is_refused_by_the_protocol_each_kind_for_its_own_reason(variant, reason):
    ((payload, _),) = garbage(Fault("garbage", at=0, variant=variant), "BTCUSDT", NOW_S)
    with pytest.raises(ProtocolError, match=reason):
        parse(payload)


def test_an_unknown_method_and_an_impossible_candle_are_read_as_such():
    ((weather, _),) = garbage(Fault("garbage", at=0, variant="unknown_method"), "BTCUSDT", NOW_S)
    assert isinstance(parse(weather), Reply)
    ((candle, _),) = garbage(Fault("garbage", at=0, variant="bad_candle"), "BTCUSDT", NOW_S)
    assert parse(candle).faults == ("candle prices fit no column order",)


def test_without_a_variant_all_that_clients_survive_come_in_turn():
    sent = [payload for payload, _ in garbage(Fault("garbage", at=0, count=20), "BTCUSDT", NOW_S)]
    assert len(set(sent)) == len(VARIANTS) - 1
    assert all(payload.isascii() for payload in sent if payload[:1] != b"\x00")
