"""Pushes say what a call would read at that moment."""

from recorder.exchange.enums import PositionType, PriceType
from recorder.simulator.private.ordering import cancel
from recorder.simulator.private.positions import Trigger
from recorder.simulator.private.settling import charge_funding
from recorder.simulator.private.shapes import position_row
from recorder.simulator.private.stopping import set_triggers
from recorder.simulator.private.units import exact, padded


def positions(there):
    """The pushed positions since it was last asked."""
    return [news.result["position"] for news in there.venue.news() if news.stream == "position"]


def test_a_closing_order_that_is_hit_never_leaves_less_than_nothing_to_close(floor):
    there = floor(accounts=2)
    there.buy(100)
    asks = there.market.book.asks
    there.sell(100, asks.keys[0], closes=there.position)
    for lots in (asks.lots[0] + 40, 60):
        there.venue.news()
        there.buy(lots, account=there.accounts[1])
        mine = [push for push in positions(there) if push["user_id"] == there.me.user_id]
        assert {push["close_left"] for push in mine} == {"0"}
    assert there.position is None


def test_what_is_left_to_close_is_pushed_when_an_order_begins_and_ceases_to_close(floor):
    there = floor()
    there.buy(100)
    there.venue.news()
    order = there.sell(30, there.market.last * 2, closes=there.position)
    assert [push["close_left"] for push in positions(there)] == ["0.0070"]
    cancel(there.desk, there.me, order)
    assert [push["close_left"] for push in positions(there)] == ["0.0100"]


def test_a_pushed_position_is_the_one_that_is_read_with_its_stops(floor):
    there = floor()
    there.buy(100)
    stop = Trigger(there.market.last // 2, PriceType.MARK)
    set_triggers(there.desk, there.me, there.position, stop, None)
    pushed = positions(there)[-1]
    read = position_row(there.desk, there.me, there.position)
    assert {name: pushed[name] for name in read} == read
    assert pushed["stop_loss_price"] == there.terms.spec.price(stop.ticks)


def test_a_pushed_position_tells_what_it_has_realised_which_no_reading_call_does(floor):
    there = floor()
    there.buy(10)
    pushed = positions(there)[-1]
    assert "profit_real" not in position_row(there.desk, there.me, there.position)
    assert pushed["profit_real"] == padded(there.position.profit_real) != "0"


def test_an_order_is_pushed_before_the_position_that_it_changed_and_both_before_the_assets(floor):
    there = floor()
    there.buy(10)
    assert [news.stream for news in there.venue.news()] == ["order", "position", "asset"]


def test_a_cross_position_that_pays_for_another_is_pushed(floor):
    there = floor(ranks=(0, 1))
    for market in there.markets:
        there.me.settings[market] = (20, PositionType.CROSS)
    there.buy(10)
    there.gather(10, there.desk.terms("ETHUSDT"))
    there.position.margin = 0
    payer = there.me.positions["ETHUSDT"]
    payer.margin += there.me.available("USDT")  # nothing is available
    there.market.figures.rate_last = 100_000
    there.venue.news()
    charge_funding(there.desk, there.me, there.name)
    told = [(push["market"], push["margin_amount"]) for push in positions(there)]
    assert told == [("ETHUSDT", exact(payer.margin)), (there.name, "0")]
    there.audit()
