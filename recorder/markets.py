"""Follows the venue's list: which markets there are, and which of them are recorded."""

import asyncio
import contextlib
import json
from collections import Counter
from typing import Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from recorder.capture.fleet import Fleet
from recorder.client.errors import RestError
from recorder.client.rest import RestClient
from recorder.config import Settings
from recorder.exchange.answers import parse_market_list
from recorder.exchange.endpoints import MARKET_LIST
from recorder.exchange.fields import ProtocolError
from recorder.repairs import PRIORITIES

LIST_EVERY_S: Final = 30
"""A listed market is subscribed within a minute."""
LIST_RETRY_S: Final = 0.5
MISSING_LISTS: Final = 2
"""A market is delisted when it is absent from this many answers in a row: one may be cut short."""
MARKETS_NAME: Final = "markets.json"

log = structlog.get_logger()


class MarketList:
    """Asks for the list on schedule and tells the fleet. `listed` are those that the venue has now."""

    def __init__(self, settings: Settings, rest: RestClient, fleet: Fleet) -> None:
        self.listed: set[str] = set()
        self.last_error: str | None = None
        self._settings = settings
        self._rest = rest
        self._fleet = fleet
        self._missing: Counter[str] = Counter()
        self._faults: tuple[str, ...] = ()
        self._unknown: list[str] = []
        self._remembered: set[str] = set()

    async def follow(self, scheduler: AsyncIOScheduler) -> None:
        """Get the first list however long the venue takes, then look again on schedule.

        The stream may work while REST does not: until there is a list, the last one known is recorded.
        """
        listed = await self._refresh()
        if not listed:
            self._recall()
        while not listed:
            await asyncio.sleep(LIST_RETRY_S)  # the client makes longer pauses of its own
            listed = await self._refresh()
        scheduler.add_job(
            self._refresh,
            "interval",
            seconds=LIST_EVERY_S,
            **PRIORITIES,
        )

    def _recall(self) -> None:
        try:
            known = set(json.loads((self._settings.journal_dir / MARKETS_NAME).read_text()))
        except (OSError, ValueError):
            known = set(self._settings.markets) - {"all"}
        wanted = known if self._settings.all_markets else known & set(self._settings.markets)
        if wanted:
            log.warning("no market list yet: recording the markets known before", markets=len(wanted))
            self._fleet.set_markets(wanted)

    def _remember(self, listed: set[str]) -> None:
        if listed == self._remembered:
            return
        target = self._settings.journal_dir / MARKETS_NAME
        draft = target.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk: the journal says so
            draft.write_text(json.dumps(sorted(listed)))
            draft.replace(target)
            self._remembered = set(listed)

    async def _refresh(self) -> bool:
        """Follow the venue's list: listed markets in, delisted ones out. False: there was no list."""
        try:
            answer = await self._rest.call(MARKET_LIST)
            markets, faults = await asyncio.to_thread(parse_market_list, answer.data)  # 300 take 25 ms
        except (RestError, ProtocolError) as error:
            self.last_error = str(error)
            log.warning("no market list", reason=str(error))
            return False
        if faults != self._faults:
            self._faults = faults
            log.warning("odd entries in the market list", reasons=faults)
        listed = {market.name for market in markets if market.available}
        if listed:
            self.listed = set(listed)
            self._remember(listed)
        if not self._settings.all_markets:
            self._warn_unknown(listed)
            listed &= set(self._settings.markets)
        if not listed:
            self.last_error = "the market list names no market to record"
            log.warning("no market list", reason=self.last_error)
            return False
        self.last_error = None
        added, dropped = self._fleet.set_markets(listed | self._not_yet_delisted(listed))
        if added or dropped:
            log.info("markets", recording=len(self._fleet.markets), added=len(added), dropped=dropped)
        return True

    def _warn_unknown(self, listed: set[str]) -> None:
        unknown = sorted(set(self._settings.markets) - listed)
        if unknown and unknown != self._unknown:
            log.warning("markets that the venue does not list now", markets=unknown)
        self._unknown = unknown

    def _not_yet_delisted(self, listed: set[str]) -> set[str]:
        """Recorded markets that are absent, but not for long enough."""
        absent = self._fleet.markets - listed
        self._missing = Counter({name: self._missing[name] + 1 for name in absent})
        return {name for name in absent if self._missing[name] < MISSING_LISTS}
