"""A living order book in integers: small edits keep it, taker orders eat it."""

from bisect import bisect_left
from random import Random
from typing import Final

from recorder.simulator.catalogue import MarketSpec

MAX_FILLS: Final = 6
"""Levels one taker order may reach into; what is left of it then is cancelled."""
WIDE_TICKS: Final = 3
PRICE_TEXTS: Final = 4_096
"""Price texts kept per market, so that the usual prices are written out once."""


class Side:
    """One side, best level first. A level's key is its price in ticks, negated for bids, so that both
    sides are ascending; its text is the level as JSON, written when the level changes."""

    def __init__(self, spec: MarketSpec, sign: int) -> None:
        self._spec = spec
        self.sign = sign
        self.keys: list[int] = []
        self.lots: list[int] = []
        self._texts: list[str] = []
        self._prices: dict[int, str] = {}

    def put(self, key: int, lots: int) -> None:
        """Add a level, or change the one that is there."""
        index = bisect_left(self.keys, key)
        if index < len(self.keys) and self.keys[index] == key:
            self.lots[index] = lots
            self._texts[index] = self.text(key, lots)
        else:
            self.keys.insert(index, key)
            self.lots.insert(index, lots)
            self._texts.insert(index, self.text(key, lots))

    def drop(self, index: int) -> None:
        """Take a level out."""
        del self.keys[index], self.lots[index], self._texts[index]

    def json(self, levels: int) -> bytes:
        """The best levels as JSON: `[["price","quantity"],...]`."""
        return f"[{','.join(self._texts[:levels])}]".encode()

    def text(self, key: int, lots: int) -> str:
        """One level as JSON."""
        price = self._prices.get(key)
        if price is None:
            if len(self._prices) >= PRICE_TEXTS:
                self._prices.clear()
            price = self._prices[key] = self._spec.price(key * self.sign)
        return f'["{price}","{self._spec.amount(lots)}"]'


class OrderBook:
    """Both sides of one market. Its maker always keeps `levels` a side, and the sides never cross."""

    def __init__(self, spec: MarketSpec, chance: Random, levels: int) -> None:
        self._spec = spec
        self._chance = chance
        self._levels = levels
        self.asks = Side(spec, 1)
        self.bids = Side(spec, -1)
        self.bids.put(-spec.start_ticks, self.size())
        self.asks.put(spec.start_ticks + 1, self.size())
        self.refill()

    @property
    def bid(self) -> int:
        """The best bid in ticks."""
        return -self.bids.keys[0]

    @property
    def ask(self) -> int:
        """The best ask in ticks."""
        return self.asks.keys[0]

    def edit(self, fair: float) -> None:
        """One small change by a maker who believes in `fair` (ticks)."""
        draw = self._chance.random()
        side = self.asks if self._chance.random() < 0.5 else self.bids
        if self.ask - self.bid > WIDE_TICKS and draw < 0.9:
            self._reprice(fair)  # a wide spread invites quotes before anything else
        elif draw < 0.45:
            index = min(int(self._chance.expovariate(0.25)), len(side.keys) - 1)
            side.put(side.keys[index], self.size())
        elif draw < 0.75:
            self._reprice(fair)
        elif draw < 0.9:
            key = side.keys[0] + self._chance.randint(1, self._spec.gap_ticks * self._levels)
            side.put(key, self.size())
        elif len(side.keys) > 1:
            side.drop(self._chance.randrange(1, len(side.keys)))
        self.refill()

    def take(self, buy: bool, lots: int) -> list[tuple[int, int]]:
        """A taker order: (price in ticks, lots) of each level it hit, best first."""
        side = self.asks if buy else self.bids
        fills: list[tuple[int, int]] = []
        while lots > 0 and len(fills) < MAX_FILLS and len(side.keys) > 1:
            key, there = side.keys[0], side.lots[0]
            filled = min(lots, there)
            fills.append((key * side.sign, filled))
            lots -= filled
            if filled == there:
                side.drop(0)
            else:
                side.put(key, there - filled)
        self.refill()
        return fills

    def _reprice(self, fair: float) -> None:
        """Withdraw up to three levels on the wrong side of `fair` and quote close to it."""
        bid = max(1, int(fair))
        ask = bid + (1 if self._chance.random() < 0.7 else 2)
        for side, edge in ((self.asks, ask), (self.bids, -bid)):
            for _ in range(3):
                if side.keys[0] >= edge or len(side.keys) == 1:
                    break
                side.drop(0)
        if self.bid < bid < self.ask:
            self.bids.put(-bid, self.size())
        if self.bid < ask < self.ask:
            self.asks.put(ask, self.size())

    def refill(self) -> None:
        """Keep the depth close to the touch: what lies too far out goes, what is missing is quoted."""
        reach = max(2, self._spec.gap_ticks) * self._levels
        for side in (self.asks, self.bids):
            keys = side.keys
            furthest = keys[0] + 2 * reach
            while len(keys) > self._levels or (keys[-1] > furthest and len(keys) > 1):
                side.drop(len(keys) - 1)
            while len(keys) < self._levels:
                key = keys[0] + self._chance.randint(1, reach)
                index = bisect_left(keys, key)
                if index < len(keys) and keys[index] == key:
                    key = keys[-1] + 1  # taken: one behind the last is always free
                side.put(key, self.size())

    def size(self) -> int:
        """The lots of a new level."""
        return max(1, int(self._spec.order_lots * self._chance.lognormvariate(0.0, 1.0)))
