"""The formulas against the figures that the document itself prints."""

import dataclasses

import pytest

from recorder.exchange.enums import PositionSide, PositionType
from recorder.simulator.catalogue import market_spec
from recorder.simulator.private.positions import (
    Position,
    bankruptcy_price,
    liquidation_price,
    open_margin,
    place_in_queue,
    removable,
    return_on_margin,
)
from recorder.simulator.private.terms import terms_of
from recorder.simulator.private.units import ONE, cut, exact, money, padded

ETH = terms_of(dataclasses.replace(market_spec(1, 1), amount_prec=3, price_prec=2, tick_units=1))
BTC = terms_of(market_spec(0, 1))


def documented():
    """The position of the document's answer to "Adjust Position Margin"."""
    return Position(
        id=4750887, user_id=9108, terms=ETH, side=PositionSide.LONG, type=PositionType.ISOLATED, leverage=20,
        create_us=0, update_us=0, lots=1_000, open_value=money("1573.88688"), margin=money("79.694344"),
    )  # fmt: skip


def test_the_documented_position_has_the_documented_figures():
    position = documented()
    assert padded(open_margin(position)) == "0.05063536967790213741"
    assert padded(liquidation_price(position)) == "1525.67027360000000000644"
    assert padded(bankruptcy_price(position)) == "1494.19253600000000000644"
    assert padded(position.maintenance) == "31.47773760000000000000"


def test_the_other_documented_position_has_its_figures_too():
    position = Position(
        id=2497913, user_id=9108, terms=BTC, side=PositionSide.LONG, type=PositionType.ISOLATED, leverage=100,
        create_us=0, update_us=0,
    )  # fmt: skip
    position.open(259_921, 10_000)
    assert exact(position.margin) == "259.921"
    assert exact(position.maintenance) == "129.9605"
    assert cut(liquidation_price(position), 2) == "25862.13"
    loss = Position(**{f.name: getattr(position, f.name) for f in dataclasses.fields(position)})
    loss.open_value += money("18.5706") - (loss.terms.value(259_921, 10_000) - loss.open_value)
    assert exact(loss.unreal(259_921)) == "-18.5706"
    assert cut(return_on_margin(loss, 259_921)) == "-0.0714"
    assert place_in_queue(loss, 259_921) == 5


@pytest.mark.parametrize("side", PositionSide)
def test_it_is_due_exactly_where_the_liquidation_price_says(side):
    position = Position(
        id=1,
        user_id=1,
        terms=BTC,
        side=side,
        type=PositionType.ISOLATED,
        leverage=20,
        create_us=0,
        update_us=0,
    )
    position.open(970_000, 30_000)
    price = liquidation_price(position) * 10 // ONE
    due = [
        position.margin + position.unreal(ticks) <= position.maintenance for ticks in (price - 2, price + 2)
    ]
    assert due == ([True, False] if side is PositionSide.LONG else [False, True])


def test_the_last_lot_takes_with_it_what_the_divisions_left():
    position = Position(
        id=1, user_id=1, terms=BTC, side=PositionSide.SHORT, type=PositionType.ISOLATED, leverage=30,
        create_us=0, update_us=0,
    )  # fmt: skip
    position.open(970_001, 7)
    position.open(970_010, 11)
    cost = position.open_value
    profits = sum(position.close(960_000, lots) for lots in (5, 5, 7, 1))
    assert (position.open_value, position.margin, position.lots) == (0, 0, 0)
    assert profits == cost - BTC.value(960_000, 18)


def test_what_is_above_the_initial_margin_can_be_taken_out_less_losses():
    position = documented()
    mark = 157_388
    assert removable(position, mark) == position.margin + position.unreal(mark) - ETH.value(mark, 1_000) // 20
    position.type = PositionType.CROSS
    assert removable(position, mark) == 0
