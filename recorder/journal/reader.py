"""The journal's reader: verified blocks in the order they were written, and what stands where damage was.

It follows a live journal as well as a finished one, survives its own restart by a Position, and gives out
no line that the crc of its check line does not vouch for.
"""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from recorder.journal.blocks import MAGIC
from recorder.journal.segment import Segment, segments, writer_alive
from recorder.journal.verify import Flush, Loss, SegmentVerifier

__all__ = ["Block", "Damage", "JournalReader", "Position", "Segment", "last_seq", "segments", "writer_alive"]

CHUNK_BYTES: Final = 4 * 1024 * 1024


class Position(NamedTuple):
    """A place just after a check line.

    `offset` counts the verified decompressed bytes of the segment before it, `seq` is the next record's,
    `at` the check line's time: the recorder lived then, and what arrived before stands before.
    """

    segment: int
    offset: int
    seq: int
    at: int


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, each with its LF, check lines removed. The i-th line has seq `first_seq` + i."""

    data: bytes
    first_seq: int
    records: int
    after: Position
    """Where its first line begins: the last check line before it."""
    end: Position


@dataclass(frozen=True, slots=True)
class Damage:
    """Something between `after` and `seq_next` could not be verified.

    `seq_next` equal to `after.seq` says that no record was lost; None, that the segment ended so.
    `at_next` is the time of the first record after it (or of its check line, where it is a bare one).
    `bytes` counts the file's own, compressed.
    """

    segment: int
    after: Position
    seq_next: int | None
    at_next: int | None
    reason: str
    bytes: int


class JournalReader:
    """Reads a directory from `start`, or from its first segment, up to `until`, or as far as it goes.

    Keeps its place between calls of `read`. Whether `until` is still there, `position` tells in the end.
    """

    def __init__(
        self,
        directory: Path,
        start: Position | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        until: Position | None = None,
    ) -> None:
        self._directory = directory
        self._chunk_bytes = chunk_bytes
        self._until = until
        self._position = self._reached = start or Position(0, 0, 0, 0)
        self._done = until is not None and (until.segment == 0 or self._position == until)
        self._continues = self._skipping = self._position.segment > 0
        self._ordinal = self._position.segment - 1
        self._verifier: SegmentVerifier | None = None
        self._merged: list[memoryview] = []
        self._merged_bytes = 0
        self._merged_seq = 0
        self._merged_after = self._position

    @property
    def position(self) -> Position:
        """Where reading with `start` would go on: after everything that `read` gave out."""
        return self._position

    def read(self, *, final: bool = False) -> Iterator[Block | Damage]:
        """Everything that can be verified now; call it again for what came later.

        The unverified end of the last segment may still be in flight, so it is left alone until a newer
        segment exists; `final` says that no writer lives, and tells it as Damage. Segments that a new writer
        begins while this reads are its own, and not final.
        """
        newest = max((s.ordinal for s in segments(self._directory)), default=0)
        while not self._done and (self._verifier is not None or self._next_segment()):
            yield from self._drain()
            ended = self._ordinal < max((s.ordinal for s in segments(self._directory)), default=0)
            if self._done or not (ended or (final and self._ordinal <= newest)):
                break
            yield from self._finish()
        yield from self._give()

    def _next_segment(self) -> bool:
        """Open the oldest segment after this one that is still there."""
        for segment in segments(self._directory):
            if self._until is not None and segment.ordinal > self._until.segment:
                break
            if segment.ordinal > self._ordinal:
                self._verifier = SegmentVerifier(segment.path)
                self._ordinal = segment.ordinal
                self._skipping = self._skipping and segment.ordinal == self._position.segment
                return True
        return False

    def _drain(self) -> Iterator[Block | Damage]:
        assert self._verifier is not None
        while not self._done and (flushes := self._verifier.step()) is not None:
            yield from self._take(flushes)

    def _take(self, flushes: Sequence[Flush]) -> Iterator[Block | Damage]:
        for flush in flushes:
            if self._done:
                return
            if self._lies_beyond(flush):
                yield from self._stop_short(flush)
                return
            if flush.loss is None and self._follows(flush):
                self._merge(flush)
            else:
                yield from self._accept(flush)
            if self._merged_bytes >= self._chunk_bytes:
                yield from self._give()

    def _lies_beyond(self, flush: Flush) -> bool:
        until = self._until
        return until is not None and self._ordinal == until.segment and flush.check.seq > until.seq

    def _stop_short(self, flush: Flush) -> Iterator[Block | Damage]:
        """`until` lies in what cannot be read any more."""
        self._done = True
        loss = flush.loss or Loss("the check line read up to earlier is gone", 0)
        yield from self._give()
        yield Damage(self._ordinal, self._position, None, None, loss.reason, loss.bytes)

    def _follows(self, flush: Flush) -> bool:
        """Whether it goes on where the last one ended, as nearly all do."""
        return (
            self._continues
            and not self._skipping
            and flush.check.seq - flush.check.records == self._reached.seq
        )

    def _finish(self) -> Iterator[Block | Damage]:
        """Close a segment that is complete; the writer may have added to it after the last look."""
        verifier = self._verifier
        assert verifier is not None
        while not self._done and (flushes := verifier.finish()) is not None:
            yield from self._take(flushes)
        yield from self._give()
        if self._done:
            return
        loss = verifier.tail()
        if self._skipping and self._reached.segment == self._ordinal:
            loss = loss or Loss("ends before the position reached earlier", 0)
        self._skipping = False
        self._verifier = None
        if loss is not None:
            yield Damage(self._ordinal, self._position, None, None, loss.reason, loss.bytes)

    def _accept(self, flush: Flush) -> Iterator[Block | Damage]:
        first_seq = flush.check.seq - flush.check.records
        loss = flush.loss
        if self._skipping:
            if flush.check.seq <= self._reached.seq:
                here = (flush.check.seq, flush.check.at) == (self._reached.seq, self._reached.at)
                self._skipping = not here
                return
            self._skipping = False
            loss = loss if first_seq != self._reached.seq else None
        if self._continues and first_seq != self._reached.seq and loss is None:
            loss = Loss("records missing" if first_seq > self._reached.seq else "seq goes back", 0)
        if loss is not None:
            yield from self._give()
            at_next = _first_time(flush)
            yield Damage(self._ordinal, self._position, first_seq, at_next, loss.reason, loss.bytes)
        self._merge(flush)

    def _merge(self, flush: Flush) -> None:
        before = self._reached
        offset = (before.offset if before.segment == self._ordinal else 0) + flush.size
        self._reached = Position(self._ordinal, offset, flush.check.seq, flush.check.at)
        self._continues = True
        self._done = self._is_until(self._reached)
        if flush.lines:
            if not self._merged:
                self._merged_after = before
                self._merged_seq = flush.check.seq - flush.check.records
            self._merged.append(flush.lines)
            self._merged_bytes += len(flush.lines)

    def _is_until(self, place: Position) -> bool:
        """By what the check line says: where damage was passed over, offsets count less than they did."""
        until = self._until
        return until is not None and (place.segment, place.seq, place.at) == (
            until.segment,
            until.seq,
            until.at,
        )

    def _give(self) -> Iterator[Block]:
        """Give out what is merged; the position moves with it."""
        merged, first_seq = self._merged, self._merged_seq
        self._merged, self._merged_bytes = [], 0
        self._position = self._reached
        if merged:
            records = self._reached.seq - first_seq
            yield Block(b"".join(merged), first_seq, records, self._merged_after, self._reached)


def _first_time(flush: Flush) -> int:
    head = bytes(flush.lines[:32])
    digits = head[5:].partition(b",")[0]
    return int(digits) if head.startswith(b'{"t":') and digits.isdigit() else flush.check.at


def last_seq(directory: Path) -> int:
    """The seq after the last verified record, looking backwards from the end; 0 for an empty journal."""
    for segment in reversed(segments(directory)):
        for offset in _frames_backwards(segment.path):
            verifier = SegmentVerifier(segment.path, offset)
            last: Flush | None = None
            while (flushes := verifier.finish()) is not None:
                last = flushes[-1] if flushes else last
            if last is not None:
                return last.check.seq
    return 0


def _frames_backwards(path: Path) -> Iterator[int]:
    """Offsets where a zstd frame seems to begin, the last one first."""
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        offset = data.rfind(MAGIC)
        while offset >= 0:
            yield offset
            offset = data.rfind(MAGIC, 0, offset)
