"""State pushes of one layout, all at once: an envelope around any number of objects, one a market."""

from collections import Counter
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.arrays import Bools, Ints
from recorder.lake.decoding.block import Block, between
from recorder.lake.decoding.layout import Layout, Objects
from recorder.lake.decoding.reading import Misfit, Reading, matches, read, require
from recorder.lake.decoding.rows import FUNDING_AHEAD_MINUTES, STATE_WIRE, precise
from recorder.lake.store.columns import Batch, optional_doubles, origin, over, table, timestamps
from recorder.lake.store.table import PRECISE, TIME
from recorder.lake.store.tables import STATE
from recorder.lake.units import MINUTE_US

_PRECISE_BYTES: Final = 16


def fits_states(objects: Objects, quotes: Ints) -> Bools:
    """Whether lines of so many quotes can hold a whole number of objects."""
    inside, width = _inside(objects, quotes), objects.form.width - 1
    fits: Bools = inside == width
    if objects.separator is not None:
        fits |= (inside > width) & (inside % width == 0)
    return fits


def _inside(objects: Objects, quotes: Ints) -> Ints:
    return quotes + 2 - objects.before - objects.after


def read_states(block: Block, layout: Layout, lines: Ints, first_seq: int) -> Batch:
    """Read lines whose count of quotes fits. Raises Misfit."""
    objects = layout.objects
    assert objects is not None
    first, last = block.first[lines], block.last[lines]
    parts = [(first, objects.before), (last - objects.after + 1, objects.after)]
    envelope = np.concatenate([block.columns(start, n) for start, n in parts], axis=1)
    require(matches(block, layout.form, envelope))
    counts = _inside(objects, block.quotes[lines]) // (objects.form.width - 1)
    begin = np.cumsum(counts) - counts
    columns = _object_columns(block, objects, lines, counts)
    fits = matches(block, objects.form, columns) & _separated(block, objects, columns, begin)
    _require_all(fits, begin)
    heads = read(block, layout.form, envelope)
    try:
        reading = read(block, objects.form, columns)
    except Misfit as misfit:
        _require_all(misfit.fits, begin)
        raise
    line = np.repeat(np.arange(len(lines)), counts)
    markets = reading.text("market")
    _require_unlike(markets, line, begin)
    notices: Counter[str] = Counter()
    rows = origin(heads.numbers["t"][line] // 1000, lines[line] + first_seq)
    rows["market"] = markets
    _fill(rows, reading, heads.numbers["t"][line] // 1000, notices)
    return Batch(lines, table(STATE.schema, rows), notices)


def _require_all(fits: Bools, begin: Ints) -> None:
    """Raise Misfit where a line has an object that does not fit."""
    if not fits.all():
        require(np.logical_and.reduceat(fits, begin))


def _object_columns(block: Block, objects: Objects, lines: Ints, counts: Ints) -> Ints:
    """The quotes of every object, and its closing brace, found from the quote that follows it."""
    width = objects.form.width - 1
    at = np.arange(int(counts.sum()))
    begin = np.cumsum(counts) - counts
    start = np.repeat(block.first[lines] + objects.before - 1 - width * begin, counts) + width * at
    marks: Ints = block.columns(start, width + 1)
    marks[:, -1] -= len(objects.separator or b"")
    last = begin + counts - 1
    marks[last, -1] = block.marks[start[last] + width] - objects.after_gap - 1
    return marks


def _separated(block: Block, objects: Objects, columns: Ints, begin: Ints) -> Bools:
    """Whether each object is parted from the one before it as the exemplar's were."""
    fits = np.ones(len(columns), np.bool_)
    separator = objects.separator or b""
    for offset, byte in enumerate(separator[::-1]):
        fits &= block.raw[columns[:, 0] - offset] == byte
    fits[begin] = True
    return fits


def _require_unlike(markets: pa.Array, line: Ints, begin: Ints) -> None:
    """Raise Misfit where a line names a market twice: JSON keeps the last of them."""
    codes = markets.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    keys = line * (len(codes) + 1) + codes
    ordered = np.argsort(keys, kind="stable")
    fits = np.ones(len(codes), np.bool_)
    fits[ordered[1:]] = keys[ordered[1:]] != keys[ordered[:-1]]
    _require_all(fits, begin)


def _fill(rows: dict[str, pa.Array], reading: Reading, ts_recv: Ints, notices: Counter[str]) -> None:
    count = len(ts_recv)
    doubles = {column: wire for column, wire in STATE_WIRE.items() if column != "insurance"}
    for column, wire in doubles.items():
        rows[column] = optional_doubles(reading.numbers.get(wire), count)
    reading.count_digits({wire: f"state.{wire}" for wire in doubles.values()}, notices)
    rows["insurance"] = _insurance(reading, count, notices)
    minutes = reading.numbers.get("funding_time")
    if minutes is None:
        rows |= {"funding_minutes": pa.nulls(count, pa.int64()), "ts_funding": pa.nulls(count, TIME)}
        return
    near = minutes <= FUNDING_AHEAD_MINUTES
    if not near.all():
        notices["state.funding_time is out of range"] += int(np.count_nonzero(~near))
    instant = -(-ts_recv // MINUTE_US) * MINUTE_US + np.where(near, minutes, 0) * MINUTE_US
    rows["funding_minutes"] = over(minutes, pa.int64())
    rows["ts_funding"] = timestamps(instant, near)


def _insurance(reading: Reading, count: int, notices: Counter[str]) -> pa.Array:
    """Exact decimals from the text; what Arrow's type cannot hold goes the plain way, value by value."""
    if "insurance" not in reading.starts:
        return pa.nulls(count, PRECISE)
    valid = ~np.isnan(reading.numbers["insurance"])
    bounds = between(reading.block, reading.starts["insurance"], reading.ends["insurance"], valid)
    try:
        cast = pc.cast(bounds, PRECISE)
    except pa.ArrowInvalid:
        every = bounds.to_pylist()[::2]
        return pa.array([precise(text, notices) for text in every], PRECISE)
    return over(np.frombuffer(cast.buffers()[1], f"V{_PRECISE_BYTES}", len(cast))[::2], PRECISE, valid)
