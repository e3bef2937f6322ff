"""The journal's writer: the receive path leaves frames in a list, one thread writes, another one syncs.

What `append_*` leaves is at most `flush_s` later with the kernel, so that SIGKILL costs at most that, and
at most `sync_s` later on the disk. A disk that stalls costs nothing until the buffer is full, and then
the frames that an `overflow` event counts.
"""

import contextlib
import os
import threading
import time
import traceback
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from recorder.journal.output import Abandoned, Origin, Rotation, SegmentOutput
from recorder.journal.reader import last_seq
from recorder.journal.record import Item, batch_lines, event_line, rest_line
from recorder.journal.segment import JournalError, segments, take_lock

BUFFER_BYTES: Final = 64 * 1024 * 1024
BATCH_BYTES: Final = 4 * 1024 * 1024
"""What one flush takes of a backlog, so that building it does not double the memory."""
FLUSH_S: Final = 0.05
SYNC_S: Final = 1.0
ALIVE_S: Final = 1.0
"""A check line is due this often even when nothing arrives: it proves that the recorder lived."""
SEGMENT_S: Final = 900.0
SEGMENT_BYTES: Final = 64 * 1024 * 1024
CLOSE_WAIT_S: Final = 10.0

FRAME_OVERHEAD_BYTES: Final = 41
"""A bytes object's own head and its place in a list: with small frames a quarter of the memory."""
APPEND_OVERHEAD_BYTES: Final = 200
"""The list, the tuple and the two numbers of one append."""


@dataclass(frozen=True, slots=True)
class WriterStats:
    """What the writer did so far. `buffered_bytes` is memory held; `trouble` None where all is well."""

    frames: int
    frame_bytes: int
    written_bytes: int
    dropped_frames: int
    buffered_bytes: int
    segment: str
    last_flush_ns: int
    trouble: str | None


@dataclass(slots=True)
class _Overflow:
    """Frames refused since the buffer was full."""

    from_ns: int
    to_ns: int
    frames: int = 0
    bytes: int = 0


