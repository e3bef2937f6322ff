import pytest

from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import Reply, parse
from recorder.exchange.topics import Topic
from recorder.simulator.faults import VARIANTS, Fault
from recorder.simulator.living import STATE
from recorder.simulator.mischief import Mischief, garbage
from recorder.simulator.source import Push

NOW_S = 1_795_392_000


def test_a_silence_swallows_its_stream_only_and_only_while_it_lasts():
    mischief = Mischief()
    mischief.begin(Fault("silence", at=0, stream="state", seconds=2), 10.0)
    push = Push(1, STATE, b"")
    assert mischief.withholds(push, 11.0) == "silence"
    assert mischief.withholds(push, 12.0) is None
    mischief.begin(Fault("silence", at=0, stream="trade", seconds=2), 12.0)
    assert mischief.withholds(push, 12.5) is None


def test_late_pushes_are_held_back_in_number_and_released_after_their_time():
    mischief = Mischief()
    mischief.begin(Fault("late", at=0, count=2, seconds=1.0), 10.0)
    pushes = [Push(n, STATE, b"") for n in range(3)]
    assert [mischief.withholds(push, 10.0) for push in pushes] == ["late", "late", None]
    assert mischief.released(10.9) == []
    assert mischief.released(11.0) == pushes[:2]
    assert mischief.released(11.0) == []


def test_lost_pushes_are_so_many_of_one_stream_and_market_whatever_comes_between():
    mischief = Mischief()
    mischief.begin(Fault("lose", at=0, count=2, stream="trade", market="A"), 10.0)
    pushes = [
        Push(n, Topic(stream, market), b"")
        for n, (stream, market) in enumerate(
            (("depth", "A"), ("trade", "B"), ("trade", "A"), ("state", None), ("trade", "A"), ("trade", "A"))
        )
    ]
    assert [mischief.withholds(push, 10.0) for push in pushes] == [None, None, "lose", None, "lose", None]
    assert mischief.released(99.0) == []


def test_what_is_lost_is_not_counted_as_late():
    mischief = Mischief()
    mischief.begin(Fault("lose", at=0), 10.0)
    mischief.begin(Fault("late", at=0, seconds=1.0), 10.0)
    assert [mischief.withholds(Push(n, STATE, b""), 10.0) for n in range(3)] == ["lose", "late", None]


def test_slowness_is_of_its_path_and_the_greatest_counts():
    mischief = Mischief()
    mischief.begin(Fault("slow", at=0, seconds=0.5, during=4), 0.0)
    mischief.begin(Fault("slow", at=0, seconds=2, during=1, path="/open/api/v2/market/deals"), 0.0)
    deals, markets = "/open/api/v2/market/deals", "/open/api/v2/market/list"
    assert mischief.slowness_s(markets, 0.5) == 0.5
    assert [mischief.slowness_s(deals, now) for now in (0.5, 1.0, 4.0)] == [2, 0.5, 0]


def test_a_gateway_and_a_code_answer_for_their_paths_only():
    mischief = Mischief()
    mischief.begin(Fault("http", at=0, status=429, seconds=1, path="/open/api/v2/market/deals"), 0.0)
    mischief.begin(Fault("code", at=0, seconds=1), 0.0)
    assert mischief.gateway("/open/api/v2/market/deals", 0.5) == 429
    assert mischief.gateway("/open/api/v2/market/list", 0.5) is None
    assert mischief.code("/open/api/v2/market/list", 0.5) == 1_010_007
    assert mischief.code("/open/api/v2/market/list", 1.5) is None


def test_a_fault_of_no_path_strikes_the_documents_old_places_too():
    mischief = Mischief()
    mischief.begin(Fault("http", seconds=1.0), 0.0)
    for place in ("v2/order/pending", "2/position/pending"):
        assert mischief.gateway(f"/open/api/{place}", 0.5) == 502


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
