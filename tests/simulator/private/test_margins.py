import pytest

from recorder.exchange.enums import MarginChange, PositionType
from recorder.simulator.private.margins import adjust_margin, set_leverage
from recorder.simulator.private.positions import liquidation_price, removable
from recorder.simulator.private.units import ONE
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


def test_a_leverage_that_would_liquidate_is_refused(floor):
    there = floor()
    there.buy(1_000)
    there.mark(there.market.figures.mark * 98 // 100)
    with refused(20_001):
        lever(there, 100)
