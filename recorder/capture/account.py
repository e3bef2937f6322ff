"""Asks for all that the venue tells of an account: in whole at first, then what is new.

One round (`snapshot`) asks for what there is now (assets, positions, open orders, waiting stop orders) and
for what has happened since the last one: the ledger, finished stop orders, and in each market that the
account is busy in its fills and finished orders. Every answer is in the journal before it is used here; this
only decides what is asked for.

The other listed markets wait in a queue and are asked one by one (`next_market`), for the venue takes one
question for finished orders a second.
"""

import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from recorder.capture.asked import Asked
from recorder.client.client import Client
from recorder.client.errors import DeniedError, RestError
from recorder.exchange.account import OrderPush, PositionPush, read_private
from recorder.exchange.fields import ProtocolError, json_object
from recorder.exchange.records import Asset, Fill, LedgerEntry, Order, Position
from recorder.exchange.refusals import NO_SUCH_ORDER, NO_SUCH_POSITION

ACCOUNT_CONNECTION: Final = 0
"""The number of the account's connection in the journal; those of market data begin at 1."""
OVERLAP_S: Final = 300
"""What the venue adds late, with an earlier time, is found by asking again for so long before."""
SETTLED_S: Final = 2
"""A history is asked for up to so long ago: nothing can come any more that would move its pages."""
KNOWN_STOPS: Final = 200
"""After so many finished stop orders in a row that are known, the rest is, too, unless one that waited is not
among them: they take no bounds of time, and stand by when they were made or by when they were finished."""
TRIES: Final = 5
"""How often something is asked that may succeed later: else a list is asked from its first page again."""
GONE: Final = (NO_SUCH_POSITION, *NO_SUCH_ORDER)
VANISHED_LIMIT: Final = 500
"""Orders that are no longer open and are asked for one by one in a round; more of them in the next ones."""
GIVEN_UP_AFTER: Final = 3
"""Questions in a row that fail in a way that passes: so many are the venue's fault, fewer their own."""

T = TypeVar("T", Fill, Order, LedgerEntry)


@dataclass(slots=True)
class Snapshot:
    """What a round was told. `records` counts what came, by kind."""

    assets: list[Asset] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    records: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """Questions that the venue does not answer, though it answers others."""
    may_pass: bool = False
    """Whether one of these may be answered later."""
    unexplained: bool = False
    """A balance has changed, and nothing that was looked at tells why: another market may."""


