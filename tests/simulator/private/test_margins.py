import pytest

from recorder.exchange.enums import MarginChange, PositionType
from recorder.simulator.private.margins import adjust_margin, set_leverage
from recorder.simulator.private.positions import liquidation_price, removable
from recorder.simulator.private.units import ONE, exact
from recorder.simulator.refused import RefusedError


def refused(code):
    return pytest.raises(RefusedError, check=lambda error: error.code == code)


def lever(there, leverage, position_type=PositionType.ISOLATED):
    set_leverage(there.desk, there.me, there.terms, leverage, position_type)


def test_margin_put_in_moves_the_liquidation_away_and_no_balance(floor):
    there = floor()
    there.buy(1_000)
    before = there.me.balances["USDT"], liquidation_price(there.position)
    adjust_margin(there.desk, there.me, there.position, MarginChange.INCREASE, 100 * ONE)
    assert there.me.balances["USDT"] == before[0]
    assert liquidation_price(there.position) < before[1]
    there.audit()


def test_only_what_is_removable_is_taken_out(floor):
    there = floor()
    there.buy(1_000)
    adjust_margin(there.desk, there.me, there.position, MarginChange.INCREASE, 100 * ONE)
    most = removable(there.position, there.market.figures.mark)
    with refused(13_128):
        adjust_margin(there.desk, there.me, there.position, MarginChange.DECREASE, most + 1)
    adjust_margin(there.desk, there.me, there.position, MarginChange.DECREASE, most)
    assert removable(there.position, there.market.figures.mark) == 0
    there.audit()


def test_nobody_puts_in_what_is_not_there_nor_into_a_cross_position(floor):
    there = floor()
    there.buy(1_000)
    with refused(13_128):
        adjust_margin(there.desk, there.me, there.position, MarginChange.INCREASE, 10**6 * ONE)
    there.position.type = PositionType.CROSS
    with refused(20_003):
        adjust_margin(there.desk, there.me, there.position, MarginChange.INCREASE, ONE)


def test_a_new_leverage_binds_another_margin_at_once(floor):
    there = floor()
    there.buy(1_000)
    value = there.position.open_value
    for leverage in (10, 50):
        lever(there, leverage)
        assert (there.position.margin, there.position.leverage) == (value // leverage, leverage)
    there.audit()


def test_a_leverage_is_not_changed_under_orders_nor_a_type_under_a_position(floor):
    there = floor()
    there.buy(10, 900_000)
    with refused(20_001):
        lever(there, 10)
    there.buy(10)
    there.me.orders.clear()
    with refused(20_003):
        lever(there, 20, PositionType.CROSS)
    with refused(20_001):
        lever(there, 7)
    assert there.me.setting(there.name) == (20, PositionType.ISOLATED)


def test_the_leverage_that_is_set_may_be_set_again_under_orders(floor):
    there = floor()
    there.buy(10, 900_000)
    lever(there, 20)
    assert there.me.orders


def test_a_leverage_that_does_not_allow_what_is_held_is_refused(floor):
    there = floor()
    there.buy(10)
    there.position.lots = there.terms.tier(100).lots + 1
    with refused(13_127):
        lever(there, 100)
    there.position.lots -= 1
    there.position.open_value = there.terms.value(there.market.figures.mark, there.position.lots)
    there.position.margin = there.position.open_value
    lever(there, 100)


def test_a_leverage_whose_margin_is_not_there_is_refused(floor):
    there = floor()
    there.buy(1_000)
    more = there.position.open_value // 10 - there.position.margin
    there.me.balances["USDT"] = there.position.margin + more - 1
    with refused(13_128):
        lever(there, 10)
    there.me.balances["USDT"] += 1
    lever(there, 10)
    assert there.me.available("USDT") == 0


def test_money_that_losing_cross_positions_need_is_not_put_into_others(floor):
    there = floor(ranks=(0, 1))
    there.me.settings["ETHUSDT"] = (20, PositionType.CROSS)
    there.gather(500, there.desk.terms("ETHUSDT"))
    there.buy(10)
    there.markets["ETHUSDT"].figures.mark -= 1_000
    free = there.desk.free(there.me, "USDT")
    assert free < there.me.available("USDT")
    with refused(13_128):
        adjust_margin(there.desk, there.me, there.position, MarginChange.INCREASE, free + 1)
    adjust_margin(there.desk, there.me, there.position, MarginChange.INCREASE, free)


def test_a_change_of_margin_is_told_with_its_time_and_what_is_available(floor):
    there = floor()
    there.buy(100)
    there.wait(2)
    there.venue.news()
    adjust_margin(there.desk, there.me, there.position, MarginChange.INCREASE, ONE)
    told = {news.stream: news.result for news in there.venue.news()}
    assert told["position"]["position"]["update_time"] == there.desk.now_us / 1e6
    assert told["asset"]["USDT"]["available"] == exact(there.me.available("USDT"))


def bought_at_1_000_000(floor, mark):
    """A position of 1,000 lots whose margin of 5 % of its value is untouched, at another mark price."""
    there = floor()
    there.buy(1_000)
    there.position.open_value = there.terms.value(1_000_000, 1_000)
    there.position.margin = there.position.open_value // 20
    there.market.figures.mark = mark
    return there


def test_a_higher_leverage_is_refused_from_where_it_would_liquidate(floor):
    with refused(20_001):
        lever(bought_at_1_000_000(floor, 995_000), 100)  # 1 % of margin, 0.5 % lost, 0.5 % has to be left
    lever(bought_at_1_000_000(floor, 995_001), 100)


def test_a_lower_leverage_is_refused_where_its_greater_maintenance_would_liquidate(floor):
    there = bought_at_1_000_000(floor, 925_000)
    there.position.margin = there.position.open_value // 10 - 1  # margin was put in, and 7.5 % is lost
    with refused(20_001):
        lever(there, 10)  # of which 2.5 % would be left, and 3 % has to be
    assert (there.position.leverage, there.me.setting(there.name)[0]) == (20, 20)
    there.mark(925_000)
    assert there.position is not None


def test_a_losing_cross_position_changes_its_leverage_as_the_account_bears_it(floor):
    there = floor()
    lever(there, 20, PositionType.CROSS)
    there.buy(1_000)
    there.market.figures.mark = there.market.figures.mark * 90 // 100
    lever(there, 100, PositionType.CROSS)
    there.mark(there.market.figures.mark)
    assert there.position.leverage == 100


def test_a_leverage_that_would_liquidate_is_refused(floor):
    there = floor()
    there.buy(1_000)
    there.mark(there.market.figures.mark * 98 // 100)
    with refused(20_001):
        lever(there, 100)
