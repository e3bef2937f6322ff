"""Recordings on disk as (receive ns, frame text): NDJSON of `{"t": ns, "frame": {...}}`, or our journal.

A journal's lines hold the frame under "f"; a directory stands for all its segments, in their order. Files
that end in .gz or .zst are decompressed; what follows a damaged place in one file is left out, and said.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec
import structlog
import zstandard

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
READ_BYTES: Final = 256 * 1024

log = structlog.get_logger()


class RecordingError(Exception):
    """A recording that cannot be replayed: which, and what would do."""


class _Line(msgspec.Struct):
    """One line; the frame stays the text it is."""

    t: int = 0
    frame: msgspec.Raw = msgspec.Raw(b"")
    f: msgspec.Raw = msgspec.Raw(b"")


_LINE: Final = msgspec.json.Decoder(_Line)


def segments(path: Path) -> list[Path]:
    """The files of a recording in order. Raises RecordingError where there are none."""
    if path.is_dir():
        files = [
            file for pattern in ("*.jsonl.zst", "*.jsonl.gz", "*.ndjson*") for file in path.rglob(pattern)
        ]
        files.sort(key=lambda file: (file.parent, file.name.partition("-")[2], file.name))
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise RecordingError(
            f"{path}: no recording: give an NDJSON file (.gz, .zst too) or a journal directory"
        )
    return files


def read_frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """(receive ns, frame text) of every frame, in order; other lines are left out.

    Raises RecordingError where a file's first line is no line of a recording.
    """
    for file in segments(path):
        yield from _file_frames(file)


def _file_frames(file: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with _open(file) as stream:
            while line := stream.readline(MAX_LINE_BYTES):
                number += 1
                if line.isspace():
                    continue
                record = _LINE.decode(line)
                frame = bytes(record.frame) or bytes(record.f)
                if frame:
                    yield record.t, frame
    except (msgspec.DecodeError, OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        if number <= 1:
            raise RecordingError(
                f"{file}: not a recording ({error}): lines are {{'t': ns, 'frame': {{...}}}}"
            ) from None
        log.warning(
            "recording damaged, the rest of the file is left out",
            file=str(file),
            line=number,
            error=str(error),
        )


def _open(file: Path) -> BinaryIO:
    if file.suffix == ".gz":
        return cast("BinaryIO", gzip.open(file, "rb"))
    if file.suffix == ".zst":
        raw = zstandard.ZstdDecompressor().stream_reader(file.open("rb"), READ_BYTES, read_across_frames=True)
        return cast("BinaryIO", io.BufferedReader(raw, READ_BYTES))
    return file.open("rb")
