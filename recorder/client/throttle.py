"""The pace of one endpoint, kept by every process that shares its file.

A call takes a turn: one is under way at a time, and the next begins a whole interval after the answer of
the one before. So two calls can never reach the venue closer to each other than the interval, whatever the
network does in between, and there are no bursts. The limit is kept even over restarts and kills: the file
remembers, and the lock on it ends with its holder.

Some turns are urgent. One that is not gives way to one that waits, in another process too: a long backfill by
hand does not starve a repair.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from recorder.client.backoff import Backoff
from recorder.exchange.endpoints import Endpoint

POLL_S: Final = 0.02
"""How often a process looks whether another's turn is over."""
URGENT_FOR_S: Final = 5 * POLL_S
"""One that did not look for so long waits no longer."""
ARRIVAL_S: Final = 0.25
"""A call whose sender was killed may still have reached the venue so much later than it was sent."""
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 30.0
RETRY_AFTER_LIMIT_S: Final = 600.0
"""The venue may ask for a longer pause; a mistaken header must not end the repairs for a day."""
CLOCK_LIMIT_S: Final = 2 * RETRY_AFTER_LIMIT_S
"""A remembered time further ahead than any pause is of another boot: the monotonic clock began anew."""
_FORM: Final = struct.Struct("<dd")
"""When the next call may begin, and when an urgent one was last waited for; monotonic seconds."""

log = structlog.get_logger()


@dataclass(slots=True)
class Turns:
    """Counters of one endpoint. `slowed` counts the answers that asked for a slower pace, or failed."""

    calls: int = 0
    slowed: int = 0
    pause_s: float = 0.0
    """The pause that the last answer cost, 0 where it was good."""


class Throttle:
    """Turns to call one endpoint. `path` is shared by processes; None keeps the pace within this one."""

    def __init__(self, endpoint: Endpoint, path: Path | None = None) -> None:
        self.endpoint = endpoint
        self.turns = Turns()
        self._interval_s = endpoint.per_s / endpoint.calls
        self._mine = asyncio.Lock()
        self._backoff = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S)
        self._next_s = 0.0
        self._file: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @contextlib.asynccontextmanager
    async def turn(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the call is under way."""
        async with self._mine:
            while (wait_s := self._take(urgent=urgent)) > 0:  # noqa: ASYNC110  # no event crosses processes
                await asyncio.sleep(wait_s)
            try:
                self.turns.calls += 1
                self._remember(time.monotonic() + self._interval_s + ARRIVAL_S)
                yield
            finally:
                self._remember(time.monotonic() + self._interval_s + self.turns.pause_s)
                self._unlock()

    def too_fast(self, reason: str, retry_after_s: float | None = None) -> None:
        """The answer of the turn under way asks for a slower pace, or did not come: pause, ever longer."""
        self.turns.slowed += 1
        told_s = min(retry_after_s or 0.0, RETRY_AFTER_LIMIT_S)
        self.turns.pause_s = max(self._backoff.next_delay_s(), told_s)
        pause_s = round(self.turns.pause_s, 2)
        log.warning("the venue is asked more slowly", call=self.endpoint.name, reason=reason, pause_s=pause_s)

    def fine(self) -> None:
        """The answer of the turn under way was a good one."""
        if self.turns.pause_s:
            log.info("the venue is asked at its usual pace again", call=self.endpoint.name)
            self._backoff = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S)
            self.turns.pause_s = 0.0

    # --- between processes ------------------------------------------------------------------------------

    def _take(self, *, urgent: bool) -> float:
        """Try to take the turn: 0 where it is ours now, else the seconds after which to try again."""
        if self._file is None:
            return self._wait_s()
        if urgent:
            self._write(1, time.monotonic())
        wait_s = self._wait_s()
        if not wait_s:
            if (self._gives_way() and not urgent) or not self._flock():
                return POLL_S
            wait_s = self._wait_s()  # one that ended just now has moved it on
            if wait_s:
                self._unlock()
        return min(wait_s, POLL_S) if urgent else wait_s

    def _wait_s(self) -> float:
        """How long it is until the next call may begin, by this process and by all."""
        shared_s = 0.0 if self._file is None else self._read()[0]
        now = time.monotonic()
        return max(self._next_s - now, shared_s - now if shared_s - now < CLOCK_LIMIT_S else 0.0, 0.0)

    def _gives_way(self) -> bool:
        return 0 <= time.monotonic() - self._read()[1] < URGENT_FOR_S

    def _flock(self) -> bool:
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _remember(self, next_s: float) -> None:
        self._next_s = next_s
        if self._file is not None:
            self._write(0, next_s)

    def _read(self) -> tuple[float, float]:
        assert self._file is not None
        next_s, urgent_s = _FORM.unpack(os.pread(self._file, _FORM.size, 0).ljust(_FORM.size, b"\0"))
        return next_s, urgent_s

    def _write(self, place: int, value: float) -> None:
        assert self._file is not None
        os.pwrite(self._file, struct.pack("<d", value), place * 8)
