"""Byte layouts, learned from a line that the plain decoder has read.

A journal line is seen as its quotes: between two of them stands a string, between two strings a gap of
punctuation and bare numbers. In lines of one *layout* the same keys stand between the same quotes, so
everything but the values is constant: a *form* says which bytes must stand where, relative to which
quote (its *column*), and which values (*slots*) stand between. A line all of whose constants are there
is what the exemplar was, with other values. Nothing about order, spacing or extra fields is assumed.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from recorder.exchange.topics import Stream

SlotKind: TypeAlias = Literal[
    "integer", "open", "milliseconds", "seconds", "decimal", "optional", "name", "side", "ignored", "hole"
]
"""`open` (s) and `milliseconds` are integers, `seconds` a decimal, each a time; an `optional` is a decimal
that may be absent; a `hole` is a region that is checked by itself."""
INTEGERS: Final = ("integer", "open", "milliseconds")

WORD_BYTES: Final = 16
"""Constants are compared in words of this size; numpy sees each as two integers."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A value: its text runs from `start` past one column to `end` past another (mostly the next)."""

    name: str
    kind: SlotKind
    quoted: bool
    start: tuple[int, int]
    end: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Constants as words, masked: at `columns[i]` + `offsets[i]` stands `values[i]`, as two integers."""

    columns: NDArray[np.intp]
    offsets: NDArray[np.int64]
    masks: NDArray[np.uint64]
    values: NDArray[np.uint64]
    slots: tuple[Slot, ...]
    width: int
    """How many columns a line has: its quotes, and the newline or what else ends it."""
    reach: int
    """The furthest any word stands from its column."""


@dataclass(frozen=True, slots=True)
class Books:
    """How the two level lists of a book are written, and which columns stand around them.

    Columns up to `before` stand left of the first list, `between` columns between the lists, the rest
    right of them. `gap` separates price and quantity, `step` two levels, both with their quotes.
    """

    before: int
    between: int
    after: int
    gap: bytes
    step: bytes
    asks_first: bool


@dataclass(frozen=True, slots=True)
class Objects:
    """How the objects of a state push are written: `form` is that of one, ended by its brace.

    Columns up to `before` stand left of the first object's name. `after_gap` bytes stand between the
    last object's brace and the next column. `separator` (with the next name's quote) is None when the
    exemplar held one object.
    """

    form: Form
    before: int
    after: int
    after_gap: int
    separator: bytes | None


@dataclass(slots=True, eq=False)
class Layout:
    """What was learned from one line. `form` is the whole line's, with holes for books and objects."""

    stream: Stream
    form: Form
    notices: tuple[str, ...]
    rows: int = 1
    books: Books | None = None
    objects: Objects | None = None
    probe: int = 0
    """The word of the form that tells the stream's method."""
    probe_column: tuple[int, bool] = (0, False)
    """Its column's distance from the line's first mark, or (True) from its last."""
    used: int = 0
    """When it last matched, in blocks."""
