"""The private calls over a real socket: the documented answers are the pattern, and the codes."""

import asyncio
import json
import time
from decimal import Decimal
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from recorder.exchange.endpoints import ACCOUNT, TRADING, path_of
from recorder.simulator.faults import Fault

BTC = {"market": "BTCUSDT"}


def form(value):
    """A JSON value's fields in their order, with their types; lists by their first element."""
    if isinstance(value, dict):
        return [(name, form(item)) for name, item in value.items()]
    if isinstance(value, list):
        return [form(item) for item in value[:1]]
    return "number" if isinstance(value, float) else type(value).__name__


def number_or_text(shape):
    """Times may be whole by chance: numbers are one kind, and so a list's `int` is `number`."""
    return json.loads(json.dumps(shape).replace('"int"', '"number"'))


async def last_price(client, market="BTCUSDT"):
    _, body = await client.get("state", market=market)
    return Decimal(body["data"]["last"])


async def scenario(client, me):
    """Every private call once, each with something to tell: answers by "METHOD path"."""
    last = await last_price(client)
    low, high = str(last * Decimal("0.9") // 1), str(last * Decimal("1.1") // 1)
    told = {}

    async def get(path, **query):
        told[f"GET /open/api/v2/{path}"] = await me.get(path, **query)

    async def post(path, **fields):
        told[f"POST /open/api/v2/{path}"] = await me.post(path, **fields)
        return told[f"POST /open/api/v2/{path}"]["data"]

    await post("setting/leverage", leverage="10", position_type=1, **BTC)
    await post("order/market", side=2, quantity="0.02", client_oid="a", **BTC)
    rested = await post("order/limit", side=2, price=low, quantity="0.01", **BTC)
    await get("order/pending", page=1, page_size=10, **BTC)
    position = (await me.data("position/pending"))[0]["position_id"]
    stop = {"stop_price_type": 3, "cut_price": str(last), "quantity": "0.01", **BTC}
    await post("order/stop", side=1, stop_price=low, **stop)
    await me.done("order/stop", side=1, stop_price=high, order_price=high, **stop)
    await get("order/stop/pending")
    stops = await me.data("order/stop/pending")
    await post("order/stop/cancel", order_id=stops["records"][0]["contract_order_id"], **BTC)
    await get("order/stop/finished")
    await post("order/stop/cancel/all", **BTC)
    await post("position/margin", type=1, quantity="10.5", **BTC)
    told["GET /open/api/2/position/margin"] = await me.get("position/margin", position_id=position, **BTC)
    await post(
        "position/close/stop", position_id=position, stop_loss_price=low, take_profit_price=high, **BTC
    )
    told["GET /open/api/2/position/pending"] = await me.get("position/pending")
    await post("order/cancel", order_id=rested, **BTC)
    await post("position/close/limit", position_id=position, quantity="0.01", price=high, **BTC)
    await post("order/cancel/all", **BTC)
    closed = await post("position/close/market", position_id=position, **BTC)
    await get("order/detail", order_id=closed, **BTC)
    await get("order/finished", **BTC)
    await get("order/deals", **BTC)
    await get("setting/leverage", **BTC)
    await get("asset/query")
    await get("asset/history", business="close")
    return told


async def test_all_23_calls_answer_in_the_documented_form(simulated, signed, frames):
    documented = {
        f"{endpoint.method} {path_of(endpoint, old=True)}": json.loads(
            (frames / f"rest_{endpoint.name}.json").read_text()
        )
        for endpoint in (*ACCOUNT, *TRADING)
    }
    async with simulated(markets=2, accounts=1) as client:
        told = await scenario(client, signed(client))
    assert {call: body["code"] for call, body in told.items()} == dict.fromkeys(documented, 0)
    for call, body in told.items():
        pattern = documented[call]
        if call == "GET /open/api/v2/asset/query":
            pattern["data"].pop("USTT")  # this exchange has one currency
        assert number_or_text(form(body)) == number_or_text(form(pattern)), call


async def test_an_order_keeps_the_name_that_its_client_gave_it(simulated, signed):
    async with simulated(markets=1, accounts=1, limits=False) as client:
        me = signed(client)
        opened = await me.done("order/market", side=2, quantity="0.02", client_oid="mine-1", **BTC)
        position = (await me.data("position/pending"))[0]["position_id"]
        closed = await me.done("position/close/market", position_id=position, client_oid="mine-2", **BTC)
        orders = (await me.data("order/finished", **BTC))["records"]
        assert {order["order_id"]: order["client_oid"] for order in orders} == {
            opened: "mine-1",
            closed: "mine-2",
        }
        body = await me.post("order/market", side=2, quantity="0.02", client_oid="x" * 65, **BTC)
        assert body["code"] == 80_005


async def test_closing_at_the_market_leaves_what_a_resting_closing_order_holds(simulated, signed):
    async with simulated(markets=1, accounts=1, limits=False) as client:
        me = signed(client)
        high = str(await last_price(client) * Decimal("1.1") // 1)
        await me.done("order/market", side=2, quantity="0.05", **BTC)
        named = {"position_id": (await me.data("position/pending"))[0]["position_id"], **BTC}
        await me.done("position/close/limit", quantity="0.02", price=high, **named)
        await me.done("position/close/market", **named)
        [position] = await me.data("position/pending")
        assert (position["amount"], position["close_left"]) == ("0.0200", "0")
        assert (await me.post("position/close/market", **named))["code"] == 20_008


async def test_the_ledger_adds_up_to_the_balance_on_the_wire(simulated, signed):
    async with simulated(markets=2, accounts=1, limits=False) as client:
        me = signed(client)
        for side in (2, 1, 1):
            await me.done("order/market", side=side, quantity="0.013", **BTC)
        ledger = await me.data("asset/history", page_size=100)
        assets = (await me.data("asset/query"))["USDT"]
    assert ledger["count"] == len(ledger["records"]) >= 5
    changes = [Decimal(line["change"]) for line in ledger["records"]]
    assert sum(changes) == Decimal(ledger["records"][0]["balance"]) == Decimal(assets["balance_total"])
    parts = [Decimal(assets[name]) for name in ("available", "frozen", "margin")]
    assert sum(parts) == Decimal(assets["balance_total"])
    assert ledger["records"][-1]["business"] == "Deposit"
    assert ledger["records"][-1]["change"] == "100000"


async def test_the_documents_own_place_of_the_positions_calls_answers_too(simulated, signed):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        body = await me.call("GET", "2/position/pending", params=me.signature())
        assert body == {"code": 0, "msg": "success", "data": []}
        body = await me.call("GET", "2/position/margin", params={**me.signature(), **BTC, "position_id": "1"})
        assert body["code"] == 10_061


@pytest.mark.parametrize(
    "how", ["form", "json", "json as form", "query", "auth in the query", "texts", "parts"]
)
async def test_what_real_clients_send_is_taken(simulated, signed, how):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        wish = {"market": "BTCUSDT", "side": 2, "price": "1000", "quantity": 0.01}
        auth = me.signature()
        sent = {
            "form": {"data": {**wish, **auth}},
            "json": {"json": {**wish, **auth, "ts": int(auth["ts"]), "is_stop": False, "client_oid": None}},
            "json as form": {"data": json.dumps({**wish, **auth})},
            "query": {"params": {**wish, **auth}},
            "auth in the query": {"params": auth, "json": wish},
            "texts": {"json": {name: str(value) for name, value in {**wish, **auth}.items()}},
            "parts": {"data": aiohttp.MultipartWriter("form-data")},
        }[how]
        for name, value in {**wish, **auth}.items() if how == "parts" else ():
            sent["data"].append(str(value)).set_content_disposition("form-data", name=name)
        body = await me.call("POST", "v2/order/limit", **sent)
        assert body["code"] == 0
        assert isinstance(body["data"], int)
        assert (await me.data("order/pending"))["count"] == 1


async def test_what_a_json_client_adds_to_an_order_does_not_fail_it(simulated, signed):
    async with simulated(markets=1, accounts=1, limits=False) as client:
        me = signed(client)
        wish = {"market": "BTCUSDT", "side": 2.0, "quantity": 0.01, "tags": ["x"], "meta": {"a": 1}}
        body = b"\xef\xbb\xbf" + json.dumps({**wish, **me.signature()}).encode()
        sent = {"data": body, "headers": {"Content-Type": "application/json"}}
        assert (await me.call("POST", "v2/order/market", **sent))["code"] == 0
        body = await me.call("POST", "v2/order/market", json={**wish, "side": [2], **me.signature()})
        assert body["code"] == 80_005


async def test_a_name_that_is_no_text_is_refused(simulated, signed):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        wish = {"market": "BTCUSDT", "side": 2, "quantity": "0.01", "client_oid": "\ud800"}
        body = await me.call("POST", "v2/order/market", json={**wish, **me.signature()})
        assert body["code"] == 80_005


STOPS = {"stop_loss_price": "80000", "take_profit_price": "120000"}


@pytest.mark.parametrize(
    ("is_stop", "code", "price"),
    [
        ({}, 0, "80000"),
        ({"is_stop": True}, 0, "80000"),
        ({"is_stop": ""}, 0, "80000"),
        ({"is_stop": False}, 0, "-"),
        ({"is_stop": False, "stop_loss_price": "junk"}, 20_012, None),
        ({"is_stop": False, "take_profit_price": "junk"}, 20_014, None),
        ({"is_stop": False, "stop_loss_price_type": 4}, 20_011, None),
        ({"is_stop": "maybe"}, 80_005, None),
    ],
)
async def test_an_order_that_is_no_stop_has_its_prices_read_but_not_set(
    simulated, signed, is_stop, code, price
):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        sent = {**ORDER, **STOPS, **is_stop}
        body = await me.call("POST", "v2/order/limit", json={**sent, **me.signature()})
        assert body["code"] == code, body["msg"]
        orders = (await me.data("order/pending"))["records"]
        assert [order["stop_loss_price"] for order in orders] == ([price] if price else [])


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
async def test_a_form_in_parts_that_is_none_is_refused(simulated, signed, kind):
    async with simulated(markets=1, accounts=1) as client:
        sent = {"data": b"--y\r\nnothing", "headers": {"Content-Type": kind}}
        body = await signed(client).call("POST", "v2/order/limit", **sent)
        assert body["code"] in {80_005, 1_010_313}


ORDER = {"side": 2, "price": "90000", "quantity": "0.01", **BTC}
STOP = {"side": 1, "stop_price": "50000", "cut_price": "9", "stop_price_type": 1, "quantity": "1", **BTC}


@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("order/limit", {}, 80_005),
        ("order/limit", ORDER | {"market": "NOPE"}, 20_002),
        ("order/limit", ORDER | {"side": 3}, 20_005),
        ("order/limit", ORDER | {"quantity": "x"}, 20_008),
        ("order/limit", ORDER | {"quantity": "-1"}, 20_008),
        ("order/limit", ORDER | {"quantity": "0.00015"}, 20_008),
        ("order/limit", ORDER | {"quantity": "0.00001"}, 10_062),
        ("order/limit", ORDER | {"price": "90000.05"}, 20_010),
        ("order/limit", ORDER | {"price": "nan"}, 20_010),
        ("order/limit", ORDER | {"price": "0"}, 20_010),
        ("order/limit", ORDER | {"stop_loss_price": "x"}, 20_012),
        ("order/limit", ORDER | {"stop_loss_price": "95000"}, 20_012),
        ("order/limit", ORDER | {"stop_loss_price": "80000", "stop_loss_price_type": 4}, 20_011),
        ("order/limit", ORDER | {"take_profit_price": "80000"}, 20_014),
        ("order/limit", ORDER | {"take_profit_price": "99000", "take_profit_price_type": "x"}, 20_013),
        ("order/limit", ORDER | {"quantity": "40"}, 13_128),
        ("order/limit", ORDER | {"quantity": "900000"}, 13_127),
        ("order/market", ORDER | {"quantity": "20"}, 10_056),
        ("order/cancel", {"order_id": "abc", **BTC}, 20_006),
        ("order/cancel", {"order_id": "1", **BTC}, 10_013),
        ("order/stop", STOP | {"stop_price": "-5"}, 20_020),
        ("order/stop", STOP | {"stop_price_type": "5"}, 20_020),
        ("order/stop", STOP | {"cut_price": "cheap"}, 20_021),
        ("order/stop", STOP | {"order_price": "0.01"}, 20_010),
        ("order/stop/cancel", {"order_id": "1", **BTC}, 10_013),
        ("setting/leverage", {"leverage": "7", "position_type": 1, **BTC}, 20_001),
        ("setting/leverage", {"leverage": "10", "position_type": 3, **BTC}, 20_003),
        ("position/margin", {"type": 3, "quantity": "1", **BTC}, 20_004),
        ("position/margin", {"type": 1, "quantity": "1", **BTC}, 10_061),
        ("position/margin", {"type": 1, "quantity": "0", **BTC}, 20_008),
        ("position/close/market", {"position_id": "x", **BTC}, 20_007),
        ("position/close/limit", {"position_id": "1", "price": "9", "quantity": "1", **BTC}, 10_061),
    ],
)
async def test_what_cannot_be_done_has_the_code_for_it(simulated, signed, path, sent, code):
    async with simulated(markets=1, accounts=1) as client:
        body = await signed(client).post(path, **sent)
        assert (body["code"], body["data"]) == (code, None), body["msg"]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("order/pending", {"page": "0"}, 20_015),
        ("order/pending", {"page_size": "1000"}, 20_016),
        ("order/deals", {"start_time": "then", **BTC}, 20_017),
        ("order/deals", {"end_time": "-1", **BTC}, 20_018),
        ("order/deals", {}, 80_005),
        ("order/detail", {"order_id": "7", **BTC}, 10_013),
        ("position/margin", {"position_id": "?", **BTC}, 20_007),
        ("position/pending", {"market": "NOPE"}, 20_002),
    ],
)
async def test_what_cannot_be_read_has_the_code_for_it(simulated, signed, path, query, code):
    async with simulated(markets=1, accounts=1) as client:
        assert (await signed(client).get(path, **query))["code"] == code


