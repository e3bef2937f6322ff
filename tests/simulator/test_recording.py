import gzip

import pytest
import zstandard

from recorder.journal.writer import JournalWriter
from recorder.simulator.recording import RecordingError, read_frames

ODD = b'{"id": 0, "method" :"update.trade","result":{"price":"1.2300"} }'
LINES = [b'{"t":1,"frame":' + ODD + b"}\n", b"\n", b'{"t":2,"frame":{"a":[1, 2]}}\n']
EXPECTED = [(1, ODD), (2, b'{"a":[1, 2]}')]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("r.ndjson", lambda data: data),
        ("r.ndjson.gz", gzip.compress),
        ("r.ndjson.zst", zstandard.ZstdCompressor().compress),
        ("two.zst", lambda data: zstandard.compress(data[:30]) + zstandard.compress(data[30:])),
    ],
)
def test_frames_are_cut_out_of_their_lines_byte_for_byte(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(b"".join(LINES)))
    assert list(read_frames(path)) == EXPECTED


def journal(directory, frames):
    """A journal as the recorder writes it, with lines of other kinds between the frames."""
    writer = JournalWriter(directory, "main", "a1", "0.1.0", flush_s=0.01)
    for t, frame in frames:
        writer.append_event("clock", {"step_ns": 1}, t_ns=t)
        writer.append_rest("market_list", {}, 200, b'{"code":0}')
        writer.append_frames(t, 1, [frame, b"not json"])
    writer.close()


def test_a_journal_directory_is_read_segment_after_segment_frames_only(tmp_path):
    journal(tmp_path / "journal" / "main", [(1, ODD)])
    journal(tmp_path / "journal" / "main", [(2, b'{"a":[1, 2]}')])
    assert list(read_frames(tmp_path / "journal")) == EXPECTED
    assert list(read_frames(tmp_path / "journal" / "main")) == EXPECTED


def test_one_segment_alone_is_a_recording_too(tmp_path):
    journal(tmp_path / "main", EXPECTED)
    (segment,) = (tmp_path / "main").glob("*.jsonl.zst")
    assert list(read_frames(segment)) == EXPECTED


def test_damage_in_a_journal_costs_only_what_it_hit(tmp_path):
    for number in range(3):
        journal(tmp_path / "main", [(number, b'{"n":%d}' % number)])
    second = sorted((tmp_path / "main").glob("*.jsonl.zst"), key=lambda file: file.name[-16:])[1]
    data = bytearray(second.read_bytes())
    data[len(data) // 2] ^= 0xFF
    second.write_bytes(data)
    assert [t for t, _ in read_frames(tmp_path)] == [0, 2]


def test_of_several_journals_one_must_be_named(tmp_path):
    for name in ("a", "b"):
        journal(tmp_path / name, EXPECTED)
    with pytest.raises(RecordingError, match="give one of"):
        read_frames(tmp_path)


def test_a_torn_file_gives_what_is_whole(tmp_path):
    path = tmp_path / "torn.ndjson.gz"
    lines = [f'{{"t":{n},"frame":{{"n":{n * 7919}}}}}\n' for n in range(20_000)]
    whole = gzip.compress("".join(lines).encode())
    path.write_bytes(whole[: len(whole) // 2])
    read = list(read_frames(path))
    assert 1_000 < len(read) < 20_000
    assert read == [(n, b'{"n":%d}' % (n * 7919)) for n in range(len(read))]


@pytest.mark.parametrize(
    ("name", "data"), [("a.ndjson", b"hello\n"), ("a.ndjson.gz", b"no gzip"), ("a.zst", b"no zstd")]
)
def test_what_is_no_recording_is_refused_by_name(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=f"{name}: not a recording"):
        list(read_frames(path))


def test_a_missing_recording_is_refused_with_what_would_do(tmp_path):
    with pytest.raises(RecordingError, match="give an NDJSON file"):
        read_frames(tmp_path / "none")
