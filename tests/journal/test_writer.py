"""The writer loses nothing that the disk can take, blocks nobody, and says what it could not keep."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import msgspec
import pytest

from recorder.journal import writer as writer_module
from recorder.journal.reader import Block, Damage, JournalReader, segments, writer_alive
from recorder.journal.segment import JournalError
from recorder.journal.writer import JournalWriter

DEADLINE_S = 20.0


def until(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.005)


def open_writer(directory, **limits):
    return JournalWriter(directory, "main", "ab12", "0.1.0", **limits)


def records(directory):
    """Every verified line, decoded, by seq; fails where anything is damaged."""
    found = list(JournalReader(directory).read(final=True))
    assert [item for item in found if isinstance(item, Damage)] == []
    lines = [(b.first_seq + i, line) for b in found for i, line in enumerate(b.data.split(b"\n")[:-1])]
    assert [seq for seq, _ in lines] == list(range(len(lines)))
    return [msgspec.json.decode(line) for _, line in lines]


def child(code, *arguments):
    """A real process that runs `code`."""
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE)


def test_everything_appended_is_there_after_close_in_order(tmp_path):
    writer = open_writer(tmp_path / "journal" / "main")
    writer.append_event("up", {"url": "ws://x"}, connection=4, t_ns=10)
    writer.append_frames(11, 4, [b'{"a":1}', b"no json", b"\xff"])
    writer.append_rest("market_list", {}, 200, b'{"code":0}', t_ns=12)
    writer.append_frames(13, 4, [])
    writer.append_frames(14, 4, [b"[]"])
    writer.close()
    segment, *rest = records(tmp_path / "journal" / "main")
    assert segment["e"] == "segment"
    assert {k: segment[k] for k in ("recorder", "session", "format", "seq", "version")} == {
        "recorder": "main", "session": "ab12", "format": 1, "seq": 0, "version": "0.1.0",
    }  # fmt: skip
    assert rest == [
        {"t": 10, "c": 4, "e": "up", "url": "ws://x"},
        {"t": 11, "c": 4, "f": {"a": 1}},
        {"t": 11, "c": 4, "x": "no json"},
        {"t": 11, "c": 4, "b": "/w=="},
        {"t": 12, "e": "rest", "call": "market_list", "params": {}, "status": 200, "f": {"code": 0}},
        {"t": 14, "c": 4, "f": []},
    ]
    stats = writer.stats
    assert (stats.frames, stats.frame_bytes, stats.dropped_frames, stats.buffered_bytes) == (4, 17, 0, 0)
    assert stats.written_bytes == segments(tmp_path / "journal" / "main")[0].path.stat().st_size
    assert stats.trouble is None


def test_what_is_appended_can_be_read_while_the_writer_lives(tmp_path):
    writer = open_writer(tmp_path)
    reader = JournalReader(tmp_path)
    seen = []
    for number in range(3):
        writer.append_frames(number, 1, [b"%d" % number])

        def arrived():
            seen.extend(line for b in reader.read() if isinstance(b, Block) for line in b.data.splitlines())
            return seen and seen[-1] == b'{"t":%d,"c":1,"f":%d}' % (number, number)  # noqa: B023 -- used at once

        until(arrived, "the frame is readable")
    writer.close()
    assert len(seen) == 4


def test_a_check_line_is_written_though_nothing_arrives(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "ALIVE_S", 0.1)
    writer = open_writer(tmp_path, flush_s=0.01)
    reader = JournalReader(tmp_path)
    until(lambda: list(reader.read()), "the first line is readable")
    first = reader.position
    until(lambda: not list(reader.read()) and reader.position.at > first.at, "the recorder proves its life")
    assert reader.position.seq == first.seq
    writer.close()


def test_a_restart_goes_on_counting_in_a_new_segment(tmp_path):
    for session in range(3):
        writer = open_writer(tmp_path)
        writer.append_frames(session, 1, [b"1", b"2"])
        writer.close()
    assert [segment.ordinal for segment in segments(tmp_path)] == [1, 2, 3]
    assert [r["seq"] for r in records(tmp_path) if r.get("e") == "segment"] == [0, 3, 6]


def test_a_restart_after_a_torn_tail_counts_from_the_last_verified_record(tmp_path):
    writer = open_writer(tmp_path)
    writer.append_frames(1, 1, [b"1", b"2"])
    writer.close()
    path = segments(tmp_path)[0].path
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\x28\xb5\x2f\xfd\x00torn")
    writer = open_writer(tmp_path)
    writer.append_frames(2, 1, [b"3"])
    writer.close()
    before, damage, after = JournalReader(tmp_path).read()
    assert (before.first_seq, before.records, after.first_seq, after.records) == (0, 3, 3, 2)
    assert (damage.after.seq, damage.seq_next) == (3, None)
    assert path.stat().st_size == size + 9


@pytest.mark.parametrize("limits", [{"segment_s": 0.02}, {"segment_bytes": 100}])
def test_segments_rotate_by_time_and_by_size_and_nothing_is_lost_between(tmp_path, limits):
    writer = open_writer(tmp_path, flush_s=0.001, **limits)
    sent = 0
    while len(segments(tmp_path)) < 4:
        writer.append_frames(sent, 1, [b'{"i":%d,"r":"%s"}' % (sent, os.urandom(40).hex().encode())])
        sent += 1
        time.sleep(0.0005)
    writer.close()
    found = records(tmp_path)
    assert [r["f"]["i"] for r in found if "f" in r] == list(range(sent))
    heads = [(seq, r["seq"]) for seq, r in enumerate(found) if r.get("e") == "segment"]
    assert len(heads) == len(segments(tmp_path)) >= 4
    assert all(seq == said for seq, said in heads)


def test_a_second_writer_is_refused_with_the_process_named(tmp_path, monkeypatch):
    monkeypatch.setattr("recorder.journal.segment.LOCK_WAIT_S", 0.05)
    assert not writer_alive(tmp_path)
    writer = open_writer(tmp_path)
    assert writer_alive(tmp_path)
    with pytest.raises(JournalError, match=f"process {os.getpid()}.*another recorder id"):
        open_writer(tmp_path)
    writer.close()
    writer.close()
    assert not writer_alive(tmp_path)
    open_writer(tmp_path).close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="file/journal"):
        open_writer(tmp_path / "file" / "journal")


KILLED = """
import sys, time
from pathlib import Path
from recorder.journal.writer import JournalWriter
writer = JournalWriter(Path(sys.argv[1]), "main", "k", "0")
number = 0
while True:
    writer.append_frames(time.time_ns(), 1, [b'{"i":%d}' % (number + i) for i in range(3)])
    number += 3
    sys.stdout.write(f"{number} {time.monotonic_ns()}\\n")
    sys.stdout.flush()
    time.sleep(0.001)
