"""Book pushes of one layout, all at once: fixed parts around two lists of levels of any length."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder.lake.block import Block, Bools, Floats, Ints, significant
from recorder.lake.columns import Batch, doubles, optional_doubles, origin, over, table, timestamps
from recorder.lake.layout import Books, Layout
from recorder.lake.plain import EXACT_DIGITS
from recorder.lake.reading import DECIMAL_LIMIT_BYTES, Misfit, cast_floats, matches, read, require
from recorder.lake.tables import DEPTH, LEVELS

_END: Final = b'"]]'
_FIRST, _BETWEEN, _SECOND = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Strings:
    """The strings from each line's first level to its last, those between the lists among them.

    `begin` and `count` are by line; `after` holds the bytes that follow each closing quote: all the first
    ones, all the second ones, and so on.
    """

    opens: Ints
    closes: Ints
    after: list[Bytes]
    begin: Ints
    count: Ints

    def followed_by(self, text: bytes) -> Bools:
        """Which strings end with this text, the first byte of which is the closing quote."""
        return np.logical_and.reduce([found == byte for found, byte in zip(self.after, text[1:], strict=False)])

    def require(self, fits: Bools) -> None:
        """Raise Misfit where a line has a string that does not fit."""
        if not fits.all():
            require(np.logical_and.reduceat(fits, self.begin))


@dataclass(frozen=True, slots=True)
class _Sides:
    """Which list each string stands in, and how many levels each line has in the two lists."""

    part: NDArray[np.int8]
    last: Ints
    """The last string of each line's first list."""
    levels: tuple[Ints, Ints]


def fits_books(books: Books, quotes: Ints) -> Bools:
    """Whether lines of so many quotes can hold two lists of at least one level."""
    levels = quotes + 5 - (books.before + books.between + books.after)
    fits: Bools = (levels >= 8) & (levels % 4 == 0)
    return fits


