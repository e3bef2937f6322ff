"""The engine's state: accounts, pots, the markets, and the news that clients are to be told."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from recorder.exchange.enums import PositionType, PriceType
from recorder.simulator.market import LivingMarket
from recorder.simulator.private.accounts import Account, Business, Entry, Pot
from recorder.simulator.private.positions import Position
from recorder.simulator.private.resting import Owner
from recorder.simulator.private.terms import Terms, terms_of

PrivateStream: TypeAlias = Literal["position", "order", "asset"]
MAX_NEWS: Final = 10_000
"""News that nobody has fetched yet; the oldest are dropped first."""


@dataclass(frozen=True, slots=True)
class Fees:
    """Of the value of a fill, in 10^-8."""

    maker: int
    taker: int


@dataclass(frozen=True, slots=True)
class News:
    """A change that the account's owner is told of, as the wire's result."""

    user_id: int
    at_us: int
    stream: PrivateStream
    result: dict[str, object]


class Desk:
    """Times are the exchange's microseconds. `markets` is the exchange's own, living mapping."""

    def __init__(self, markets: Mapping[str, LivingMarket], fees: Fees, start_us: int) -> None:
        self.markets = markets
        self.fees = fees
        self.accounts: dict[int, Account] = {}
        self.pots: Counter[tuple[Pot, str]] = Counter()
        """By pot and asset."""
        self.insured: Counter[str] = Counter()
        """What liquidations have changed each market's insurance fund by."""
        self.placed: dict[int, int] = {}
        """Whose a resting order is: user id by order id."""
        self.touched: set[str] = set()
        """Markets in which accounts may have traded, since they were last looked at."""
        self.news: deque[News] = deque(maxlen=MAX_NEWS)
        self.now_us = start_us
        self.owner: Owner | None = None
        """Who is told of what happens in markets that accounts have something in."""
        self._last_id = start_us // 1_000  # the start in ms: a restarted exchange uses no id twice
        self._last_stop_id = start_us * 1_000
        self._terms: dict[str, Terms] = {}

    def next_id(self) -> int:
        """For orders, positions and lines of the ledger."""
        self._last_id += 1
        return self._last_id

    def next_stop_id(self) -> int:
        """19 digits: the time in ns, as the document's are."""
        self._last_stop_id = max(self._last_stop_id + 1, self.now_us * 1_000)
        return self._last_stop_id

    def terms(self, market: str) -> Terms:
        """Of a market that is listed."""
        spec = self.markets[market].spec
        known = self._terms.get(market)
        if known is None or known.spec is not spec:
            known = self._terms[market] = terms_of(spec)
        return known

    def price(self, market: str, price_type: PriceType) -> int:
        """The market's price of a type now, in ticks."""
        living = self.markets[market]
        if price_type is PriceType.LAST:
            return living.last
        return living.figures.index if price_type is PriceType.INDEX else living.figures.mark

    def mark(self, market: str) -> int:
        return self.price(market, PriceType.MARK)

    # --- money ---

    def post(self, account: Account, asset: str, business: Business, change: int, pot: Pot) -> None:
        """Change a balance: a line in the ledger, and the pot gives it or gets it."""
        if not change:
            return
        account.balances[asset] += change
        self.pots[pot, asset] -= change
        line = Entry(
            self.next_id(), self.now_us, account.user_id, asset, business, change, account.balances[asset]
        )
        account.ledger.append(line)

    def insure(self, account: Account, terms: Terms, change: int) -> None:
        """The market's insurance fund pays for an account (change above 0), or gets what is left of it."""
        self.post(account, terms.asset, Business.LIQUIDATION, change, Pot.INSURANCE)
        self.insured[terms.market] -= change
        self.markets[terms.market].figures.insurance -= change

    def unreal(self, account: Account, asset: str, *, cross_only: bool = False) -> int:
        """The profit of all open positions at the mark price."""
        return sum(
            each.unreal(self.mark(each.terms.market))
            for each in account.positions.values()
            if each.terms.asset == asset and (not cross_only or each.type is PositionType.CROSS)
        )

    def free(self, account: Account, asset: str) -> int:
        """What may be bound anew, or withdrawn: cross positions that lose need theirs."""
        return account.available(asset) + min(0, self.unreal(account, asset, cross_only=True))

    def spare(self, account: Account, position: Position) -> int:
        """What stands behind a cross position beside its own margin: all that is available, and what the
        other cross positions are worth. Nothing behind an isolated one."""
        if position.type is not PositionType.CROSS:
            return 0
        asset = position.terms.asset
        others = [
            each
            for each in account.positions.values()
            if each is not position and each.type is PositionType.CROSS and each.terms.asset == asset
        ]
        worth = sum(
            each.margin + each.unreal(self.mark(each.terms.market)) - each.maintenance for each in others
        )
        return account.available(asset) + account.frozen(asset) + worth

    # --- watching ---

    def watched(self, market: str) -> bool:
        """Whether any account has anything in a market."""
        return any(
            market in account.positions or account.orders_of(market) or account.stops_of(market)
            for account in self.accounts.values()
        )
