"""The reader gives out exactly what was verified, tells what could not be, and keeps its place."""

import os
import subprocess
from pathlib import Path

import duckdb
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.journal import output, verify
from recorder.journal.output import Origin, Rotation, SegmentOutput
from recorder.journal.reader import Block, Damage, JournalReader, Position, last_seq, segments
from recorder.journal.record import frame_lines

T0 = 1_760_000_000_000_000_000
FOREVER = Rotation(1e9, 10**12)


class Written:
    """A journal of known content. `boundaries`: (file size, seq of the next record) after each flush."""

    def __init__(self, directory: Path, flushes, rotation=FOREVER, frame_bytes=1200, ordinal=1, seq=0):
        self.directory = directory
        directory.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(output, "ZSTD_FRAME_BYTES", frame_bytes)
            out = SegmentOutput(directory, Origin("main", "ab", "0"), rotation, seq, ordinal, None)
            self.path = directory / out.segment
            self.boundaries = []
            for number, lines in enumerate(flushes):
                last = number == len(flushes) - 1
                out.put(b"".join(lines), len(lines), T0 + number * 10**9, last=last)
                self.boundaries.append((out.written_bytes, out.next_seq))
            out.close()


def flushes_of(sizes, start=0):
    """Flushes of so many lines; each line is unlike every other."""
    number, flushes = start, []
    for size in sizes:
        flush = [
            frame_lines(T0 + i, 1, [b'{"i":%d,"s":"%x"}' % (i, i * 7919**5)])
            for i in range(number, number + size)
        ]
        number += size
        flushes.append(flush)
    return flushes


def lines_by_seq(found):
    lines = {}
    for block in found:
        if isinstance(block, Block):
            rows = block.data.split(b"\n")[:-1]
            assert len(rows) == block.records == block.end.seq - block.first_seq
            for index, row in enumerate(rows):
                assert block.first_seq + index not in lines
                lines[block.first_seq + index] = row + b"\n"
    return lines


def damages(found):
    return [item for item in found if isinstance(item, Damage)]


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    flushes = flushes_of([3, 1, 0, 8, 2, 5, 0, 0, 9, 4, 1, 7, 2, 2])
    written = Written(tmp_path_factory.mktemp("journal"), flushes)
    found = list(JournalReader(written.directory).read(final=True))
    written.lines = lines_by_seq(found)
    assert damages(found) == []
    assert [written.lines[seq] for seq in sorted(written.lines)][1:] == [line for f in flushes for line in f]
    assert written.path.read_bytes().count(output.zstandard.FRAME_HEADER) >= 3
    return written


def read_altered(journal, directory: Path, data: bytes):
    directory.mkdir(exist_ok=True)
    (directory / journal.path.name).write_bytes(data)
    return list(JournalReader(directory).read(final=True))


