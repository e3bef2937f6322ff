"""Every call of the exchange's document, typed, over a real socket, against the document's own answers."""

import json
import time
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web
from venues import ID, KEY, gateway, params_of, said

from recorder.client.account import AccountCalls
from recorder.client.client import Client
from recorder.client.errors import RestError
from recorder.client.market import MarketCalls
from recorder.client.trading import Stops, TradingCalls, text_of
from recorder.exchange.endpoints import ENDPOINTS, PERIOD_SECONDS
from recorder.exchange.enums import MarginChange, PositionType, PriceType, Side
from recorder.exchange.fields import ProtocolError
from recorder.exchange.signing import SIGNED, Credentials

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"
MARKET = "ETHUSDT"
STOPS = Stops(stop_loss="1000", take_profit=Decimal("2000.5"), take_profit_type=PriceType.MARK)


def literal(endpoint):
    """The document's answer, as bytes."""
    for name in (endpoint.name, endpoint.name.removeprefix("market_")):
        path = FRAMES / f"rest_{name}.json"
        if path.is_file():
            return path.read_bytes()
    raise AssertionError(endpoint)


class Document:
    """A venue that gives the document's answer to every call, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    async def __call__(self, request):
        (endpoint,) = [
            each for each in ENDPOINTS if (each.method, each.path) == (request.method, request.path)
        ]
        params = await params_of(request)
        if params.get("page", "1") != "1":
            return said(0, "success", {"records": [], "count": 0})
        self.asked.append((endpoint, params))
        return web.Response(body=literal(endpoint), content_type="application/json")


@asynccontextmanager
async def client_of(handler, **more):
    who = Credentials.of(ID, KEY)
    async with gateway(handler) as url, Client(url, credentials=who, trading=True, **more) as client:
        yield client


async def every(records):
    return [record async for record in records]


CALLS = {
    "market_list": lambda client: client.market.markets(),
    "market_kline": lambda client: client.market.candles(MARKET, "5min", 1, 2),
    "market_deals": lambda client: client.market.trades(MARKET),
    "market_depth": lambda client: client.market.book(MARKET),
    "market_state": lambda client: client.market.state(MARKET),
    "market_state_all": lambda client: client.market.states(),
    "asset_query": lambda client: client.account.assets(),
    "asset_history": lambda client: every(client.account.ledger("USDT", "fee", 1, 2)),
    "position_pending": lambda client: client.account.positions(MARKET),
    "margin_adjustable": lambda client: client.account.adjustable_margin(MARKET, 7),
    "order_pending": lambda client: every(client.account.open_orders(MARKET)),
    "order_finished": lambda client: every(client.account.finished_orders(MARKET, 1, 2)),
    "order_detail": lambda client: client.account.order(MARKET, 7),
    "order_deals": lambda client: every(client.account.fills(MARKET, 1, 2)),
    "stop_pending": lambda client: every(client.account.open_stops(MARKET)),
    "stop_finished": lambda client: every(client.account.finished_stops(MARKET)),
    "leverage": lambda client: client.account.leverage(MARKET),
    "limit_order": lambda client: client.trading.limit_order(
        MARKET, Side.BUY, "1500.50", Decimal("1E-3"), stops=STOPS
    ),
    "market_order": lambda client: client.trading.market_order(MARKET, Side.SELL, "1", stops=STOPS),
    "order_cancel": lambda client: client.trading.cancel_order(MARKET, 7),
    "order_cancel_all": lambda client: client.trading.cancel_all_orders(MARKET),
    "stop_order": lambda client: client.trading.stop_order(
        MARKET, Side.SELL, "1400", "1500", "1", stop_price_type=PriceType.INDEX, order_price="1399"
    ),
    "stop_cancel": lambda client: client.trading.cancel_stop(MARKET, "1693809549574678795"),
    "stop_cancel_all": lambda client: client.trading.cancel_all_stops(MARKET),
    "set_leverage": lambda client: client.trading.set_leverage(MARKET, "20", PositionType.CROSS),
    "adjust_margin": lambda client: client.trading.adjust_margin(MARKET, MarginChange.INCREASE, "100"),
    "close_limit": lambda client: client.trading.close_limit(MARKET, 7, "1", "1600"),
    "close_market": lambda client: client.trading.close_market(MARKET, 7),
    "close_stop": lambda client: client.trading.close_stop(MARKET, 7, STOPS),
}
GIVE_NOTHING = {"order_cancel_all", "stop_order", "stop_cancel_all", "set_leverage", "close_stop"}


def test_every_call_of_the_document_and_every_method_of_the_client_is_tried_here():
    assert set(CALLS) == {endpoint.name for endpoint in ENDPOINTS}
    groups = (MarketCalls, AccountCalls, TradingCalls)
    methods = [name for group in groups for name in vars(group) if not name.startswith("_")]
    assert len(methods) == len(CALLS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
class TestDocument:
    async def test_the_documents_answer_is_read_whole(self, endpoint):
        async with client_of(Document()) as client:
            found = await CALLS[endpoint.name](client)
        assert client.notices == {}
        if endpoint.name in GIVE_NOTHING:
            assert found is None
        elif endpoint.access == "trading" and endpoint.name != "adjust_margin":
            assert found == json.loads(literal(endpoint))["data"]
        else:
            assert found

    async def test_it_is_asked_with_the_documents_parameters(self, endpoint):
        venue = Document()
        async with client_of(venue) as client:
            await CALLS[endpoint.name](client)
        ((called, params),) = venue.asked
        assert called is endpoint
        paging = {"page", "page_size"} if endpoint.paged else set()
        signed = set(SIGNED) if endpoint.access != "public" else set()
        assert set(endpoint.required) | paging | signed <= set(params)
        assert set(params) <= {*endpoint.required, *endpoint.optional, *paging, *signed}
        assert all(isinstance(value, str) for value in params.values())


async def test_enums_are_their_numbers_and_decimals_are_written_out():
    venue = Document()
    async with client_of(venue) as client:
        await CALLS["limit_order"](client)
    ((_, params),) = venue.asked
    assert {name: params[name] for name in params if name not in (*SIGNED, "client_oid")} == {
        "market": MARKET, "side": "2", "price": "1500.50", "quantity": "0.001", "is_stop": "true",
        "stop_loss_price": "1000", "stop_loss_price_type": "1",
        "take_profit_price": "2000.5", "take_profit_price_type": "3",
    }  # fmt: skip


async def test_every_order_has_a_name_of_its_own():
    venue = Document()
    async with client_of(venue) as client:
        for _ in range(3):
            await CALLS["close_market"](client)
        await client.trading.close_market(MARKET, 7, client_oid="mine")
    names = [params["client_oid"] for _, params in venue.asked]
    assert len(set(names)) == 4
    assert names[3] == "mine"


@pytest.mark.parametrize("value", [0.1, 1.0])
def test_a_binary_fraction_is_no_price(value):
    with pytest.raises(TypeError, match="give a Decimal or a text"):
        text_of(value)


@pytest.mark.parametrize(
    "period", ["1min", "5min", "15min", "30min", "1hour", "4hour", "6hour", "12hour", "1day", "1week"]
)
async def test_a_candles_period_may_be_any_of_the_documents(period):
    async def handler(request):
        assert request.query["type"] == period
        return said(0, "success", [])

    async with client_of(handler) as client:
        assert await client.market.candles(MARKET, period) == []
    assert period in PERIOD_SECONDS


class Listing:
    """A venue with so many records, newest first; it says a count that is not so."""

    def __init__(self, count, cap=1_000, grows=0):
        self.ids = list(range(count, 0, -1))
        self.cap = cap
        self.grows = grows
        self.pages = []
        self.params = []

    async def __call__(self, request):
        params = await params_of(request)
        self.params.append(params)
        page, size = int(params["page"]), min(int(params["page_size"]), self.cap)
        self.pages.append(page)
        of_page = self.ids[(page - 1) * size : page * size]
        records = [{"order_id": number, "market": MARKET} for number in of_page]
        self.ids = [self.ids[0] + 1 + each for each in range(self.grows)][::-1] + self.ids
        return said(0, "success", {"records": records, "page": page, "page_size": size, "count": 0})


class TestPages:
    @pytest.mark.parametrize(("count", "pages"), [(0, 1), (9, 1), (10, 2), (25, 3), (30, 4)])
    async def test_they_are_read_to_the_short_one_whatever_the_count_says(self, count, pages):
        venue = Listing(count)
        async with client_of(venue, page_size=10) as client:
            orders = await every(client.account.open_orders())
        assert [order.order_id for order in orders] == list(range(count, 0, -1))
        assert venue.pages == list(range(1, pages + 1))

    @pytest.mark.parametrize("told", [15, 10_000])
    async def test_a_page_that_is_cut_short_is_not_the_last_where_the_venue_counts_more(self, told):
        async def handler(request):
            params = await params_of(request)
            first = (int(params["page"]) - 1) * 5
            records = [{"order_id": number, "market": MARKET} for number in range(first, min(first + 5, 15))]
            return said(0, "success", {"records": records or None, "page_size": 10, "count": told})

        async with client_of(handler, page_size=10) as client:
            orders = await every(client.account.finished_orders(MARKET))
        assert [order.order_id for order in orders] == list(range(15))

    async def test_a_venue_without_a_page_after_a_full_last_one_has_told_all(self):
        async def handler(request):
            if (await params_of(request))["page"] != "1":
                return said(20_015, "page error")
            return said(0, "success", {"records": [{"order_id": 1, "market": MARKET}], "count": 0})

        async with client_of(handler, page_size=1) as client:
            assert len(await every(client.account.open_orders())) == 1

    async def test_a_page_that_fails_in_a_way_that_passes_is_asked_again_alone(self, monkeypatch):
        monkeypatch.setattr("recorder.client.throttle.FIRST_PAUSE_S", 0.01)
        venue = Listing(25)
        pages, fails = [], [2, 2, 3]

        async def handler(request):
            pages.append(int((await params_of(request))["page"]))
            if fails and fails[0] == pages[-1]:
                fails.pop(0)
                return said(1_010_007, "too many requests")
            return await venue(request)

        async with client_of(handler, page_size=10, tries=3) as client:
            assert len(await every(client.account.open_orders())) == 25
        assert pages == [1, 2, 2, 2, 3, 3]

    async def test_an_order_that_moves_to_the_next_page_meanwhile_comes_once(self):
        venue = Listing(25, grows=3)
        async with client_of(venue, page_size=10) as client:
            orders = [order.order_id for order in await every(client.account.open_orders())]
        assert sorted(orders) == list(range(1, 26))

    async def test_a_venue_that_gives_smaller_pages_than_asked_for_gives_all(self):
        venue = Listing(25, cap=4)
        async with client_of(venue, page_size=10) as client:
            orders = await every(client.account.open_orders())
        assert [order.order_id for order in orders] == list(range(25, 0, -1))

    @pytest.mark.parametrize("count", [20, 25, 40])
    async def test_a_venue_that_cuts_pages_and_does_not_say_so_gives_all(self, count):
        async def handler(request):
            params = await params_of(request)
            size = int(params["page_size"])
            first = (int(params["page"]) - 1) * size
            ids = range(first, min(first + min(size, 20), count))
            records = [{"order_id": number, "market": MARKET} for number in ids]
            return said(0, "success", {"records": records, "page_size": size, "count": 0})

        async with client_of(handler, page_size=100) as client:
            orders = await every(client.account.finished_orders(MARKET))
        assert [order.order_id for order in orders] == list(range(count))

    async def test_a_venue_that_refuses_so_many_a_page_is_asked_for_fewer_from_then_on(self):
        venue, sizes = Listing(45), []

        async def handler(request):
            sizes.append(int((await params_of(request))["page_size"]))
            return said(20_016, "page size error") if sizes[-1] > 30 else await venue(request)

        async with client_of(handler, page_size=100) as client:
            orders = await every(client.account.open_orders())
            again = await every(client.account.open_orders())
        assert [order.order_id for order in orders] == list(range(45, 0, -1))
        assert again == orders
        assert sizes == [100, 50, 25, 25, 25, 25]

    async def test_a_venue_that_refuses_any_number_a_page_is_asked_for_fewer_no_longer(self):
        async def handler(_request):
            return said(20_016, "page size error")

        async with client_of(handler, page_size=100) as client:
            with pytest.raises(RestError, match="page size error"):
                await every(client.account.open_orders())

    async def test_a_history_is_asked_for_up_to_one_second_that_is_over_on_every_page(self):
        venue = Listing(25)
        async with client_of(venue, page_size=10) as client:
            await every(client.account.finished_orders(MARKET, start_s=5))
        assert venue.pages == [1, 1, 2, 3]  # the first tells that there are more, and the venue's time
        assert "end_time" not in venue.params[0]
        [end_s] = {int(params["end_time"]) for params in venue.params[1:]}
        assert end_s < time.time()
        assert {params["start_time"] for params in venue.params} == {"5"}

    @pytest.mark.parametrize("ahead_s", [None, 3_600])
    async def test_a_history_that_grows_while_it_is_read_tells_each_record_once(self, ahead_s):
        times = [1_700_000_000.0] * 25

        async def handler(request):
            params = await params_of(request)
            times.extend([time.time()] * 3)
            until_s = int(params.get("end_time", "9999999999"))
            found = [(number, at) for number, at in enumerate(times) if int(at) <= until_s][::-1]
            first = (int(params["page"]) - 1) * 10
            records = [
                {"id": number, "time": at, "asset": "USDT", "change": "1", "balance": "1"}
                for number, at in found[first : first + 10]
            ]
            return said(0, "success", {"records": records, "page_size": 10, "count": 0})

        end_s = None if ahead_s is None else int(time.time()) + ahead_s
        async with client_of(handler, page_size=10) as client:
            entries = await every(client.account.ledger(end_s=end_s))
        assert len(entries) > 25
        assert [entry.id for entry in entries] == list(range(len(entries)))[::-1]

    async def test_a_history_of_one_page_waits_for_nothing(self):
        venue = Listing(9)
        async with client_of(venue, page_size=10) as client:
            assert len(await every(client.account.finished_orders(MARKET))) == 9
        assert venue.pages == [1]

    async def test_a_list_without_an_end_is_given_up_with_what_was_asked(self, monkeypatch):
        monkeypatch.setattr("recorder.client.account.MAX_PAGES", 3)
        async with client_of(Listing(100), page_size=10) as client:
            with pytest.raises(ProtocolError, match="order/pending: no short page within 3"):
                await every(client.account.open_orders())

    async def test_a_venue_that_gives_one_page_again_and_again_is_given_up(self):
        async def handler(_request):
            records = [{"order_id": number, "market": MARKET} for number in range(10)]
            return said(0, "success", {"records": records})

        async with client_of(handler, page_size=10) as client:
            with pytest.raises(ProtocolError, match="page 2 is page 1 again"):
                await every(client.account.finished_orders(MARKET))

    async def test_what_is_odd_in_a_record_is_counted_and_costs_no_other(self):
        async def handler(_request):
            records = [{"order_id": 1, "market": MARKET, "colour": "red"}, {"market": MARKET}]
            return said(0, "success", {"records": records})

        async with client_of(handler) as client:
            orders = await every(client.account.open_orders())
        assert [order.order_id for order in orders] == [1]
        assert client.notices == {"unknown field order.colour": 1, "order.order_id is missing": 1}
