"""Bytes on disk: journal against the raw frames, compacted lake against `gzip -6` lines and other Parquet.

Gzip gets the depth frames sorted by market, which suits it best; the whole feed it gets as it came, which
is what a recorder of gzip lines writes. The other Parquet files hold the same books in the same order, but
not how long each stood: as pyarrow writes them when asked for nothing, and with lists of prices and
quantities of their own under zstd 3.
"""

import itertools
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from compact import compact_all
from corpus import Frame
from report import Row
from stored import check_rows, merged, publish, write_journal

GZIP_LEVEL: Final = 6
GZIP_WINDOW: Final = 31
"""zlib's word for a gzip stream."""
OURS_ALONE: Final = ("ts_recv", "seq", "bid_price", "bid_quantity", "ask_price", "ask_quantity", "dt")
"""Columns of books that the frames do not hold, or hold once."""
BYTES_A_ROW: Final = {"trades": 12.5, "state": 6.0}
"""Bars: no more bytes for a row of these tables."""
FAST: Final = 10
"""A feed ten times as busy: its flushes are ten times as full."""


class _Named(msgspec.Struct):
    market: str


class _Push(msgspec.Struct):
    result: _Named


def measure(plain: Sequence[Frame], mixed: Sequence[Frame]) -> list[Row]:
    """Every row about bytes; nothing here depends on the machine."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = [
            _journal("journal bytes, no state", plain, Path(scratch) / "plain", 9.0),
            _journal("journal bytes, no state, 10 x the pace", plain, Path(scratch) / "fast", 9.0, FAST),
            _journal("journal bytes, with state", mixed, Path(scratch) / "mixed", 18.0),
        ]
        check_rows(publish(Path(scratch) / "mixed"), mixed)
        return rows + _lake(mixed, Path(scratch))


def _journal(what: str, frames: Sequence[Frame], data_dir: Path, bar: float, speed: float = 1.0) -> Row:
    raw = sum(len(frame.payload) for frame in frames)
    size = write_journal(frames, data_dir, speed)
    return Row(
        what,
        f"{size / len(frames):.1f} B a frame",
        f"raw {raw / len(frames):,.0f} B",
        raw / size,
        "x less",
        bar,
        at_least=True,
    )


def _lake(frames: Sequence[Frame], scratch: Path) -> list[Row]:
    (scratch / "merged").mkdir()
    hourly = merged(scratch / "mixed", scratch / "merged")
    others = sum(path.stat().st_size for path in (scratch / "mixed" / "lake" / "klines").rglob("*.parquet"))
    lines = gzip_bytes(frame.payload for frame in frames) / len(frames)
    rows = [
        _less("lake, merged by the hour", sum(file.bytes for file in hourly.values()) + others, frames, lines)
    ]
    tables: dict[str, _Stored] = {}
    for file in compact_all(scratch / "mixed"):
        stored = tables.setdefault(file.table, _Stored([], 0, 0))
        stored.paths.append(scratch / "mixed" / "lake" / file.path)
        stored.rows += file.rows
        stored.bytes += file.bytes
    whole = sum(stored.bytes for stored in tables.values())
    rows.append(_less("lake, whole, compacted", whole, frames, lines, bar=6.0))
    rows += _depth_rows(tables["depth"], gzip_bytes(_by_market(frames)), scratch)
    for name in ("trades", "state", "klines", "minutes", "funding_told"):
        if name in tables:
            rows.append(_each(f"lake, {name}", tables[name].rows, tables[name].bytes, BYTES_A_ROW.get(name)))
    trades = tables["trades"]
    derived = trades.column_bytes("mid_before")
    return [*rows, _each("lake, trades without mid_before", trades.rows, trades.bytes - derived, None)]


@dataclass(slots=True)
class _Stored:
    """A table's compacted files together."""

    paths: list[Path]
    rows: int
    bytes: int

    def column_bytes(self, part: str) -> int:
        """Compressed bytes of the columns whose path has this part."""
        size = 0
        for path in self.paths:
            metadata = pq.ParquetFile(path).metadata
            for group, column in itertools.product(
                range(metadata.num_row_groups), range(metadata.num_columns)
            ):
                chunk = metadata.row_group(group).column(column)
                if part in chunk.path_in_schema:
                    size += chunk.total_compressed_size
        return size


def _less(what: str, size: int, frames: Sequence[Frame], lines: float, bar: float | None = None) -> Row:
    ours = size / len(frames)
    cells = f"{ours:.1f} B a frame", f"gzip lines {lines:.1f} B"
    return Row(what, *cells, lines / ours, "x less", bar, at_least=True)


def _each(what: str, rows: int, size: int, bar: float | None) -> Row:
    each = size / rows
    return Row(what, f"{each:.2f} B a row", "", each, "B", bar)


def _depth_rows(depth: _Stored, gzipped: int, scratch: Path) -> list[Row]:
    """Books against the same books elsewhere. Of ours, what the lines have not is shown beside."""
    table = pa.concat_tables([pq.ParquetFile(path).read() for path in depth.paths]).drop_columns(["dt"])
    others = (
        ("gzip lines", gzipped, 0.85),
        ("pyarrow's default", _default_bytes(table, scratch), 0.62),
        ("lists, zstd 3", _lists_bytes(table, scratch), 0.62),
    )
    ours = f"{depth.bytes / depth.rows:.1f} B a row"
    rows = [
        Row("lake, depth", ours, f"{name} {size / depth.rows:.1f} B", depth.bytes / size, bar=bar)
        for name, size, bar in others
    ]
    parts = (
        ("lake, depth, what the lines hold", depth.bytes - sum(map(depth.column_bytes, OURS_ALONE))),
        ("lake, depth, the level lists alone", depth.column_bytes(".list.")),
    )
    lines = f"gzip lines {gzipped / depth.rows:.1f} B"
    for what, size in parts:
        rows.append(Row(what, f"{size / depth.rows:.1f} B a row", lines, size / gzipped))
    return rows


def gzip_bytes(lines: Iterable[bytes]) -> int:
    """What `gzip -6` makes of lines."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return sum(len(packer.compress(line + b"\n")) for line in lines) + len(packer.flush())


def _by_market(frames: Sequence[Frame]) -> list[bytes]:
    decoder = msgspec.json.Decoder(_Push)
    books = [frame.payload for frame in frames if frame.stream == "depth"]
    return sorted(books, key=lambda book: decoder.decode(book).result.market)


def _default_bytes(table: pa.Table, scratch: Path) -> int:
    path = scratch / "default.parquet"
    pq.write_table(table, path)
    return path.stat().st_size


def _lists_bytes(table: pa.Table, scratch: Path) -> int:
    """The book as four lists of doubles."""
    for side in ("bids", "asks"):
        levels = table[side].combine_chunks()
        for field in ("price", "quantity"):
            values = levels.values.field(field)
            column = pa.ListArray.from_arrays(levels.offsets, values)
            table = table.append_column(f"{side}_{field}", column)
        table = table.drop_columns([side])
    path = scratch / "lists.parquet"
    pq.write_table(table, path, compression="zstd", compression_level=3)
    return path.stat().st_size
