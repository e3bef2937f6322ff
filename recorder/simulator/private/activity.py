"""Simulated owners who trade on their accounts now and then, so that there is something to record.

Each has its own seeded chance and acts at its own random (Poisson) instants, on the exchange's timeline: the
same seed and start make the same orders, however often the exchange is advanced.
"""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Final

from recorder.exchange.enums import MarginChange, PositionType, PriceType, Side, StopStatus
from recorder.simulator.market import LivingMarket
from recorder.simulator.private import margins, ordering, stopping
from recorder.simulator.private.accounts import Account
from recorder.simulator.private.ordering import Wish
from recorder.simulator.private.positions import Trigger
from recorder.simulator.private.stopping import StopWish
from recorder.simulator.private.terms import Terms
from recorder.simulator.private.units import ONE
from recorder.simulator.private.venue import Venue
from recorder.simulator.refused import RefusedError

MARKETS: Final = 4
"""An owner keeps to the first few of the list."""
LEVERAGES: Final = (5, 10, 20, 30)
MINUTE_NS: Final = 60 * 10**9
AT_MOST: Final = 12
"""Typical orders in one position; beyond that the owner closes it."""


class SimulatedOwner:
    """One account's owner, who does something about `per_minute` times a minute."""

    def __init__(self, venue: Venue, account: Account, seed: int, per_minute: float, start_ns: int) -> None:
        self._venue = venue
        self._account = account
        self._chance = Random(f"{seed}:owner:{account.client_id}")  # noqa: S311 - a simulation
        self._pause_ns = MINUTE_NS / per_minute
        self._deeds: tuple[tuple[Callable[[LivingMarket, Terms], None], int], ...] = (
            (self._trade, 5),
            (self._quote, 6),
            (self._cancel, 3),
            (self._wait_for_price, 2),
            (self._forget_stop, 1),
            (self._guard, 2),
            (self._close, 3),
            (self._add_margin, 1),
            (self._choose_leverage, 1),
        )
        self.next_ns = start_ns
        self._plan()

    def _plan(self) -> None:
        self.next_ns += 1_000 * (1 + int(self._chance.expovariate(1_000 / self._pause_ns)))

    def act(self, now_ns: int) -> None:
        """Do one thing. What the exchange refuses is left at that, as people do."""
        self._plan()
        deeds, weights = zip(*self._deeds, strict=True)
        desk = self._venue.desk
        name = self._chance.choice(list(desk.markets)[:MARKETS])
        deed = self._chance.choices(deeds, weights)[0]
        desk.now_us = now_ns // 1_000
        with suppress(RefusedError):
            deed(desk.markets[name], desk.terms(name))
        self._venue.check(name, now_ns // 1_000)

    def _lots(self, market: LivingMarket) -> int:
        return max(1, int(market.spec.order_lots * self._chance.uniform(0.2, 1.5)))

    def _steps(self, market: LivingMarket, least: int, most: int) -> int:
        return self._chance.randint(least, most) * market.spec.gap_ticks

    def _trade(self, market: LivingMarket, terms: Terms) -> None:
        position = self._account.positions.get(terms.market)
        if position is not None and position.lots > AT_MOST * market.spec.order_lots:
            self._close(market, terms)
            return
        side = self._chance.choice(list(Side))
        ordering.place(self._venue.desk, self._account, Wish(terms, side, self._lots(market)))

    def _quote(self, market: LivingMarket, terms: Terms) -> None:
        """A limit order behind the touch, close enough to be hit sooner or later."""
        steps = self._steps(market, 0, 12)
        if self._chance.random() < 0.5:
            wish = Wish(terms, Side.BUY, self._lots(market), max(1, market.book.bid - steps))
        else:
            wish = Wish(terms, Side.SELL, self._lots(market), market.book.ask + steps)
        ordering.place(self._venue.desk, self._account, wish)

    def _cancel(self, _: LivingMarket, terms: Terms) -> None:
        orders = self._account.orders_of(terms.market)
        if len(orders) > AT_MOST:
            ordering.cancel_all(self._venue.desk, self._account, terms.market)
        elif orders:
            ordering.cancel(self._venue.desk, self._account, self._chance.choice(orders))

    def _wait_for_price(self, market: LivingMarket, terms: Terms) -> None:
        side = self._chance.choice(list(Side))
        away = self._steps(market, 5, 40) * self._chance.choice((1, -1))
        price_type = self._chance.choice(list(PriceType))
        trigger = Trigger(max(1, market.last + away), price_type)
        cut_price = terms.spec.price(market.last)
        wish = StopWish(terms, side, self._lots(market), trigger, 0, cut_price)
        stopping.place_stop(self._venue.desk, self._account, wish)

    def _forget_stop(self, _: LivingMarket, terms: Terms) -> None:
        for stop in self._account.stops_of(terms.market)[:1]:
            stopping.end_stop(self._venue.desk, self._account, stop, StopStatus.CANCELLED)

    def _guard(self, market: LivingMarket, terms: Terms) -> None:
        position = self._account.positions.get(terms.market)
        if position is not None:
            away = self._steps(market, 20, 60) * position.sign
            loss = Trigger(max(1, market.figures.mark - away), PriceType.MARK)
            gain = Trigger(max(1, market.last + away), PriceType.LAST)
            stopping.set_triggers(self._venue.desk, self._account, position, loss, gain)

    def _close(self, market: LivingMarket, terms: Terms) -> None:
        position = self._account.positions.get(terms.market)
        left = self._account.close_left(position) if position is not None else 0
        if position is None or not left:
            return
        lots = left if self._chance.random() < 0.6 else max(1, left // 2)
        at = None if self._chance.random() < 0.5 else market.last + position.sign * self._steps(market, 1, 8)
        wish = Wish(terms, position.closing_side, lots, at, closes=position)
        ordering.place(self._venue.desk, self._account, wish)

    def _add_margin(self, _: LivingMarket, terms: Terms) -> None:
        position = self._account.positions.get(terms.market)
        if position is not None:
            amount = self._chance.randint(1, 2_000) * ONE // 100
            change = self._chance.choice(list(MarginChange))
            margins.adjust_margin(self._venue.desk, self._account, position, change, amount)

    def _choose_leverage(self, _: LivingMarket, terms: Terms) -> None:
        leverage = self._chance.choice(LEVERAGES)
        position_type = self._chance.choice(list(PositionType))
        margins.set_leverage(self._venue.desk, self._account, terms, leverage, position_type)