def test_cut_at_any_byte_every_flush_before_it_is_read_and_a_torn_one_is_told(journal, tmp_path):
    data = journal.path.read_bytes()
    sizes = {0, *(size for size, _ in journal.boundaries)}
    for cut in range(len(data)):
        found = read_altered(journal, tmp_path, data[:cut])
        seq = max([seq for size, seq in journal.boundaries if size <= cut], default=0)
        assert lines_by_seq(found) == {s: line for s, line in journal.lines.items() if s < seq}
        if cut not in sizes:
            (damage,) = damages(found)
            assert (damage.reason, damage.after.seq, damage.seq_next) == ("torn tail", seq, None)
            assert damage.bytes == cut - max(size for size in sizes if size <= cut)
        else:
            assert damages(found) == []
        assert last_seq(tmp_path) == seq


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_flipped_bit_alters_no_line_and_what_it_costs_is_told(journal, tmp_path, data):
    content = bytearray(journal.path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    found = read_altered(journal, tmp_path, bytes(content))
    lines = lines_by_seq(found)
    assert all(journal.lines[seq] == line for seq, line in lines.items())
    missing = journal.lines.keys() - lines.keys()
    told = set()
    for damage in damages(found):
        told |= set(
            range(damage.after.seq, len(journal.lines) if damage.seq_next is None else damage.seq_next)
        )
    assert missing == told
    frames = frame_bounds(journal)
    hit = [bounds for bounds in frames if bounds[0] <= at < bounds[1]]
    assert missing <= {seq for _, _, first, after in hit for seq in range(first, after)}


def frame_bounds(journal):
    """(first byte, byte after, first seq, seq after) of each zstd frame."""
    data = journal.path.read_bytes()
    starts = [0]
    while (found := data.find(zstandard.FRAME_HEADER, starts[-1] + 1)) >= 0:
        starts.append(found)
    seq_at = {0: 0, **dict(journal.boundaries)}
    return [(a, b, seq_at[a], seq_at[b]) for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_garbage_anywhere_costs_what_is_told_and_nothing_else(journal, tmp_path, data):
    content = journal.path.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    garbage = data.draw(st.binary(min_size=1, max_size=300) | st.just(zstandard.FRAME_HEADER))
    end = data.draw(st.integers(at, len(content)))
    found = read_altered(journal, tmp_path, content[:at] + garbage + content[end:])
    lines = lines_by_seq(found)
    assert all(journal.lines[seq] == line for seq, line in lines.items())
    untold = journal.lines.keys() - lines.keys()
    for damage in damages(found):
        untold -= set(
            range(damage.after.seq, len(journal.lines) if damage.seq_next is None else damage.seq_next)
        )
    assert untold <= set()


def test_reading_goes_on_where_it_stopped_while_the_file_grows(journal, tmp_path):
    data = journal.path.read_bytes()
    path = tmp_path / journal.path.name
    path.touch()
    reader = JournalReader(tmp_path)
    lines = {}
    for start in range(0, len(data), 7):
        with path.open("ab") as file:
            file.write(data[start : start + 7])
        found = list(reader.read())
        assert damages(found) == []
        lines |= lines_by_seq(found)
        seq = max([seq for size, seq in journal.boundaries if size <= start + 7], default=0)
        assert reader.position.seq == seq == len(lines)
    assert lines == journal.lines


def test_a_restart_from_any_position_reads_each_record_once(journal):
    first = JournalReader(journal.directory, chunk_bytes=1)
    positions = [block.end for block in first.read()]
    assert len(positions) > 5
    for position in positions:
        reader = JournalReader(journal.directory, start=position)
        lines = lines_by_seq(reader.read(final=True))
        assert lines == {seq: line for seq, line in journal.lines.items() if seq >= position.seq}
        assert reader.position == first.position


def test_a_dropped_generator_loses_nothing(journal):
    reader = JournalReader(journal.directory, chunk_bytes=200)
    first = next(iter(reader.read()))
    assert lines_by_seq([first, *reader.read()]) == journal.lines


def test_blocks_merge_up_to_the_chunk(journal):
    assert len(list(JournalReader(journal.directory).read())) == 1
    small = list(JournalReader(journal.directory, chunk_bytes=300).read())
    assert len(small) > 3
    assert all(len(block.data) < 300 + 1200 for block in small)


def test_a_torn_segment_is_left_alone_until_its_successor_exists(journal, tmp_path):
    data = journal.path.read_bytes()
    (tmp_path / journal.path.name).write_bytes(data[:-20])
    reader = JournalReader(tmp_path)
    before = list(reader.read())
    assert damages(before) == []
    assert list(reader.read()) == []
    seq = last_seq(tmp_path)
    Written(tmp_path, flushes_of([2, 2]), ordinal=2, seq=seq)
    damage, block = reader.read()
    assert (damage.reason, damage.after.seq, damage.seq_next) == ("torn tail", seq, None)
    assert (block.first_seq, block.records) == (seq, 5)
    assert block.end.segment == 2


def test_a_missing_segment_is_told(tmp_path):
    Written(tmp_path, flushes_of([4]))
    second = Written(tmp_path, flushes_of([4]), ordinal=2, seq=5)
    Written(tmp_path, flushes_of([4]), ordinal=3, seq=10)
    assert damages(JournalReader(tmp_path).read()) == []
    second.path.unlink()
    (damage,) = damages(JournalReader(tmp_path).read())
    assert (damage.reason, damage.after.seq, damage.seq_next) == ("records missing", 5, 10)


def test_a_position_in_a_retired_segment_goes_on_with_the_next(tmp_path):
    first = Written(tmp_path, flushes_of([4]))
    Written(tmp_path, flushes_of([4]), ordinal=2, seq=5)
    end = Position(1, 10, 5, T0)
    first.path.unlink()
    (block,) = JournalReader(tmp_path, start=end).read()
    assert block.first_seq == 5


def test_a_segment_that_became_shorter_than_the_position_is_told(journal, tmp_path):
    (tmp_path / journal.path.name).write_bytes(journal.path.read_bytes()[: journal.boundaries[3][0]])
    (block,) = JournalReader(journal.directory).read()
    found = list(JournalReader(tmp_path, start=block.end).read(final=True))
    (damage,) = found
    assert (damage.after, damage.seq_next) == (block.end, None)
    assert "position" in damage.reason


def test_the_time_after_damage_is_that_of_the_first_record_read_again(journal, tmp_path):
    data = bytearray(journal.path.read_bytes())
    second_frame = frame_bounds(journal)[1]
    data[second_frame[0]] ^= 1
    (damage,) = damages(read_altered(journal, tmp_path, bytes(data)))
    assert (damage.after.seq, damage.seq_next) == second_frame[2:]
    assert journal.lines[damage.seq_next].startswith(b'{"t":%d,' % damage.at_next)
    assert damage.bytes == second_frame[1] - second_frame[0]


def test_a_file_compressed_again_by_another_program_is_read_the_same(journal, tmp_path):
    raw = (
        zstandard.ZstdDecompressor()
        .decompressobj(read_across_frames=True)
        .decompress(journal.path.read_bytes())
    )
    again = zstandard.ZstdCompressor(level=19, write_checksum=True).compress(raw)
    found = read_altered(journal, tmp_path, again)
    assert damages(found) == []
    assert lines_by_seq(found) == journal.lines


def test_a_flush_of_many_zstd_blocks_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "SCAN_BYTES", 300_000)
    frame = b'"%s"' % os.urandom(350_000).hex().encode()
    Written(tmp_path, [[frame_lines(1, 1, [frame])] * 3, flushes_of([2])[0]])
    found = list(JournalReader(tmp_path).read(final=True))
    assert damages(found) == []
    assert len(lines_by_seq(found)) == 6


def test_duckdb_and_zstdcat_read_a_closed_segment_whole(journal):
    query = (
        "SELECT count(*) - count(n), max(f.i), count(n) "
        "FROM read_json(?, format='newline_delimited', compression='zstd')"
    )
    with duckdb.connect() as connection:
        rows = connection.execute(query, [str(journal.path)]).fetchone()
    assert rows == (len(journal.lines), len(journal.lines) - 2, len(journal.boundaries))
    try:
        text = subprocess.run(["zstdcat", journal.path], check=True, capture_output=True).stdout
    except FileNotFoundError:
        pytest.skip("no zstd command here")
    assert [line for line in text.splitlines(keepends=True) if not line.startswith(b'{"n":')] == list(
        journal.lines.values()
    )


def test_segments_are_ordered_by_ordinal_and_foreign_files_are_left_out(tmp_path):
    names = ["20260102T000000.000001Z-000002.jsonl.zst", "20260103T000000.000000Z-000001.jsonl.zst"]
    for name in [*names, "writer.lock", "20260103T000000.000000Z-000003.jsonl", "x.zst"]:
        (tmp_path / name).touch()
    assert [(s.path.name, s.ordinal) for s in segments(tmp_path)] == [(names[1], 1), (names[0], 2)]
    assert segments(tmp_path)[1].created_ns == 1_767_312_000_000_001_000
    assert segments(tmp_path / "absent") == []
    assert last_seq(tmp_path) == 0
    assert list(JournalReader(tmp_path / "absent").read()) == []


class TestUntil:
    """A reader stops exactly where another one stood, whatever stands behind it."""

    @pytest.fixture(scope="class")
    @classmethod
    def places(cls, journal, tmp_path_factory):
        """The position after each flush, bare check lines among them."""
        data, found = journal.path.read_bytes(), []
        for size, _ in journal.boundaries:
            directory = tmp_path_factory.mktemp("cut")
            (directory / journal.path.name).write_bytes(data[:size])
            reader = JournalReader(directory)
            assert damages(reader.read()) == []
            found.append(reader.position)
        return found

    def test_at_every_check_line(self, journal, places):
        for place in places:
            reader = JournalReader(journal.directory, until=place)
            expected = {seq: line for seq, line in journal.lines.items() if seq < place.seq}
            assert lines_by_seq(reader.read(final=True)) == expected
            assert reader.position == place
            assert list(reader.read(final=True)) == []

    def test_from_one_place_to_another(self, journal, places):
        for start, until in [(places[1], places[-2]), (places[6], places[7]), (places[3], places[3])]:
            reader = JournalReader(journal.directory, start, until=until)
            expected = {seq: line for seq, line in journal.lines.items() if start.seq <= seq < until.seq}
            assert lines_by_seq(reader.read(final=True)) == expected
            assert reader.position == until

    def test_later_segments_are_left_alone(self, tmp_path):
        Written(tmp_path, flushes_of([4]))
        reader = JournalReader(tmp_path)
        (block,) = reader.read()
        Written(tmp_path, flushes_of([4]), ordinal=2, seq=5)
        again = JournalReader(tmp_path, until=reader.position)
        assert list(again.read(final=True)) == [block]
        assert list(JournalReader(tmp_path, until=Position(0, 0, 0, 0)).read(final=True)) == []

    def test_a_place_that_cannot_be_read_any_more_is_told_and_not_passed(self, journal, places, tmp_path):
        data = bytearray(journal.path.read_bytes())
        second_frame = frame_bounds(journal)[1]
        data[second_frame[0]] ^= 1
        (tmp_path / journal.path.name).write_bytes(bytes(data))
        inside = next(place for place in places if place.seq > second_frame[2])
        reader = JournalReader(tmp_path, until=inside)
        found = list(reader.read(final=True))
        assert len(damages(found)) == 1
        assert max(lines_by_seq(found)) < second_frame[2]
        assert reader.position != inside

    def test_a_segment_that_is_gone_leaves_the_reader_short(self, tmp_path):
        Written(tmp_path, flushes_of([4]))
        second = Written(tmp_path, flushes_of([4]), ordinal=2, seq=5)
        reader = JournalReader(tmp_path)
        list(reader.read())
        second.path.unlink()
        short = JournalReader(tmp_path, until=reader.position)
        assert len(list(short.read(final=True))) == 1
        assert short.position.segment == 1


def test_a_block_tells_the_check_line_before_it_also_a_bare_one(tmp_path):
    Written(tmp_path, [flushes_of([2])[0], [], []])
    Written(tmp_path, flushes_of([3]), ordinal=2, seq=3)
    first, second = JournalReader(tmp_path).read()
    assert first.after == Position(0, 0, 0, 0)
    assert (second.after.segment, second.after.seq, second.after.at) == (1, 3, T0 + 2 * 10**9)
