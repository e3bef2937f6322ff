"""A block of journal lines as one array of bytes: where lines and quotes are, and its numbers read at once.

Texts are never copied to be read: an Arrow string array lies over the block itself, its offsets the
bounds of the wanted texts, so that every second element is the text between two of them; those are null.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from recorder.lake.arrays import Bools, Bytes, Floats, Ints

BLOCK_LIMIT_BYTES: Final = 2**30
"""Positions are 32 bits, as Arrow's string offsets are, with room to add to them."""
LEADING_LIMIT: Final = 6
"""Bytes of "-0.000" passed over before a decimal is looked at closely; most that are long end there."""
STRIPE_BYTES: Final = 128 * 1024
"""Bytes of a block looked at together: what is made of them stays in the cache."""
_EVERY_SECOND: Final = 0x55
_LEADING: Final = np.isin(np.arange(256), list(b"-0."))


@dataclass(frozen=True, slots=True)
class Block:
    """`marks` are the positions of all quotes and newlines; line i's are marks[first[i]:last[i] + 1], the
    last of them its newline. `words` are the 8 bytes from each position on, `pairs` the 16 bytes. A line
    that is not `tame` is left to the plain decoder."""

    data: bytes
    raw: Bytes
    words: NDArray[np.uint64]
    pairs: NDArray[np.void]
    marks: Ints
    first: Ints
    last: Ints
    tame: Bools

    @property
    def quotes(self) -> Ints:
        """How many quotes each line has."""
        return self.last - self.first

    def columns(self, first: Ints, width: int) -> Ints:
        """The positions of `width` marks from each of `first` on, a row each."""
        rows: Ints = sliding_window_view(self.marks, width)[first]
        return rows

    def line(self, index: int) -> bytes:
        """A line with its newline."""
        start = 0 if index == 0 else int(self.marks[self.last[index - 1]]) + 1
        return self.data[start : int(self.marks[self.last[index]]) + 1]


def index_block(data: bytes) -> Block:
    """Find the lines and quotes of a block; it ends with a newline and holds at least 16 bytes."""
    raw = np.frombuffer(data, np.uint8)
    marks = _where(raw, lambda stripe: (stripe == ord('"')) | (stripe == ord("\n")))
    low = _where(raw, lambda stripe: stripe < ord(" "))
    is_end = raw[low] == ord("\n")
    ends = low[is_end]
    last = np.searchsorted(marks, ends)
    first = np.empty_like(last)
    first[0] = 0
    first[1:] = last[:-1] + 1
    tame = np.ones(len(last), np.bool_)
    for wild in (low[~is_end], *_wild(data, raw)):
        tame[np.searchsorted(ends, wild)] = False
    words: NDArray[np.uint64] = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    pairs: NDArray[np.void] = np.ndarray((len(data) - 15,), "V16", data, strides=(1,))
    return Block(data, raw, words, pairs, marks, first, last, tame)


def _where(raw: Bytes, holds: Callable[[Bytes], Bools]) -> Ints:
    """The positions of the bytes for which `holds`, which is asked about stripes that fit the cache."""
    found = np.empty(len(raw), np.int32)  # its unused end is never touched, and costs nothing
    count = 0
    for at in range(0, len(raw), STRIPE_BYTES):
        places = np.flatnonzero(holds(raw[at : at + STRIPE_BYTES]))
        np.add(places, at, out=found[count : count + len(places)], casting="same_kind")
        count += len(places)
    return found[:count]


def _wild(data: bytes, raw: Bytes) -> list[Ints]:
    """Where bytes stand that a reader by position could misread: escapes, exponents, plus signs (Arrow
    takes them, JSON and the venue do not), anything beyond ASCII."""
    found = [np.flatnonzero(raw == byte) for byte in b"\\+" if bytes((byte,)) in data]
    if not data.isascii():
        found.append(np.flatnonzero(raw >= 0x80))
    found += [_exponents(raw[at : at + STRIPE_BYTES + 2]) + at for at in range(0, len(raw), STRIPE_BYTES)]
    return [wild for wild in found if wild.size]


def _exponents(raw: Bytes) -> Ints:
    """Where an `e` or `E` stands as in a number: after a digit or a point, before a digit or a minus."""
    likely = (raw[1:-1] | 0x20) == ord("e")
    likely &= (raw[:-2] - ord(".")) < 12  # unsigned: from the point to the nine, and the slash between
    if not likely.any():
        return np.zeros(0, np.int64)
    here = np.flatnonzero(likely) + 1
    before, after = raw[here - 1], raw[here + 1]
    exponents: Ints = here[(before != ord("/")) & (is_digit(after) | (after == ord("-")))]
    return exponents


