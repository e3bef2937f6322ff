"""The lines of a journal: from what arrived to bytes, and a check line back to its numbers. No I/O.

A line is one JSON object. A frame is spliced in unparsed, so what is on disk is what came over the wire:

    {"t":<receive ns>,"c":<connection>,"f":<the frame>}
    {"t":...,"c":...,"x":"<text that is no JSON on one line>"}
    {"t":...,"c":...,"b":"<base64 of bytes that are no UTF-8>"}
    {"t":...,"e":"<kind>", ...}
    {"n":<lines since the last check line>,"seq":<of the next line>,"at":<ns of the flush>,"crc":<crc32>}

The crc of a check line covers every byte since the previous check line up to its own `,"crc":`. So it
vouches for its own numbers too: a flipped digit in `seq` or `at` is noticed like one in a price.
"""

import re
import zlib
from base64 import b64encode
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

Item: TypeAlias = tuple[int, int | None, Sequence[bytes], int]
"""One append: receive ns, connection, frames, and the memory it holds. Where the connection is None the
`frames` are finished lines, each with its LF."""

CHECK_START: Final = b'{"n":'
"""No other line begins so."""
MAX_NESTING: Final = 100
"""DuckDB refuses a line nested deeper than 128, jq 1.6 than 256; the venue's own depth is 5."""

_RESERVED: Final = frozenset(("t", "c", "e"))
_CHECK: Final = re.compile(rb'(\{"n":(\d{1,19}),"seq":(\d{1,19}),"at":(\d{1,19})),"crc":(\d{1,10})\}\n')
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_syntax = msgspec.json.Decoder(msgspec.Raw)
_encoder = msgspec.json.Encoder(enc_hook=str)


class Check(NamedTuple):
    """A check line that held: `records` lines before it, `seq` of the next one, `at` ns of its flush."""

    records: int
    seq: int
    at: int


def event_line(t_ns: int, kind: str, fields: Mapping[str, Any], connection: int | None = None) -> bytes:
    """A line of the recorder's own. Raises ValueError where a field would hide `t`, `c` or `e`."""
    if hidden := _RESERVED & fields.keys():
        raise ValueError(f"event {kind!r}: the field {min(hidden)!r} is the journal's own; rename it")
    head = {"t": t_ns} if connection is None else {"t": t_ns, "c": connection}
    return _encoder.encode({**head, "e": kind, **fields}) + b"\n"


def rest_line(
    t_ns: int,
    call: str,
    params: Mapping[str, Any],
    status: int | None,
    body: bytes | None,
    error: str | None = None,
    asked_ns: int | None = None,
) -> bytes:
    """An answer by REST with its body verbatim, or (body None) an own request that failed with `error`.

    `asked_ns` is when the request was sent: what had happened by then is in the answer.
    """
    fields: dict[str, Any] = {"t": t_ns, "e": "rest", "call": call, "params": dict(params)}
    if asked_ns is not None:
        fields["asked"] = asked_ns
    if status is not None:
        fields["status"] = status
    if error is not None:
        fields["error"] = error
    line = _encoder.encode(fields)
    return line + b"\n" if body is None else line[:-1] + b"," + _value(body) + b"}\n"


def frame_lines(t_ns: int, connection: int, frames: Sequence[bytes]) -> bytes:
    """One line a frame. Whatever the bytes are, the line is JSON and gives them back exactly."""
    return batch_lines([(t_ns, connection, frames, 0)])[0]


def batch_lines(batch: Sequence[Item], flat: tuple[bytes, ...] = ()) -> tuple[bytes, int]:
    """The lines of all items in order, and how many they are.

    Frames are nearly always sound: they are joined first and checked together at C speed. Only a batch
    with a bad frame is built again, frame by frame. Frames that begin with one of `flat` are of a kind that
    does not nest deeply, and are not counted for it: on a book that would be half the work.
    """
    lines = b"".join([_spliced(t_ns, connection, frames) for t_ns, connection, frames, _ in batch])
    count = sum([len(frames) for _, _, frames, _ in batch])
    received = [frame for _, connection, frames, _ in batch if connection is not None for frame in frames]
    if _sound(received, lines.isascii() or lines, flat):
        return lines, count
    return b"".join([_checked(t_ns, connection, frames) for t_ns, connection, frames, _ in batch]), count


def _spliced(t_ns: int, connection: int | None, frames: Sequence[bytes]) -> bytes:
    if connection is None:
        return b"".join(frames)
    if not frames:
        return b""
    prefix = b'{"t":%d,"c":%d,"f":' % (t_ns, connection)
    return prefix + (b"}\n" + prefix).join(frames) + b"}\n"


def _checked(t_ns: int, connection: int | None, frames: Sequence[bytes]) -> bytes:
    if connection is None:
        return b"".join(frames)
    prefix = b'{"t":%d,"c":%d,' % (t_ns, connection)
    return b"".join([prefix + _value(frame) + b"}\n" for frame in frames])


def _value(frame: bytes) -> bytes:
    """The frame as the one member of its line that holds it: under f, x or b."""
    try:
        text = frame.decode()
    except UnicodeDecodeError:
        return b'"b":"' + b64encode(frame) + b'"'
    if _sound([frame], text.isascii() or frame, ()):
        return b'"f":' + frame
    return b'"x":' + _encoder.encode(text)


def _sound(frames: Sequence[bytes], joined: bytes | bool, flat: tuple[bytes, ...]) -> bool:
    """Whether each frame is one JSON value in UTF-8, on one line, that every common reader takes.

    The decoder checks the grammar of each frame but not the bytes inside its strings: `joined` holds them
    all, or is True where they are known to be ASCII.
    """
    try:
        deque(map(_syntax.decode, frames), maxlen=0)
        if joined is not True:
            bytes(joined).decode()
    except _UNREADABLE:
        return False
    if any([b"\n" in frame for frame in frames]):  # noqa: C419  # a generator takes twice as long
        return False
    large = [f for f in frames if len(f) > 2 * MAX_NESTING and not f.startswith(flat)]
    return all(_depth(f, b"[", b"]") + _depth(f, b"{", b"}") <= MAX_NESTING for f in large if _rich(f))


def _rich(frame: bytes) -> bool:
    """Whether there are enough brackets to nest too deeply: cheaper than to count how deep they go."""
    return frame.count(b"[") + frame.count(b"{") > MAX_NESTING


def _depth(frame: bytes, opener: bytes, closer: bytes) -> int:
    """The deepest nesting of one kind of bracket; those inside strings count, which errs to the safe side."""
    if frame.count(opener) == 0:
        return 0
    return max(accumulate(part.count(opener) - (i > 0) for i, part in enumerate(frame.split(closer))))


def check_line(n: int, crc: int, seq: int, at: int) -> bytes:
    """The line that ends a flush; `crc` is the crc32 of the n lines before it, 0 where there are none."""
    head = b'{"n":%d,"seq":%d,"at":%d' % (n, seq, at)
    return head + b',"crc":%d}\n' % zlib.crc32(head, crc)


def parse_check(line: bytes, crc: int) -> Check | None:
    """Read a check line after lines of crc32 `crc`; None where anything of it or of them is altered."""
    match = _CHECK.fullmatch(line)
    if match is None or zlib.crc32(match[1], crc) != int(match[5]):
        return None
    return Check(int(match[2]), int(match[3]), int(match[4]))
