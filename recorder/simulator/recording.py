"""Recordings on disk as (receive ns, frame text): NDJSON of `{"t": ns, "frame": {...}}`, or our journal.

A directory is a journal, read by its own verified reader; one of its segments alone is read as any other
file. A journal's lines hold the frame under "f". Files that end in .gz or .zst are decompressed; what
follows a damaged place in a file is left out, and said.
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

from recorder.journal.reader import Damage, JournalReader

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
READ_BYTES: Final = 256 * 1024

log = structlog.get_logger()


class RecordingError(ValueError):
    """A recording that cannot be replayed: which, and what would do."""


class _Line(msgspec.Struct):
    """One line; the frame stays the text it is. What has an `e` is an event or a REST answer."""

    t: int = 0
    e: str = ""
    frame: msgspec.Raw = msgspec.Raw(b"")
    f: msgspec.Raw = msgspec.Raw(b"")


_LINE: Final = msgspec.json.Decoder(_Line)


def read_frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """(receive ns, frame text) of every frame, in order; other lines are left out.

    Raises RecordingError where there is no recording, or a file's first line is none of one.
    """
    if path.is_dir():
        return _journal_frames(_journal(path))
    if path.is_file():
        return _file_frames(path)
    raise RecordingError(f"{path}: no recording: give an NDJSON file (.gz, .zst too) or a journal directory")


def _journal(path: Path) -> Path:
    """The directory of one recorder's journal: the path itself, or the only one below it."""
    found = sorted({file.parent for file in path.rglob("*.jsonl.zst")})
    if len(found) == 1:
        return found[0]
    if not found:
        raise RecordingError(f"{path}: no journal segments in it: give the directory that holds *.jsonl.zst")
    raise RecordingError(f"{path}: several journals in it: give one of {', '.join(map(str, found))}")


def _journal_frames(directory: Path) -> Iterator[tuple[int, bytes]]:
    for piece in JournalReader(directory).read():
        if isinstance(piece, Damage):
            log.warning(
                "journal damaged, replay goes on behind it", segment=piece.segment, reason=piece.reason
            )
            continue
        for line in piece.data.splitlines():
            record = _LINE.decode(line)
            if record.f and not record.e:
                yield record.t, bytes(record.f)


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
                if frame and not record.e:
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
