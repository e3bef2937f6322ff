"""The benchmarks' frames are what they say they are: the same each time, sound, and of the stated mix."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from corpus import SHARES, Frame, recorded, synthetic, wire
from stored import publish, write_journal

from recorder.exchange.messages import Reply, parse

COUNT = 1_500


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return synthetic(COUNT, state=True)


def test_the_same_seed_gives_the_same_frames_and_another_one_others(frames):
    assert synthetic(300, state=True) == frames[:300]
    assert synthetic(300, state=True, seed=2) != frames[:300]


def test_every_frame_parses_as_a_push_without_a_notice(frames):
    for frame in frames:
        message = parse(frame.payload)
        assert not isinstance(message, Reply)
        assert message.notices == ()


def test_frames_come_in_the_order_of_their_receive_times(frames):
    times = [frame.t_ns for frame in frames]
    assert times == sorted(times)


def test_the_mix_is_near_the_stated_one_from_the_beginning(frames):
    counts = Counter(frame.stream for frame in frames)
    for stream, share in SHARES.items():
        assert counts[stream] / COUNT == pytest.approx(share, abs=0.06)


def test_frames_have_the_stated_sizes(frames):
    sizes = {stream: [len(f.payload) for f in frames if f.stream == stream] for stream in SHARES}
    means = {stream: sum(found) / len(found) for stream, found in sizes.items()}
    assert means["depth"] == pytest.approx(932, rel=0.05)
    assert means["trade"] == pytest.approx(162, rel=0.05)
    assert means["state"] == pytest.approx(140_000, rel=0.05)


def test_a_journal_of_them_publishes_whole_and_rejects_nothing(frames, tmp_path):
    write_journal(frames, tmp_path)
    gained = publish(tmp_path)
    counts = Counter(frame.stream for frame in frames)
    assert (gained["trades"], gained["depth"]) == (counts["trade"], counts["depth"])
    assert gained["rejects"] == 0


def test_a_recording_gives_back_its_frames_verbatim(tmp_path):
    first = b'{"id":0,"method":"update.trade","result":{"price":"1.50"}}'
    path = tmp_path / "recording.ndjson"
    path.write_bytes(b'{"t":7,"frame":%s}\n{"t":8,"frame":{"id":1,"method":"ping"}}\n' % first)
    assert recorded(path, 10, state=True) == [Frame(7, "trade", first)]


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536])
def test_wire_frames_carry_their_length_as_the_protocol_says(size):
    payload = b"x" * size
    assert wire(payload) == WireFrame(Opcode.TEXT, payload).serialize(mask=False)
