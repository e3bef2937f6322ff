"""What accounts have in one market's book, beside its maker's levels: price, then time."""

from bisect import bisect_left
from typing import Protocol


class Owner(Protocol):
    """Who looks after the accounts of a market. Times are the market's microseconds."""

    def filled(self, order_id: int, ticks: int, lots: int, now_us: int) -> None:
        """A resting order was hit by a taker."""

    def check(self, market: str, now_us: int) -> None:
        """Prices have moved: stops, take profits, stop losses and liquidations may be due."""

    def settled(self, market: str, now_us: int) -> None:
        """Funding was settled at the market's `rate_last`."""


class OwnSide:
    """One side, best price first. Keys are ticks, negated for bids, as in the maker's `Side`."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self._queues: dict[int, dict[int, int]] = {}

    def add(self, key: int, order_id: int, lots: int) -> None:
        """Behind all that wait at the price."""
        if key not in self._queues:
            self.keys.insert(bisect_left(self.keys, key), key)
            self._queues[key] = {}
        self._queues[key][order_id] = lots

    def remove(self, key: int, order_id: int) -> None:
        """Nothing happens where it is not there."""
        queue = self._queues.get(key, {})
        queue.pop(order_id, None)
        self._tidy(key)

    def queue(self, key: int) -> list[tuple[int, int]]:
        """(order id, lots) at a price, the oldest first."""
        return list(self._queues.get(key, {}).items())

    def lots(self, key: int) -> int:
        """All that waits at a price."""
        return sum(self._queues.get(key, {}).values())

    def hit(self, lots: int) -> tuple[int, int]:
        """Take up to `lots` from the first order at the best price: its id, and what it gave."""
        key = self.keys[0]
        queue = self._queues[key]
        order_id, there = next(iter(queue.items()))
        filled = min(lots, there)
        if filled == there:
            del queue[order_id]
        else:
            queue[order_id] = there - filled
        self._tidy(key)
        return order_id, filled

    def _tidy(self, key: int) -> None:
        if key in self._queues and not self._queues[key]:
            del self._queues[key]
            self.keys.remove(key)


class Resting:
    """Both sides; false while nothing rests."""

    def __init__(self) -> None:
        self.asks = OwnSide()
        self.bids = OwnSide()

    def __bool__(self) -> bool:
        return bool(self.asks.keys or self.bids.keys)

    def add(self, buy: bool, ticks: int, order_id: int, lots: int) -> None:
        """An order begins to wait at a price."""
        if buy:
            self.bids.add(-ticks, order_id, lots)
        else:
            self.asks.add(ticks, order_id, lots)

    def remove(self, buy: bool, ticks: int, order_id: int) -> None:
        """An order waits no more."""
        if buy:
            self.bids.remove(-ticks, order_id)
        else:
            self.asks.remove(ticks, order_id)
