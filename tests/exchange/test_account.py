"""An account's records, read from the document's literal answers and from what may differ from them."""

import json
from dataclasses import asdict, fields
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.exchange import records
from recorder.exchange.account import (
    AssetPush,
    OrderPush,
    PositionPush,
    read_assets,
    read_page,
    read_private,
    read_record,
    read_records,
)
from recorder.exchange.enums import OrderStatus, PositionSide, PositionType, PriceType, Role, Side, StopStatus
from recorder.exchange.fields import ProtocolError
from recorder.exchange.records import (
    AdjustableMargin,
    Asset,
    Fill,
    LedgerEntry,
    Leverage,
    Order,
    Position,
    StopOrder,
)

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"
KINDS = [Asset, Position, Order, StopOrder, Fill, LedgerEntry, Leverage, AdjustableMargin]
PAGES = {
    "order_pending": Order, "order_finished": Order, "order_deals": Fill, "stop_pending": StopOrder,
    "stop_finished": StopOrder, "asset_history": LedgerEntry,
}  # fmt: skip
ORDER = {"order_id": 1, "market": "BTCUSDT"}


def data_of(name):
    return json.loads((FRAMES / f"rest_{name}.json").read_text())["data"]


def same(ours, wire):
    """Whether a value of a record is that of the wire, digit by digit."""
    if wire in ("-", "--", ""):
        return ours is None
    if ours is None:
        return wire == 0  # a time that never was
    return f"{ours:f}" == wire if isinstance(ours, Decimal) else ours == wire


def lost(record, item):
    """Fields of the wire's object that the record does not give back."""
    ours = asdict(record)
    return {name: value for name, value in item.items() if name not in ours or not same(ours[name], value)}


class TestLiteralAnswers:
    @pytest.mark.parametrize(("name", "kind"), PAGES.items())
    def test_a_page_of_the_document_loses_nothing_and_has_nothing_odd(self, name, kind):
        notices, data = [], data_of(name)
        page = read_page(kind, data, notices)
        assert notices == []
        assert page.told == len(page.records) == len(data["records"]) > 0
        assert [lost(*pair) for pair in zip(page.records, data["records"], strict=True)] == [{}] * page.told

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("order_detail", Order), ("leverage", Leverage), ("margin_adjustable", AdjustableMargin),
            ("adjust_margin", Position),
        ],
    )  # fmt: skip
    def test_a_single_record_loses_nothing_and_has_nothing_odd(self, name, kind):
        notices, data = [], data_of(name)
        assert lost(read_record(kind, data, notices), data) == {}
        assert notices == []

    def test_positions_and_assets_lose_nothing_and_have_nothing_odd(self):
        notices, positions, assets = [], data_of("position_pending"), data_of("asset_query")
        found = read_records(Position, positions, notices)
        assert [lost(*pair) for pair in zip(found, positions, strict=True)] == [{}]
        by_name = {asset.asset: asset for asset in read_assets(assets, notices)}
        assert {name: lost(by_name[name], item) for name, item in assets.items()} == {"USDT": {}, "USTT": {}}
        assert notices == []

    def test_numbers_for_things_become_their_names(self):
        order = read_record(Order, data_of("order_detail"), [])
        assert (order.side, order.status, order.position_type) == (
            Side.SELL, OrderStatus.FILLED, PositionType.ISOLATED,
        )  # fmt: skip
        fill = read_page(Fill, data_of("order_deals"), []).records[0]
        assert (fill.side, fill.role) == (Side.BUY, Role.TAKER)
        stop = read_page(StopOrder, data_of("stop_finished"), []).records[0]
        assert (stop.trigger_type, stop.status) == (PriceType.MARK, StopStatus.CANCELLED)
        assert read_records(Position, data_of("position_pending"), [])[0].side is PositionSide.LONG

    def test_money_is_exact_with_its_zeros(self):
        position = read_record(Position, data_of("adjust_margin"), [])
        assert str(position.liq_price) == "1525.67027360000000000644"
        assert str(position.margin_amount) == "79.69434400000000000000"