async def test_pages_are_whole_newest_first_and_within_the_times_asked_for(simulated, signed):
    async with simulated(markets=1, accounts=1, limits=False) as client:
        me = signed(client)
        ids = [
            (await me.post("order/market", side=1 + number % 2, quantity="0.001", **BTC))["data"]
            for number in range(12)
        ]
        pages = [await me.data("order/finished", page=page, page_size=5, **BTC) for page in (1, 2, 3, 4)]
        assert [order["order_id"] for page in pages for order in page["records"]] == ids[::-1]
        assert [(page["page"], page["page_size"], page["count"]) for page in pages[:1]] == [(1, 5, 0)]
        now = int(time.time())
        early = await me.data("order/finished", end_time=now - 60, **BTC)
        late = await me.data("order/finished", start_time=now - 60, **BTC)
        assert (early["records"], len(late["records"])) == ([], 10)


async def refusal(me, **changed):
    body = await me.call("GET", "v2/asset/query", params=me.signature(**changed))
    return body["code"], body["msg"]


async def test_a_signature_a_time_and_a_nonce_are_refused_in_different_words(simulated, signed):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        assert await refusal(me, sign="0" * 64) == (1_010_313, "signature error")
        assert await refusal(me, client_id="nobody") == (1_010_313, "signature error")
        assert await refusal(me, ts=str(int(time.time()) - 7)) == (1_010_313, "timestamp expired")
        assert await refusal(me, nonce="once") == (0, "success")
        assert await refusal(me, nonce="once") == (1_010_313, "nonce repeated")
        body = await me.call("GET", "v2/asset/query")
        assert (body["code"], body["msg"]) == (1_010_313, "signature error")


