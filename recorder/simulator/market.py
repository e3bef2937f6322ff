"""One living market: a pure function of its seed, its start and the time it is advanced to.

Everything happens on the market's own timeline, in whole microseconds: taker orders and book edits at
random (Poisson) instants, book snapshots and candle updates at a fixed rhythm, the slow figures each second.
`advance` hands out what happened up to an instant; how often it is called makes no difference.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Final, TypeAlias

import msgspec

from recorder.exchange.candles import Candle, CandleOrder
from recorder.exchange.encoding import candle_row, trade_result
from recorder.exchange.endpoints import PERIOD_SECONDS
from recorder.exchange.pushes import Trade
from recorder.exchange.topics import Topic
from recorder.simulator.book import MAX_FILLS, OrderBook
from recorder.simulator.candles import MINUTE_S, Bar, CandleSeries
from recorder.simulator.catalogue import MarketSpec
from recorder.simulator.decimals import fixed, plain
from recorder.simulator.figures import INSURANCE_PREC, RATE_PREC, Figures
from recorder.simulator.private import crossing
from recorder.simulator.private.resting import Owner, Resting

US: Final = 1_000_000
"""Microseconds in a second: the timeline's unit."""
DEPTH_EVERY_S: Final = 0.5
KLINE_EVERY_S: Final = 0.75
DEALS_KEPT: Final = 50
"""The deals endpoint gives no more, and has no paging."""
DAY_S: Final = 86_400
HOUR_S: Final = 3_600
HOURS_A_DAY: Final = 24
CHANGE_PREC: Final = 16


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade happened."""

    t_ns: int
    trade: Trade


@dataclass(frozen=True, slots=True)
class BookChanged:
    """The book's rhythm came round and it had changed; `result` is the wire's `update.depth` result."""

    t_ns: int
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CandleChanged:
    """The candle's rhythm came round after a trade, or a minute turned: the rows as they stand then."""

    t_ns: int
    period: str
    rows: list[list[Any]]


Event: TypeAlias = Traded | BookChanged | CandleChanged


@dataclass(frozen=True, slots=True)
class Style:
    """What all markets of an exchange share."""

    seed: int = 1
    levels: int = 20
    rate: float = 1.0
    """Multiplies orders and edits, and divides the pause between two books."""
    order: CandleOrder = "ohlc"
    candle_s: float = KLINE_EVERY_S
    hours: tuple[float, ...] = ()
    """By the hour of the UTC day: multiplies orders and edits, and the variance of the price; empty: 1."""


