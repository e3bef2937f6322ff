"""Bytes on disk: journal against the raw frames, lake against `gzip -6` lines and against other Parquet.

Gzip gets the depth frames sorted by market, which suits it best; the whole feed it gets as it came, which is
what a recorder of gzip lines writes. The other Parquet files hold the same rows in the same order: as pyarrow
writes them when asked for nothing, and with separate lists of prices and quantities under zstd 3.
"""

import tempfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from corpus import Frame
from report import Row
from stored import check_rows, merged, publish, write_journal

from recorder.lake.manifest import FileInfo

GZIP_LEVEL: Final = 6
GZIP_WINDOW: Final = 31
"""zlib's word for a gzip stream."""
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
    target = scratch / "merged"
    target.mkdir()
    files = merged(scratch / "mixed", target)
    others = sum(path.stat().st_size for path in (scratch / "mixed" / "lake" / "klines").rglob("*.parquet"))
    whole = (sum(file.bytes for file in files.values()) + others) / len(frames)
    lines = gzip_bytes(frame.payload for frame in frames) / len(frames)
    rows = [_less("lake, whole, merged", whole, lines)]
    rows += _depth_rows(files["depth"], gzip_bytes(_by_market(frames)), scratch)
    rows += [_each(files[table], bar) for table, bar in (("trades", 12.5), ("state", 6.0)) if table in files]
    return rows


def _less(what: str, ours: float, lines: float) -> Row:
    cells = f"{ours:.1f} B a frame", f"gzip lines {lines:.1f} B"
    return Row(what, *cells, lines / ours, "x less", 6.0, at_least=True)


def _each(file: FileInfo, bar: float) -> Row:
    each = file.bytes / file.rows
    return Row(f"lake, {file.table}", f"{each:.2f} B a row", "", each, "B", bar)


def _depth_rows(depth: FileInfo, gzipped: int, scratch: Path) -> list[Row]:
    """Books against the same books elsewhere; the levels alone are shown, as they are most of it."""
    path = scratch / "merged" / "depth.parquet"
    table = pq.read_table(path, partitioning=None)
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
    levels = _levels_bytes(path)
    cells = f"{levels / depth.rows:.1f} B a row", f"gzip lines {gzipped / depth.rows:.1f} B"
    return [*rows, Row("lake, depth, the level lists alone", *cells, levels / gzipped)]


def _levels_bytes(path: Path) -> int:
    """Compressed bytes of the four columns of levels."""
    metadata = pq.ParquetFile(path).metadata
    chunks = [metadata.row_group(group).column(column) for group in range(metadata.num_row_groups)
              for column in range(metadata.num_columns)]  # fmt: skip
    return sum(chunk.total_compressed_size for chunk in chunks if ".list." in chunk.path_in_schema)


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
