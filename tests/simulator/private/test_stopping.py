import pytest

from recorder.exchange.enums import OrderStatus, PositionType, PriceType, Side, StopStatus
from recorder.simulator.private.margins import set_leverage
from recorder.simulator.private.positions import Trigger
from recorder.simulator.private.stopping import MAX_STOPS, StopWish, end_stop, place_stop, set_triggers
from recorder.simulator.refused import RefusedError


def stop(there, side, ticks, price_type=PriceType.MARK, lots=10, order_ticks=0):
    wish = StopWish(there.terms, side, lots, Trigger(ticks, price_type), order_ticks, "1")
    return place_stop(there.desk, there.me, wish)


@pytest.mark.parametrize("away", [-500, 500])
def test_a_stop_waits_until_its_price_comes_from_where_it_was(floor, away):
    there = floor()
    mark = there.market.figures.mark
    order = stop(there, Side.BUY, mark + away)
    there.mark(mark + away - (1 if away > 0 else -1))
    assert (order.status, len(there.me.fills)) == (StopStatus.WAITING, 0)
    there.mark(mark + away)
    assert order.status is StopStatus.TRIGGERED
    assert order.id not in there.me.stops
    assert there.position.lots == 10
    assert there.me.finished[-1].id == order.order_id
    there.audit()


@pytest.mark.parametrize("price_type", PriceType)
def test_it_watches_the_price_of_its_type_only(floor, price_type):
    there = floor()
    figures = there.market.figures
    prices = {PriceType.LAST: there.market.last, PriceType.INDEX: figures.index, PriceType.MARK: figures.mark}
    order = stop(there, Side.SELL, prices[price_type] - 700, price_type)
    for other in PriceType:
        if other is not price_type:
            _set(there, other, prices[other] - 800)
    there.venue.check(there.name, there.desk.now_us)
    assert order.status is StopStatus.WAITING
    _set(there, price_type, prices[price_type] - 700)
    there.venue.check(there.name, there.desk.now_us)
    assert order.status is StopStatus.TRIGGERED


def _set(there, price_type, ticks):
    if price_type is PriceType.LAST:
        there.market.last = ticks
    elif price_type is PriceType.INDEX:
        there.market.figures.index = ticks
    else:
        there.market.figures.mark = ticks


def test_with_a_price_of_its_own_it_becomes_a_limit_order(floor):
    there = floor()
    mark = there.market.figures.mark
    order = stop(there, Side.BUY, mark + 300, order_ticks=800_000)
    there.mark(mark + 301)
    assert there.me.orders[order.order_id].ticks == 800_000
    there.audit()


def test_one_that_cannot_be_paid_when_its_time_comes_has_failed(floor):
    there = floor()
    mark = there.market.figures.mark
    order = stop(there, Side.BUY, mark + 300, lots=1_000_000, order_ticks=900_000)
    there.mark(mark + 300)
    assert (order.status, order.order_id) == (StopStatus.FAILED, 0)
    there.audit()


def test_a_stop_tells_the_setting_that_its_order_gets(floor):
    there = floor()
    mark = there.market.figures.mark
    set_leverage(there.desk, there.me, there.terms, 50, PositionType.ISOLATED)
    order, other = (stop(there, Side.BUY, mark + away) for away in (300, 600))
    set_leverage(there.desk, there.me, there.terms, 5, PositionType.CROSS)
    assert (order.leverage, order.position_type) == (5, PositionType.CROSS)
    there.mark(mark + 300)
    for told in (order, there.me.finished[-1]):
        assert (told.leverage, told.position_type) == (5, PositionType.CROSS)
    assert (there.position.leverage, there.position.type) == (5, PositionType.CROSS)
    set_leverage(there.desk, there.me, there.terms, 10, PositionType.CROSS)
    assert (order.leverage, other.leverage) == (5, 10)  # what has ended tells what it was placed with


def test_a_stop_at_the_price_of_now_is_refused(floor):
    there = floor()
    with pytest.raises(RefusedError):
        stop(there, Side.BUY, there.market.figures.mark)


@pytest.mark.parametrize("is_loss", [True, False])
def test_a_position_is_closed_at_its_stop_loss_and_its_take_profit(floor, is_loss):
    there = floor()
    there.buy(2_000, stop_loss=Trigger(960_000, PriceType.MARK), take_profit=Trigger(980_000, PriceType.MARK))
    closing = there.sell(500, 990_000, closes=there.position)
    assert there.position.stop_loss == Trigger(960_000, PriceType.MARK)
    there.mark(960_001 if is_loss else 979_999)
    assert there.position.lots == 2_000
    there.mark(960_000 if is_loss else 980_000)
    assert there.position is None
    assert closing.status is OrderStatus.CANCELLED
    there.audit()


def test_a_stop_loss_leaves_orders_that_close_nothing(floor):
    there = floor()
    there.buy(100, stop_loss=Trigger(960_000, PriceType.MARK))
    plain = there.buy(10, 800_000)
    there.mark(960_000)
    assert there.position is None
    assert plain.status is OrderStatus.OPEN


def test_a_stop_loss_takes_what_the_book_has_and_the_rest_later(floor):
    there = floor()
    there.gather(30_000)
    there.position.stop_loss = Trigger(there.market.figures.mark - 100, PriceType.MARK)
    there.mark(there.position.stop_loss.ticks)
    closed = sum(fill.lots for fill in there.me.fills if fill.profit is not None)
    assert closed > 0
    assert there.position is None or there.position.lots == 30_000 - closed


def test_waiting_stops_have_a_number_that_is_enough(floor):
    there = floor()
    away = there.market.figures.mark + 100
    for _ in range(MAX_STOPS):
        stop(there, Side.BUY, away)
    with pytest.raises(RefusedError) as caught:
        stop(there, Side.BUY, away)
    assert caught.value.code == 10_029


def test_a_stop_tells_when_it_ended(floor):
    there = floor()
    order = stop(there, Side.BUY, there.market.figures.mark + 100_000)
    there.wait(2)
    end_stop(there.desk, there.me, order, StopStatus.CANCELLED)
    assert order.update_us == there.desk.now_us > order.create_us


def test_they_are_changed_and_taken_away_on_the_position(floor):
    there = floor()
    there.sell(100)
    mark = there.market.figures.mark
    loss = Trigger(mark + 400, PriceType.MARK)
    there.desk.now_us += 5
    set_triggers(there.desk, there.me, there.position, loss, None)
    assert there.position.update_us == there.desk.now_us
    with pytest.raises(RefusedError):
        set_triggers(there.desk, there.me, there.position, Trigger(mark - 400, PriceType.MARK), None)
    assert there.position.stop_loss == loss
    set_triggers(there.desk, there.me, there.position, None, None)
    there.mark(mark + 500)
    assert there.position.lots == 100


def test_time_alone_pulls_stops_as_the_market_moves(floor):
    there = floor(rate=10)
    orders = [stop(there, Side.BUY, there.market.last + away, PriceType.LAST) for away in (-20, 20)]
    there.wait(60)
    assert StopStatus.TRIGGERED in {order.status for order in orders}
    there.audit()
