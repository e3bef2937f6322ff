"""The writer's hands: lines become compressed blocks in segment files. Two threads meet here.

The flusher calls `put`; the syncer calls `sync` and is the only one that closes a file, so that a slow
disk holds up the syncer and never the flusher.
"""

import errno
import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard

from recorder.journal.record import check_line, event_line
from recorder.journal.segment import JournalError, segment_name, sync_directory

FORMAT: Final = 1
ZSTD: Final = zstandard.ZstdCompressionParameters.from_level(
    1, window_log=23, hash_log=18, write_checksum=False, write_content_size=False
)
"""Level 1's way of searching, with a window that reaches the last book of each of 300 markets and the last
state of all of them. On such a feed that is 10.7 times smaller, 19.3 with state, where plain level 1 gives
4.2 and 5.8 for more CPU (`benchmarks/`)."""
ZSTD_FRAME_BYTES: Final = 8 * 1024 * 1024
"""Raw bytes after which a new zstd frame begins: damage costs at most the rest of one. Frames of 4 MiB
would be 7 % larger, 20 % with state."""
WRITE_RETRY_S: Final = 0.1


class Abandoned(Exception):  # noqa: N818 -- no error: close() stopped waiting for the disk
    """Raised in the flusher when a disk that takes nothing is given up at close."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes: it stands in the first line of every segment."""

    recorder: str
    session: str
    version: str


@dataclass(frozen=True, slots=True)
class Clock:
    """What tells a segment the time: ns since the epoch for its name, steady seconds for its age."""

    now_ns: Callable[[], int] = time.time_ns
    steady_s: Callable[[], float] = time.monotonic


CLOCK: Final = Clock()
"""The machine's."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a segment is full: by age, or by compressed size, whatever comes first."""

    segment_s: float
    segment_bytes: int


class Trouble:
    """A disk that refuses: told once when it begins and once when it ends."""

    def __init__(self, tell: Callable[[str], None] | None) -> None:
        self._tell = tell
        self._since = 0.0
        self.text: str | None = None

    def begin(self, text: str) -> bool:
        """Note it. True where this is the beginning."""
        if self.text is not None:
            return False
        self._since = time.monotonic()
        self.text = text
        self._say(text)
        return True

    def end(self, what: str) -> None:
        if self.text is not None:
            self.text = None
            self._say(f"{what} after {time.monotonic() - self._since:.1f} s")

    def _say(self, text: str) -> None:
        if self._tell is not None:
            self._tell(text)


class SegmentOutput:
    """Owns the open segment and those that wait for their last sync."""

    def __init__(
        self,
        directory: Path,
        origin: Origin,
        rotation: Rotation,
        next_seq: int,
        next_ordinal: int,
        tell: Callable[[str], None] | None,
        clock: Clock = CLOCK,
    ) -> None:
        """Opens the first segment. Raises OSError where that fails."""
        self._directory = directory
        self._origin = origin
        self._rotation = rotation
        self._clock = clock
        self._ordinal = next_ordinal
        self._compressor = zstandard.ZstdCompressor(compression_params=ZSTD)
        self._frame: zstandard.ZstdCompressionObj | None = None
        self._frame_bytes = 0
        self._retired: deque[int] = deque()
        self._new_name = False
        self._rotate = False
        self._opening = Trouble(tell)
        self._writing = Trouble(tell)
        self._syncing = Trouble(tell)
        self.abandon = threading.Event()
        self.next_seq = next_seq
        self.written_bytes = 0
        self._open()
        sync_directory(directory)

    @property
    def trouble(self) -> str | None:
        return self._writing.text or self._syncing.text or self._opening.text

    # --- the flusher's side -----------------------------------------------------------------------------

    def _open(self) -> None:
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        created_ns = self._clock.now_ns()
        name = segment_name(created_ns, self._ordinal)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._directory / name, flags, 0o644)
        self._new_name = True
        self.segment = name
        self._ordinal += 1
        self._opened = self._clock.steady_s()
        self._segment_bytes = 0
        self._first_line = event_line(
            created_ns,
            "segment",
            {
                "recorder": self._origin.recorder,
                "session": self._origin.session,
                "format": FORMAT,
                "seq": self.next_seq,
                "version": self._origin.version,
            },
        )

    def put(self, lines: bytes, records: int, at: int, *, last: bool = False) -> None:
        """Write one flush: the lines, then their check line; return when the kernel has it all.

        Waits for a disk that refuses, for as long as it takes. Raises Abandoned when told to stop waiting.
        """
        if self._frame is None and self._full():
            self._next_segment()
        if self._first_line:
            lines, records, self._first_line = self._first_line + lines, records + 1, b""
        self.next_seq += records
        check = check_line(records, zlib.crc32(lines), self.next_seq, at)
        if self._frame is None:
            self._frame = self._compressor.compressobj()
            self._frame_bytes = 0
        self._frame_bytes += len(lines) + len(check)
        ends = last or self._frame_bytes >= ZSTD_FRAME_BYTES or self._full()
        flush = zstandard.COMPRESSOBJ_FLUSH_FINISH if ends else zstandard.COMPRESSOBJ_FLUSH_BLOCK
        block = self._frame.compress(lines) + self._frame.compress(check) + self._frame.flush(flush)
        if ends:
            self._frame = None
        self._write(block)

    def _full(self) -> bool:
        """Asked before a flush and after: a segment ends only where a zstd frame does."""
        return (
            self._rotate
            or self._segment_bytes >= self._rotation.segment_bytes
            or self._clock.steady_s() - self._opened >= self._rotation.segment_s
        )

    def _next_segment(self) -> None:
        """Go on in a new file; where none can be made, go on in this one and try again next time."""
        old = self._descriptor
        try:
            self._open()
        except OSError as error:
            self._opening.begin(
                f"no new journal segment can be made in {self._directory}: {error.strerror}; "
                "the old one is written on and the next is tried at each flush"
            )
            return
        self._opening.end("a new journal segment was made")
        self._rotate = False
        self._retired.append(old)

    def _write(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            try:
                written = os.write(self._descriptor, view)
            except OSError as error:
                self._writing.begin(
                    f"cannot write {self._directory / self.segment}: {error.strerror}; "
                    "frames are kept in memory and writing is tried again: free some space or mend the disk"
                )
                if self.abandon.wait(WRITE_RETRY_S):
                    raise Abandoned from error
                continue
            view = view[written:]
            self.written_bytes += written
            self._segment_bytes += written
        self._writing.end("the journal is written again")

    # --- the syncer's side ------------------------------------------------------------------------------

    def sync(self) -> None:
        """Make what the kernel has survive a power cut; close the files that are complete.

        After an error the pages that were lost may never be tried again by the kernel, so the next segment
        is begun; once per trouble, or a dead disk would fill the directory with beginnings.
        """
        try:
            self._refuse_removed()
            if self._new_name:
                sync_directory(self._directory)
                self._new_name = False
            while self._retired:
                retired = self._retired.popleft()
                try:
                    os.fdatasync(retired)
                finally:
                    os.close(retired)
            os.fdatasync(self._descriptor)
        except OSError as error:
            if self._syncing.begin(f"cannot sync the journal in {self._directory}: {error.strerror}"):
                self._rotate = True
            return
        self._syncing.end("the journal is synced again")

    def _refuse_removed(self) -> None:
        """Writes into a file that was removed succeed and are lost: that is a trouble like any other."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "the file was removed")

    def close(self) -> None:
        """Sync and close everything. Raises JournalError where the last sync fails."""
        self.sync()
        os.close(self._descriptor)
        if self._syncing.text is not None:
            raise JournalError(self._syncing.text)
