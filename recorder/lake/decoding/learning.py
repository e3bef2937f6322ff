"""Learning a layout from one journal line that the plain decoder has read."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from recorder.exchange.pushes import STATE_DECIMALS
from recorder.exchange.topics import Stream
from recorder.lake.decoding.exemplar import Exemplar, Path, Unlearnable, Value, take_apart
from recorder.lake.decoding.layout import INTEGERS, WORD_BYTES, Books, Form, Layout, Objects, Slot, SlotKind

GAP_LIMIT_BYTES: Final = 8
RESULT: Final[Path] = ("f", "result")


def learn(line: bytes, stream: Stream, notices: tuple[str, ...]) -> Layout:
    """The layout of a line (with its newline) that the plain decoder reads as a push of `stream`.

    `notices` are what the protocol noticed in it. Raises Unlearnable.
    """
    exemplar = take_apart(line)
    if stream == "depth":
        layout = _learn_depth(exemplar, notices)
    elif stream == "state":
        layout = _learn_state(exemplar, notices)
    else:
        roles, rows = _trade_roles(exemplar) if stream == "trade" else _kline_roles(exemplar)
        slots = _roled(exemplar, exemplar.values, roles)
        anchors = [*exemplar.quotes(0, len(line)), len(line) - 1]
        layout = Layout(stream, build(exemplar, anchors, slots, 0, len(line)), notices, rows)
    _set_probe(layout, exemplar)
    return layout


def _set_probe(layout: Layout, exemplar: Exemplar) -> None:
    """Choose the word that ends where the method's name ends, and say how to reach its column."""
    method = next(value for value in exemplar.values if value.path == ("f", "method"))
    marks = [*exemplar.quotes(0, len(exemplar.line)), len(exemplar.line) - 1]
    early = method.end < exemplar.spans[RESULT][0]
    form = layout.form
    mark = form.columns if early else form.columns + (len(marks) - form.width)
    places = np.array(marks)[np.clip(mark, 0, len(marks) - 1)] + form.offsets
    layout.probe = int(np.argmin(np.abs(places + WORD_BYTES - method.end)))
    column = int(form.columns[layout.probe])
    layout.probe_column = (column, False) if early else (form.width - 1 - column, True)


# --- forms ------------------------------------------------------------------------------------------

Roles: TypeAlias = dict[Path, tuple[str, SlotKind]]
Roled: TypeAlias = tuple[str, SlotKind, Value]

_ENVELOPE: Final[Roles] = {("t",): ("t", "integer"), ("c",): ("c", "integer")}


def _roled(exemplar: Exemplar, values: Iterable[Value], roles: Roles) -> list[Roled]:
    """The values that vary, with name and kind; the others are constants of the layout."""
    slots: list[Roled] = []
    for value in values:
        text = exemplar.text(value)
        if not value.quoted and text in (b"null", b"true", b"false"):
            continue
        if value.path in (("f", "method"), ("f", "error")) or (value.path == ("f", "id") and text == b"0"):
            continue
        name, kind = roles.get(value.path, ("", "ignored"))
        if (kind in ("name", "side") and not value.quoted) or (kind in INTEGERS and value.quoted):
            raise Unlearnable(f"{name} is written in a rare way")
        slots.append((name, kind, value))
    return slots


def build(exemplar: Exemplar, anchors: Sequence[int], slots: Sequence[Roled], begin: int, end: int) -> Form:
    """The form of the bytes from `begin` to `end`, with `anchors` (positions) as its columns."""
    words: list[tuple[int, int, int, int]] = []
    built: list[Slot] = []
    at = begin
    for name, kind, value in slots:
        words += _words(exemplar.line, anchors, at, value.start)
        before, after = bisect_left(anchors, value.start) - 1, bisect_left(anchors, value.end)
        built.append(
            Slot(
                name,
                kind,
                value.quoted,
                (before, value.start - anchors[before]),
                (after, value.end - anchors[after]),
            )
        )
        at = value.end
    words += _words(exemplar.line, anchors, at, end)
    if exemplar.line[anchors[-1]] == ord("}"):  # not found by its byte: it must stand where it should
        words += _words(exemplar.line, anchors, at, end, len(anchors) - 1)
    columns, offsets, masks, values = zip(*words, strict=True)
    return Form(
        np.array(columns, np.intp),
        np.array(offsets, np.int64),
        _halves(masks),
        _halves(values),
        tuple(built),
        len(anchors),
        max(abs(offset) for offset in offsets) + WORD_BYTES,
    )


