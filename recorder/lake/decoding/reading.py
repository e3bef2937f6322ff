"""Lines of a known form, all at once: are the constants in place, and what do the slots say.

Whatever is not surely what the plain decoder takes, in the same sense, is a misfit: the lines that still
fit are tried again without it, and it is left to the plain decoder.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder.exchange.fields import TIME_RANGE_S
from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.decoding.block import (
    BLOCK_LIMIT_BYTES,
    Block,
    is_digit,
    numeric,
    read_floats,
    read_integers,
    significant,
    texts,
)
from recorder.lake.decoding.layout import INTEGERS, Form, Slot
from recorder.lake.decoding.rows import EXACT_DIGITS

BARE_LIMIT_BYTES: Final = 30
DECIMAL_LIMIT_BYTES: Final = 64
"""Longer numbers are valid, but not worth the room they would take beside the others."""
INTEGER_LIMIT_BYTES: Final = 19
MATCH_WORDS: Final = 32_768
"""Words compared at a time: what is gathered stays in the cache."""
_WORD_OF_SIDE: Final = (
    (4, int.from_bytes(b"sell", "little"), 0xFFFF_FFFF),
    (3, int.from_bytes(b"buy", "little"), 0xFF_FFFF),
)
_UNITS_A_SECOND: Final = {"open": 1, "milliseconds": 1000, "seconds": 1}


class Misfit(Exception):  # noqa: N818 -- no error: the other lines go on, these are read plainly
    """Some lines do not fit; `fits` tells which of those asked for still may."""

    def __init__(self, fits: Bools) -> None:
        super().__init__("lines that do not fit")
        self.fits = fits


def require(fits: Bools) -> None:
    """Raise Misfit unless every line fits."""
    if not fits.all():
        raise Misfit(fits)


def matches(block: Block, form: Form, columns: Ints) -> Bools:
    """Which lines have every constant in place; `columns` holds a position for each column of the form."""
    found = np.empty(len(columns), np.bool_)
    step = MATCH_WORDS // len(form.columns) + 1
    for at in range(0, len(columns), step):
        places = columns[at : at + step].take(form.columns, axis=1)
        places += form.offsets
        if int(columns[-1, -1]) + form.reach > len(block.pairs):
            np.minimum(places, len(block.pairs) - 1, out=places)
        words = block.pairs[places].view(np.uint64).reshape(len(places), -1, 2)
        words &= form.masks
        np.equal(words, form.values).all(axis=(1, 2), out=found[at : at + step])
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """The named slots of some lines: where each text stands, its greatest length, and numbers."""

    block: Block
    starts: dict[str, Ints]
    ends: dict[str, Ints]
    longest: dict[str, int]
    numbers: dict[str, NDArray[Any]]
    """int64 or float64, NaN where an optional decimal is absent."""

    def text(self, name: str) -> pa.Array:
        return texts(self.block, self.starts[name], self.ends[name])

    def count_digits(self, names: dict[str, str], notices: Counter[str]) -> None:
        """Count decimals that a float64 may not give back, under the notices' names."""
        for slot, name in names.items():
            if self.longest.get(slot, 0) > EXACT_DIGITS:
                count = significant(self.block, self.starts[slot], self.ends[slot], EXACT_DIGITS)
                if count:
                    notices[f"more than {EXACT_DIGITS} digits: {name}"] += count


def read(block: Block, form: Form, columns: Ints) -> Reading:
    """Read the slots of lines that match. Raises Misfit."""
    slots = [
        slot for slot in form.slots if slot.kind != "hole" and not (slot.kind == "ignored" and slot.quoted)
    ]
    starts = _places(columns, [slot.start for slot in slots])
    ends = _places(columns, [slot.end for slot in slots])
    lengths = ends - starts
    _require_plausible(block, slots, starts, lengths)
    numbers: dict[str, NDArray[Any]] = {}
    whole = [index for index, slot in enumerate(slots) if slot.kind in INTEGERS]
    if whole:
        integers = cast_integers(block, starts.take(whole, axis=1), ends.take(whole, axis=1))
        numbers |= {slots[index].name: integers[:, at] for at, index in enumerate(whole)}
    real = [index for index, slot in enumerate(slots) if slot.kind not in (*INTEGERS, "name", "side")]
    if real:
        begin, end = starts.take(real, axis=1), ends.take(real, axis=1)
        valid = _valid(block, [slots[index] for index in real], begin, end)
        floats = np.ascontiguousarray(cast_floats(block, begin, end, valid).T)
        numbers |= {slots[index].name: floats[at] for at, index in enumerate(real)}
    for slot in slots:
        if slot.kind in _UNITS_A_SECOND:
            first, last = (second * _UNITS_A_SECOND[slot.kind] for second in TIME_RANGE_S)
            require((numbers[slot.name] >= first) & (numbers[slot.name] < last))
    named = {slot.name: index for index, slot in enumerate(slots) if slot.name}
    return Reading(
        block,
        {name: starts[:, index] for name, index in named.items()},
        {name: ends[:, index] for name, index in named.items()},
        dict(zip(named, lengths.max(axis=0)[list(named.values())].tolist(), strict=True)),
        numbers,
    )


