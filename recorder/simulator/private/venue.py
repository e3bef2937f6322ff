"""The exchange's accounts as its markets and its interfaces see them."""

from collections.abc import Mapping
from typing import Final

from recorder.exchange.enums import Role, StopStatus
from recorder.simulator.market import LivingMarket
from recorder.simulator.private.accounts import Account, Business, Pot
from recorder.simulator.private.desk import Desk, Fees, News
from recorder.simulator.private.filling import fill_order
from recorder.simulator.private.settling import charge_funding, close_market, liquidate
from recorder.simulator.private.stopping import end_stop, pull_stops, pull_triggers
from recorder.simulator.private.units import money

FIRST_USER: Final = 9_108
"""The document's user."""
FIRST_DEPOSIT: Final = money("100000")
DEPOSITED: Final = "USDT"
MAX_ROUNDS: Final = 100
"""How often the orders of one check may set off further ones."""


class Venue:
    """An `Owner` of the markets' accounts. Pure: times come in, news go out."""

    def __init__(
        self, markets: Mapping[str, LivingMarket], fees: Fees, start_us: int, client_ids: tuple[str, ...]
    ) -> None:
        self.desk = Desk(markets, fees, start_us)
        self.desk.owner = self
        self._checking = False
        for number, client_id in enumerate(client_ids):
            account = Account(FIRST_USER + number, client_id)
            self.desk.accounts[account.user_id] = account
            self.deposit(account, DEPOSITED, FIRST_DEPOSIT)

    def deposit(self, account: Account, asset: str, amount: int) -> None:
        """Money from outside, in 10^-20."""
        self.desk.post(account, asset, Business.DEPOSIT, amount, Pot.OUTSIDE)

    def account(self, client_id: str) -> Account | None:
        return next((each for each in self.desk.accounts.values() if each.client_id == client_id), None)

    def news(self) -> list[News]:
        """What has happened since it was last asked, in order."""
        news = list(self.desk.news)
        self.desk.news.clear()
        return news

    # --- what markets tell ---

    def filled(self, order_id: int, ticks: int, lots: int, now_us: int) -> None:
        """A resting order was hit by a taker."""
        self.desk.now_us = now_us
        account = self.desk.accounts[self.desk.placed[order_id]]
        fill_order(self.desk, account, account.orders[order_id], ticks, lots, Role.MAKER)

    def check(self, market: str, now_us: int) -> None:
        """Do what the market's prices have made due, until nothing is."""
        if self._checking:
            return  # an order of a check has moved the price: the check goes on by itself
        self.desk.now_us = now_us
        self._checking = True
        try:
            for _ in range(MAX_ROUNDS):
                done = [self._due(account, market) for account in self.desk.accounts.values()]
                if not any(done):
                    break
        finally:
            self._checking = False
        if not self.desk.watched(market):
            self.desk.markets[market].owner = None

    def _due(self, account: Account, market: str) -> bool:
        liquidated = liquidate(self.desk, account, market)
        closed = pull_triggers(self.desk, account, market)
        return pull_stops(self.desk, account, market) or liquidated or closed

    def settled(self, market: str, now_us: int) -> None:
        """Funding is charged to all positions of a market."""
        self.desk.now_us = now_us
        for account in self.desk.accounts.values():
            charge_funding(self.desk, account, market)

    def delisted(self, market: str) -> None:
        """A market is about to be taken off the list."""
        for account in self.desk.accounts.values():
            for stop in account.stops_of(market):
                end_stop(self.desk, account, stop, StopStatus.CANCELLED)
            close_market(self.desk, account, market)
        self.desk.markets[market].owner = None