def _words(
    line: bytes, anchors: Sequence[int], start: int, end: int, column: int | None = None
) -> list[tuple[int, int, int, int]]:
    """Constant bytes as (column, offset, mask, value), little-endian, the last two overlapping.

    They are placed from `column`, or else from the first that stands in them; there must be one.
    """
    first = bisect_left(anchors, start)
    if first == len(anchors) or anchors[first] >= end:
        raise Unlearnable("two numbers without a quote between them")
    column = first if column is None else column
    anchor, length = anchors[column], end - start
    if length >= WORD_BYTES:
        places = [*range(start, end - WORD_BYTES, WORD_BYTES), end - WORD_BYTES]
        full = (1 << 8 * WORD_BYTES) - 1
        return [(column, at - anchor, full, _word(line, at)) for at in places]
    mask = (1 << 8 * length) - 1
    if end < WORD_BYTES:
        return [(column, start - anchor, mask, _word(line, start) & mask)]
    mask <<= 8 * (WORD_BYTES - length)
    return [(column, end - WORD_BYTES - anchor, mask, _word(line, end - WORD_BYTES) & mask)]


def _halves(words: Iterable[int]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(word.to_bytes(WORD_BYTES, "little") for word in words), "<u8").reshape(
        -1, 2
    )


def _word(line: bytes, at: int) -> int:
    return int.from_bytes(line[at : at + WORD_BYTES], "little")


# --- streams ----------------------------------------------------------------------------------------

_TRADE_KINDS: Final[dict[str, SlotKind]] = {
    "id": "integer",
    "market": "name",
    "price": "decimal",
    "amount": "decimal",
    "type": "side",
    "time": "seconds",
}
_CANDLE_COLUMNS: Final[tuple[tuple[str, SlotKind], ...]] = (
    ("time", "open"),
    ("price1", "decimal"),
    ("price2", "decimal"),
    ("price3", "decimal"),
    ("price4", "decimal"),
    ("volume", "decimal"),
    ("amount", "optional"),
    ("market", "name"),
)
_BOOK_KINDS: Final[dict[str, SlotKind]] = {
    "market": "name",
    "time": "milliseconds",
    "last": "optional",
    "index_price": "optional",
    "sign_price": "optional",
}


def _trade_roles(exemplar: Exemplar) -> tuple[Roles, int]:
    trade = (*RESULT, 0) if (*RESULT, 0) in exemplar.spans else RESULT
    if (*RESULT, 1) in exemplar.spans:
        raise Unlearnable("several trades in a push")
    return _ENVELOPE | {(*trade, name): (name, kind) for name, kind in _TRADE_KINDS.items()}, 1


def _kline_roles(exemplar: Exemplar) -> tuple[Roles, int]:
    data = (*RESULT, "data")
    roles: Roles = _ENVELOPE | {(*RESULT, "period"): ("period", "name")}
    rows = 0
    while (row := (*data, rows)) in exemplar.spans:
        if exemplar.line[exemplar.spans[row][0]] != ord("["):
            raise Unlearnable("named candles")
        columns = enumerate(_CANDLE_COLUMNS)
        roles |= {(*row, index): (f"{name}/{rows}", kind) for index, (name, kind) in columns}
        rows += 1
    if rows == 0:
        raise Unlearnable("no candles")
    roles[*RESULT, "market"] = ("market", "name")
    return roles, rows


def _hole(start: int, end: int) -> Roled:
    return "", "hole", Value((), start, end, quoted=False)


def _learn_depth(exemplar: Exemplar, notices: tuple[str, ...]) -> Layout:
    line, sides = exemplar.line, [(*RESULT, "asks"), (*RESULT, "bids")]
    first, second = sorted(sides, key=lambda side: exemplar.spans[side])
    strings = [_level_strings(exemplar, side) for side in (first, second)]
    gap, step = _level_gaps(line, strings)
    others = [value for value in exemplar.values if value.path[:3] not in sides]
    roles = _ENVELOPE | {(*RESULT, name): (name, kind) for name, kind in _BOOK_KINDS.items()}
    holes = [_hole(levels[0].start, levels[-1].end) for levels in strings]
    slots = sorted([*_roled(exemplar, others, roles), *holes], key=lambda slot: slot[2].start)
    opens, closes = [hole[2].start - 1 for hole in holes], [hole[2].end for hole in holes]
    before = exemplar.quotes(0, opens[0] + 1)
    between = exemplar.quotes(closes[0], opens[1] + 1)
    after = [*exemplar.quotes(closes[1], len(line)), len(line) - 1]
    form = build(exemplar, before + between + after, slots, 0, len(line))
    books = Books(len(before), len(between), len(after), gap, step, first[-1] == "asks")
    return Layout("depth", form, notices, books=books)