async def test_the_time_of_a_signature_is_the_exchanges_which_its_answers_tell(simulated, signed):
    async with simulated(markets=1, accounts=1, faults=(Fault("skew", at=0, seconds=-600),)) as client:
        me = signed(client)
        await client.answered(lambda answer: answer[0] == 200, "list")
        assert (await refusal(me))[1] == "timestamp expired"
        assert (await refusal(me, ts=str(int(time.time()) - 600)))[0] == 0
        url = f"{client.exchange.rest_url}/open/api/v2/market/list"
        async with client.session.get(url) as response:
            told_s = parsedate_to_datetime(response.headers["Date"]).timestamp()
        assert abs(told_s + 600 - time.time()) < 3


async def test_only_allowed_addresses_come_in(simulated, signed):
    async with simulated(markets=1, accounts=1, allowed_addresses=("10.0.0.1",)) as client:
        assert (await refusal(signed(client)))[0] == 1_010_315
    async with simulated(markets=1, accounts=1, allowed_addresses=("127.0.0.1",)) as client:
        assert (await refusal(signed(client)))[0] == 0


async def test_each_client_has_rates_and_an_account_of_its_own(simulated, signed):
    async with simulated(markets=1, accounts=2) as client:
        first, second = signed(client), signed(client, 2)
        codes = [(await first.get("order/finished", **BTC))["code"] for _ in range(2)]
        assert codes == [0, 1_010_007]
        assert (await second.get("order/finished", **BTC))["code"] == 0
        await first.done("order/market", side=2, quantity="0.01", **BTC)
        users = [(await each.data("asset/history"))["records"][-1]["user_id"] for each in (first, second)]
        assert users == [9_108, 9_109]
        assert await second.data("position/pending") == []