class TestPushes:
    def test_each_of_the_familys_is_read(self):
        frames = [json.loads(line) for line in (FRAMES / "private.jsonl").read_bytes().splitlines()]
        position, order, asset = (
            read_private(frame["method"].removeprefix("update."), frame["result"]) for frame in frames
        )
        assert isinstance(position, PositionPush)
        assert (position.event, position.position.position_id) == (1, 2_497_913)
        assert isinstance(order, OrderPush)
        assert (order.event, order.order.status) == (None, OrderStatus.OPEN)
        assert isinstance(asset, AssetPush)
        assert asset.assets[0].balance_total == Decimal("8300.569")
        assert position.notices == order.notices == asset.notices == ()

    def test_an_order_beside_its_event_is_read_too(self):
        push = read_private("order", {"event": 2, "order": ORDER})
        assert (push.event, push.order.order_id) == (2, 1)

    def test_a_position_without_its_event_is_read_too(self):
        push = read_private("position", {"position_id": 3, "market": "BTCUSDT"})
        assert (push.event, push.position.position_id) == (None, 3)

    @pytest.mark.parametrize("stream", ["position", "order", "asset", "trade"])
    @pytest.mark.parametrize("result", [None, [], "x", {"event": 1}, {"A": 1}])
    def test_what_is_none_is_a_protocol_error(self, stream, result):
        with pytest.raises(ProtocolError):
            read_private(stream, result)


class TestTolerance:
    def test_an_unknown_field_is_told_and_costs_nothing(self):
        notices = []
        assert read_record(Order, ORDER | {"colour": "red"}, notices).order_id == 1
        assert notices == ["unknown field order.colour"]

    def test_a_missing_field_is_none_and_not_told(self):
        notices = []
        assert read_record(Order, ORDER, notices).price is None
        assert notices == []

    def test_a_number_that_has_no_name_stays_a_number_and_is_told(self):
        notices = []
        assert read_record(Order, ORDER | {"status": 9}, notices).status == 9
        assert notices == ["unknown value order.status 9"]

    def test_an_optional_field_that_cannot_be_read_is_none_and_told(self):
        notices = []
        assert read_record(Order, ORDER | {"price": "cheap"}, notices).price is None
        assert notices == ["order.price is not a decimal"]

    @pytest.mark.parametrize("word", ["-", "--", "", None])
    def test_words_for_no_value_are_none_and_not_told(self, word):
        notices = []
        order = read_record(Order, ORDER | {"stop_loss_price": word, "client_oid": word or None}, notices)
        assert order.stop_loss_price is None
        assert notices == []

    def test_ids_may_be_texts_and_long_ids_numbers(self):
        assert read_record(Order, {"order_id": "17", "market": "A"}, []).order_id == 17
        stop = {"contract_order_id": 1_693_809_549_574_678_795, "market": "A"}
        assert read_record(StopOrder, stop, []).contract_order_id == "1693809549574678795"

    def test_a_time_of_nought_is_never(self):
        assert read_record(Position, {"position_id": 1, "market": "A", "liq_time": 0}, []).liq_time is None

    @pytest.mark.parametrize("missing", ["order_id", "market"])
    def test_what_names_a_record_is_required(self, missing):
        with pytest.raises(ProtocolError, match=f"order.{missing}"):
            read_record(Order, {name: value for name, value in ORDER.items() if name != missing}, [])

    def test_one_bad_record_of_a_page_costs_itself_and_counts(self):
        notices = []
        page = read_page(Order, {"records": [ORDER, {"market": "A"}, "x"], "count": 0}, notices)
        assert ([order.order_id for order in page.records], page.told) == ([1], 3)
        assert notices == ["order.order_id is missing", "order is not an object"]

    def test_null_records_are_an_empty_page(self):
        assert read_page(Order, {"records": None, "page": 1}, []).told == 0

    @pytest.mark.parametrize("data", [None, [], {"records": {}}, "x"])
    def test_no_page_is_a_protocol_error(self, data):
        with pytest.raises(ProtocolError, match="page"):
            read_page(Order, data, [])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_comes_is_a_record_or_a_protocol_error(kind, data):
    names = st.sampled_from([each.name for each in fields(kind)])
    item = data.draw(st.dictionaries(names, json_values, max_size=12) | json_values)
    try:
        found = read_record(kind, item, [])
    except ProtocolError as error:
        found = error
    assert isinstance(found, kind) or str(found)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**17), max_value=10**17))
def test_every_decimal_comes_back_to_the_digit(value):
    assert read_record(Asset, {"asset": "A", "available": f"{value:f}"}, []).available == value


def test_every_record_of_the_account_is_tried_here():
    dataclasses = {each for each in vars(records).values() if hasattr(each, "__dataclass_fields__")}
    assert dataclasses == set(KINDS)
