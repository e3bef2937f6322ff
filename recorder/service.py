"""The service: where capture, journal and lake meet. The only place that knows them all.

Two processes. This one receives and journals; the lake's process, its child, follows the journal and
publishes. A crash or a slow disk over there never touches capture. When this process ends, however it
ends, the child reads the journal to its end, publishes, and goes.
"""

import asyncio
import contextlib
import gc
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from recorder import __version__
from recorder.account import account_of, keep_private
from recorder.capture.fleet import Fleet
from recorder.capture.tap import tap_works
from recorder.client.rest import RestClient
from recorder.config import ConfigError, Settings
from recorder.exchange.messages import PUSH_HEAD
from recorder.exchange.session import Note
from recorder.journal.segment import JournalError
from recorder.journal.writer import JournalWriter
from recorder.lake_process import LakeProcess
from recorder.markets import MarketList
from recorder.repairs import Repairs
from recorder.vitals import Pulse, Status, keep_status, write_status

START_FLUSH_S: Final = 5.0
"""How long the start waits for its first record to be written: a stalled disk must not stop capture."""
SWITCH_S: Final = 0.001
"""How long the journal's thread may keep the interpreter while a socket waits; Python's own is 5 ms."""

log = structlog.get_logger()


class Service:
    """Records until told to stop. `run` is the whole life; `status` may be asked at any time."""

    def __init__(self, settings: Settings) -> None:
        if settings.ws_url is None or (settings.rest_url is None and settings.all_markets):
            missing = "RECORDER_WS_URL" if settings.ws_url is None else "RECORDER_REST_URL"
            raise ConfigError(
                f"{missing} is not set: give the exchange's address in the environment or in recorder.toml; "
                "`recorder simulate` prints those of a simulated exchange, `recorder demo` needs none"
            )
        keep_private(settings)
        self._settings = settings
        self._session = uuid.uuid4().hex
        self._started_ns = time.time_ns()
        self._tapped = False
        self._lake = LakeProcess(settings.data_dir, settings.publish_interval, settings.retention)
        self._pulse = Pulse(self._clock_stepped)
        self._journal = JournalWriter(
            settings.journal_dir,
            settings.id,
            self._session,
            __version__,
            flat=(PUSH_HEAD,),
            on_trouble=self._trouble,
        )
        self._account = account_of(settings, self._journal, lambda: self._listed)
        self._fleet: Fleet | None = None
        self._markets: MarketList | None = None
        self._repairs: Repairs | None = None

    # --- life -------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event, reason: Callable[[], str] = lambda: "stop") -> bool:
        """Record until `stop` is set, then publish everything. Nothing received is lost on this way out.

        False: not all could be published; the journal has it, and `recorder publish` tries again.
        """
        settings = self._settings
        assert settings.ws_url is not None
        sys.setswitchinterval(SWITCH_S)
        gc.freeze()  # the libraries' objects live as long as we do; walking them stalls the loop for 20 ms
        self._tapped = settings.receive == "tap" and await tap_works()
        if settings.receive == "tap" and not self._tapped:
            log.warning("the receive tap does not fit this websockets version: receiving through recv()")
        self._journal.append_event("start", self._start_fields())
        await asyncio.to_thread(self._journal.wait_flushed, START_FLUSH_S)
        self._fleet = Fleet(
            settings.ws_url,
            self._journal,
            streams=settings.streams,
            periods=settings.kline_periods,
            subscriptions_per_connection=settings.subscriptions_per_connection,
            tapped=self._tapped,
            pause_s=settings.read_pause_ms / 1000,
            listener=self._listen,
        )
        scheduler = AsyncIOScheduler()
        tasks = [
            asyncio.create_task(self._lake.keep(), name="lake"),
            asyncio.create_task(self._pulse.beat(), name="pulse"),
            asyncio.create_task(self._watch_journal(), name="journal"),
            asyncio.create_task(keep_status(settings.journal_dir, self.status), name="status"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        try:
            async with contextlib.AsyncExitStack() as stack:
                if settings.rest_url is None:
                    self._fleet.set_markets(settings.markets)
                else:
                    client = RestClient(settings.rest_url, self._journal, settings.limits_dir)
                    self._ask_by_rest(await stack.enter_async_context(client), scheduler, tasks)
                await self._until_stopped(tasks)
        finally:
            if scheduler.running:
                scheduler.shutdown(wait=False)
            published = await self._shut_down(tasks, reason())
            gc.unfreeze()
        return published

    def _ask_by_rest(
        self, rest: RestClient, scheduler: AsyncIOScheduler, tasks: list[asyncio.Task[Any]]
    ) -> None:
        """Begin all that asks: for the markets, for what was missed, for the account."""
        assert self._fleet is not None
        self._markets = MarketList(self._settings, rest, self._fleet)
        self._repairs = Repairs(self._settings, rest, lambda: self._recorded)
        asking: dict[str, Coroutine[Any, Any, None]] = {"markets": self._markets.follow(scheduler)}
        for part in (self._repairs, self._account):
            if part is not None:
                part.schedule(scheduler)
                asking |= part.tasks()
        tasks += [asyncio.create_task(task, name=name) for name, task in asking.items()]
        scheduler.start()

    async def _until_stopped(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Wait for the stop; a task that fails ends the service with its error."""
        waiting = set(tasks)
        while not any(task.get_name() == "stop" and task.done() for task in tasks):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _shut_down(self, tasks: list[asyncio.Task[Any]], reason: str) -> bool:
        """In this order: hang up, say that we stopped, close the journal, let the lake publish the rest."""
        log.info("stopping", reason=reason)
        assert self._fleet is not None
        await self._fleet.stop()
        if self._account is not None:
            await self._account.stop()
        self._journal.append_event("stop", {"reason": reason})
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await asyncio.to_thread(self._journal.close)
        finally:
            published = await self._lake.finish()
        write_status(self._settings.journal_dir, self.status())
        log.info("stopped", frames=self._journal.stats.frames, all_published=published)
        return published

    def _start_fields(self) -> dict[str, Any]:
        return {
            "recorder": self._settings.id,
            "session": self._session,
            "version": __version__,
            "pid": os.getpid(),
            "receive": "tap" if self._tapped else "library",
            "settings": self._settings.public(),
            "account": self._account is not None and self._settings.ws_url is not None,
        }

    async def _watch_journal(self) -> None:
        """A journal that is not written any more must not look like recording. Raises JournalError."""
        overflows = 0
        while self._journal.failure is None:
            await asyncio.sleep(1.0)
            if (now := self._journal.overflows) != overflows and self._repairs is not None:
                overflows = now
                self._repairs.overflowed()
                if self._account is not None:
                    self._account.overflowed()
        raise JournalError(self._journal.failure)

    def _listen(self, note: Note) -> None:
        if self._repairs is not None:
            self._repairs.listen(note)

    @property
    def _recorded(self) -> set[str]:
        return self._fleet.markets if self._fleet is not None else set()

    @property
    def _listed(self) -> set[str]:
        return self._markets.listed if self._markets is not None else set()

    @property
    def _list_error(self) -> str | None:
        return self._markets.last_error if self._markets is not None else None

    def _clock_stepped(self, step_ns: int) -> None:
        self._journal.append_event("clock", {"step_ns": step_ns})
        log.warning("the clock was stepped", seconds=round(step_ns / 1e9, 3))

    def _trouble(self, text: str) -> None:
        log.error("journal", trouble=text)

    # --- status ---------------------------------------------------------------------------------

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
            last_recv_ns=max((each.newest_recv_ns for each in stats if each.newest_recv_ns), default=None),
            reconnects=sum(max(each.connects - 1, 0) for each in stats),
            journal_bytes=journal.written_bytes,
            buffered_bytes=journal.buffered_bytes,
            dropped_frames=journal.dropped_frames,
            trouble=journal.trouble,
            loop_lag_ms=round(self._pulse.loop_lag_ms, 2),
            lake_alive=self._lake.alive,
            rest=self._repairs.status() if self._repairs is not None else {},
            account=self._account.status() if self._account is not None else None,
            last_error=errors[0]
            if errors
            else self._list_error or (None if self._lake.alive else self._lake.last_error),
        )
