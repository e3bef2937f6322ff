"""Accounts' orders in the living book: shown, hit, and never crossed."""

import json

from recorder.exchange.enums import Role
from recorder.simulator.market import BookChanged, Traded


def shown(there, side):
    return [tuple(level) for level in json.loads(bytes(there.market.depth()[side]))]


def test_a_resting_order_is_shown_in_the_book_with_what_is_there(floor):
    there = floor()
    book, spec = there.market.book, there.market.spec
    between = next(book.bid - n for n in range(1, 50) if -(book.bid - n) not in book.bids.keys)
    there.buy(3, book.bid)
    there.buy(5, between)
    levels = dict(shown(there, "bids"))
    assert levels[spec.price(book.bid)] == spec.amount(book.bids.lots[0] + 3)
    assert levels[spec.price(between)] == spec.amount(5)
    assert len(levels) == 20
    there.audit()


def test_the_simulated_takers_fill_it_as_a_maker_at_its_own_price(floor):
    there = floor(rate=20)
    order = there.buy(40, there.market.book.bid)
    events = there.wait(20)
    fills = [fill for fill in there.me.fills if fill.order is order]
    assert order.left == 0
    assert {(fill.role, fill.ticks) for fill in fills} == {(Role.MAKER, order.ticks)}
    trades = [event.trade for event in events if isinstance(event, Traded)]
    for fill in fills:
        wire = (order.terms.spec.price(fill.ticks), order.terms.spec.amount(fill.lots), "sell")
        assert wire in [(trade.price, trade.amount, trade.type) for trade in trades]
        assert fill.time_us in [round(trade.time * 1e6) for trade in trades]
    there.audit()


def test_the_book_that_is_pushed_never_stands_crossed(floor):
    there = floor(rate=20)
    for steps in range(1, 6):
        there.buy(10_000, there.market.book.bid - steps * 5)
        there.sell(10_000, there.market.book.ask + steps * 5)
    books = [event.result for event in there.wait(30) if isinstance(event, BookChanged)]
    assert len(books) > 100
    for book in books:
        ask, bid = (float(json.loads(bytes(book[side]))[0][0]) for side in ("asks", "bids"))
        assert bid < ask
    there.audit()


def test_a_taker_takes_the_levels_best_first_and_the_rest_of_it_rests(floor):
    there = floor()
    book = there.market.book
    levels = list(zip(book.asks.keys, book.asks.lots, strict=True))[:2]
    order = there.buy(levels[0][1] + levels[1][1] + 7, levels[1][0])
    assert [(fill.ticks, fill.lots) for fill in there.me.fills] == levels
    assert {fill.role for fill in there.me.fills} == {Role.TAKER}
    assert order.left == there.market.resting.bids.lots(-levels[1][0]) == 7
    assert book.ask > levels[1][0]
    there.audit()


def test_two_accounts_can_trade_with_each_other(floor):
    there = floor(accounts=2)
    other = there.accounts[1]
    price = there.market.book.ask - 1 if there.market.book.ask - 1 > there.market.book.bid else None
    if price is None:  # no room between the levels: the best ask is taken first
        price = there.market.book.ask
        there.buy(there.market.book.asks.lots[0], price)
        price = min(price, there.market.book.ask - 1)
    made = there.sell(9, price, account=other)
    there.buy(9, price)
    assert made.left == 0
    assert other.positions[there.name].lots == 9
    there.audit()


def test_an_account_never_trades_with_itself(floor):
    there = floor()
    mine = there.sell(5, there.market.book.ask)
    there.buy(there.market.book.asks.lots[0] + 5, there.market.book.asks.keys[1])
    assert (mine.left, mine.id in there.me.orders) == (5, False)
    assert all(fill.role is Role.TAKER for fill in there.me.fills)
    there.audit()
