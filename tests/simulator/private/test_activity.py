"""The simulated owners: busy, deterministic, and never at odds with the books."""

import pytest

from recorder.simulator.living import LivingExchange
from recorder.simulator.private.accounts import Business, Pot
from recorder.simulator.settings import SimulatorSettings
from recorder.simulator.source import Wanted

NS = 10**9
START = 1_795_392_000 * NS + 250_000_000
NAMES = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def lived(step_ns=NS // 10, seconds=60, seed=1, **settings):
    exchange = LivingExchange(SimulatorSettings(markets=3, seed=seed, **settings), START)
    wanted = Wanted(set(NAMES), set(NAMES), dict.fromkeys(NAMES, ("1min",)), state=True)
    pushes = []
    for now in range(START, START + seconds * NS + 1, step_ns):
        pushes += exchange.advance(now, wanted)
    return exchange, [(push.t_ns, push.topic, push.payload) for push in pushes]


def told(exchange):
    desk = exchange.venue.desk
    return [(news.stream, news.result) for news in desk.news]


@pytest.fixture(scope="module")
def busy():
    return lived(seconds=240, accounts=2, account_activity=240)


def test_owners_do_everything_that_there_is_to_record(busy):
    exchange, _ = busy
    for account in exchange.venue.desk.accounts.values():
        assert len(account.fills) > 100
        assert len(account.finished) > 100
        assert {int(fill.role) for fill in account.fills} == {1, 2}
        assert {fill.trade_type for fill in account.fills} == {1, 2}
        assert {int(order.status) for order in account.finished} >= {3, 5}
        assert {int(stop.status) for stop in account.finished_stops} >= {3, 4}
        assert {line.business for line in account.ledger} >= {Business.FEE, Business.PNL, Business.DEPOSIT}
        assert len({fill.order.terms.market for fill in account.fills}) == 3


def test_no_money_is_lost_over_minutes_of_it(busy):
    exchange, _ = busy
    desk = exchange.venue.desk
    total = sum(account.balances["USDT"] for account in desk.accounts.values())
    assert total + sum(desk.pots.values()) == 0
    assert desk.pots[Pot.FEES, "USDT"] > 0


def test_the_same_seed_tells_the_same_story_however_often_it_is_asked():
    often, seldom = (lived(step, accounts=2, account_activity=120) for step in (NS // 50, NS // 2))
    assert often[1] == seldom[1]
    assert told(often[0]) == told(seldom[0]) != []


def test_another_seed_makes_other_orders():
    first, second = (lived(seed=seed, accounts=1, account_activity=120)[0] for seed in (1, 2))
    assert told(first) != told(second)


def test_accounts_that_do_nothing_change_nothing_in_public():
    assert lived(seconds=30)[1] == lived(seconds=30, accounts=3)[1]