async def test_an_exchange_without_accounts_says_so(simulated):
    async with simulated(markets=1) as client:
        for method, path in (("GET", "asset/query"), ("POST", "order/market")):
            url = f"{client.exchange.rest_url}/open/api/v2/{path}"
            async with client.session.request(method, url) as response:
                body = await response.json()
            assert body["code"] == 1_010_313
            assert body["msg"].startswith("this exchange has no accounts")


async def test_an_order_is_a_public_trade_of_its_time_and_in_the_candle(simulated, signed, push):
    async with simulated(markets=1, accounts=1, rate=0.01) as client:
        me = signed(client)
        await client.ask(method="subscribe.trade", params=BTC, id=1)
        before = time.time()
        order_id = await me.done("order/market", side=2, quantity="0.0137", **BTC)
        seen = [(await client.until(push("trade")))["result"]]
        while sum(Decimal(trade["amount"]) for trade in seen) < Decimal("0.0137"):
            seen.append((await client.until(push("trade")))["result"])
        await asyncio.sleep(0.05)
        fills = (await me.data("order/deals", **BTC))["records"]
        order = await me.data("order/detail", order_id=order_id, **BTC)
    assert [(fill["price"], fill["amount"], fill["time"]) for fill in fills[::-1]] == [
        (trade["price"], trade["amount"], trade["time"]) for trade in seen
    ]
    assert {trade["type"] for trade in seen} == {"buy"}
    assert before - 0.001 <= order["create_time"] <= time.time()
    assert (order["status"], order["filled"], order["left"]) == (3, "0.0137", "0")


async def test_the_record_of_calls_holds_no_signature(simulated, signed, tmp_path):
    record = tmp_path / "sent.ndjson"
    async with simulated(markets=1, accounts=1, record=record) as client:
        await signed(client).data("order/pending", page=1)
    calls = [json.loads(line) for line in record.read_text().splitlines() if '"rest"' in line]
    assert [(call["query"], call["code"]) for call in calls] == [({"page": "1"}, 0)]
