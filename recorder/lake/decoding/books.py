"""Book pushes of one layout, all at once: fixed parts around two lists of levels of any length."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder.lake.arrays import Bools, Bytes, Floats, Ints
from recorder.lake.decoding.block import Block, significant
from recorder.lake.decoding.layout import Books, Layout
from recorder.lake.decoding.reading import DECIMAL_LIMIT_BYTES, Misfit, cast_floats, matches, read, require
from recorder.lake.decoding.rows import EXACT_DIGITS
from recorder.lake.store.columns import Batch, doubles, optional_doubles, origin, over, table, timestamps
from recorder.lake.store.tables import DEPTH, LEVELS

_END: Final = b'"]]'


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
        matching = [found == byte for found, byte in zip(self.after, text[1:], strict=False)]
        fits: Bools = np.logical_and.reduce(matching)
        return fits

    def require(self, fits: Bools) -> None:
        """Raise Misfit where a line has a string that does not fit."""
        if not fits.all():
            require(np.logical_and.reduceat(fits, self.begin))


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two lists of every line.

    The levels of line i are those from offsets[i] to offsets[i + 1]; `prices` says of each level which
    string its price is. The next one is its quantity.
    """

    offsets: NDArray[np.int32]
    prices: Ints


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
    ends = _first_ends(books, strings)
    sides = _sides(books, strings, ends)
    _check_gaps(books, strings, sides)
    columns = _columns(block, books, lines, ends - strings.begin)
    require(matches(block, layout.form, columns))
    reading = read(block, layout.form, columns)
    values = _values(block, books, strings, ends)
    notices: Counter[str] = Counter()
    rows = origin(reading.numbers["t"] // 1000, lines + first_seq)
    for side, name in zip(sides, ("asks", "bids") if books.asks_first else ("bids", "asks"), strict=True):
        price, quantity = values.take(side.prices), values[1:].take(side.prices)
        rows[name] = _level_lists(side.offsets, price, quantity)
        rows[f"{name[:-1]}_price"] = doubles(price[side.offsets[:-1]])
        rows[f"{name[:-1]}_quantity"] = doubles(quantity[side.offsets[:-1]])
        _count_digits(block, strings, side, f"depth.{name}", notices)
    wires = {"last": "last", "index_price": "index_price", "mark_price": "sign_price"}
    for column, wire in wires.items():
        rows[column] = optional_doubles(reading.numbers.get(wire), len(lines))
    reading.count_digits({wire: f"depth.{wire}" for wire in wires.values()}, notices)
    rows |= {"market": reading.text("market"), "ts_event": timestamps(reading.numbers["time"] * 1000)}
    rows["dt"] = pa.nulls(len(lines), pa.float64())
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


def _first_ends(books: Books, strings: _Strings) -> Ints:
    """The last string of each line's first list. Raises Misfit unless exactly two lists of whole levels end,
    the second as the last."""
    lines, last = len(strings.begin), strings.begin + strings.count - 1
    ends = np.flatnonzero(strings.followed_by(_END))
    if len(ends) != 2 * lines or (ends[1::2] != last).any() or (ends[0::2] < strings.begin).any():
        line = np.searchsorted(last, ends)
        require((np.bincount(line, minlength=lines) == 2) & np.isin(last, ends))
    one = ends[0::2] - strings.begin + 1
    two = strings.count - one - _between(books)
    require((one % 2 == 0) & (two % 2 == 0) & (two >= 2))
    return ends[0::2]


def _between(books: Books) -> int:
    """How many strings stand between the two lists."""
    return books.between // 2 - 1


def _sides(books: Books, strings: _Strings, ends: Ints) -> tuple[_Side, _Side]:
    second = ends + 1 + _between(books)
    end = strings.begin + strings.count
    return _side(strings.begin, ends + 1), _side(second, end)


def _side(begin: Ints, end: Ints) -> _Side:
    """The lists that stand from string `begin` to before `end`, by line."""
    levels = (end - begin) // 2
    offsets = np.zeros(len(levels) + 1, np.int32)
    np.cumsum(levels, out=offsets[1:])
    return _Side(offsets, np.arange(0, 2 * offsets[-1], 2) + np.repeat(begin - 2 * offsets[:-1], levels))


def _check_gaps(books: Books, strings: _Strings, sides: tuple[_Side, _Side]) -> None:
    """Price and quantity must alternate, with the right gaps. Raises Misfit."""
    gap = strings.followed_by(books.gap)
    step = strings.followed_by(books.step) | strings.followed_by(_END)
    for side in sides:
        fits = gap.take(side.prices) & step[1:].take(side.prices)
        if not fits.all():
            require(np.logical_and.reduceat(fits, side.offsets[:-1]))


def _columns(block: Block, books: Books, lines: Ints, first_end: Ints) -> Ints:
    """The columns of the layout's form: all marks of a line but those inside the two lists, the first of
    which ends with string `first_end` of the line's."""
    first, last = block.first[lines], block.last[lines]
    middle = first + books.before + 2 * first_end
    parts = [(first, books.before), (middle, books.between), (last - books.after + 1, books.after)]
    return np.concatenate([block.columns(start, width) for start, width in parts], axis=1)


def _values(block: Block, books: Books, strings: _Strings, ends: Ints) -> Floats:
    """Every string as a number; those between the lists are NaN. Raises Misfit."""
    inside = np.ones(len(strings.opens), np.bool_)
    inside[ends[:, None] + np.arange(1, _between(books) + 1)] = False
    starts, length = strings.opens + 1, strings.closes - strings.opens - 1
    if length.min() < 1 or length.max() > DECIMAL_LIMIT_BYTES:
        strings.require((length >= 1) & (length <= DECIMAL_LIMIT_BYTES) | ~inside)
    try:
        return cast_floats(block, starts[:, None], strings.closes[:, None], inside[:, None]).reshape(-1)
    except Misfit as misfit:
        strings.require(misfit.fits)
        raise


def _level_lists(offsets: NDArray[np.int32], price: Floats, quantity: Floats) -> pa.Array:
    levels = pa.StructArray.from_arrays([doubles(price), doubles(quantity)], fields=list(LEVELS.value_type))
    return pa.ListArray.from_arrays(over(offsets, pa.int32()), levels, type=LEVELS)


def _count_digits(block: Block, strings: _Strings, side: _Side, name: str, notices: Counter[str]) -> None:
    if (strings.closes - strings.opens).max() <= EXACT_DIGITS + 1:
        return
    places = np.concatenate([side.prices, side.prices + 1])
    count = significant(block, strings.opens[places] + 1, strings.closes[places], EXACT_DIGITS)
    if count:
        notices[f"more than {EXACT_DIGITS} digits: {name}"] += count