def read_books(block: Block, layout: Layout, lines: Ints, first_seq: int) -> Batch:
    """Read lines whose count of quotes fits. Raises Misfit."""
    books = layout.books
    assert books is not None
    strings = _strings(block, books, lines)
    sides = _split(books, strings)
    _check_gaps(books, strings, sides)
    columns = _columns(block, books, lines, sides, strings)
    require(matches(block, layout.form, columns))
    reading = read(block, layout.form, columns)
    notices: Counter[str] = Counter()
    values = _values(block, strings, sides)
    names = {_FIRST: "asks", _SECOND: "bids"} if books.asks_first else {_FIRST: "bids", _SECOND: "asks"}
    rows = origin(reading.numbers["t"] // 1000, lines + first_seq)
    for part, name in names.items():
        inside = sides.part == part
        price, quantity = np.ascontiguousarray(values[inside].reshape(-1, 2).T)
        offsets = np.zeros(len(lines) + 1, np.int32)
        np.cumsum(sides.levels[part == _SECOND], out=offsets[1:])
        rows[name] = _level_lists(offsets, price, quantity)
        rows[f"{name[:-1]}_price"] = doubles(price[offsets[:-1]])
        rows[f"{name[:-1]}_quantity"] = doubles(quantity[offsets[:-1]])
        _count_digits(block, strings, inside, f"depth.{name}", notices)
    wires = {"last": "last", "index_price": "index_price", "mark_price": "sign_price"}
    for column, wire in wires.items():
        rows[column] = optional_doubles(reading.numbers.get(wire), len(lines))
    reading.count_digits({wire: f"depth.{wire}" for wire in wires.values()}, notices)
    rows |= {"market": reading.text("market"), "ts_event": timestamps(reading.numbers["time"] * 1000)}
    return Batch(lines, table(DEPTH.schema, rows), notices)


def _strings(block: Block, books: Books, lines: Ints) -> _Strings:
    first = block.first[lines] + books.before - 1
    count = (block.last[lines] - books.after + 2 - first) // 2
    end = np.cumsum(count)
    begin = end - count
    place = np.arange(0, 2 * end[-1], 2) + np.repeat(first - 2 * begin, count)
    opens, closes = block.marks.take(place), block.marks[1:].take(place)
    longest = max(len(text) for text in (books.gap, books.step, _END))
    after = [block.raw[offset:].take(closes, mode="clip") for offset in range(1, longest)]
    return _Strings(opens, closes, after, begin, count)


def _split(books: Books, strings: _Strings) -> _Sides:
    """Find where the first list ends. Raises Misfit unless exactly two lists end, the second as the last."""
    lines, last = len(strings.begin), strings.begin + strings.count - 1
    ends = np.flatnonzero(strings.followed_by(_END))
    if len(ends) != 2 * lines or (ends[1::2] != last).any() or (ends[0::2] < strings.begin).any():
        line = np.searchsorted(last, ends)
        require((np.bincount(line, minlength=lines) == 2) & np.isin(last, ends))
    between = books.between // 2 - 1
    one = ends[0::2] - strings.begin + 1
    two = strings.count - one - between
    require((one % 2 == 0) & (two % 2 == 0) & (two >= 2))
    counts = np.stack([one, np.full_like(one, between), two], axis=1)
    part = np.repeat(np.tile(np.array([_FIRST, _BETWEEN, _SECOND], np.int8), lines), counts.reshape(-1))
    return _Sides(part, ends[0::2], (one // 2, two // 2))


def _check_gaps(books: Books, strings: _Strings, sides: _Sides) -> None:
    """Price and quantity must alternate, with the right gaps. Raises Misfit."""
    gap = strings.followed_by(books.gap)
    step = strings.followed_by(books.step) | strings.followed_by(_END)
    second = sides.last + books.between // 2
    starts = np.stack([strings.begin, strings.begin, second], axis=1).reshape(-1)
    counts = np.stack([sides.levels[0] * 2, second - 1 - sides.last, sides.levels[1] * 2], axis=1)
    odd = np.repeat((starts & 1).astype(np.bool_), counts.reshape(-1))
    odd[1::2] ^= True
    strings.require(np.where(odd, step, gap) | (sides.part == _BETWEEN))


def _columns(block: Block, books: Books, lines: Ints, sides: _Sides, strings: _Strings) -> Ints:
    """The columns of the layout's form: all marks of a line but those inside the two lists."""
    first, last = block.first[lines], block.last[lines]
    middle = first + books.before - 1 + 2 * (sides.last - strings.begin) + 1
    parts = [(first, books.before), (middle, books.between), (last - books.after + 1, books.after)]
    return np.concatenate([block.columns(start, width) for start, width in parts], axis=1)


def _values(block: Block, strings: _Strings, sides: _Sides) -> Floats:
    """Every string as a number; those between the lists are NaN. Raises Misfit."""
    starts, inside = strings.opens + 1, sides.part != _BETWEEN
    length = strings.closes - starts
    strings.require((length >= 1) & (length <= DECIMAL_LIMIT_BYTES) | ~inside)
    try:
        return cast_floats(block, starts[:, None], strings.closes[:, None], inside[:, None]).reshape(-1)
    except Misfit as misfit:
        strings.require(misfit.fits)
        raise


def _level_lists(offsets: NDArray[np.int32], price: Floats, quantity: Floats) -> pa.Array:
    levels = pa.StructArray.from_arrays([doubles(price), doubles(quantity)], fields=list(LEVELS.value_type))
    return pa.ListArray.from_arrays(over(offsets, pa.int32()), levels, type=LEVELS)


def _count_digits(block: Block, strings: _Strings, inside: Bools, name: str, notices: Counter[str]) -> None:
    long = inside & (strings.closes - strings.opens > EXACT_DIGITS + 1)
    count = significant(block, strings.opens[long] + 1, strings.closes[long], EXACT_DIGITS)
    if count:
        notices[f"more than {EXACT_DIGITS} digits: {name}"] += count
