"""Whatever accounts and prices do, no money comes from nowhere and none is lost."""

from collections import Counter
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.exchange.enums import MarginChange, PositionType, PriceType, Side
from recorder.simulator.private import margins, ordering, shapes, stopping
from recorder.simulator.private.accounts import Business
from recorder.simulator.private.positions import Trigger
from recorder.simulator.private.units import ONE
from recorder.simulator.refused import RefusedError

RANKS = (0, 18)
LASTING = ("amount", "close_left", "open_price", "margin_amount", "leverage", "stop_loss_price")
"""What of a position does not move with the mark price alone."""
SIDES = st.sampled_from(Side)
OFFSETS = st.integers(-40, 40)
OPERATIONS = st.one_of(
    st.tuples(st.just("limit"), SIDES, st.integers(1, 400), OFFSETS),
    st.tuples(st.just("market"), SIDES, st.integers(1, 300)),
    st.tuples(st.just("guarded"), SIDES, st.integers(1, 200), st.integers(1, 30)),
    st.tuples(st.just("close"), st.integers(1, 100), st.none() | OFFSETS),
    st.tuples(st.just("stop"), SIDES, st.integers(1, 200), OFFSETS, st.sampled_from(PriceType)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("cancel_all")),
    st.tuples(st.just("leverage"), st.sampled_from((3, 5, 8, 20, 50, 100)), st.sampled_from(PositionType)),
    st.tuples(st.just("margin"), st.sampled_from(MarginChange), st.integers(1, 3_000)),
    st.tuples(st.just("crash"), st.integers(-40, 40) | st.sampled_from((-250, 250))),
    st.tuples(st.just("wait"), st.integers(1, 8)),
    st.tuples(st.just("settle"), st.integers(-375_000, 375_000)),
)
STEPS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), OPERATIONS), min_size=15, max_size=60)


class Play:
    """Random operations of two accounts in two markets; quantities in thousandths of what is usual there."""

    def __init__(self, floor):
        self.floor = floor
        self.desk = floor.desk
        self.heard = {}

    def do(self, who, where, operation):
        account = self.floor.accounts[who]
        market = list(self.floor.markets.values())[where]
        kind, *details = operation
        with suppress(RefusedError):
            getattr(self, kind)(account, market, *details)
        self.floor.venue.check(market.spec.name, self.desk.now_us)

    def hear(self):
        """The pushes: by them alone everybody knows all positions."""
        for news in self.floor.venue.news():
            if news.stream == "position":
                told = news.result["position"]
                assert 0 <= float(told["close_left"]) <= float(told["amount"])
                self.heard[told["position_id"]] = {name: told[name] for name in LASTING}
        held = {}
        for account in self.floor.accounts:
            for position in account.positions.values():
                row = shapes.position_row(self.desk, account, position)
                held[position.id] = {name: row[name] for name in LASTING}
        assert {key: told for key, told in self.heard.items() if told["amount"] != "0"} == held

    def place(self, account, market, side, lots, ticks=None, **wish):
        lots = max(1, lots * market.spec.order_lots // 20)
        terms = self.desk.terms(market.spec.name)
        ordering.place(self.desk, account, ordering.Wish(terms, side, lots, ticks, **wish))

    def limit(self, account, market, side, lots, offset):
        self.place(account, market, side, lots, market.last + offset * market.spec.gap_ticks)

    def market(self, account, market, side, lots):
        self.place(account, market, side, lots)

    def guarded(self, account, market, side, lots, distance):
        step = distance * market.spec.gap_ticks * (1 if side is Side.BUY else -1)
        loss = Trigger(market.last - step, PriceType.MARK)
        gain = Trigger(market.last + step, PriceType.LAST)
        self.place(account, market, side, lots, stop_loss=loss, take_profit=gain)

    def close(self, account, market, percent, offset):
        position = account.positions.get(market.spec.name)
        if position is None:
            return
        lots = max(1, account.close_left(position) * percent // 100)
        ticks = None if offset is None else market.last + offset * market.spec.gap_ticks
        wish = ordering.Wish(position.terms, position.closing_side, lots, ticks, closes=position)
        ordering.place(self.desk, account, wish)

    def stop(self, account, market, side, lots, offset, price_type):
        terms = self.desk.terms(market.spec.name)
        trigger = Trigger(market.last + offset * market.spec.gap_ticks, price_type)
        lots = max(1, lots * market.spec.order_lots // 20)
        stopping.place_stop(self.desk, account, stopping.StopWish(terms, side, lots, trigger, 0, ""))

    def cancel(self, account, _market, index):
        orders = list(account.orders.values())
        if orders:
            ordering.cancel(self.desk, account, orders[index % len(orders)])

    def cancel_all(self, account, market):
        ordering.cancel_all(self.desk, account, market.spec.name)

    def leverage(self, account, market, leverage, position_type):
        terms = self.desk.terms(market.spec.name)
        margins.set_leverage(self.desk, account, terms, leverage, position_type)

    def margin(self, account, market, change, amount):
        position = account.positions.get(market.spec.name)
        if position is not None:
            margins.adjust_margin(self.desk, account, position, change, amount * ONE // 7)

    def crash(self, _account, market, permille):
        figures = market.figures
        figures.fair *= 1 + permille / 1_000
        figures.mark = max(1, round(figures.mark * (1 + permille / 1_000)))

    def wait(self, _account, _market, seconds):
        self.floor.wait(seconds / 2)

    def settle(self, _account, market, rate):
        market.figures.rate_last = rate
        self.floor.venue.settled(market.spec.name, self.desk.now_us)


def signed(fill):
    """The cash that a fill moves."""
    value = fill.order.terms.value(fill.ticks, fill.lots)
    return -value if fill.order.side is Side.BUY else value


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 5), is_poor=st.booleans(), steps=STEPS)
def test_money_is_conserved_whatever_happens(floor, seed, is_poor, steps):
    there = floor(accounts=2, ranks=RANKS, seed=seed, rate=5)
    if is_poor:  # so that money is short again and again
        for account in there.accounts:
            there.venue.deposit(account, "USDT", -99_500 * ONE)
    play = Play(there)
    for who, where, operation in steps:
        play.do(who, where, operation)
        there.audit()
        play.hear()
    for account in there.accounts:
        of = Counter()
        for line in account.ledger:
            of[line.business] += line.change
        # A second witness: what the fills bought and sold, and what it stands in the books for now.
        open_value = sum(p.sign * p.open_value for p in account.positions.values())
        assert of[Business.PNL] == sum(map(signed, account.fills)) + open_value
        assert of[Business.FEE] == -sum(fill.fee for fill in account.fills)
        lots = Counter()
        for fill in account.fills:
            lots[fill.order.terms.market] += fill.lots * (1 if fill.order.side is Side.BUY else -1)
        held = {name: position.sign * position.lots for name, position in account.positions.items()}
        assert {name: count for name, count in lots.items() if count} == held
