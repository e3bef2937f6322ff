"""Accounts over living markets, without a socket: time passes when a test says so."""

import hashlib
import hmac
import secrets
import time

import pytest

from recorder.exchange.enums import Side
from recorder.simulator.catalogue import market_spec
from recorder.simulator.market import LivingMarket, Style
from recorder.simulator.private.accounts import Pot
from recorder.simulator.private.desk import Fees
from recorder.simulator.private.keys import client_id
from recorder.simulator.private.ordering import Wish, place
from recorder.simulator.private.units import rate
from recorder.simulator.private.venue import Venue

NS = 1_000_000_000
START = 1_795_392_000 * NS + 123_456_789


class Floor:
    """A venue of a few accounts over a few markets; the first account is `me`."""

    def __init__(self, accounts=1, ranks=(0,), fees=("0.0002", "0.0005"), seed=1, **style):
        style = Style(seed, **style)
        self.now = START
        made = [LivingMarket(market_spec(rank, seed), START, style, aged=False) for rank in ranks]
        self.markets = {market.spec.name: market for market in made}
        clients = tuple(f"c{number}" for number in range(accounts))
        fees = Fees(*map(rate, fees))
        self.venue = Venue(self.markets, fees, START // 1_000, clients)
        self.desk = self.venue.desk
        self.accounts = list(self.desk.accounts.values())
        self.me = self.accounts[0]
        self.market = made[0]
        self.name = self.market.spec.name
        self.terms = self.desk.terms(self.name)

    def wait(self, seconds):
        """Time passes in all markets; their events."""
        self.now += int(seconds * NS)
        events = [event for market in self.markets.values() for event in market.advance(self.now)]
        self.desk.now_us = self.now // 1_000
        return events

    def order(self, side, lots, ticks=None, account=None, **wish):
        terms = wish.pop("terms", self.terms)
        return place(self.desk, account or self.me, Wish(terms, side, lots, ticks, **wish))

    def buy(self, lots, ticks=None, **more):
        return self.order(Side.BUY, lots, ticks, **more)

    def sell(self, lots, ticks=None, **more):
        return self.order(Side.SELL, lots, ticks, **more)

    def gather(self, lots, terms=None):
        """Buy more than the book has at once, by and by."""
        terms = terms or self.terms
        while lots:
            order = place(self.desk, self.me, Wish(terms, Side.BUY, lots), whole=False)
            lots -= order.filled
            self.wait(0.1)

    @property
    def position(self):
        return self.me.positions.get(self.name)

    def mark(self, ticks, market=None):
        """The mark price is set, and what it makes due happens."""
        market = market or self.market
        market.figures.mark = ticks
        self.venue.check(market.spec.name, self.desk.now_us)

    def audit(self):
        """Money is conserved, and the accounts are in order."""
        desk = self.desk
        for asset in {asset for account in self.accounts for asset in account.balances}:
            total = sum(account.balances[asset] for account in self.accounts)
            assert total + sum(amount for (_, of), amount in desk.pots.items() if of == asset) == 0
            for account in self.accounts:
                lines = [line for line in account.ledger if line.asset == asset]
                assert account.balances[asset] == sum(line.change for line in lines) == lines[-1].balance
                assert account.available(asset) >= 0
                assert account.frozen(asset) >= 0
        assert sum(desk.insured.values()) == sum(v for (p, _), v in desk.pots.items() if p is Pot.INSURANCE)
        for account in self.accounts:
            self._audit_account(account)

    def _audit_account(self, account):
        for name, position in account.positions.items():
            assert position.lots > 0
            assert position.margin >= 0
            assert account.close_left(position) >= 0
            assert position.terms.market == name
        for order in account.orders.values():
            assert order.left > 0
            assert self.desk.placed[order.id] == account.user_id
            side = self.markets[order.terms.market].resting
            queue = dict((side.bids if order.is_buy else side.asks).queue(order.ticks * (-1) ** order.is_buy))
            assert queue[order.id] == order.left


@pytest.fixture
def floor():
    """Makes a floor: `floor(accounts=2)`."""
    return Floor


class Signed:
    """The owner of an account of a running exchange: raw calls, signed anew each time."""

    def __init__(self, client, number=1):
        self.client = client
        self.id = client_id(number)
        self.key = client.exchange.credentials[self.id]

    def signature(self, **changed):
        """The four parameters; what is `changed` is signed as it is, but for `sign` itself."""
        said = {"client_id": self.id, "nonce": secrets.token_hex(8), "ts": str(int(time.time()))} | changed
        text = "&".join(f"{name}={said[name]}" for name in ("client_id", "nonce", "ts"))
        made = hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return {"sign": made, **said}

    async def call(self, method, path, **sent):
        """The decoded body of an answer; `sent` is what aiohttp takes: params, data, json."""
        url = f"{self.client.exchange.rest_url}/open/api/{path}"
        async with self.client.session.request(method, url, **sent) as response:
            assert response.status == 200
            return await response.json()

    async def get(self, path, **query):
        return await self.call("GET", f"v2/{path}", params={**query, **self.signature()})

    async def post(self, path, **form):
        return await self.call("POST", f"v2/{path}", data={**form, **self.signature()})

    async def data(self, path, **query):
        """Of a GET that succeeds."""
        return succeeded(await self.get(path, **query))

    async def done(self, path, **form):
        """Of a POST that succeeds."""
        return succeeded(await self.post(path, **form))


def succeeded(body):
    assert (body["code"], body["msg"]) == (0, "success"), body
    return body["data"]


@pytest.fixture
def signed():
    """Makes the owner of an account: `signed(client)`."""
    return Signed
