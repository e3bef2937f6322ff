"""Records the account beside the market data: rounds of questions on schedule, and the private streams.

All of it lives in one task with a client and a connection of its own. Whatever fails here (a wrong key, an
address that is not allowed, a venue that does not answer) is told once, stands in the status, is tried again,
and touches nothing that is public.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from recorder.capture.account import ACCOUNT_CONNECTION, TRIES, AccountRounds, Snapshot
from recorder.capture.asked import Asked, read_asked
from recorder.capture.stream import StreamConnection
from recorder.client.client import Client
from recorder.client.errors import DeniedError, RestError
from recorder.config import Settings
from recorder.exchange.fields import ProtocolError
from recorder.exchange.refusals import Denial, denial, said
from recorder.exchange.session import Note
from recorder.exchange.signing import Credentials
from recorder.exchange.topics import PRIVATE_STREAMS, Topic
from recorder.journal.writer import JournalWriter
from recorder.lake.store.owner import keep_to_owner, make_private
from recorder.repairs import PRIORITIES

WIDE_EVERY_S: Final = 6 * 3_600.0
"""How often each listed market is looked at, whether the account is known to be busy there or not."""
RETRY_S: Final = 30.0
"""After a question that failed in a way that passes."""
MENDED_S: Final = 60.0
"""After a failure that nobody foresaw."""
LATE_EVERY_S: Final = 60.0
"""How often a signature of the streams that came too late is made anew at once."""
POLL_S: Final = 1.0
FLUSH_S: Final = 10.0
STOP_S: Final = 5.0

T = TypeVar("T")
log = structlog.get_logger()


def keep_private(settings: Settings) -> None:
    """Where there are credentials, nobody but the owner reads what is told of the account.

    Raises ConfigError where one of the two is missing.
    """
    if settings.credentials is not None:
        make_private(settings.journal_dir)
        keep_to_owner(settings.data_dir / "lake")


def account_of(
    settings: Settings, journal: JournalWriter, markets: Callable[[], set[str]]
) -> "AccountTask | None":
    """The account's task, where there is an account to record."""
    credentials = settings.credentials
    if credentials is None:
        return None
    if settings.rest_url is None:
        log.warning("the account is not recorded: RECORDER_REST_URL is not set")
        return None
    return AccountTask(settings, credentials, journal, markets) if settings.account_interval else None


