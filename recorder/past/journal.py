"""A journal whose days pass in no time: written by the recorder's own hands, at times that it is told."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from recorder import __version__
from recorder.exchange.messages import PUSH_HEAD
from recorder.journal.output import Clock, Origin, Rotation, SegmentOutput
from recorder.journal.reader import last_seq
from recorder.journal.record import Item, batch_lines, event_line, rest_line
from recorder.journal.segment import JournalError, segments, take_lock
from recorder.journal.writer import SEGMENT_BYTES

SEGMENT_S: Final = 3_600.0
"""A recorder begins a new one four times an hour; these hold less."""


def _give_up(trouble: str) -> NoReturn:
    """A recorder waits for its disk; whoever makes up the past can begin again."""
    raise JournalError(trouble)


class PastJournal:
    """One recorder's journal. Times must not run backwards; `flush` tells the last."""

    def __init__(self, directory: Path, recorder: str) -> None:
        self.recorder = recorder
        self._directory = directory
        self._items: list[Item] = []
        self._now_ns = 0
        self._out: SegmentOutput | None = None
        self._lock = -1
        self.frames = 0
        """Pushes and replies, over all sessions."""

    def begin(self, now_ns: int, session: str) -> None:
        """A writer comes to life: the lock, and a new segment."""
        assert self._out is None
        self._now_ns = now_ns
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._lock = take_lock(self._directory)
        there = segments(self._directory)
        self._out = SegmentOutput(
            self._directory,
            Origin(self.recorder, session, __version__),
            Rotation(SEGMENT_S, SEGMENT_BYTES),
            last_seq(self._directory),
            there[-1].ordinal + 1 if there else 1,
            _give_up,
            Clock(lambda: self._now_ns, lambda: self._now_ns / 1e9),
        )

    def received(self, t_ns: int, frames: list[bytes], connection: int) -> None:
        """Frames of one read."""
        self._items.append((t_ns, connection, frames, 0))
        self.frames += len(frames)

    def event(self, t_ns: int, kind: str, fields: Mapping[str, Any], connection: int | None = None) -> None:
        """A line of the recorder's own."""
        self._items.append((t_ns, None, (event_line(t_ns, kind, fields, connection),), 0))

    def answer(self, t_ns: int, call: str, params: Mapping[str, str], body: bytes, asked_ns: int) -> None:
        """An answer by REST."""
        self._items.append((t_ns, None, (rest_line(t_ns, call, params, 200, body, None, asked_ns),), 0))

    def flush(self, now_ns: int, *, last: bool = False) -> None:
        """Write what there is; the check line says that the recorder lived at `now_ns`."""
        if self._out is None:
            return
        self._now_ns = now_ns
        segment = self._out.segment
        lines, records = batch_lines(self._items, (PUSH_HEAD,))
        self._items.clear()
        self._out.put(lines, records, now_ns, last=last)
        if self._out.segment != segment:
            self._out.sync()

    def let_go(self) -> None:
        """The writer is gone, and with it what was not flushed."""
        if self._out is None:
            return
        self._items.clear()
        self._out.close()
        self._out = None
        os.close(self._lock)
