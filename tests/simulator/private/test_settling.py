import pytest

from recorder.exchange.enums import PositionType
from recorder.simulator.market import Traded
from recorder.simulator.private.accounts import Business, Pot
from recorder.simulator.private.orders import BY_LIQUIDATION
from recorder.simulator.private.positions import liquidation_price
from recorder.simulator.private.units import ONE

NS = 1_000_000_000


def of(account, business):
    return sum(line.change for line in account.ledger if line.business is business)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_isolated_position_goes_at_its_liquidation_price_and_costs_its_margin(floor, side):
    there = floor()
    getattr(there, side)(1_000)
    position = there.position
    margin, before = position.margin, there.me.balances["USDT"]
    insurance = there.market.figures.insurance
    price = liquidation_price(position) * 10 // ONE
    away = 2 * position.sign
    there.mark(price + away)
    assert there.position is position
    there.mark(price - away)
    assert there.position is None
    assert there.me.balances["USDT"] == before - margin
    assert of(there.me, Business.LIQUIDATION) < 0
    assert there.market.figures.insurance - insurance == -of(there.me, Business.LIQUIDATION)
    assert there.me.fills[-1].filled_type == BY_LIQUIDATION
    assert there.me.fills[-1].ticks == price - away
    there.audit()


def test_where_the_price_has_jumped_the_insurance_fund_pays_the_rest(floor):
    there = floor()
    there.buy(1_000)
    margin, before = there.position.margin, there.me.balances["USDT"]
    there.mark(there.market.figures.mark * 85 // 100)
    assert there.me.balances["USDT"] == before - margin
    assert of(there.me, Business.LIQUIDATION) > 0
    assert there.desk.pots[Pot.INSURANCE, "USDT"] < 0
    there.audit()


def test_a_liquidation_cancels_the_markets_orders_and_tells_of_it(floor):
    there = floor()
    there.buy(1_000)
    order = there.buy(10, 800_000)
    there.venue.news()
    there.mark(there.market.figures.mark * 93 // 100)
    assert order.id not in there.me.orders
    news = there.venue.news()
    assert [n.result["event"] for n in news if n.stream == "position"] == [4]
    assert next(n.result["position"] for n in news if n.stream == "position")["finish_type"] == 2
    assert there.wait(1) is not None
    there.audit()


def test_a_cross_position_has_the_whole_account_behind_it(floor):
    there = floor(ranks=(0, 1))
    for market in there.markets:
        there.me.settings[market] = (100, PositionType.CROSS)
    there.gather(5_000)
    there.gather(500, there.desk.terms("ETHUSDT"))
    there.mark(there.market.figures.mark * 90 // 100)  # ten times its own margin is lost
    assert there.position.lots == 5_000
    assert there.position.margin < -there.position.unreal(there.market.figures.mark)
    there.audit()


def test_a_cross_account_that_is_used_up_loses_all_cross_positions_together(floor):
    there = floor(ranks=(0, 1))
    for market in there.markets:
        there.me.settings[market] = (20, PositionType.CROSS)
    there.me.balances["USDT"] -= 90_000 * ONE  # somebody withdrew it
    there.desk.pots[Pot.OUTSIDE, "USDT"] += 90_000 * ONE
    there.gather(10_000)
    there.gather(500, there.desk.terms("ETHUSDT"))
    assert len(there.me.positions) == 2
    there.mark(there.market.figures.mark * 91 // 100)
    assert there.me.positions == {}
    assert 0 <= there.me.balances["USDT"] < 300 * ONE
    total = there.me.balances["USDT"] + sum(there.desk.pots.values())
    assert total == 0


@pytest.mark.parametrize(
    ("side", "rate", "sign"), [("buy", 375_000, -1), ("sell", 375_000, 1), ("buy", -1, 1)]
)
def test_at_a_settlement_longs_pay_shorts_where_the_rate_is_positive(floor, side, rate, sign):
    there = floor()
    getattr(there, side)(1_000)
    figures = there.market.figures
    figures.rate_last = rate
    there.venue.settled(there.name, there.desk.now_us)
    value = there.terms.value(figures.mark, 1_000)
    assert of(there.me, Business.FUNDING) == sign * (value * abs(rate) // 10**8)
    assert there.desk.pots[Pot.FUNDING, "USDT"] == -of(there.me, Business.FUNDING)
    there.audit()


def test_the_markets_own_settlement_charges_the_rate_that_was_announced(floor):
    there = floor()
    there.sell(1_000)
    figures = there.market.figures
    settles_s = figures.settles_s = there.now // NS + 3
    announced = figures.rate_next
    there.wait(5)
    assert figures.settles_s > settles_s
    assert figures.rate_last == announced
    line = next(line for line in there.me.ledger if line.business is Business.FUNDING)
    assert line.time_us == settles_s * 1_000_000
    assert (line.change > 0) == (announced > 0)
    there.audit()


def test_funding_that_is_not_available_comes_out_of_the_margin(floor):
    there = floor()
    there.buy(1_000)
    there.me.balances["USDT"] = there.me.margin("USDT")
    before = there.position.margin
    there.market.figures.rate_last = 100_000
    there.venue.settled(there.name, there.desk.now_us)
    assert there.me.available("USDT") == 0
    assert before - there.position.margin == -of(there.me, Business.FUNDING) > 0


def test_a_market_that_is_delisted_closes_positions_at_the_mark(floor):
    there = floor()
    there.buy(100)
    there.buy(10, 900_000)
    there.venue.delisted(there.name)
    assert (there.me.positions, there.me.orders) == ({}, {})
    assert there.me.fills[-1].ticks == there.market.figures.mark
    there.audit()


def test_a_liquidation_is_no_public_trade(floor):
    there = floor(rate=0.01)
    there.buy(1_000)
    there.wait(0.001)
    there.mark(there.market.figures.mark * 90 // 100)
    assert [event for event in there.wait(0.001) if isinstance(event, Traded)] == []
    assert there.position is None
