"""Private streams over a real socket: signed in, followed, and pushed on every change."""

import json
from decimal import Decimal

import pytest
import websockets

from recorder.exchange.account import read_private
from recorder.simulator.faults import Fault

BTC = {"market": "BTCUSDT"}
STREAMS = ("position", "order", "asset")


async def signed_in(client, me, method="sign"):
    return await client.ask(method=method, params=me.signature(), id=3)


async def follow(client, *streams):
    for stream in streams:
        reply = await client.ask(method=f"subscribe.{stream}", id="p-1")
        assert (reply["id"], reply["result"], reply["error"]) == ("p-1", {"status": "success"}, None)


@pytest.mark.parametrize("method", ["sign", "subscribe.sign"])
async def test_both_documented_words_sign_in(simulated, signed, method):
    async with simulated(markets=1, accounts=1) as client:
        reply = await signed_in(client, signed(client), method)
        assert (reply["id"], reply["result"], reply["error"]) == (3, "success", None)


@pytest.mark.parametrize("stream", STREAMS)
async def test_nobody_follows_an_account_before_signing_in(simulated, stream):
    async with simulated(markets=1, accounts=1) as client:
        reply = await client.ask(method=f"subscribe.{stream}", params={}, id=1)
        assert reply["error"] == {"code": 1_010_313, "msg": "not signed in: sign first"}


async def test_a_wrong_signature_and_a_used_nonce_are_refused(simulated, signed):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        auth = me.signature()
        for params, error in (
            ({**auth, "sign": "0"}, "signature error"),
            ({**auth, "ts": int(auth["ts"])}, None),
            (auth, "nonce repeated"),
            ({}, "signature error"),
        ):
            reply = await client.ask(method="sign", params=params, id=1)
            assert (reply["error"] or {}).get("msg") == error


async def test_every_change_is_pushed_and_readable_and_nothing_before_it(simulated, signed, push):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        await signed_in(client, me)
        await follow(client, *STREAMS)
        assert not any(push(stream)(message) for message in client.seen for stream in STREAMS)
        order_id = await me.done("order/market", side=2, quantity="0.01", **BTC)
        order = (await client.until(push("order")))["result"]
        assert {"order_id", "market", "status", "left"} <= set(order)
        while order["status"] != 3:
            order = (await client.until(push("order")))["result"]
        assert order["order_id"] == order_id
        assert order == await me.data("order/detail", order_id=order_id, **BTC)
        assets = (await client.until(push("asset")))["result"]
        position = next(m["result"] for m in client.seen if push("position")(m))
        assert (position["event"], position["position"]["side"]) == (1, 2)
        assert set(assets) == {"USDT"}
        assert Decimal(assets["USDT"]["margin"]) > 0
        for message in client.seen:
            method = message.get("method", "")
            if method.startswith("update."):
                assert read_private(method.removeprefix("update."), message["result"]).notices == ()


async def test_the_last_pushes_are_what_a_call_reads_then(simulated, signed, push):
    async with simulated(markets=1, accounts=1, rate=0.01) as client:
        me = signed(client)
        await signed_in(client, me)
        await follow(client, "asset", "position")
        await me.done("order/market", side=1, quantity="0.02", **BTC)
        await me.done("position/margin", type=1, quantity="5", **BTC)
        await client.until(push("position"))
        last = {}
        await client.send(method="ping", id=99)
        while client.seen[-1].get("id") != 99:
            message = await client.next()
            if push("asset")(message):
                last["asset"] = message["result"]["USDT"]
        told = (await me.data("asset/query"))["USDT"]
        for name in ("available", "frozen", "margin", "balance_total"):
            assert last["asset"][name] == told[name]


async def test_an_unsubscribed_stream_is_silent_and_the_others_go_on(simulated, signed, push):
    async with simulated(markets=1, accounts=1) as client:
        me = signed(client)
        await signed_in(client, me)
        await follow(client, *STREAMS)
        await client.ask(method="unsubscribe.order", params={}, id=1)
        await me.done("order/market", side=2, quantity="0.01", **BTC)
        await client.until(push("asset"))
        assert not any(push("order")(message) for message in client.seen)


async def test_signing_belongs_to_a_connection_and_to_one_account(simulated, signed, push):
    async with simulated(markets=1, accounts=2) as client:
        me, other = signed(client), signed(client, 2)
        await signed_in(client, me)
        await follow(client, "order")
        async with websockets.connect(client.exchange.ws_url) as second:
            await second.send(json.dumps({"method": "subscribe.order", "id": 1}))
            assert json.loads(await second.recv())["error"]["code"] == 1_010_313
        await other.done("order/market", side=2, quantity="0.01", **BTC)
        mine = await me.done("order/market", side=2, quantity="0.01", **BTC)
        assert (await client.until(push("order")))["result"]["order_id"] == mine


async def test_a_resting_order_is_hit_by_the_simulated_takers_and_pushed(simulated, signed, push):
    async with simulated(markets=1, accounts=1, rate=40) as client:
        me = signed(client)
        await signed_in(client, me)
        await follow(client, "order")
        _, depth = await client.get("depth", **BTC)
        price = depth["data"]["bids"][0][0]
        order_id = await me.done("order/limit", side=2, price=price, quantity="0.001", **BTC)
        order = (await client.until(push("order")))["result"]
        while order["order_id"] != order_id or order["status"] != 3:
            order = (await client.until(push("order")))["result"]
        assert Decimal(order["avg_price"]) <= Decimal(price)


async def test_a_silence_of_everything_silences_the_private_streams_too(simulated, signed, push):
    async with simulated(markets=1, accounts=1, faults=(Fault("silence", at=0, seconds=60),)) as client:
        me = signed(client)
        await signed_in(client, me)
        await follow(client, *STREAMS)
        await me.done("order/market", side=2, quantity="0.01", **BTC)
        await client.ask(method="ping", id=5)
        assert not any("update" in message.get("method", "") for message in client.seen)
