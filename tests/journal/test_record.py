"""Lines of the journal: loss-free for any bytes, and JSON for every common reader."""

import base64
import json
import zlib

import duckdb
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.journal.record import (
    MAX_NESTING,
    batch_lines,
    check_line,
    event_line,
    frame_lines,
    parse_check,
    rest_line,
)

HOSTILE = [
    b"", b" ", b"nul", b"NaN", b"01", b"1.", b"{", b'"open', b"{} {}", b'{"a":1,}', b"\xef\xbb\xbf{}",
    b'{"a":"\\q"}', b'{"a":"\x01"}', b'{"a":"\x00"}', b'{"a":\n1}', b'{"a":1}\n', b"\n", b'{"n":1}\n{"n":2}',
    b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b"\xff\xfe", b'{"a":"\\ud800"}', b'{"a":"\\udc00\\ud800"}',
    b'{"a":"\\ud83d\\u0041"}', b"[" * 20_000 + b"]" * 20_000, b"[" * 200 + b"]" * 200,
    b'{"a":' * 200 + b"1" + b"}" * 200, b"<html>502 \xc3\xa9</html>",
]  # fmt: skip
SOUND = [
    b"{}", b"1e999", b"-0", b'"\\u0000"', b'{"a":1\r}', b' {"a" : [1, 2]} ', '{"a":"é €"}'.encode(),
    b'{"a":1,"a":2}', b'{"a":"\x7f"}', b'{"n":1,"crc":2}', b'"\\ud83d\\ude00"',
]  # fmt: skip


def frame_of(line):
    """The frame's bytes, as any reader of the line would get them back."""
    record = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    if "f" in record:
        prefix = b'{"t":%s,"c":%s,"f":' % (bytes(record["t"]), bytes(record["c"]))
        assert line.startswith(prefix)
        return line[len(prefix) : -2]
    if "x" in record:
        return msgspec.json.decode(record["x"], type=str).encode()
    return base64.b64decode(msgspec.json.decode(record["b"]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
any_frame = (
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass"))
    | json_values.map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
    | st.sampled_from(HOSTILE + SOUND)
)


@given(st.lists(any_frame, max_size=8))
def test_any_bytes_come_back_exactly(frames):
    lines = frame_lines(17, 3, frames).splitlines(keepends=True) if frames else []
    # splitlines cuts bytes at \r too, which JSON allows between tokens: only LF ends a line
    lines = [line + b"\n" for line in b"".join(lines).split(b"\n")[:-1]]
    assert [frame_of(line) for line in lines] == frames


@pytest.mark.parametrize("frame", SOUND)
def test_a_sound_frame_is_spliced_in_verbatim(frame):
    assert frame_lines(1, 2, [frame]) == b'{"t":1,"c":2,"f":' + frame + b"}\n"


@pytest.mark.parametrize("frame", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_common_reader_would_refuse_is_escaped(frame):
    line = frame_lines(1, 2, [frame])
    assert b'"f":' not in line[:20]
    assert line.count(b"\n") == 1


def test_one_bad_frame_changes_no_other():
    good = [b'{"i":%d}' % i for i in range(5)]
    lines = frame_lines(9, 1, [*good[:2], b"bad", *good[2:]]).split(b"\n")[:-1]
    assert [frame_of(line + b"\n") for line in lines] == [*good[:2], b"bad", *good[2:]]
    assert sum(b'"x":' in line for line in lines) == 1


def test_two_halves_of_a_frame_are_not_taken_for_sound_because_their_sum_is():
    lines = frame_lines(1, 1, [b'"\xc3', b'\xa9"', b"[1", b"2]"])
    assert b'"f":' not in lines


def test_nesting_is_bounded_exactly():
    deepest = b"[" * MAX_NESTING + b"]" * MAX_NESTING
    wide = b"[" + b",".join([b'{"a":[1]}'] * 500) + b"]"
    assert b'"f":' in frame_lines(1, 1, [deepest])
    assert b'"f":' in frame_lines(1, 1, [wide])
    assert b'"x":' in frame_lines(1, 1, [b"[" + deepest + b"]"])


def test_duckdb_and_jq_read_every_line_whatever_came(tmp_path):
    frames = HOSTILE + SOUND
    path = tmp_path / "lines.jsonl"
    path.write_bytes(
        frame_lines(1, 2, frames)
        + event_line(3, "up", {"url": "ws://a"}, 2)
        + rest_line(4, "market_list", {"a": 1}, 200, b'{"code":0}')
        + check_line(1, 2, 3, 4)
    )
    query = "SELECT count(*), count(t), count(f), count(n) FROM read_json(?, format='newline_delimited')"
    with duckdb.connect() as connection:
        rows = connection.execute(query, [str(path)]).fetchone()
    assert rows == (len(frames) + 3, len(frames) + 2, len(SOUND) + 1, 1)


def test_batches_keep_the_order_of_frames_and_lines():
    event = event_line(2, "silence", {"stream": "trade", "last": 1})
    lines, count = batch_lines(
        [(1, 7, [b"1", b"2"], 0), (2, None, (event,), 0), (3, 8, [], 0), (4, 8, [b"3"], 0)]
    )
    assert count == 4
    assert lines == frame_lines(1, 7, [b"1", b"2"]) + event + frame_lines(4, 8, [b"3"])


def test_an_event_has_its_keys_in_order_and_none_hidden():
    assert event_line(5, "up", {"url": "u"}, 1) == b'{"t":5,"c":1,"e":"up","url":"u"}\n'
    with pytest.raises(ValueError, match="'t'"):
        event_line(5, "up", {"t": 1})


@pytest.mark.parametrize(
    ("body", "member"),
    [(b'{"code":0}', b'"f":{"code":0}'), (b"<html>", b'"x":"<html>"'), (b"\xff", b'"b":"/w=="')],
)
def test_a_rest_answer_holds_its_body_verbatim(body, member):
    head = b'{"t":1,"e":"rest","call":"c","params":{"market":"A"},"status":200,'
    assert rest_line(1, "c", {"market": "A"}, 200, body) == head + member + b"}\n"


def test_a_failed_request_says_why():
    line = rest_line(1, "c", {}, None, None, "timed out")
    assert line == b'{"t":1,"e":"rest","call":"c","params":{},"error":"timed out"}\n'


@given(st.data())
def test_no_flipped_bit_of_lines_or_check_line_goes_unnoticed(data):
    lines = b'{"t":1,"c":1,"f":{}}\n{"t":2,"c":1,"f":"x"}\n'
    text = bytearray(lines + check_line(2, zlib.crc32(lines), 12, 1_700_000_000_000_000_000))
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert parse_check(bytes(text[len(lines) :]), zlib.crc32(text[: len(lines)])) is None


def test_a_check_line_comes_back():
    check = parse_check(check_line(0, 0, 7, 8), 0)
    assert check is not None
    assert (check.records, check.seq, check.at) == (0, 7, 8)