class JournalWriter:
    """The one writer of a directory. `append_*` are called from one thread (the event loop's)."""

    def __init__(  # noqa: PLR0913 -- every limit by its name
        self,
        directory: Path,
        recorder: str,
        session: str,
        version: str,
        *,
        buffer_bytes: int = BUFFER_BYTES,
        flush_s: float = FLUSH_S,
        sync_s: float = SYNC_S,
        segment_s: float = SEGMENT_S,
        segment_bytes: int = SEGMENT_BYTES,
        flat: tuple[bytes, ...] = (),
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """Take the lock, go on counting where the last session stopped, begin a new segment.

        `flat` are beginnings of frames that are known not to nest deeply, see `batch_lines`.

        `on_trouble` is called from the writer's threads, once when a trouble begins and once when it ends,
        and must not raise. Raises JournalError where the directory has a writer or cannot be written.
        """
        self._directory = directory
        self._buffer_bytes = buffer_bytes
        self._flush_s = flush_s
        self._sync_s = sync_s
        self._flat = flat
        self._on_trouble = on_trouble
        self._items: list[Item] = []
        self._put = self._items.append
        self._appended_bytes = 0
        self._done_bytes = 0
        self._limit_bytes = buffer_bytes
        """What `_appended_bytes` may reach: the flusher moves it on by what it has written."""
        self._frames = 0
        self._frame_bytes = 0
        self._dropped_frames = 0
        self._overflow: _Overflow | None = None
        self.overflows = 0
        """How often the buffer was full, and frames are taken again."""
        self._last_flush_ns = 0
        self._failure: str | None = None
        self._closed = False
        self._stopping = threading.Event()
        self._drained = threading.Event()
        self._open(Origin(recorder, session, version), Rotation(segment_s, segment_bytes))
        self._flusher = threading.Thread(target=self._flush_loop, name="journal-flush", daemon=True)
        self._syncer = threading.Thread(target=self._sync_loop, name="journal-sync", daemon=True)
        self._flusher.start()
        self._syncer.start()

    def _open(self, origin: Origin, rotation: Rotation) -> None:
        try:
            self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = take_lock(self._directory)
        except OSError as error:
            raise JournalError(f"cannot open the journal {self._directory}: {error.strerror}") from error
        try:
            existing = segments(self._directory)
            ordinal = existing[-1].ordinal + 1 if existing else 1
            seq = last_seq(self._directory)
            self._output = SegmentOutput(self._directory, origin, rotation, seq, ordinal, self._on_trouble)
        except OSError as error:
            os.close(self._lock)
            raise JournalError(f"cannot begin a segment in {self._directory}: {error.strerror}") from error

    # --- the receive path -------------------------------------------------------------------------------

    def append_frames(self, t_ns: int, connection: int, frames: list[bytes]) -> None:
        """Take over the frames of one socket read, received at `t_ns`. Never blocks, never raises.

        The list is kept, not copied. When the buffer is full the frames are dropped and counted.
        """
        size = APPEND_OVERHEAD_BYTES + FRAME_OVERHEAD_BYTES * len(frames) + sum(map(len, frames))
        if self._overflow is not None or self._appended_bytes + size > self._limit_bytes:
            if self._refused(t_ns, size):
                self._count_refused(t_ns, frames)
                return
            self._end_overflow(t_ns)
        self._appended_bytes += size
        self._put((t_ns, connection, frames, size))

    def append_event(
        self, kind: str, fields: Mapping[str, Any], connection: int | None = None, t_ns: int | None = None
    ) -> None:
        """Take over one event. Events are small and rare, so they are taken even when the buffer is full."""
        now = time.time_ns() if t_ns is None else t_ns
        self._append_line(now, event_line(now, kind, fields, connection))

    def append_rest(
        self,
        call: str,
        params: Mapping[str, Any],
        status: int | None,
        body: bytes | None,
        error: str | None = None,
        t_ns: int | None = None,
        asked_ns: int | None = None,
    ) -> None:
        """Take over a REST answer, or (body None) an own request that failed. Never dropped either."""
        now = time.time_ns() if t_ns is None else t_ns
        self._append_line(now, rest_line(now, call, params, status, body, error, asked_ns))

    def _append_line(self, t_ns: int, line: bytes) -> None:
        size = APPEND_OVERHEAD_BYTES + FRAME_OVERHEAD_BYTES + len(line)
        if self._overflow is not None and not self._refused(t_ns, size):
            self._end_overflow(t_ns)
        self._appended_bytes += size
        self._put((t_ns, None, (line,), size))

    def _buffered(self) -> int:
        return self._appended_bytes - self._done_bytes

    def _refused(self, t_ns: int, size: int) -> bool:
        """Whether the buffer is full; once it was, it must be half empty again, or one stall would be told
        as thousands of overflows."""
        if self._overflow is None:
            self._overflow = _Overflow(t_ns, t_ns)
            return True
        buffered = self._buffered()
        return buffered * 2 > self._buffer_bytes or buffered + size > self._buffer_bytes

    def _count_refused(self, t_ns: int, frames: list[bytes]) -> None:
        assert self._overflow is not None
        self._overflow.to_ns = t_ns
        self._overflow.frames += len(frames)
        self._overflow.bytes += sum(map(len, frames))
        self._dropped_frames += len(frames)

    def _end_overflow(self, t_ns: int) -> None:
        """Put what was refused into the stream, in the place where it is missing."""
        over, self._overflow = self._overflow, None
        assert over is not None
        fields = {"from": over.from_ns, "to": over.to_ns, "frames": over.frames, "bytes": over.bytes}
        self._append_line(t_ns, event_line(t_ns, "overflow", fields))
        self.overflows += 1

    # --- the threads ------------------------------------------------------------------------------------

    def _flush_loop(self) -> None:
        try:
            while not self._stopping.wait(self._flush_s):
                self._flush()
            self._flush(last=True)
        except Abandoned:
            pass
        except Exception:  # noqa: BLE001 -- the thread's outermost loop: told, and kept in the stats
            self._failure = f"the journal's flusher failed: {traceback.format_exc()}"
            with contextlib.suppress(Exception):  # the caller's mistake must not hide this one
                if self._on_trouble is not None:
                    self._on_trouble(self._failure)
        finally:
            self._drained.set()

    def _flush(self, *, last: bool = False) -> None:
        """Write what is there. `last` ends the zstd frame, with a check line at any rate."""
        while True:
            now = time.time_ns()
            batch, more = self._take()
            if not batch and not last and 0 <= now - self._last_flush_ns < ALIVE_S * 1e9:
                return
            lines, records = batch_lines(batch, self._flat)
            # `at` says that all before it is written, which a backlog still waiting would make untrue.
            at = min(now, batch[-1][0]) if more else now
            self._output.put(lines, records, at, last=last and not more)
            self._last_flush_ns = now
            self._count(batch)
            if not more:
                return

    def _take(self) -> tuple[list[Item], bool]:
        """The oldest items, about BATCH_BYTES of them, and whether others were left.

        Copy, then delete: each step is atomic, and what is appended meanwhile stays at the end.
        """
        count = there = len(self._items)
        if self._buffered() > BATCH_BYTES:
            sizes = accumulate([item[3] for item in self._items[:count]])
            count = min(count, bisect_left(list(sizes), BATCH_BYTES) + 1)
        batch = self._items[:count]
        del self._items[:count]
        return batch, count < there

    def _count(self, batch: list[Item]) -> None:
        for _, connection, frames, size in batch:
            if connection is not None:
                self._frames += len(frames)
                self._frame_bytes += sum(map(len, frames))
            self._done_bytes += size
        self._limit_bytes = self._done_bytes + self._buffer_bytes

    def _sync_loop(self) -> None:
        while not self._drained.wait(self._sync_s):
            self._output.sync()

    # --- state and end ----------------------------------------------------------------------------------

    @property
    def failure(self) -> str | None:
        """Why nothing is written any more, for good; None where the writer works or waits for the disk."""
        return self._failure

    @property
    def stats(self) -> WriterStats:
        return WriterStats(
            frames=self._frames,
            frame_bytes=self._frame_bytes,
            written_bytes=self._output.written_bytes,
            dropped_frames=self._dropped_frames,
            buffered_bytes=self._buffered(),
            segment=self._output.segment,
            last_flush_ns=self._last_flush_ns,
            trouble=self._failure or self._output.trouble,
        )

    def wait_flushed(self, timeout_s: float) -> bool:
        """Wait until the kernel has what was appended before this call; False when it took too long."""
        appended_ns, ends = time.time_ns(), time.monotonic() + timeout_s
        while self._last_flush_ns <= appended_ns and time.monotonic() < ends:
            time.sleep(self._flush_s / 10)
        return self._last_flush_ns > appended_ns

    def close(self) -> None:
        """Write all that was appended, sync it, release the lock. A second call does nothing.

        Raises JournalError where the disk does not take it within CLOSE_WAIT_S, saying what was left. The
        lock is then kept for the process's life if a write is still under way: it may yet land.
        """
        if self._closed:
            return
        self._closed = True
        if self._overflow is not None:
            self._end_overflow(time.time_ns())
        self._stopping.set()
        self._flusher.join(CLOSE_WAIT_S)
        self._output.abandon.set()
        self._flusher.join(1.0)
        self._syncer.join(CLOSE_WAIT_S)
        stuck = self._flusher.is_alive() or self._syncer.is_alive()
        left = self._buffered()
        if not stuck:
            try:
                self._output.close()
            finally:
                os.close(self._lock)
        if stuck or left or self._failure:
            raise JournalError(
                f"the journal in {self._directory} was closed with {left} bytes unwritten: "
                f"{self.stats.trouble or 'the disk does not answer'}"
            )
