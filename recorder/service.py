"""The service: where capture, journal and lake meet. The only place that knows them all.

Two processes. This one receives and journals; the lake's process, its child, follows the journal and
publishes. A crash or a slow disk over there never touches capture. When this process ends, however it
ends, the child reads the journal to its end, publishes, and goes.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from recorder import __version__
from recorder.capture.backoff import Backoff
from recorder.capture.fleet import Fleet
from recorder.capture.rest import RestClient, RestError
from recorder.capture.tap import tap_works
from recorder.config import ConfigError, Settings
from recorder.exchange.endpoints import MARKET_LIST
from recorder.exchange.messages import PUSH_HEAD, ProtocolError, parse_market_list
from recorder.journal.writer import JournalWriter

LIST_EVERY_S: Final = 30
"""A listed market is subscribed within a minute."""
MISSING_LISTS: Final = 2
"""A market is delisted when it is absent from this many answers in a row: one may be cut short."""
START_FLUSH_S: Final = 5.0
"""How long the start waits for its first record to be written: a stalled disk must not stop capture."""
STATUS_EVERY_S: Final = 1.0
CLOCK_STEP_S: Final = 0.25
"""A wall clock that moved this much against the monotonic one within a second has been stepped."""
LAKE_STOP_S: Final = 600.0
"""How long a clean stop waits for the lake's process to publish the rest."""
STATUS_NAME: Final = "status.json"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Status:
    """What the service says of itself each second, in `status.json` and to the demo."""

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
    last_error: str | None