class AccountTask:
    """Composes the recording of one account. `markets` are those that the venue lists."""

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        journal: JournalWriter,
        markets: Callable[[], set[str]],
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._journal = journal
        self._markets = markets
        self._wanted = asyncio.Event()
        self._rounds: AccountRounds | None = None
        self._connection: StreamConnection | None = None
        self._wide_at_s: float | None = None
        self._denied = False
        self._refused: set[str] = set()
        """Streams that the venue does not give."""
        self._is_late = False
        self._late_at_s = -LATE_EVERY_S
        self._snapshots = 0
        self._snapshot_ns: int | None = None
        self._failures: dict[str, str] = {}
        self._unanswered: list[str] = []

    def schedule(self, scheduler: AsyncIOScheduler) -> None:
        """Add the periodic job."""
        seconds = self._settings.account_interval.total_seconds()
        scheduler.add_job(self._want, "interval", seconds=seconds, **PRIORITIES)

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs as long as the service, by name."""
        return {"account": self._run()}

    def overflowed(self) -> None:
        """Frames were dropped, and are taken again."""
        self._wanted.set()

    async def stop(self) -> None:
        """Hang up, politely where the venue answers."""
        if self._connection is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connection.stop(), STOP_S)

    def status(self) -> dict[str, Any]:
        """When the last snapshot was whole, what fails, and what waits."""
        return {
            "snapshots": self._snapshots,
            "last_snapshot_ns": self._snapshot_ns,
            "failures": [f"{what}: {why}" for what, why in sorted(self._failures.items())],
            "unanswered": self._unanswered,
            "markets_waiting": len(self._rounds.waiting) if self._rounds is not None else 0,
            "stream": self._stream_state(),
        }

    def _stream_state(self) -> str | None:
        """A connection that is not signed for lives, and brings nothing."""
        if self._connection is None:
            return None
        return "refused" if "streams" in self._failures else self._connection.state

    async def _want(self) -> None:
        self._wanted.set()

    # --- life ---------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                await self._record()
            except Exception as error:
                log.exception("the account's recording failed in a way nobody foresaw; it is begun again")
                self._failures["unforeseen"] = repr(error)
            await asyncio.sleep(MENDED_S)
            self._failures.pop("unforeseen", None)

    async def _record(self) -> None:
        settings = self._settings
        assert settings.rest_url is not None
        asked = await asyncio.to_thread(read_asked, settings.data_dir, self._credentials)
        async with (
            Client(
                settings.rest_url,
                credentials=self._credentials,
                journal=self._journal,
                limits=settings.limits_dir,
                old_paths=settings.position_api == "2",
                tries=TRIES,
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            await client.rest.measure_clock()
            self._rounds = AccountRounds(client, asked)
            self._wide_at_s = None  # of the markets that waited nothing is known any more
            group.create_task(self._keep_asking(self._rounds), name="account rounds")
            if settings.ws_url is not None:
                group.create_task(self._listen(client, settings.ws_url), name="account stream")

    async def _keep_asking(self, rounds: AccountRounds) -> None:
        self._wanted.set()
        while True:
            if self._wanted.is_set():
                self._wanted.clear()
                await self._snapshot(rounds)
            self._want_all(rounds)
            if rounds.waiting and not self._failures.get("REST"):
                found = Snapshot()
                await self._asking(rounds.next_market(found))
                if found.failures:
                    log.warning("questions about the account that are not answered", reasons=found.failures)
                await self._keep(rounds.asked)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), POLL_S)

    def _want_all(self, rounds: AccountRounds) -> None:
        """Each listed market now and then."""
        markets, now_s = self._markets(), time.monotonic()
        if markets and (self._wide_at_s is None or now_s - self._wide_at_s > WIDE_EVERY_S):
            self._wide_at_s = now_s
            rounds.want(sorted(markets))

    # --- rounds -------------------------------------------------------------------------------------------

    async def _snapshot(self, rounds: AccountRounds) -> None:
        found = await self._asking(rounds.snapshot())
        if found is None:
            return
        if self._is_late and self._connection is not None:
            self._is_late = False
            self._connection.sign_soon()
        self._snapshots += 1
        self._snapshot_ns = time.time_ns()
        if found.unexplained:
            rounds.want(sorted(self._markets()))
        if found.failures != self._unanswered:
            self._unanswered = found.failures
            log.warning("questions about the account that are not answered", reasons=found.failures)
        await self._keep(rounds.asked)

    async def _asking(self, question: Awaitable[T]) -> T | None:
        """What is answered; None where it is not, which is told once and tried again."""
        try:
            answer = await question
        except RestError as error:
            self._tell("REST", str(error))
            if not isinstance(error, DeniedError):
                asyncio.get_running_loop().call_later(RETRY_S, self._wanted.set)
            return None
        except ProtocolError as error:
            self._tell("REST", str(error))
            return None
        self._tell("REST", None)
        return answer

    async def _keep(self, asked: Asked) -> None:
        """Remember what was asked for, once the journal has the answers."""
        if await asyncio.to_thread(self._journal.wait_flushed, FLUSH_S):
            with contextlib.suppress(OSError):  # a full disk: the journal says so
                asked.save(self._settings.journal_dir)

    def _tell(self, what: str, why: str | None) -> None:
        """Say what fails, or fails no longer, once."""
        if self._failures.get(what) == why:
            return
        if why is None:
            del self._failures[what]
            log.info("the account is recorded again", by=what)
        else:
            self._failures[what] = why
            log.warning("the account is not recorded", by=what, reason=why)

    # --- streams ------------------------------------------------------------------------------------------

    async def _listen(self, client: Client, ws_url: str) -> None:
        """The private streams, signed in anew on each connection, by the venue's clock."""
        self._connection = StreamConnection(
            ACCOUNT_CONNECTION,
            ws_url,
            self._journal,
            tapped=False,
            listener=self._heed,
            signer=client.rest.sign,
            redaction=client.rest.redaction,
            pushed=self._pushed,
        )
        self._connection.change([Topic(stream) for stream in PRIVATE_STREAMS], [])
        await self._connection.run()
        await asyncio.Event().wait()  # it was told to stop, and so will this task be

    def _heed(self, note: Note) -> None:
        """A snapshot after each connection that was signed for: it tells what no push did."""
        if note.kind in ("denied", "signed", "subscribe"):
            self._denied = note.kind == "denied"
        if note.kind == "denied":
            code, words = note.fields.get("code"), str(note.fields.get("error", ""))
            meant = denial(code, words)
            if meant is Denial.WRONG_TIME and time.monotonic() - self._late_at_s > LATE_EVERY_S:
                self._late_at_s, self._is_late = time.monotonic(), True
                self._wanted.set()  # a round tells the venue's clock
            self._tell("streams", f"{said(code, words)}{f': {meant.value}' if meant is not None else ''}")
        elif self._denied:
            return  # what follows from it
        elif note.kind == "subscribe":
            self._refused -= _streams(note)
        elif note.kind == "refused":
            self._refused |= _streams(note)
            self._tell("streams", f"refused by the venue: {note.fields.get('error')}")
        elif note.kind == "confirmed":
            self._refused -= _streams(note)
            if not self._refused:
                self._tell("streams", None)
            self._wanted.set()

    def _pushed(self, frame: bytes) -> None:
        if self._rounds is not None:
            self._rounds.pushed(frame)


def _streams(note: Note) -> set[str]:
    return {topic[1] for topic in note.fields["topics"]}
