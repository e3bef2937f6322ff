"""What is told, where the literal answers do not say it already."""

from recorder.exchange.account import read_record
from recorder.exchange.enums import PositionType
from recorder.exchange.records import Asset, Fill, Order, Position
from recorder.simulator.private import shapes
from recorder.simulator.private.units import exact, money


def test_every_shape_is_read_by_the_client_without_a_notice(floor):
    there = floor()
    there.buy(20)
    there.sell(5)
    rested = there.buy(5, 900_000)
    desk, me = there.desk, there.me
    notices = []
    read_record(Asset, shapes.asset_shape(desk, me, "USDT"), notices, asset="USDT")
    for order in (rested, *me.finished):
        read_record(Order, shapes.order_shape(order), notices)
    for fill in me.fills:
        read_record(Fill, shapes.fill_shape(fill), notices)
    for shape in (shapes.position_row, shapes.position_whole):
        read_record(Position, shape(desk, me, there.position), notices)
    assert notices == []


def test_an_order_that_has_not_dealt_has_no_mean_price(floor):
    there = floor()
    told = shapes.order_shape(there.buy(5, 900_000))
    assert (told["avg_price"], told["filled"], told["deal_fee"]) == ("", "0", "0")
    assert (told["left"], told["amount"], told["price"]) == ("0.0005", "0.0005", "90000")


def test_only_a_cross_positions_implied_figures_are_told(floor):
    there = floor()
    there.buy(100)
    implied = ("open_margin_imply", "liq_price_imply", "bkr_price_imply")
    told = shapes.position_whole(there.desk, there.me, there.position)
    assert [told[name] for name in implied] == ["0", "0", "0"]
    there.position.type = PositionType.CROSS
    told = shapes.position_whole(there.desk, there.me, there.position)
    assert float(told["open_margin_imply"]) > 90  # all of the account stands behind it
    assert told["liq_price"] == told["liq_price_imply"] == "0"


def test_what_may_be_withdrawn_is_what_cross_losses_leave(floor):
    there = floor()
    there.me.settings[there.name] = (20, PositionType.CROSS)
    there.buy(500)
    there.market.figures.mark = there.market.figures.mark * 95 // 100
    told = shapes.asset_shape(there.desk, there.me, "USDT")
    assert money(told["transfer"]) == money(told["available"]) + money(told["profit_unreal"])
    assert told["balance_total"] == exact(there.me.balances["USDT"])