"""


def test_sigkill_costs_at_most_the_last_100_ms(tmp_path):
    for _ in range(3):
        process = child(KILLED, tmp_path)
        lines = [process.stdout.readline() for _ in range(300)]
        killed_ns = time.monotonic_ns()
        process.send_signal(signal.SIGKILL)
        lines += process.communicate()[0].splitlines()
        assert len(lines[-1].split()) == 2
        old_enough = max(
            int(number) for number, at in map(bytes.split, lines) if int(at) <= killed_ns - 100_000_000
        )
        last = segments(tmp_path)[-1]
        found = [b for b in JournalReader(tmp_path).read(final=True) if isinstance(b, Block)]
        text = b"".join(b.data for b in found)
        kept = [msgspec.json.decode(line) for line in text.split(b"\n")[:-1]]
        start = max(i for i, record in enumerate(kept) if record.get("e") == "segment")
        numbers = [record["f"]["i"] for record in kept[start + 1 :]]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= old_enough > 0
        assert last.ordinal == len(segments(tmp_path))


FULL = """
import json, os, resource, signal, sys, time
from pathlib import Path
from recorder.journal.writer import JournalWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
told = []
writer = JournalWriter(Path(sys.argv[1]), "main", "f", "0", buffer_bytes=100_000, on_trouble=told.append)
number, slowest, most = 0, 0.0, 0