def _level_strings(exemplar: Exemplar, side: Path) -> list[Value]:
    """The strings of one side, two a level. Raises Unlearnable for every other kind of level."""
    strings = exemplar.under(side)
    expected = [(*side, index // 2, index % 2) for index in range(len(strings))]
    if [value.path for value in strings] != expected or not all(value.quoted for value in strings):
        raise Unlearnable("levels are no pairs of strings")
    if not strings or exemplar.line[strings[-1].end :][:3] != b'"]]':
        raise Unlearnable("a list of levels without an end to find it by")
    return strings


def _level_gaps(line: bytes, sides: Sequence[Sequence[Value]]) -> tuple[bytes, bytes]:
    gaps: tuple[set[bytes], set[bytes]] = (set(), set())
    for strings in sides:
        for index, (left, right) in enumerate(pairwise(strings)):
            gaps[index % 2].add(line[left.end : right.start])
    if any(len(found) != 1 or len(min(found)) > GAP_LIMIT_BYTES for found in gaps):
        raise Unlearnable("levels are spaced in more than one way")
    return gaps[0].pop(), gaps[1].pop()


class _StateFrame(msgspec.Struct):
    result: dict[str, msgspec.Raw]


class _StateLine(msgspec.Struct):
    f: _StateFrame


def shortened(line: bytes) -> bytes:
    """A line of states with only its first two objects, and all else as it stands.

    Where it cannot be cut so, whatever is returned is no worse to learn from than any other line.
    """
    try:
        objects = [bytes(raw) for raw in msgspec.json.decode(line, type=_StateLine).f.result.values()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return line
    if len(objects) < 3:
        return line
    end = line.index(objects[1]) + len(objects[1])
    return line[:end] + line[line.rindex(objects[-1]) + len(objects[-1]) :]


def _learn_state(exemplar: Exemplar, notices: tuple[str, ...]) -> Layout:
    line = exemplar.line
    objects = [path for path in exemplar.spans if len(path) == len(RESULT) + 1 and path[:2] == RESULT]
    objects.sort(key=lambda path: exemplar.spans[path])
    start, end = exemplar.keys[objects[0]][0], exemplar.spans[objects[-1]][1]
    envelope = [value for value in exemplar.values if value.path[:2] != RESULT]
    slots = sorted([*_roled(exemplar, envelope, _ENVELOPE), _hole(start, end)], key=lambda s: s[2].start)
    before = exemplar.quotes(0, start)
    after = [*exemplar.quotes(end, len(line)), len(line) - 1]
    separator = (
        line[end:][:0]
        if len(objects) < 2
        else line[exemplar.spans[objects[0]][1] : exemplar.keys[objects[1]][0]]
    )
    return Layout(
        "state",
        build(exemplar, before + after, slots, 0, len(line)),
        notices,
        objects=Objects(
            _object_form(exemplar, objects[0]), len(before), len(after), after[0] - end, separator
        ),
    )


def _object_form(exemplar: Exemplar, path: Path) -> Form:
    """The form of one market's object, from its name (the first slot) to its closing brace."""
    name, end = exemplar.keys[path], exemplar.spans[path][1]
    roles: Roles = {(*path, wire): (wire, "optional") for wire in STATE_DECIMALS}
    roles[*path, "funding_time"] = ("funding_time", "integer")
    own = [value for value in exemplar.under(path) if value.path != (*path, "period") or value.quoted]
    slots: list[Roled] = [("market", "name", Value((), *name, quoted=True)), *_roled(exemplar, own, roles)]
    anchors = [*exemplar.quotes(name[0] - 1, end), end - 1]
    return build(exemplar, anchors, slots, name[0] - 1, end)
