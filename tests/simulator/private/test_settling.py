import pytest

from recorder.exchange.enums import OrderStatus, PositionType, Side
from recorder.simulator.market import Traded
from recorder.simulator.private.accounts import Business, Pot
from recorder.simulator.private.orders import BY_LIQUIDATION, USUAL
from recorder.simulator.private.positions import liquidation_price
from recorder.simulator.private.units import ONE, exact

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


def crossed(floor, balance, leverage=20):
    """An account that has so much (in units) and cross positions in two markets; fees are 0."""
    there = floor(ranks=(0, 1), fees=("0", "0"))
    for market in there.markets:
        there.me.settings[market] = (leverage, PositionType.CROSS)
    there.gather(10_000)
    there.gather(500, there.desk.terms("ETHUSDT"))
    there.me.balances["USDT"] = balance * ONE
    return there


def worth(there):
    """What the account would have if all its positions were closed at the mark."""
    return there.me.balances["USDT"] + there.desk.unreal(there.me, "USDT")


def test_of_cross_positions_the_fund_gets_the_maintenance_margins_as_far_as_there_is_money(floor):
    there = crossed(floor, 8_000)
    first, second = (position.maintenance for position in there.me.positions.values())
    while worth(there) > first + second // 2:
        there.market.figures.mark -= 10
    left = worth(there)
    assert first < left < first + second
    there.mark(there.market.figures.mark)
    assert there.desk.insured == {there.name: first, "ETHUSDT": left - first}
    lines = [line.change for line in there.me.ledger if line.business is Business.LIQUIDATION]
    assert lines == [-first, first - left]
    assert there.me.balances["USDT"] == 0


def test_what_cross_positions_lose_beyond_the_account_the_fund_pays(floor):
    there = crossed(floor, 8_000)
    there.market.figures.mark = there.market.figures.mark * 80 // 100
    short = worth(there)
    assert short < 0
    there.mark(there.market.figures.mark)
    assert (there.me.positions, there.me.balances["USDT"]) == ({}, 0)
    assert sum(there.desk.insured.values()) == short


def test_a_cross_liquidation_cancels_the_orders_of_every_market(floor):
    there = crossed(floor, 8_000)
    other = there.order(Side.BUY, 1, 200_000, terms=there.desk.terms("ETHUSDT"))
    while worth(there) > sum(position.maintenance for position in there.me.positions.values()):
        there.market.figures.mark -= 10
    there.mark(there.market.figures.mark)
    assert there.me.positions == {}
    assert other.status is OrderStatus.CANCELLED


def test_what_orders_hold_stands_behind_cross_positions_too(floor):
    there = crossed(floor, 100_000)
    there.order(Side.BUY, 10_000, 200_000, terms=there.desk.terms("ETHUSDT"))
    frozen = there.me.frozen("USDT")
    least = sum(position.maintenance for position in there.me.positions.values())
    there.me.balances["USDT"] += least + frozen // 2 - worth(there)
    assert worth(there) - frozen < least < worth(there)
    there.mark(there.market.figures.mark)
    assert len(there.me.positions) == 2


@pytest.mark.parametrize(("more", "left"), [(0, 0), (1, 2)])
def test_cross_positions_go_where_what_is_left_reaches_their_maintenance_margins(floor, more, left):
    there = crossed(floor, 8_000)
    least = sum(position.maintenance for position in there.me.positions.values())
    there.me.balances["USDT"] += least + more - worth(there)
    there.mark(there.market.figures.mark)
    assert len(there.me.positions) == left


@pytest.mark.parametrize(("more", "left"), [(0, 0), (1, 1)])
def test_an_isolated_position_goes_where_what_is_left_reaches_its_maintenance_margin(floor, more, left):
    there = floor()
    there.buy(1_000)
    there.position.margin = (
        there.position.maintenance - there.position.unreal(there.market.figures.mark) + more
    )
    there.mark(there.market.figures.mark)
    assert len(there.me.positions) == left


def test_an_isolated_position_does_not_go_with_the_cross_ones(floor):
    there = crossed(floor, 8_000)
    isolated = there.me.positions["ETHUSDT"]
    isolated.type = PositionType.ISOLATED
    there.mark(there.market.figures.mark * 80 // 100)
    assert list(there.me.positions.values()) == [isolated]


def test_a_liquidation_leaves_an_order_and_a_position_that_tell_of_it(floor):
    there = floor()
    there.buy(1_000)
    mark = there.market.figures.mark * 93 // 100
    loss = there.terms.value(mark, 1_000) - there.position.open_value
    there.venue.news()
    there.mark(mark)
    order = there.me.finished[-1]
    assert (order.leverage, order.deal_value) == (20, there.terms.value(mark, 1_000))
    told = next(n.result["position"] for n in there.venue.news() if n.stream == "position")
    assert told["liq_time"] == told["liq_order_time"] == there.desk.now_us / 1e6
    assert (told["liq_amount"], told["liq_order_price"]) == ("0.1000", there.market.spec.price(mark))
    assert told["liq_profit"] == exact(loss)


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
    assert there.position.profit_real == of(there.me, Business.FUNDING) + of(there.me, Business.FEE)
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
    assert there.me.fills[-1].filled_type == USUAL
    there.audit()


def test_what_a_delisting_costs_beyond_the_account_the_fund_pays(floor):
    there = floor()
    there.buy(1_000)
    there.me.balances["USDT"] = there.me.margin("USDT")
    there.market.figures.mark = there.market.figures.mark * 80 // 100
    short = there.me.balances["USDT"] + there.position.unreal(there.market.figures.mark)
    there.venue.delisted(there.name)
    assert there.me.balances["USDT"] == 0
    assert there.desk.insured[there.name] == short < 0


def test_a_liquidation_is_no_public_trade(floor):
    there = floor(rate=0.01)
    there.buy(1_000)
    there.wait(0.001)
    there.mark(there.market.figures.mark * 90 // 100)
    assert [event for event in there.wait(0.001) if isinstance(event, Traded)] == []
    assert there.position is None