def append():
    global number, slowest, most
    frame = b'{"i":%d,"r":"%s"}' % (number, os.urandom(500).hex().encode())
    start = time.perf_counter()
    writer.append_frames(time.time_ns(), 1, [frame])
    slowest = max(slowest, time.perf_counter() - start)
    most = max(most, writer.stats.buffered_bytes)
    number += 1
    time.sleep(0.0005)

while not writer.stats.trouble:  # on a machine that is slow now, the buffer would be full before the disk
    append() if writer.stats.buffered_bytes < 50_000 else time.sleep(0.001)
while writer.stats.dropped_frames < 50:
    append()
writer.append_event("down", {"reason": "test"})
during = writer.stats.trouble
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
while writer.stats.trouble or writer.stats.buffered_bytes > 50_000:
    time.sleep(0.001)  # on a machine that is slow now, more would overflow again
for _ in range(20):
    append()
writer.close()
print(json.dumps([told, during, number, writer.stats.dropped_frames, most, slowest, writer.stats.trouble]))
"""


def test_a_full_disk_costs_only_what_the_overflow_event_counts(tmp_path):
    """write(2) really fails (EFBIG at RLIMIT_FSIZE), in the middle of a block, and works again later."""
    output = child(FULL, tmp_path).communicate(timeout=60)[0]
    told, during, sent, dropped, most, slowest, after = json.loads(output)
    assert "cannot write" in during
    assert after is None
    assert [("cannot write" in text, "written again" in text) for text in told] == [
        (True, False),
        (False, True),
    ]
    assert most <= 100_000 + 1_000
    assert slowest < 0.5
    found = records(tmp_path)
    numbers = [record["f"]["i"] for record in found if "f" in record]
    (place,) = [i for i, record in enumerate(found) if record.get("e") == "overflow"]
    overflow = found[place]
    assert (len(numbers), overflow["frames"]) == (sent - dropped, dropped)
    before = [record["f"]["i"] for record in found[:place] if "f" in record]
    behind = [record["f"]["i"] for record in found[place:] if "f" in record]
    assert before == list(range(len(before)))
    assert behind == list(range(len(before) + dropped, sent))
    assert found[place - 1]["e"] == "down"
    times = [record["t"] for record in found if "f" in record]
    assert times[len(before) - 1] <= overflow["from"] < overflow["to"] <= times[len(before)]
    assert overflow["bytes"] > dropped * 1000


@pytest.fixture
def stalled_disk(monkeypatch):
    """A disk whose write(2) does not return, until the event is set."""
    released, stalled, real = threading.Event(), threading.Event(), os.write

    def write(descriptor, data):
        if threading.current_thread().name == "journal-flush" and not released.is_set():
            stalled.set()
            released.wait(DEADLINE_S)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    yield stalled, released
    released.set()


def test_a_stalled_disk_holds_up_no_append_and_no_memory(tmp_path, stalled_disk):
    stalled, released = stalled_disk
    writer = open_writer(tmp_path, buffer_bytes=200_000)
    until(stalled.is_set, "the flusher is stuck in write")
    slowest = 0.0
    for number in range(5_000):
        start = time.perf_counter()
        writer.append_frames(number, 1, [b'{"i":%d}' % number])
        slowest = max(slowest, time.perf_counter() - start)
        assert writer.stats.buffered_bytes <= 200_000
    assert slowest < 0.5
    assert writer.stats.dropped_frames > 1_000
    released.set()
    writer.close()
    (overflow,) = [record for record in records(tmp_path) if record.get("e") == "overflow"]
    assert overflow["frames"] == writer.stats.dropped_frames
    assert sum("f" in record for record in records(tmp_path)) == 5_000 - overflow["frames"]


def test_close_does_not_wait_for_ever_and_says_what_was_left(tmp_path, stalled_disk, monkeypatch):
    stalled, released = stalled_disk
    monkeypatch.setattr(writer_module, "CLOSE_WAIT_S", 0.05)
    writer = open_writer(tmp_path)
    until(stalled.is_set, "the flusher is stuck in write")
    writer.append_frames(1, 1, [b"1" * 1000])
    with pytest.raises(JournalError, match=r"closed with \d{4} bytes unwritten"):
        writer.close()
    assert writer_alive(tmp_path), "the lock is kept while a write may still land"
    released.set()
    until(lambda: not writer._flusher.is_alive(), "the flusher ends")


def test_a_failed_sync_is_told_once_and_begins_one_new_segment(tmp_path, monkeypatch):
    broken, real = threading.Event(), os.fdatasync

    def fdatasync(descriptor):
        if broken.is_set():
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    told = []
    writer = open_writer(tmp_path, flush_s=0.005, sync_s=0.01, on_trouble=told.append)
    broken.set()
    writer.append_frames(1, 1, [b"1"])
    until(lambda: writer.stats.trouble is not None, "the trouble is told")
    writer.append_frames(2, 1, [b"2"])
    writer.append_frames(3, 1, [b"3"])
    until(lambda: writer.stats.buffered_bytes == 0, "the flush after the trouble ended its zstd frame")
    writer.append_frames(4, 1, [b"4"])
    until(lambda: len(segments(tmp_path)) == 2, "the next segment is begun")
    broken.clear()
    until(lambda: writer.stats.trouble is None, "the trouble is over")
    writer.append_frames(5, 1, [b"5"])
    writer.close()
    assert len(segments(tmp_path)) == 2
    assert ["cannot sync" in told[0], "synced again" in told[1]] == [True, True]
    assert len(told) == 2
    assert [record["f"] for record in records(tmp_path) if "f" in record] == [1, 2, 3, 4, 5]


def test_where_no_new_segment_can_be_made_the_old_one_goes_on(tmp_path, monkeypatch):
    refusing, real = threading.Event(), os.open

    def refuse(path, flags, *mode, **kwargs):
        if refusing.is_set() and flags & os.O_EXCL:
            raise OSError(24, "Too many open files")
        return real(path, flags, *mode, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    told = []
    writer = open_writer(tmp_path, flush_s=0.005, segment_bytes=1, on_trouble=told.append)
    until(lambda: writer.stats.written_bytes, "the first line is written")
    refusing.set()
    for number in range(5):
        writer.append_frames(number, 1, [b"%d" % number])
        until(lambda: writer.stats.buffered_bytes == 0, "the frame is written")
    assert len(segments(tmp_path)) <= 2
    refusing.clear()
    writer.append_frames(5, 1, [b"5"])
    writer.close()
    assert "Too many open files" in told[0]
    assert "no new journal segment" in told[0]
    assert "was made" in told[1]
    assert len(told) == 2
    assert [record["f"] for record in records(tmp_path) if "f" in record] == list(range(6))


def test_a_backlog_is_written_in_batches_whose_check_lines_vouch_for_no_more_than_they_end(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(writer_module, "BATCH_BYTES", 10_000)
    writer = open_writer(tmp_path, flush_s=0.2)
    for number in range(500):
        writer.append_frames(1_000 + number, 1, [b'{"i":%d}' % number])
    writer.close()
    blocks = list(JournalReader(tmp_path, chunk_bytes=1).read(final=True))
    assert len(blocks) > 5
    for block in blocks[1:-1]:
        last = msgspec.json.decode(block.data.split(b"\n")[-2])
        assert block.end.at == last["t"]
    assert [r["f"]["i"] for r in records(tmp_path) if "f" in r] == list(range(500))


def test_an_error_nobody_foresaw_is_told_and_stands_in_the_stats(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("cosmic ray")

    told = []
    monkeypatch.setattr(writer_module, "batch_lines", fail)
    writer = open_writer(tmp_path, on_trouble=told.append)
    until(lambda: writer.stats.trouble is not None, "the failure is told")
    assert "cosmic ray" in told[0]
    writer.append_frames(1, 1, [b"1"])
    with pytest.raises(JournalError, match="cosmic ray"):
        writer.close()
    assert not writer_alive(tmp_path)
