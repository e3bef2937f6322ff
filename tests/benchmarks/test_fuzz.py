"""The fuzzing of the whole way: it goes through, and what it checks it would notice."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from fuzz import CONNECTION, FIRST_US, WrongError, check_given_back, check_kept, endings, lots
from mutation import literal, simulated

from recorder.lake.decoding.decoder import Decoder

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TRADE = (
    b'{"id":0,"method":"update.trade","result":{"amount":"1","id":7,"market":"AAA","price":"2",'
    b'"time":1795392000.5,"type":"buy"},"error":null}'
)
EMPTY = b'{"id":0,"method":"update.kline","result":{"data":[],"period":"1min"},"error":null}'


def decoded(*frames):
    lines = (
        b'{"t":%d,"c":%d,"f":%b}\n' % ((FIRST_US + n) * 1000, CONNECTION, frame)
        for n, frame in enumerate(frames)
    )
    return Decoder(fast=False).decode(b"".join(lines), 0)


@pytest.mark.long
def test_some_thousand_frames_go_the_whole_way_and_each_is_counted():
    command = [sys.executable, str(BENCHMARKS / "fuzz.py"), "--frames", "3000", "--processes", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "3,000 frames" in done.stdout
    assert "not JSON" in done.stdout


def test_the_same_seed_makes_the_same_frames_of_every_stream_and_most_of_them_are_changed():
    [frames], [again], [others] = (list(lots(300, seed)) for seed in (1, 1, 2))
    assert frames == again != others
    usual = {frame for stream in (*simulated(1), literal()) for frame in stream}
    assert 0.15 < sum(frame in usual for frame in frames) / 300 < 0.4


def test_how_frames_end_is_told_by_table_record_and_reason():
    frames = [TRADE, b"{", b'{"id":1,"result":"success"}', EMPTY]
    assert endings(decoded(*frames), frames, FIRST_US) == {
        "rows of trades, by trade": 1,
        "rejected: not JSON": 1,
        "record: reply": 1,
        "nothing: the push holds nothing": 1,
    }


def test_a_frame_that_ended_as_nothing_or_as_two_things_is_noticed():
    with pytest.raises(WrongError, match="ended as nothing"):
        endings(decoded(b"{"), [b"{", TRADE], FIRST_US)
    twice = decoded(TRADE)
    twice = type(twice)(**{**{name: getattr(twice, name) for name in twice.__slots__},
                           "rejects": decoded(b"{").rejects})  # fmt: skip
    with pytest.raises(WrongError):
        endings(twice, [TRADE], FIRST_US)


def test_a_reject_that_is_not_its_frame_or_has_no_reason_is_noticed():
    check_kept({"frame": "\\xff", "reason": "not JSON"}, b"\xff")
    check_kept({"frame": "base64:/w==", "reason": "not UTF-8"}, b"\xff")
    with pytest.raises(WrongError, match="does not hold its frame"):
        check_kept({"frame": "x", "reason": "not JSON"}, b"y")
    with pytest.raises(WrongError, match="without a reason"):
        check_kept({"frame": "x", "reason": ""}, b"x")


@pytest.mark.parametrize("kept", [b'"f":[1]', b'"x":"[1]"', b'"b":"WzFd"'])
def test_a_line_that_does_not_give_back_its_frame_is_noticed(kept):
    line = b'{"t":%d,"c":%d,%b}' % (FIRST_US * 1000, CONNECTION, kept)
    check_given_back([line], [b"[1]"])
    with pytest.raises(WrongError, match="does not give back"):
        check_given_back([line], [b"[2]"])
