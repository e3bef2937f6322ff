"""What the server serves: living markets or a recording, behind one form."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

from recorder.exchange.topics import Topic
from recorder.simulator.private.venue import Venue


@dataclass(slots=True)
class Push:
    """One push: the instant it belongs to, its topic, and its text as it goes over the wire."""

    t_ns: int
    topic: Topic
    payload: bytes


@dataclass(slots=True)
class Wanted:
    """What anybody is subscribed to: a source need not write what nobody reads."""

    trade: set[str] = field(default_factory=set)
    depth: set[str] = field(default_factory=set)
    kline: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Periods by market."""
    state: bool = False
    every_trade: bool = False
    """Trades of all markets, subscribed to or not: the exchange's own record tells them."""


class Source(Protocol):
    """Markets that can be asked and that have news. Times are the exchange's own clock."""

    @property
    def venue(self) -> Venue | None:
        """The accounts, where there are any."""

    def begin(self, now_ns: int) -> None:
        """The first clients have subscribed what they wanted."""

    def clock_ns(self, now_ns: int) -> int:
        """The time that REST calls live in."""

    def advance(self, now_ns: int, wanted: Wanted) -> list[Push]:
        """The news up to now, in order."""

    def snapshot(self, topic: Topic) -> Push | None:
        """What a new subscriber gets at once."""

    def names(self) -> Collection[str]:
        """The markets listed now."""

    def market_list(self) -> list[Any]:
        """The data of market/list."""

    def klines(self, market: str, period: str, start_s: int, end_s: int) -> list[Any]:
        """Candle rows that open within the bounds, oldest first."""

    def deals(self, market: str) -> list[Any]:
        """The last trades, newest first."""

    def depth(self, market: str) -> Any:
        """The book, or None before there is one."""

    def states(self) -> dict[str, Any]:
        """The states by market."""

    def state(self, market: str) -> Any:
        """One state, or None before there is one."""

    def list_market(self, name: str | None, now_ns: int) -> str | None:
        """List a new market: its name, or None where the source cannot."""

    def delist_market(self, name: str) -> None:
        """Take a market off the list."""