class LivingMarket:
    """One market's state. `start_ns` is where its timeline begins; one that is not `aged` has no past."""

    def __init__(self, spec: MarketSpec, start_ns: int, style: Style, *, aged: bool = True) -> None:
        start = start_ns // 1_000
        start_s = start // US
        self.spec = spec
        self.trade_topic = Topic("trade", spec.name)
        self.depth_topic = Topic("depth", spec.name)
        self._chance = chance = Random(f"{style.seed}:{spec.name}")  # noqa: S311 - a simulation
        self._style = style
        self.book = OrderBook(spec, chance, style.levels)
        self.figures = Figures(spec, chance, start_s)
        self.candles = CandleSeries(spec, style.seed, start_s, aged=aged, rate=style.rate)
        self.deals: deque[Trade] = deque(maxlen=DEALS_KEPT)
        self.last = spec.start_ticks
        self._trade_id = start // 1_000  # the start in ms: a restarted market never uses an id twice
        self._orders_per_us = spec.orders_per_s * style.rate / US
        self._edits_per_us = spec.edits_per_s * style.rate / US
        self._depth_every = max(1_000, int(DEPTH_EVERY_S * US / style.rate))
        self._kline_every = int(style.candle_s * US)
        self._now = start
        self._activity = self._activity_at(start_s)
        self._next_order = start + self._gap(self._orders_per_us)
        self._next_edit = start + self._gap(self._edits_per_us)
        self._next_depth = start + chance.randint(1, self._depth_every)
        # Soon after a whole minute, where the rhythm divides one: its last candle is told soon after its end.
        self._next_kline = start + chance.randint(1, min(self._kline_every, int(KLINE_EVERY_S * US)))
        self._next_second = (start_s + 1) * US
        self._book_changed = True
        self._candle_changed = False
        self._kline_minute = start_s // MINUTE_S
        self._fresh: list[Event] = []
        self.resting = Resting()
        """What accounts have in the book beside its maker's levels; mostly empty."""
        self.owner: Owner | None = None
        """Who looks after the accounts' orders and positions here, while there are any."""

    @property
    def next_ns(self) -> int:
        """When something happens next."""
        return self._next() * 1_000

    @property
    def now_us(self) -> int:
        """How far the market has come."""
        return self._now

    def _next(self) -> int:
        return min(self._next_edit, self._next_order, self._next_depth, self._next_kline, self._next_second)

    def advance(self, to_ns: int, *, depth: bool = True, periods: tuple[str, ...] = ("1min",)) -> list[Event]:
        """What happened up to and including `to_ns`, in order; books if `depth`, candles of `periods`."""
        to = to_ns // 1_000
        events = self._fresh
        while (now := self._next()) <= to:
            self._now = now
            if now == self._next_second:
                self._second(now)
            elif now == self._next_edit:
                self.book.edit(self.figures.fair)
                self._book_changed = True
                self._next_edit = now + self._gap(self._edits_per_us)
                if self.resting:
                    self.uncross()
            elif now == self._next_order:
                self._order(now)
            elif now == self._next_depth:
                self._next_depth = now + self._depth_every
                if self._book_changed and depth:
                    events.append(BookChanged(now * 1_000, self.depth()))
                self._book_changed = False
            else:
                self._kline(now, periods, events)
        self._now = max(self._now, to)
        self._fresh = []
        return events

    def _gap(self, per_us: float) -> int:
        return 100 + int(self._chance.expovariate(per_us * self._activity))

    def _activity_at(self, seconds: int) -> float:
        hours = self._style.hours
        return hours[seconds // HOUR_S % HOURS_A_DAY] if hours else 1.0

    def _second(self, now: int) -> None:
        self._next_second = now + US
        seconds = now // US
        self._activity = self._activity_at(seconds)
        self.candles.roll(seconds)
        settles_s = self.figures.settles_s
        self.figures.step(seconds, (self.book.bid + self.book.ask) / 2, self._activity)
        if self.owner is not None:
            if self.figures.settles_s != settles_s:
                self.owner.settled(self.spec.name, now)
            self.owner.check(self.spec.name, now)

    def _order(self, now: int) -> None:
        """A taker order, more often towards the fundamental; all its fills carry one time."""
        self._next_order = now + self._gap(self._orders_per_us)
        book, figures = self.book, self.figures
        lean = figures.fair - (book.bid + book.ask) / 2
        buy = self._chance.random() < 0.5 + max(-0.3, min(0.3, lean / (10 * self.spec.gap_ticks)))
        lots = max(1, int(self.spec.order_lots * self._chance.lognormvariate(-0.5, 1.0)))
        if self.resting:
            crossing.cross(self, buy, lots, most=MAX_FILLS)
        else:
            for ticks, filled in book.take(buy, lots):
                self.trade(buy, ticks, filled)
        self._book_changed = self._candle_changed = True
        if self.owner is not None:
            self.owner.check(self.spec.name, now)

    def trade(self, buy: bool, ticks: int, lots: int) -> None:
        """A trade of now; `buy` is the taker's side."""
        trade = Trade(
            id=self._trade_id,
            market=self.spec.name,
            price=self.spec.price(ticks),
            amount=self.spec.amount(lots),
            type="buy" if buy else "sell",
            time=self._now / US,
        )
        self._trade_id += 1
        self.last = ticks
        self.candles.add(ticks, lots)
        self.figures.trade(buy, lots)
        self.deals.append(trade)
        self._fresh.append(Traded(self._now * 1_000, trade))

    # --- what accounts do here ---

    def take(self, buy: bool, lots: int, limit: int | None, now_us: int) -> list[tuple[int, int]]:
        """An account's taker order at `now_us`, up to which the market has been advanced: (price in ticks,
        lots) of what it hit, best first, none beyond the price `limit`."""
        self._now = max(self._now, now_us)
        fills = crossing.cross(self, buy, lots, limit)
        self._book_changed = self._candle_changed = True
        return fills

    def rest(self, buy: bool, ticks: int, order_id: int, lots: int) -> None:
        """An account's order waits in the book from now on."""
        self.resting.add(buy, ticks, order_id, lots)
        self._book_changed = True
        self.uncross()

    def withdraw(self, buy: bool, ticks: int, order_id: int) -> None:
        """It waits no more."""
        self.resting.remove(buy, ticks, order_id)
        self._book_changed = True

    def uncross(self) -> None:
        """Makers who quote through an account's order trade with it."""
        if crossing.uncross(self):
            self._book_changed = self._candle_changed = True
            if self.owner is not None:
                self.owner.check(self.spec.name, self._now)

    def _kline(self, now: int, periods: tuple[str, ...], events: list[Event]) -> None:
        self._next_kline = now + self._kline_every
        minute = now // US // MINUTE_S
        turned = minute != self._kline_minute
        if turned or self._candle_changed:
            events += [
                CandleChanged(now * 1_000, period, self.candle_rows(period, turned=turned))
                for period in periods
            ]
        self._kline_minute = minute
        self._candle_changed = False

    # --- what the wire shows ---

    def depth(self) -> dict[str, Any]:
        """The `result` of `update.depth`: the book now, and its time in ms."""
        return {
            "asks": msgspec.Raw(crossing.shown(self, self.book.asks, self._style.levels)),
            "bids": msgspec.Raw(crossing.shown(self, self.book.bids, self._style.levels)),
            "index_price": self.spec.price(self.figures.index),
            "last": self.spec.price(self.last),
            "market": self.spec.name,
            "sign_price": self.spec.price(self.figures.mark),
            "time": self._now // 1_000,
        }

    def candle_rows(self, period: str, *, turned: bool = False) -> list[list[Any]]:
        """The rows of an `update.kline`: the running candle, and before it the one just closed if the
        period turned with the minute."""
        period_s = PERIOD_SECONDS[period]
        start_s = self.candles.current.start_s // period_s * period_s
        starts = [start_s]
        if turned and start_s == self.candles.current.start_s:
            starts.insert(0, start_s - period_s)
        return [self._row(self.candles.bar(start, period_s)) for start in starts]

    def history(self, period: str, start_s: int, end_s: int) -> list[list[Any]]:
        """Rows of the kline endpoint: candles that open within the bounds, oldest first."""
        return [self._row(bar) for bar in self.candles.rows(PERIOD_SECONDS[period], start_s, end_s)]

    def recent(self) -> list[dict[str, Any]]:
        """Rows of the deals endpoint: newest first, without the market."""
        rows = [trade_result(trade) for trade in islice(reversed(self.deals), DEALS_KEPT)]
        return [{name: value for name, value in row.items() if name != "market"} for row in rows]

    def state(self) -> dict[str, Any]:
        """The market's state, the wire's names."""
        spec, figures, day = self.spec, self.figures, self.candles.day()
        change = (self.last - day.open) * 10**CHANGE_PREC
        return {
            "market": spec.name,
            "amount": spec.turnover(day.turnover),
            "high": spec.price(day.high),
            "last": spec.price(self.last),
            "low": spec.price(day.low),
            "open": spec.price(day.open),
            "change": plain(abs(change) // day.open * (1 if change >= 0 else -1), CHANGE_PREC),
            "period": DAY_S,
            "volume": spec.amount(day.volume),
            "funding_time": figures.minutes_to_settlement(self._now // US),
            "position_amount": fixed(figures.open_interest, spec.amount_prec),
            "funding_rate_last": plain(figures.rate_last, RATE_PREC),
            "funding_rate_next": plain(figures.rate_next, RATE_PREC),
            "funding_rate_predict": plain(figures.rate_predict, RATE_PREC),
            "insurance": fixed(figures.insurance, INSURANCE_PREC),
            "sign_price": spec.price(figures.mark),
            "index_price": spec.price(figures.index),
            "sell_total": spec.amount(figures.sold),
            "buy_total": spec.amount(figures.bought),
        }

    def _row(self, bar: Bar) -> list[Any]:
        spec = self.spec
        candle = Candle(
            market=spec.name,
            time=bar.start_s,
            open=spec.price(bar.open),
            high=spec.price(bar.high),
            low=spec.price(bar.low),
            close=spec.price(bar.close),
            volume=spec.amount(bar.volume),
            amount=spec.turnover(bar.turnover),
            order=self._style.order,
        )
        return candle_row(candle, self._style.order)
