"""The newest trades of each market by REST: at once after a subscription, and in rounds.

An answer holds the last 50 to 100 trades and nothing pages back further, so what a market missed is fetched
as soon as it is heard again; the longer it waits, the less far back it reaches. Rounds find what was missed
without anybody noticing.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from recorder.client.errors import RestError
from recorder.client.rest import RestClient
from recorder.exchange.endpoints import MARKET_DEALS

MARKETS_LIMIT: Final = 10_000
"""Markets that can wait to be asked for."""

log = structlog.get_logger()


class DealsRounds:
    """Asks one market after another; those that missed something come first."""

    def __init__(self, client: RestClient) -> None:
        self._client = client
        self._urgent: dict[str, None] = {}
        self._due: dict[str, None] = {}
        self._some = asyncio.Event()

    def missed(self, markets: Iterable[str]) -> None:
        """These are heard again after they were not: what they missed is wanted now."""
        self._add(self._urgent, markets)

    def round(self, markets: Iterable[str]) -> None:
        """These are to be asked when nothing is more urgent."""
        self._add(self._due, markets)

    def _add(self, waiting: dict[str, None], markets: Iterable[str]) -> None:
        waiting.update(dict.fromkeys(list(markets)[:MARKETS_LIMIT]))
        self._some.set()

    @property
    def waiting(self) -> int:
        """How many markets wait to be asked for."""
        return len(self._urgent.keys() | self._due.keys())

    async def run(self) -> None:
        """Ask for ever. The journal has the answers: nothing else is done with them here."""
        while True:
            urgent = bool(self._urgent)
            waiting = self._urgent or self._due
            if not waiting:
                self._some.clear()
                await self._some.wait()
                continue
            market = next(iter(waiting))
            for each in (self._urgent, self._due):
                each.pop(market, None)
            try:
                await self._client.call(MARKET_DEALS, {"market": market}, urgent=urgent)
            except RestError as error:
                if error.retryable:
                    self._add(self._urgent if urgent else self._due, [market])
                else:
                    log.warning("no deals", market=market, reason=str(error))