class AccountRounds:
    """`asked` is what was asked for before, and is brought up to date; saving it is the caller's."""

    def __init__(self, client: Client, asked: Asked) -> None:
        self.asked = asked
        self.waiting: dict[str, None] = {}
        """Markets that are still to be looked at."""
        self._client = client
        self._calls = client.account
        self._pushed: set[str] = set()
        self._waiting = asked.stops
        """Stop orders that wait, as far as is known."""
        self._news = 0
        """Lines of the ledger that came since the last round that was answered to its end."""
        self._failed_in_a_row = 0
        self._failing: set[str] = set()
        """Markets about which a question failed last time: they come last."""

    def pushed(self, frame: bytes) -> None:
        """The account did something: the next round looks at its market. What cannot be read is rejected by
        the lake, and tells of none."""
        with contextlib.suppress(ProtocolError):
            message = json_object(frame)
            push = read_private(str(message.get("method")).removeprefix("update."), message.get("result"))
            if isinstance(push, PositionPush):
                self._pushed.add(push.position.market)
            elif isinstance(push, OrderPush):
                self._pushed.add(push.order.market)

    def want(self, markets: Iterable[str]) -> None:
        """Look at these markets when there is time."""
        self.waiting.update(dict.fromkeys(markets))

    async def snapshot(self) -> Snapshot:
        """One round. Raises RestError where the venue gives nothing, now or to this client."""
        found = Snapshot()
        self._failed_in_a_row = 0
        with self._noting(found, at_most=0):
            found.assets = await self._calls.assets()
        with self._noting(found):
            found.positions = await self._calls.positions()
        busy, self._pushed = self._pushed, set()
        try:
            busy |= {position.market for position in found.positions}
            for asking in (self._open_orders, self._open_stops, self._finished_stops):
                with self._noting(found):
                    busy |= await asking(found)
            for position in found.positions:
                with self._noting(found):
                    await self._calls.adjustable_margin(position.market, position.position_id)
            with self._noting(found):
                self._news += await self._history("ledger", found, self._calls.ledger, ())
            looked_at = busy | self.asked.touched if self._news else busy
            changed = [await self._market(market, found) for market in self._in_turn(looked_at)]
        except RestError:
            self._pushed |= busy
            raise
        found.unexplained = self._news > 0 and not any(changed) and not found.may_pass
        self._news = 0
        self.asked.touched |= busy
        return found

    def _in_turn(self, markets: Iterable[str]) -> list[str]:
        return sorted(markets, key=lambda market: (market in self._failing, market))

    async def next_market(self, found: Snapshot) -> str:
        """Ask for one of the markets that wait; one that fails is looked at again by the next round. Raises
        RestError where nothing is answered, and then asks for it after the others."""
        market = next(iter(self.waiting))
        del self.waiting[market]
        try:
            await self._market(market, found)
        except RestError:
            self.want([market])
            raise
        return market

    # --- what there is ------------------------------------------------------------------------------------

    async def _open_orders(self, found: Snapshot) -> set[str]:
        """Those, and orders that were open and are not, one by one. Returns their markets."""
        orders = [order async for order in self._calls.open_orders()]
        found.records["open orders"] += len(orders)
        now = {str(order.order_id): order.market for order in orders}
        vanished = {name: market for name, market in self.asked.open.items() if name not in now}
        left = dict(list(vanished.items())[VANISHED_LIMIT:])
        for name, market in list(vanished.items())[:VANISHED_LIMIT]:
            with self._noting(found, later=partial(left.setdefault, name, market)):
                await self._calls.order(market, int(name))
        self.asked.open = now | left
        return {*now.values(), *vanished.values()}

    async def _open_stops(self, found: Snapshot) -> set[str]:
        """The markets in which stop orders wait."""
        stops = [stop async for stop in self._calls.open_stops()]
        self._waiting = {stop.contract_order_id for stop in stops}
        found.records["stop orders"] += len(stops)
        return {stop.market for stop in stops}

    async def _finished_stops(self, found: Snapshot) -> set[str]:
        """Stop orders that wait no more, newest first: all at first, then up to where they are known."""
        began_s = self._now_s()
        known_until_s = min(self.asked.until_s.get("stops", 0), began_s - OVERLAP_S)
        known, markets = 0, set[str]()
        gone = self.asked.stops - self._waiting
        async for stop in self._calls.finished_stops():
            found.records["stop orders"] += 1
            gone.discard(stop.contract_order_id)
            if (stop.update_time or stop.order_time or 0) >= known_until_s:
                known = 0
                markets.add(stop.market)
            else:
                known += 1
            if known >= KNOWN_STOPS and not gone:
                break
        self.asked.until_s["stops"] = began_s - OVERLAP_S
        self.asked.stops = self._waiting
        return markets

    # --- what has happened --------------------------------------------------------------------------------

    async def _market(self, market: str, found: Snapshot) -> bool:
        """Whether something has happened in a market since it was asked about."""
        self._failing.discard(market)
        later = partial(self._failing.add, market)
        fills = orders = 0
        with self._noting(found, later=later):
            await self._calls.leverage(market)
        with self._noting(found, later=later):
            fills = await self._history(f"fills {market}", found, self._calls.fills, (market,))
        with self._noting(found, later=later):
            orders = await self._history(f"orders {market}", found, self._calls.finished_orders, (market,))
        if market in self._failing:
            self._pushed.add(market)
        if fills or orders:
            self.asked.touched.add(market)
        return fills + orders > 0

    async def _history(
        self,
        name: str,
        found: Snapshot,
        ask: Callable[..., AsyncIterator[T]],
        of: tuple[str, ...],
    ) -> int:
        """Ask for what came since the last time, to the end; returns how much of it is new."""
        until_s = self._now_s() - SETTLED_S
        known_s = self.asked.until_s.get(name)
        if known_s is not None:
            known_s = min(known_s, until_s)  # the venue's clock was set back
        start_s = None if known_s is None else known_s - OVERLAP_S
        came = news = 0
        async for record in ask(*of, start_s=start_s, end_s=until_s):
            came += 1
            news += known_s is None or _time_of(record) > known_s
        found.records[name.partition(" ")[0]] += came
        self.asked.until_s[name] = until_s
        return news

    @contextlib.contextmanager
    def _noting(
        self,
        found: Snapshot,
        *,
        at_most: int = GIVEN_UP_AFTER - 1,
        later: Callable[[], object] | None = None,
    ) -> Iterator[None]:
        """A question that this venue does not answer costs itself alone: it is noted, and `later` called
        where it may be answered later. More than `at_most` of those in a row are raised."""
        try:
            yield
        except DeniedError:
            raise
        except RestError as error:
            if error.code in GONE:
                return  # it was closed while the round was under way
            if error.retryable:
                self._failed_in_a_row += 1
                if self._failed_in_a_row > at_most:
                    raise
                found.may_pass = True
                if later is not None:
                    later()
            found.failures.append(str(error))
        except ProtocolError as error:
            found.failures.append(str(error))
        else:
            self._failed_in_a_row = 0

    def _now_s(self) -> int:
        """The venue's clock."""
        return self._client.rest.clock.ts(time.time())


def _time_of(record: Fill | Order | LedgerEntry) -> float:
    if isinstance(record, Order):
        return record.update_time or record.create_time or 0.0
    return record.time