def _places(columns: Ints, bounds: Sequence[tuple[int, int]]) -> Ints:
    """One bound of each slot in each line."""
    column, offset = zip(*bounds, strict=True)
    places: Ints = columns.take(column, axis=1) + np.array(offset)
    return places


def _require_plausible(block: Block, slots: Sequence[Slot], starts: Ints, lengths: Ints) -> None:
    """Look at what a text's length and its first and last bytes say; the cast says the rest."""
    least, most = zip(*(_length_bounds(slot) for slot in slots), strict=True)
    sized = (lengths >= np.array(least)) & (lengths <= np.array(most))
    plausible = np.ones(len(starts), np.bool_) if sized.all() else np.all(sized, axis=1)
    for index, slot in enumerate(slots):
        if slot.kind == "side":
            plausible &= _is_side(block, starts[:, index], lengths[:, index])
        elif not slot.quoted:
            plausible &= _is_bare_number(block, slot, starts[:, index], lengths[:, index])
    require(plausible)


def _length_bounds(slot: Slot) -> tuple[int, int]:
    if slot.quoted and slot.kind in ("name", "side", "ignored"):
        return 1, BLOCK_LIMIT_BYTES
    if slot.quoted:
        return 0 if slot.kind == "optional" else 1, DECIMAL_LIMIT_BYTES
    if slot.kind in INTEGERS:
        return 1, INTEGER_LIMIT_BYTES
    return 1, EXACT_DIGITS if slot.kind in ("decimal", "optional") else BARE_LIMIT_BYTES


def _is_side(block: Block, starts: Ints, lengths: Ints) -> Bools:
    word = block.words[starts]
    fits = np.zeros(len(starts), np.bool_)
    for letters, value, mask in _WORD_OF_SIDE:
        fits |= (lengths == letters) & ((word & mask) == value)
    return fits


def _is_bare_number(block: Block, slot: Slot, starts: Ints, lengths: Ints) -> Bools:
    first, last = block.raw[starts], block.raw[starts + lengths - 1]
    zero = (first == ord("0")) & (lengths > 1)
    if slot.kind in INTEGERS:
        huge = (lengths == INTEGER_LIMIT_BYTES) & (first == ord("9"))
        whole: Bools = is_digit(first) & ~zero & ~huge
        return whole
    zero &= block.raw[starts + 1] != ord(".")
    fits: Bools = is_digit(first) & ~zero & is_digit(last)
    return fits


def _valid(block: Block, slots: Sequence[Slot], starts: Ints, ends: Ints) -> Bools | None:
    """Which decimals are there, None where all are: an optional one may be "", "-" or "--"."""
    if not any(slot.kind == "optional" and slot.quoted for slot in slots):
        return None
    starts, lengths = starts.reshape(-1), (ends - starts).reshape(-1)
    valid = lengths > 0
    short = np.flatnonzero(valid & (lengths <= 2))
    dashes = short[block.raw[starts[short]] == ord("-")]
    valid[dashes] = (lengths[dashes] == 2) & (block.raw[starts[dashes] + 1] != ord("-"))
    valid = valid.reshape(-1, len(slots))
    for index, slot in enumerate(slots):
        if slot.kind != "optional" or not slot.quoted:
            valid[:, index] = True
    return None if valid.all() else valid


def cast_integers(block: Block, starts: Ints, ends: Ints) -> Ints:
    """The texts (lines by slots) as int64. Raises Misfit."""
    try:
        return read_integers(block, starts.reshape(-1), ends.reshape(-1)).reshape(starts.shape)
    except pa.ArrowInvalid:
        fits = np.all(numeric(block, starts, ends, b"0123456789"), axis=1)
        raise Misfit(fits & (not fits.all())) from None


def cast_floats(block: Block, starts: Ints, ends: Ints, valid: Bools | None) -> Floats:
    """The texts (lines by slots) as finite float64, NaN where not `valid`. Raises Misfit."""
    try:
        flat = read_floats(
            block, starts.reshape(-1), ends.reshape(-1), None if valid is None else valid.reshape(-1)
        )
    except pa.ArrowInvalid:
        decimals = numeric(block, starts, ends, b"0123456789.-")
        fits = np.all(decimals if valid is None else decimals | ~valid, axis=1)
        raise Misfit(fits & (not fits.all())) from None
    floats = flat.reshape(starts.shape)
    finite = np.isfinite(floats)
    if valid is not None:
        finite |= ~valid
    if not finite.all():
        raise Misfit(np.all(finite, axis=1))
    return floats
