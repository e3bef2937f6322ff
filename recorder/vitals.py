"""What the service says of itself each second, and how it watches its own clock and event loop."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import structlog

STATUS_NAME: Final = "status.json"
STATUS_EVERY_S: Final = 1.0
TICK_S: Final = 0.05
CLOCK_STEP_S: Final = 0.25
"""A wall clock that moved this much against the monotonic one between two ticks has been stepped."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a service at `at_ns`. Counters run since the start; times are ns since the epoch."""

    pid: int
    recorder: str
    version: str
    started_ns: int
    at_ns: int
    receive: str
    markets: int
    connections: int
    connections_up: int
    topics: int
    frames: int
    frame_bytes: int
    frames_by_stream: dict[str, int]
    last_recv_ns: int | None
    reconnects: int
    journal_bytes: int
    buffered_bytes: int
    dropped_frames: int
    trouble: str | None
    loop_lag_ms: float
    """The longest the event loop was late within the last second."""
    lake_alive: bool
    rest: dict[str, Any]
    """Calls by endpoint and how often they were slowed down, and what waits to be asked."""
    account: dict[str, Any] | None
    """When the last snapshot of the account was whole and what fails; None where none is recorded."""
    last_error: str | None


class Pulse:
    """Ticks: measures how late the event loop runs, and reports every step of the wall clock."""

    def __init__(self, stepped: Callable[[int], None]) -> None:
        self._stepped = stepped
        self.loop_lag_ms = 0.0

    async def beat(self) -> None:
        """Run until cancelled."""
        wall_ns, steady_ns = time.time_ns(), time.monotonic_ns()
        lag_ms, since = 0.0, steady_ns
        while True:
            await asyncio.sleep(TICK_S)
            new_wall_ns, new_steady_ns = time.time_ns(), time.monotonic_ns()
            lag_ms = max(lag_ms, (new_steady_ns - steady_ns) / 1e6 - TICK_S * 1e3)
            step_ns = (new_wall_ns - wall_ns) - (new_steady_ns - steady_ns)
            if abs(step_ns) > CLOCK_STEP_S * 1e9:
                self._stepped(step_ns)
            wall_ns, steady_ns = new_wall_ns, new_steady_ns
            if new_steady_ns - since > 1e9:
                self.loop_lag_ms, lag_ms, since = lag_ms, 0.0, new_steady_ns


async def keep_status(journal_dir: Path, status: Callable[[], Status]) -> None:
    """Write the status each second until cancelled."""
    while True:
        write_status(journal_dir, status())
        await asyncio.sleep(STATUS_EVERY_S)


def write_status(journal_dir: Path, status: Status) -> None:
    """Write `status.json`, whole. A disk that refuses it is told by the journal: this is a convenience."""
    target = journal_dir / STATUS_NAME
    draft = target.with_suffix(".new")
    try:
        draft.write_text(json.dumps(asdict(status)))
        draft.replace(target)
    except OSError as error:
        log.debug("status not written", reason=str(error))


def read_status(journal_dir: Path) -> dict[str, Any] | None:
    """What a service last said of itself, None where it never did."""
    try:
        status: dict[str, Any] = json.loads((journal_dir / STATUS_NAME).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return status
