"""Sees to what was missed: which answers by REST are wanted when, from what the connections and the lake say.

After a subscription, and when a silent stream is heard again, each market's newest trades are asked for at
once, for they reach back less with every second; so is the state of all markets, the first good one after
a gap. Candles are asked for when they are closed, those that a gap cost first. The rest is rounds: of trades,
of states as a second witness, of candles over the lookback.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from recorder.backfill import CandlePlan, keep_asking, lookback, survey
from recorder.capture.deals import DealsRounds
from recorder.client.errors import RestError
from recorder.client.rest import RestClient
from recorder.config import Settings
from recorder.exchange.endpoints import MARKET_STATE_ALL
from recorder.exchange.session import Note
from recorder.lake.grades.wanted import read_wanted

STATES_EVERY_S: Final = 60.0
DEALS_EVERY_S: Final = 300.0
LAKE_EVERY_S: Final = 2.0
"""How often the lake is asked what it lacks; it says something new after each publish."""
CATCH_UP_S: Final = 120.0
"""How long the first candles wait for the lake to read what earlier sessions were answered."""
UNCONFIRMED_S: Final = 5.0
"""A venue that acknowledges nothing has taken a subscription after so long, if it takes it at all."""
WATCH_S: Final = 1.0
PRIORITIES: Final = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
"""Of every job: late is better than never, once is enough, one at a time."""

log = structlog.get_logger()


class Repairs:
    """Composes the repair of one service. `listen` is told what connections note."""

    def __init__(self, settings: Settings, client: RestClient, markets: Callable[[], set[str]]) -> None:
        self._settings = settings
        self._client = client
        self._markets = markets
        self._started = time.monotonic()
        self._started_us = time.time_ns() // 1000
        self._plan = CandlePlan()
        self._deals = DealsRounds(client)
        self._states_missed = asyncio.Event()
        self._unconfirmed: dict[str, float] = {}
        self._caught_up = asyncio.Event()

    def schedule(self, scheduler: AsyncIOScheduler) -> None:
        """Add the periodic jobs."""
        scheduler.add_job(self._round_of_states, "interval", seconds=STATES_EVERY_S, **PRIORITIES)
        scheduler.add_job(self._round_of_deals, "interval", seconds=DEALS_EVERY_S, **PRIORITIES)
        scheduler.add_job(self._heed_lake, "interval", seconds=LAKE_EVERY_S, **PRIORITIES)
        scheduler.add_job(self._look_after_unconfirmed, "interval", seconds=WATCH_S, **PRIORITIES)

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs as long as the service, by name."""
        return {"deals": self._deals.run(), "states": self._first_states(), "candles": self._candles()}

    def status(self) -> dict[str, Any]:
        """Calls by endpoint, what waits, and what came of asking for candles since the start.

        `caught_up`: the lake, which knew of this start, was asked what it lacks; before, nothing may wait.
        """
        return {
            "caught_up": self._caught_up.is_set(),
            "calls": {name: asdict(turns) for name, turns in self._client.turns.items()},
            "deals_waiting": self._deals.waiting,
            "candles_waiting": self._plan.left.candles,
            "candles_given": self._plan.given,
            "candles_not_given": self._plan.not_given,
        }

    # --- what is missed -----------------------------------------------------------------------------------

    def listen(self, note: Note) -> None:
        """A connection noted something."""
        if note.kind not in ("subscribe", "confirmed", "heard"):
            return
        rows = note.fields["topics"] if note.kind == "heard" else [row[1:] for row in note.fields["topics"]]
        trades = [row[1] for row in rows if row[0] == "trade"]
        if note.kind == "subscribe":
            self._unconfirmed.update(dict.fromkeys(trades, time.monotonic()))
            return
        for market in trades:
            self._unconfirmed.pop(market, None)
        self._deals.missed(trades)
        if any(row[0] == "state" for row in rows):
            self._states_missed.set()

    def overflowed(self) -> None:
        """Frames of any topic were dropped, and are taken again."""
        self._deals.missed(sorted(self._markets()))
        self._states_missed.set()

    async def _look_after_unconfirmed(self) -> None:
        now = time.monotonic()
        late = [market for market, since in self._unconfirmed.items() if now - since > UNCONFIRMED_S]
        for market in late:
            del self._unconfirmed[market]
        if late:
            self._deals.missed(late)

    # --- rounds -------------------------------------------------------------------------------------------

    async def _round_of_deals(self) -> None:
        if "trade" in self._settings.streams:
            self._deals.round(sorted(self._markets()))

    async def _round_of_states(self) -> None:
        if "state" in self._settings.streams:
            await self._ask_states(urgent=False)

    async def _first_states(self) -> None:
        """The state after each gap, asked for until it is given."""
        while True:
            await self._states_missed.wait()
            self._states_missed.clear()
            while not await self._ask_states(urgent=True):
                pass

    async def _ask_states(self, *, urgent: bool) -> bool:
        """True where it was answered, or never will be."""
        try:
            await self._client.call(MARKET_STATE_ALL, urgent=urgent)
        except RestError as error:
            log.warning("no states", reason=str(error))
            return not error.retryable
        return True

    # --- candles ------------------------------------------------------------------------------------------

    async def _candles(self) -> None:
        """Ask once the lake knows what earlier sessions were answered, or takes too long to say."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._caught_up.wait(), CATCH_UP_S)
        await keep_asking(self._client, self._plan)

    async def _heed_lake(self) -> None:
        """Take over what the lake says, and renew what is wanted."""
        try:
            said = await asyncio.to_thread(read_wanted, self._settings.data_dir)
        except sqlite3.Error as error:
            log.warning("the lake cannot be asked what it lacks", reason=str(error))
            return
        if said is not None:
            self._plan.heed(said)
            if said.until_us.get(self._settings.id, 0) >= self._started_us:
                self._caught_up.set()
        if "kline" in self._settings.streams:
            now_us = time.time_ns() // 1000 - self._plan.offset_us
            span = self._settings.backfill_lookback
            self._plan.want(lookback(sorted(self._markets()), self._settings.kline_periods, span, now_us))
        await survey(self._plan)