class Service:
    """Records until told to stop. `run` is the whole life; `status` may be asked at any time."""

    def __init__(self, settings: Settings) -> None:
        if settings.ws_url is None or (settings.rest_url is None and settings.all_markets):
            missing = "RECORDER_WS_URL" if settings.ws_url is None else "RECORDER_REST_URL"
            raise ConfigError(
                f"{missing} is not set: give the exchange's address in the environment or in recorder.toml; "
                "`recorder simulate` prints those of a simulated exchange, `recorder demo` needs none"
            )
        self._settings = settings
        self._session = uuid.uuid4().hex
        self._started_ns = time.time_ns()
        self._missing: Counter[str] = Counter()
        self._loop_lag_ms = 0.0
        self._tapped = False
        self._last_error: str | None = None
        self._lake: asyncio.subprocess.Process | None = None
        self._journal = JournalWriter(
            settings.journal_dir,
            settings.id,
            self._session,
            __version__,
            flat=(PUSH_HEAD,),
            on_trouble=self._trouble,
        )
        self._fleet: Fleet | None = None

    # --- life -------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event, reason: Callable[[], str] = lambda: "stop") -> None:
        """Record until `stop` is set, then publish everything. Nothing received is lost on this way out."""
        settings = self._settings
        assert settings.ws_url is not None
        self._tapped = settings.receive == "tap" and await tap_works()
        if settings.receive == "tap" and not self._tapped:
            log.warning("the receive tap does not fit this websockets version: receiving through recv()")
        self._journal.append_event("start", self._start_fields())
        await self._flushed()
        self._fleet = Fleet(
            settings.ws_url,
            self._journal,
            streams=settings.streams,
            periods=settings.kline_periods,
            subscriptions_per_connection=settings.subscriptions_per_connection,
            tapped=self._tapped,
            pause_s=settings.read_pause_ms / 1000,
        )
        scheduler = AsyncIOScheduler()
        tasks = [
            asyncio.create_task(self._keep_lake(), name="lake"),
            asyncio.create_task(self._keep_time(), name="clock"),
            asyncio.create_task(self._keep_status(), name="status"),
            asyncio.create_task(self._fleet.failed(), name="fleet"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        try:
            async with contextlib.AsyncExitStack() as stack:
                if settings.rest_url is None:
                    self._fleet.set_markets(settings.markets)
                else:
                    rest = await stack.enter_async_context(RestClient(settings.rest_url, self._journal))
                    tasks.append(asyncio.create_task(self._first_markets(rest, scheduler), name="markets"))
                await self._until_stopped(tasks)
        finally:
            if scheduler.running:
                scheduler.shutdown(wait=False)
            await self._shut_down(tasks, reason())

    async def _flushed(self) -> None:
        """Wait for the kernel to have what was journalled: killed from here on, the gap is known."""
        appended_ns, ends = time.time_ns(), time.monotonic() + START_FLUSH_S
        while self._journal.stats.last_flush_ns <= appended_ns and time.monotonic() < ends:
            await asyncio.sleep(0.01)

    async def _until_stopped(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Wait for the stop; a task that fails ends the service with its error."""
        waiting = set(tasks)
        while not any(task.get_name() == "stop" and task.done() for task in tasks):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _shut_down(self, tasks: list[asyncio.Task[Any]], reason: str) -> None:
        """In this order: hang up, say that we stopped, close the journal, let the lake publish the rest."""
        log.info("stopping", reason=reason)
        assert self._fleet is not None
        await self._fleet.stop()
        self._journal.append_event("stop", {"reason": reason})
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._journal.close)
        await self._finish_lake()
        self._write_status()
        log.info("stopped", frames=self._journal.stats.frames)

    def _start_fields(self) -> dict[str, Any]:
        return {
            "recorder": self._settings.id,
            "session": self._session,
            "version": __version__,
            "pid": os.getpid(),
            "receive": "tap" if self._tapped else "library",
            "settings": self._settings.public(),
        }

    def _trouble(self, text: str) -> None:
        log.error("journal", trouble=text)

    # --- markets ----------------------------------------------------------------------------------

    async def _first_markets(self, rest: RestClient, scheduler: AsyncIOScheduler) -> None:
        """Get the first list however long the venue takes, then look again on schedule."""
        backoff = Backoff()
        listed = await self._refresh_markets(rest)
        while not listed:
            await asyncio.sleep(backoff.next_delay_s())
            listed = await self._refresh_markets(rest)
        scheduler.add_job(
            self._refresh_markets,
            "interval",
            args=[rest],
            seconds=LIST_EVERY_S,
            misfire_grace_time=None,  # late is better than never
            coalesce=True,
            max_instances=1,
        )
        scheduler.start()

    async def _refresh_markets(self, rest: RestClient) -> bool:
        """Follow the venue's list: listed markets in, delisted ones out. False: there was no list."""
        assert self._fleet is not None
        try:
            answer = await rest.call(MARKET_LIST)
            markets, faults = parse_market_list(answer.data)
        except (RestError, ProtocolError) as error:
            self._last_error = str(error)
            log.warning("no market list", reason=str(error))
            return False
        for fault in faults:
            log.warning("a market of the list cannot be read", reason=fault)
        listed = {market.name for market in markets if market.available}
        if not self._settings.all_markets:
            self._warn_unknown(listed)
            listed &= set(self._settings.markets)
        if not listed and not self._fleet.markets:
            self._last_error = "the market list names no market to record"
            log.warning("no market list", reason=self._last_error)
            return False
        added, dropped = self._fleet.set_markets(listed | self._not_yet_delisted(listed))
        if added or dropped:
            log.info("markets", recording=len(self._fleet.markets), added=len(added), dropped=dropped)
        return True

    def _warn_unknown(self, listed: set[str]) -> None:
        unknown = sorted(set(self._settings.markets) - listed)
        if unknown:
            log.warning("markets that the venue does not list now", markets=unknown)

    def _not_yet_delisted(self, listed: set[str]) -> set[str]:
        """Recorded markets that are absent, but not for long enough."""
        assert self._fleet is not None
        absent = self._fleet.markets - listed
        self._missing = Counter({name: self._missing[name] + 1 for name in absent})
        return {name for name in absent if self._missing[name] < MISSING_LISTS}

    # --- the lake's process -----------------------------------------------------------------------

    async def _keep_lake(self) -> None:
        """Keep the lake's process running; its failures cost time, never data."""
        backoff = Backoff()
        while True:
            began = time.monotonic()
            self._lake = await self._start_lake("--follow")
            code = await self._lake.wait()
            backoff.healthy_for(time.monotonic() - began)
            delay_s = backoff.next_delay_s()
            self._last_error = f"the lake's process ended with {code}"
            log.error("the lake's process ended", code=code, again_in_s=round(delay_s, 2))
            await asyncio.sleep(delay_s)

    async def _start_lake(self, *options: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "recorder", "publish", *options),
            *("--data-dir", str(self._settings.data_dir)),
            env={**os.environ, "RECORDER_PUBLISH_INTERVAL": str(self._settings.publish_interval)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is ours: the lake ends when the journal does
        )

    async def _finish_lake(self) -> None:
        """The journal is closed: the lake's process publishes the rest and goes, or a new one does it."""
        code = await self._wait_lake() if self._lake is not None else None
        if code != 0:
            self._lake = await self._start_lake()
            code = await self._wait_lake()
        if code != 0:
            log.error("not all is published: run `recorder publish`, the journal has everything", code=code)

    async def _wait_lake(self) -> int | None:
        assert self._lake is not None
        try:
            async with asyncio.timeout(LAKE_STOP_S):
                return await self._lake.wait()
        except TimeoutError:
            self._lake.kill()
            return None

    # --- clock and status -------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        """Journal every step of the wall clock, and watch how late the event loop runs."""
        wall_ns, steady_ns = time.time_ns(), time.monotonic_ns()
        lag_ms, since = 0.0, steady_ns
        while True:
            await asyncio.sleep(0.05)
            new_wall_ns, new_steady_ns = time.time_ns(), time.monotonic_ns()
            lag_ms = max(lag_ms, (new_steady_ns - steady_ns) / 1e6 - 50)
            step_ns = (new_wall_ns - wall_ns) - (new_steady_ns - steady_ns)
            if abs(step_ns) > CLOCK_STEP_S * 1e9:
                self._journal.append_event("clock", {"step_ns": step_ns})
                log.warning("the clock was stepped", seconds=round(step_ns / 1e9, 3))
            wall_ns, steady_ns = new_wall_ns, new_steady_ns
            if new_steady_ns - since > 1e9:
                self._loop_lag_ms, lag_ms, since = lag_ms, 0.0, new_steady_ns

    async def _keep_status(self) -> None:
        while True:
            self._write_status()
            await asyncio.sleep(STATUS_EVERY_S)

    def _write_status(self) -> None:
        target = self._settings.journal_dir / STATUS_NAME
        draft = target.with_suffix(".new")
        try:
            draft.write_text(json.dumps(asdict(self.status())))
            draft.replace(target)
        except OSError as error:  # a full disk: the journal says so, this file is only a convenience
            log.debug("status not written", reason=str(error))

    def status(self) -> Status:
        """The state of the moment."""
        connections = list(self._fleet.connections.values()) if self._fleet else []
        stats = [connection.stats for connection in connections]
        journal = self._journal.stats
        streams: Counter[str] = Counter()
        for each in stats:
            streams.update(each.streams)
        errors = [each.last_error for each in stats if each.last_error]
        return Status(
            pid=os.getpid(),
            recorder=self._settings.id,
            version=__version__,
            started_ns=self._started_ns,
            at_ns=time.time_ns(),
            receive="tap" if self._tapped else "library",
            markets=len(self._fleet.markets) if self._fleet else 0,
            connections=len(connections),
            connections_up=sum(each.up for each in stats),
            topics=sum(connection.topics for connection in connections),
            frames=journal.frames,
            frame_bytes=journal.frame_bytes,
            frames_by_stream=dict(streams),
            last_recv_ns=max((each.last_recv_ns for each in stats if each.last_recv_ns), default=None),
            reconnects=sum(max(each.connects - 1, 0) for each in stats),
            journal_bytes=journal.written_bytes,
            buffered_bytes=journal.buffered_bytes,
            dropped_frames=journal.dropped_frames,
            trouble=journal.trouble,
            loop_lag_ms=round(self._loop_lag_ms, 2),
            lake_alive=self._lake is not None and self._lake.returncode is None,
            last_error=errors[0] if errors else self._last_error,
        )


def read_status(journal_dir: Path) -> dict[str, Any] | None:
    """What a service last said of itself, None where it never did."""
    try:
        status: dict[str, Any] = json.loads((journal_dir / STATUS_NAME).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return status
