"""One segment's flushes, each verified by its check line; what cannot be verified is measured and passed."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from recorder.journal.blocks import BrokenError, ZstdBlocks
from recorder.journal.record import CHECK_START, Check, parse_check

SCAN_BYTES: Final = 8 * 1024 * 1024
"""Our flushes end where a zstd block ends. In a file that another program compressed again check lines
are anywhere: they are searched for when this much is waiting, for to search after each block is dear."""
FLUSH_MAX_BYTES: Final = 256 * 1024 * 1024
"""More than this without a check line is damage: a frame of 16 MiB, every byte of it escaped, stays below."""

_CHECK_LINE: Final = b"\n" + CHECK_START


@dataclass(frozen=True, slots=True)
class Loss:
    """A stretch of the file that could not be verified."""

    reason: str
    bytes: int


class Flush(NamedTuple):
    """The verified lines before one check line; `size` counts them and the check line in bytes.

    `loss` is what could not be verified between the last verified flush and this one.
    """

    lines: memoryview
    check: Check
    size: int
    loss: Loss | None


class SegmentVerifier:
    """Reads a segment that may still grow, from `offset` on, where a zstd frame begins."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._blocks = ZstdBlocks(path, offset)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._waiting_offset = offset
        self._frame_start = 0
        """Where in what is waiting the newest zstd frame begins: a flush without check line ends there."""
        self._good_offset = offset
        self._reason: str | None = None

    def step(self) -> list[Flush] | None:
        """The flushes of the next stretch (often none, for it is short); None: nothing more is there yet."""
        before = self._blocks.offset
        try:
            block = self._blocks.next_block()
        except BrokenError as error:
            self._resume(str(error))
            return []
        if block is None:
            return (self._scan() or None) if self._waiting else None
        if not self._waiting:
            self._waiting_offset = max(before, self._blocks.frame_offset)
        if self._blocks.frame_offset >= before:
            self._frame_start = self._waiting_bytes
        self._waiting.append(block)
        self._waiting_bytes += len(block)
        if block.endswith(b"}\n") or not self._waiting_bytes:
            return self._whole()
        return self._scan() if self._waiting_bytes >= SCAN_BYTES else []

    def finish(self) -> list[Flush] | None:
        """Like `step` for a file that will not grow: a block cut short is passed over. None: it is done."""
        flushes = self.step()
        if flushes is None and not self._blocks.seeking and self._unverified():
            self._resume("torn tail")
            return []
        return flushes

    def tail(self) -> Loss | None:
        """What stands unverified at the end."""
        unverified = self._unverified()
        if not unverified and self._reason is None:
            return None
        return Loss(self._reason or "torn tail", unverified)

    def _unverified(self) -> int:
        try:
            return self._path.stat().st_size - self._good_offset
        except FileNotFoundError:  # retired while it was read
            return 0

    def _resume(self, reason: str) -> None:
        """Give up this zstd frame and go on with the next, never before what is verified."""
        self._reason = self._reason or reason
        frame = self._blocks.frame_offset
        self._blocks.seek(self._good_offset if self._good_offset > frame else frame + 1)
        self._waiting = []
        self._waiting_bytes = 0

    def _whole(self) -> list[Flush]:
        """Verify what is waiting as one flush, if it ends with its check line."""
        text = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        check_at = text.rfind(b"\n", 0, -1) + 1
        if not text:
            self._keep(b"")
        elif text.startswith(CHECK_START, check_at):
            lines = memoryview(text)[:check_at]
            check = parse_check(text[check_at:], zlib.crc32(lines))
            if check is None:
                return self._scan()
            flush = Flush(lines, check, len(text), self._loss())
            self._keep(b"")
            return [flush]
        return []

    def _scan(self) -> list[Flush]:
        """Verify every check line in what is waiting, wherever it stands; keep what follows the last one."""
        text = b"".join(self._waiting)
        flushes: list[Flush] = []
        start = 0
        while (bounds := _next_check(text, start)) is not None:
            check_at, end = bounds
            lines = memoryview(text)[start:check_at]
            check = parse_check(text[check_at:end], zlib.crc32(lines))
            if check is None:
                self._reason = self._reason or "crc mismatch"
                if start < self._frame_start < end:
                    start = self._frame_start
                    continue
            else:
                flushes.append(Flush(lines, check, end - start, self._loss()))
            start = end
        self._keep(text[start:])
        return flushes

    def _loss(self) -> Loss | None:
        if self._reason is None:
            return None
        loss = Loss(self._reason, max(0, self._waiting_offset - self._good_offset))
        self._reason = None
        return loss

    def _keep(self, rest: bytes) -> None:
        if len(rest) > FLUSH_MAX_BYTES:
            self._reason = self._reason or f"no check line within {FLUSH_MAX_BYTES} bytes"
            rest = b""
        elif not rest and self._reason is None:
            self._good_offset = self._blocks.offset
        self._frame_start = 0
        self._waiting = [rest] if rest else []
        self._waiting_bytes = len(rest)


def _next_check(text: bytes, start: int) -> tuple[int, int] | None:
    """Where the next whole check line begins and ends."""
    if text.startswith(CHECK_START, start):
        check_at = start
    else:
        check_at = text.find(_CHECK_LINE, start) + 1
        if check_at == 0:
            return None
    end = text.find(b"\n", check_at) + 1
    return (check_at, end) if end else None