def is_digit(raw: Bytes) -> Bools:
    return (raw - ord("0")) < 10  # unsigned: what is below "0" wraps round


# --- texts as Arrow arrays --------------------------------------------------------------------------


def between(block: Block, starts: Ints, ends: Ints, valid: Bools | None = None) -> pa.Array:
    """A string array over the block: element 2i is the text from starts[i] to ends[i], the others null.

    The bounds ascend, and no text may overlap the next.
    """
    offsets = np.empty((starts.size, 2), np.int32)
    offsets[:, 0] = starts
    offsets[:, 1] = ends
    count = 2 * starts.size - 1
    if valid is None:
        bits = np.full(starts.size // 4 + 1, _EVERY_SECOND, np.uint8)
    else:
        wanted = np.zeros((starts.size, 2), np.bool_)
        wanted[:, 0] = valid
        bits = np.packbits(wanted.reshape(-1), bitorder="little")
    buffers = [pa.py_buffer(bits), pa.py_buffer(offsets.reshape(-1)), pa.py_buffer(block.data)]
    return pa.Array.from_buffers(pa.string(), count, buffers)


def texts(block: Block, starts: Ints, ends: Ints) -> pa.Array:
    """The texts themselves as a string column."""
    if starts.size == 0:
        return pa.array([], pa.string())
    return between(block, starts, ends).drop_null()


def read_floats(block: Block, starts: Ints, ends: Ints, valid: Bools | None = None) -> Floats:
    """The texts as float64, exactly rounded; NaN where not `valid`. Raises pa.ArrowInvalid."""
    cast = pc.cast(between(block, starts, ends, valid), pa.float64())
    found = np.frombuffer(cast.buffers()[1], np.float64, len(cast))[::2]
    return np.where(valid, found, np.nan) if valid is not None else found


def read_integers(block: Block, starts: Ints, ends: Ints) -> Ints:
    """The texts as int64. Raises pa.ArrowInvalid."""
    cast = pc.cast(between(block, starts, ends), pa.int64())
    return np.frombuffer(cast.buffers()[1], np.int64, len(cast))[::2]


def numeric(block: Block, starts: Ints, ends: Ints, characters: bytes) -> Bools:
    """Which texts are plain numbers of these characters: a sign at most in front, one point at most, a
    digit at least. Slow: asked for only when a cast has failed."""
    allowed = np.zeros(256, np.bool_)
    allowed[list(characters)] = True
    foreign = _count(~allowed[block.raw], starts, ends)
    points = _count(block.raw == ord("."), starts, ends)
    signs = _count(block.raw == ord("-"), starts, ends)
    signed = (block.raw[starts] == ord("-")) & (ends > starts)
    digits = ends - starts - points - signs
    fits: Bools = (foreign == 0) & (points <= 1) & (signs == signed) & (digits >= 1)
    return fits


def _count(hits: Bools, starts: Ints, ends: Ints) -> Ints:
    so_far = np.zeros(len(hits) + 1, np.int64)
    np.cumsum(hits, out=so_far[1:])
    return so_far[ends] - so_far[starts]


def significant(block: Block, starts: Ints, ends: Ints, more_than: int) -> int:
    """How many of the decimals have more than so many significant digits; zeros at either end carry none."""
    long = np.flatnonzero(ends - starts > more_than)
    if long.size == 0:
        return 0
    starts, ends = starts[long], ends[long]
    for _ in range(LEADING_LIMIT):
        zeros = _LEADING[block.raw[starts]] & (starts < ends)
        starts = starts + zeros  # what leads stays leading: the first other byte stops the walk
    long = np.flatnonzero(ends - starts > more_than)
    if long.size == 0:
        return 0
    starts, ends = starts[long], ends[long]
    places = starts[:, None] + np.arange(int((ends - starts).max()))
    inside = places < ends[:, None]
    found = block.raw[np.where(inside, places, 0)]
    weighty = inside & (found > ord("0")) & (found <= ord("9"))
    leading = weighty.argmax(axis=1)
    trailing = weighty.shape[1] - 1 - weighty[:, ::-1].argmax(axis=1)
    point = np.where(inside & (found == ord(".")), 1, 0)
    columns = np.arange(weighty.shape[1])
    inner = (columns >= leading[:, None]) & (columns <= trailing[:, None])
    digits = trailing - leading + 1 - (point * inner).sum(axis=1)
    return int(np.count_nonzero(weighty.any(axis=1) & (digits > more_than)))
