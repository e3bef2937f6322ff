"""The living exchange: all markets on one timeline, and their pushes in the order they happen."""

import heapq
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from recorder.exchange.encoding import encode_push, kline_result, trade_result
from recorder.exchange.endpoints import PERIOD_SECONDS
from recorder.exchange.topics import Topic
from recorder.simulator.catalogue import MarketSpec, catalogue, market_spec
from recorder.simulator.market import BookChanged, LivingMarket, Style, Traded
from recorder.simulator.private.activity import SimulatedOwner
from recorder.simulator.private.desk import Fees
from recorder.simulator.private.keys import credentials
from recorder.simulator.private.units import rate
from recorder.simulator.private.venue import Venue
from recorder.simulator.settings import MAX_MARKETS, SimulatorSettings
from recorder.simulator.source import Push, Wanted

SECOND_NS: Final = 1_000_000_000
STATE: Final = Topic("state")


class LivingExchange:
    """A `Source` of seeded markets. Their timelines begin at `start_ns`."""

    def __init__(self, settings: SimulatorSettings, start_ns: int) -> None:
        self._style = Style(
            settings.seed,
            settings.levels,
            settings.rate,
            settings.candle_order,
            settings.candle_s,
            settings.hours,
        )
        self._changed_only = settings.states == "changed"
        self._markets: dict[str, LivingMarket] = {}
        self._due: list[tuple[int, str]] = []
        self._now = start_ns
        self._catch_up = int(settings.catch_up_s * SECOND_NS)
        self._state_every = int(settings.state_s * SECOND_NS)
        self._next_state = (start_ns // self._state_every + 1) * self._state_every
        self._told: dict[str, Any] = {}
        self._next_rank = settings.markets
        self._funding_s = settings.funding_interval * 60
        for spec in catalogue(settings.markets, settings.seed):
            self._add(LivingMarket(self._settling(spec), start_ns, self._style))
        self.venue = self._venue(settings, start_ns) if settings.accounts else None
        self._owners = self._owners_of(settings, start_ns)

    def _owners_of(self, settings: SimulatorSettings, start_ns: int) -> list[SimulatedOwner]:
        per_minute = settings.account_activity
        if self.venue is None or not per_minute:
            return []
        accounts = self.venue.desk.accounts.values()
        return [SimulatedOwner(self.venue, each, settings.seed, per_minute, start_ns) for each in accounts]

    def _venue(self, settings: SimulatorSettings, start_ns: int) -> Venue:
        fees = Fees(rate(settings.maker_fee), rate(settings.taker_fee))
        clients = tuple(credentials(settings.seed, settings.accounts))
        return Venue(self._markets, fees, start_ns // 1_000, clients)

    def _add(self, market: LivingMarket) -> None:
        self._markets[market.spec.name] = market
        heapq.heappush(self._due, (market.next_ns, market.spec.name))

    def _settling(self, spec: MarketSpec) -> MarketSpec:
        """The market with the settlements that are asked for."""
        return replace(spec, funding_s=self._funding_s) if self._funding_s else spec

    def begin(self, now_ns: int) -> None:
        """Nothing: the markets live whether anybody looks or not."""

    def clock_ns(self, now_ns: int) -> int:
        """The exchange's own."""
        return now_ns

    def advance(self, now_ns: int, wanted: Wanted) -> list[Push]:
        """Let everything happen that is due, the states at their rhythm between."""
        now_ns = min(now_ns, self._now + self._catch_up)
        pushes: list[Push] = []
        while (at := self._next_stop()) <= now_ns:
            self._advance_markets(at, wanted, pushes)
            for owner in self._owners:
                if owner.next_ns == at:
                    owner.act(at)
            if at == self._next_state:
                if wanted.state:
                    pushes += self._state_push()
                self._next_state += self._state_every
        self._advance_markets(now_ns, wanted, pushes)
        if self.venue is not None:
            self.venue.desk.now_us = self._now // 1_000
        return pushes

    def _next_stop(self) -> int:
        """When the markets have to stand still for a moment: for their states, or an account's owner."""
        return min([self._next_state, *(owner.next_ns for owner in self._owners)])

    def _advance_markets(self, to_ns: int, wanted: Wanted, pushes: list[Push]) -> None:
        self._now = max(self._now, to_ns)
        fresh: list[Push] = []
        self._account_events(wanted, fresh)
        while self._due and self._due[0][0] <= to_ns:
            name = self._due[0][1]
            market = self._markets.get(name)
            if market is None:
                heapq.heappop(self._due)  # delisted
                continue
            # What happens to accounts happens in the order of time over all their markets.
            until_ns = to_ns if market.owner is None else self._due[0][0]
            self._events(market, until_ns, wanted, fresh)
            heapq.heapreplace(self._due, (market.next_ns, name))
        fresh.sort(key=_time)
        pushes += fresh

    def _events(self, market: LivingMarket, to_ns: int, wanted: Wanted, pushes: list[Push]) -> None:
        name = market.spec.name
        trades = wanted.every_trade or name in wanted.trade
        events = market.advance(to_ns, depth=name in wanted.depth, periods=wanted.kline.get(name, ()))
        for event in events:
            if isinstance(event, Traded):
                if trades:
                    payload = encode_push("trade", trade_result(event.trade))
                    pushes.append(Push(event.t_ns, market.trade_topic, payload))
            elif isinstance(event, BookChanged):
                pushes.append(Push(event.t_ns, market.depth_topic, encode_push("depth", event.result)))
            else:
                topic = Topic("kline", name, event.period)
                payload = encode_push("kline", kline_result(event.period, event.rows, name))
                pushes.append(Push(event.t_ns, topic, payload))

    def _account_events(self, wanted: Wanted, pushes: list[Push]) -> None:
        """What accounts have done to markets since, which need not be due."""
        if self.venue is None:
            return
        for name in sorted(self.venue.desk.touched & self._markets.keys()):
            market = self._markets[name]
            self._events(market, market.now_us * 1_000, wanted, pushes)
        self.venue.desk.touched.clear()

    def _state_push(self) -> list[Push]:
        states = self.states()
        if self._changed_only:
            told, self._told = self._told, states
            states = {name: state for name, state in states.items() if told.get(name) != state}
        return [Push(self._now, STATE, encode_push("state", states))] if states else []

    def snapshot(self, topic: Topic) -> Push | None:
        """The book, the running candle or all states; a trade subscription begins with the next trade."""
        if topic.stream == "state":
            return Push(self._now, topic, encode_push("state", self.states()))
        market = self._markets[topic.market or ""]
        if topic.stream == "depth":
            return Push(self._now, topic, encode_push("depth", market.depth()))
        if topic.stream == "kline":
            period = topic.period or ""
            result = kline_result(period, market.candle_rows(period), topic.market)
            return Push(self._now, topic, encode_push("kline", result))
        return None

    def names(self) -> Collection[str]:
        """The markets listed now."""
        return self._markets.keys()

    def market_list(self) -> list[Any]:
        """The data of market/list."""
        return [market.spec.description() for market in self._markets.values()]

    def klines(self, market: str, period: str, start_s: int, end_s: int) -> list[Any]:
        """Candle rows that open within the bounds, oldest first."""
        assert period in PERIOD_SECONDS
        return self._markets[market].history(period, start_s, end_s)

    def deals(self, market: str) -> list[Any]:
        """The last trades, newest first."""
        return self._markets[market].recent()

    def depth(self, market: str) -> Any:
        """The book now."""
        return self._markets[market].depth()

    def states(self) -> dict[str, Any]:
        """The states by market."""
        return {name: market.state() for name, market in self._markets.items()}

    def state(self, market: str) -> Any:
        """One market's state."""
        return self._markets[market].state()

    def list_market(self, name: str | None, now_ns: int) -> str | None:
        """List a market without a past: the next of the catalogue, under its own name or the given one."""
        if len(self._markets) >= MAX_MARKETS:
            return None
        spec = market_spec(self._next_rank, self._style.seed, name)
        self._next_rank += 1
        if spec.name in self._markets:
            return None
        self._add(LivingMarket(self._settling(spec), max(now_ns, self._now), self._style, aged=False))
        return spec.name

    def delist_market(self, name: str) -> None:
        """Take a market off the list: it has no more news and cannot be asked."""
        if self.venue is not None and name in self._markets:
            self.venue.delisted(name)
        self._markets.pop(name, None)


def _time(push: Push) -> int:
    return push.t_ns
