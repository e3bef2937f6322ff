"""The files of a journal: their names and order, and the lock that keeps a second writer out."""

import fcntl
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

LOCK_NAME: Final = "writer.lock"
LOCK_WAIT_S: Final = 1.0
"""A look at the lock by `writer_alive` holds it for an instant: a writer that starts just then waits."""
LOCK_RETRY_S: Final = 0.02

_NAME: Final = re.compile(r"(\d{8}T\d{6}\.\d{6})Z-(\d{6,})\.jsonl\.zst")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class JournalError(Exception):
    """The journal cannot be written. The text names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file. `ordinal` grows by one a file over the life of a recorder id, and is the order."""

    path: Path
    ordinal: int
    created_ns: int


def segment_name(created_ns: int, ordinal: int) -> str:
    """`YYYYMMDDTHHMMSS.ffffffZ-NNNNNN.jsonl.zst`, in UTC."""
    created = _EPOCH + timedelta(microseconds=created_ns // 1000)
    return f"{created:%Y%m%dT%H%M%S.%f}Z-{ordinal:06d}.jsonl.zst"


def segments(directory: Path) -> list[Segment]:
    """The segments in order; other files are none of ours. A directory that is not there has none."""
    try:
        names = [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if match := _NAME.fullmatch(name):
            created = datetime.strptime(match[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
            created_ns = (created - _EPOCH) // timedelta(microseconds=1) * 1000
            found.append(Segment(directory / name, int(match[2]), created_ns))
    return sorted(found, key=lambda segment: segment.ordinal)


def take_lock(directory: Path) -> int:
    """Become the one writer of the directory; the descriptor holds the lock until it is closed.

    Raises JournalError where another process is the writer.
    """
    path = directory / LOCK_NAME
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + LOCK_WAIT_S
    while not _flock(lock, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise JournalError(
                f"{directory} is being written by process {owner}: stop that recorder first, "
                "or give this one another recorder id or data directory"
            )
        time.sleep(LOCK_RETRY_S)
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def writer_alive(directory: Path) -> bool:
    """Whether a live process is the writer, so that an unverified tail may still be on its way."""
    try:
        lock = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _flock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def _flock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
