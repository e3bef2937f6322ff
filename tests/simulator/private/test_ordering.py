import pytest

from recorder.exchange.enums import OrderStatus, PositionSide, PositionType, PriceType, Side
from recorder.simulator.private import ordering
from recorder.simulator.private.accounts import Business
from recorder.simulator.private.filling import tidy
from recorder.simulator.private.orders import CLOSES, OPENS
from recorder.simulator.private.positions import Trigger
from recorder.simulator.private.units import money
from recorder.simulator.refused import RefusedError


def refused(code):
    return pytest.raises(RefusedError, check=lambda error: error.code == code)


def test_what_a_fill_costs_is_its_fee_and_its_margin(floor):
    there = floor()
    there.buy(100)
    value = sum(there.terms.value(fill.ticks, fill.lots) for fill in there.me.fills)
    assert there.me.balances["USDT"] == money("100000") - value * 5 // 10_000
    assert there.me.margin("USDT") == there.position.margin
    assert abs(there.position.margin - value // 20) < 10
    assert there.position.profit_real == -value * 5 // 10_000
    there.audit()


def test_an_order_the_other_way_closes_first_and_opens_with_the_rest(floor):
    there = floor()
    there.buy(30)
    first = there.position
    there.sell(50)
    assert (there.position.side, there.position.lots) == (PositionSide.SHORT, 20)
    assert there.position.id != first.id
    kinds = [fill.trade_type for fill in there.me.fills]
    assert (kinds[0], kinds[-2:]) == (OPENS, [CLOSES, OPENS])
    there.audit()


def test_order_time_price_and_amount_name_a_fill(floor):
    there = floor()
    there.buy(10)
    there.sell(20)  # half of it closes and half of it opens, at one price
    names = [(fill.order.id, fill.time_us, fill.ticks, fill.lots) for fill in there.me.fills]
    assert len(set(names)) == len(names) >= 3
    assert max(fill.time_us for fill in there.me.fills) <= there.desk.now_us + 1


def test_closing_pays_the_difference_of_the_prices(floor):
    there = floor(fees=("0", "0"))
    there.buy(10)
    opened = there.position.open_value
    there.wait(5)
    there.sell(10)
    closed = sum(there.terms.value(f.ticks, f.lots) for f in there.me.fills if f.trade_type == CLOSES)
    line = [line for line in there.me.ledger if line.business is Business.PNL]
    assert sum(each.change for each in line) == closed - opened
    assert there.position is None
    there.audit()


def test_a_resting_order_holds_its_margin_and_fee_until_it_goes(floor):
    there = floor()
    order = there.buy(1_000, 800_000)
    value = there.terms.value(800_000, 1_000)
    assert there.me.frozen("USDT") == value // 20 + value * 5 // 10_000
    ordering.cancel(there.desk, there.me, order)
    assert (order.status, there.me.frozen("USDT")) == (OrderStatus.CANCELLED, 0)
    there.audit()


def test_what_is_held_is_enough_margin_and_the_higher_fee(floor):
    there = floor(fees=("0.0006", "0.0005"))
    there.me.settings[there.name] = (3, PositionType.ISOLATED)
    there.buy(1, 800_000)
    value = there.terms.value(800_000, 1)
    assert value % 3
    assert there.me.frozen("USDT") == value // 3 + 1 + value * 6 // 10_000


def test_where_money_is_short_the_newest_order_that_holds_any_goes(floor):
    there = floor()
    there.buy(10)
    closing, older, newer, last = (
        there.sell(10, 990_000),
        there.buy(100, 800_000),
        there.buy(100, 800_000),
        there.sell(5, 990_000, closes=there.position),
    )
    there.me.balances["USDT"] = there.me.margin("USDT") + there.me.frozen("USDT") - 1
    tidy(there.desk, there.me, there.terms)
    kept = [order.id in there.me.orders for order in (closing, older, newer, last)]
    assert kept == [True, True, False, True]


def test_an_order_without_stops_leaves_those_of_the_position(floor):
    there = floor()
    loss, gain = Trigger(900_000, PriceType.MARK), Trigger(1_100_000, PriceType.MARK)
    there.buy(10, stop_loss=loss, take_profit=gain)
    there.buy(10)
    assert (there.position.stop_loss, there.position.take_profit) == (loss, gain)


def test_a_maker_pays_the_makers_fee_and_profits_are_less_by_fees(floor):
    there = floor()
    there.buy(10)
    position, opening = there.position, -there.position.profit_real
    order = there.sell(10, 990_000, closes=position)
    there.venue.filled(order.id, 990_000, 10, there.desk.now_us)
    assert order.status is OrderStatus.FILLED
    assert order.fee == there.terms.value(990_000, 10) * 2 // 10_000
    assert position.profit_real == there.me.fills[-1].profit - opening - order.fee


def test_losses_beyond_what_is_available_take_the_margin_of_the_market_before_that_of_cross_positions(floor):
    there = floor(ranks=(0, 1, 2))
    there.me.settings["ETHUSDT"] = (20, PositionType.CROSS)
    for market in there.markets:
        there.order(Side.BUY, 20, terms=there.desk.terms(market))
    other, crossed, own = (there.me.positions[name] for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    margins = [position.margin for position in (other, crossed, own)]
    there.me.balances["USDT"] = sum(margins) - own.margin - 7
    tidy(there.desk, there.me, own.terms)
    assert [position.margin for position in (other, crossed, own)] == [margins[0], margins[1] - 7, 0]
    assert not there.desk.insured


def test_an_order_that_closes_holds_nothing(floor):
    there = floor()
    there.buy(100)
    before = there.me.frozen("USDT")
    there.sell(100, there.market.book.ask + 500)
    assert there.me.frozen("USDT") == before == 0
    there.sell(100, there.market.book.ask + 500)
    assert there.me.frozen("USDT") > 0
    there.audit()


def test_nobody_buys_what_the_balance_does_not_bear(floor):
    there = floor()
    with refused(13_128):
        there.buy(300_000, 900_000)
    assert not there.me.orders


def test_a_market_order_that_the_book_cannot_fill_is_refused_whole(floor):
    there = floor()
    before = there.market.depth()
    with refused(10_056):
        there.buy(100_000_000 // 970)
    assert there.market.depth() == before
    assert not there.me.fills


def test_no_more_is_held_than_the_leverage_allows(floor):
    there = floor()
    there.me.balances["USDT"] *= 10**6  # rich enough
    most = there.terms.tier(20).lots
    there.buy(most, 900_000)
    with refused(13_127):
        there.buy(1, 900_000)


def test_orders_have_a_number_that_is_enough(floor):
    there = floor()
    for _ in range(ordering.MAX_ORDERS):
        there.buy(1, 900_000)
    with refused(10_029):
        there.buy(1, 900_000)
    ordering.cancel_all(there.desk, there.me, there.name)
    assert not there.me.orders
    assert not there.market.resting
    there.audit()


def test_no_more_is_closed_than_is_left_to_close(floor):
    there = floor()
    there.buy(10)
    there.sell(7, 990_000, closes=there.position)
    assert there.me.close_left(there.position) == 3
    with refused(20_008):
        there.sell(4, closes=there.position)
    there.sell(3, closes=there.position)
    assert there.me.close_left(there.position) == 0
    there.audit()


def test_a_closing_order_goes_with_the_position_it_closes(floor):
    there = floor()
    there.buy(10)
    closing = there.sell(10, 990_000, closes=there.position)
    there.sell(6)
    assert closing.id not in there.me.orders
    assert closing.status is OrderStatus.CANCELLED
    there.audit()


def test_of_closing_orders_that_have_too_little_to_close_the_newest_goes(floor):
    there = floor()
    there.buy(10)
    older, newer = (there.sell(lots, 990_000, closes=there.position) for lots in (6, 4))
    there.sell(3)
    assert (older.status, newer.status) == (OrderStatus.OPEN, OrderStatus.CANCELLED)
    there.audit()


def test_nobody_is_told_of_less_than_nothing_to_close_while_closing_orders_go(floor):
    there = floor()
    there.buy(10)
    for lots in (3, 3, 4):
        there.sell(lots, 990_000, closes=there.position)
    there.venue.news()
    there.sell(8)
    told = [n.result["position"]["close_left"] for n in there.venue.news() if n.stream == "position"]
    assert told
    assert min(map(float, told)) >= 0
    assert float(told[-1]) == float(there.position.lots) / 10_000
    there.audit()


def test_the_type_of_a_position_is_that_of_the_setting(floor):
    there = floor()
    there.me.settings[there.name] = (50, PositionType.CROSS)
    order = there.buy(10)
    assert (order.leverage, order.position_type) == (50, PositionType.CROSS)
    assert (there.position.leverage, there.position.type) == (50, PositionType.CROSS)
