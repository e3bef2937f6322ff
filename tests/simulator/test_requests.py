"""The literal requests of the documents, sent as they stand."""

import json

import pytest

from recorder.exchange.messages import parse


async def test_every_documented_request_is_answered_with_its_id_and_method(simulated, frames):
    texts = (frames / "requests.jsonl").read_text().splitlines()
    assert len(texts) == 15
    async with simulated(markets=2) as client:
        for text in texts:
            request = json.loads(text)
            await client.ws.send(text)
            reply = await client.until(lambda m, method=request["method"]: m.get("method") == method)
            assert reply["id"] == request.get("id", 0)
            stream = request["method"].rpartition(".")[2]
            if stream in ("position", "order", "asset"):
                assert reply["error"] == {"code": 1_010_313, "msg": "this exchange has no accounts"}
            else:
                assert reply["error"] is None
                assert reply["result"] == ("success" if stream == "ping" else {"status": "success"})


@pytest.mark.parametrize("stream", ["depth", "kline", "state"])
async def test_a_subscriber_gets_the_present_at_once(simulated, push, stream):
    params = {"market": "BTCUSDT", "merge": "0", "period": "15min"} if stream != "state" else {}
    async with simulated(markets=2, rate=0.01) as client:
        await client.send(method=f"subscribe.{stream}", params=params, id=7)
        reply, first = await client.next(), await client.next()
        assert reply["id"] == 7
        assert push(stream)(first)
        assert parse(json.dumps(first)).notices == ()


async def test_the_streams_flow_until_they_are_unsubscribed(simulated, push):
    async with simulated(markets=2, rate=20) as client:
        for stream in ("trade", "depth", "kline"):
            await client.send(
                method=f"subscribe.{stream}",
                params={"market": "BTCUSDT", "merge": "0", "period": "1min"},
                id=1,
            )
        await client.send(method="subscribe.state", params={}, id=2)
        for stream in ("trade", "depth", "kline", "state"):
            for _ in range(2):
                await client.until(push(stream))
        await client.ask(method="unsubscribe.depth", params={"market": "BTCUSDT", "merge": "0"}, id=3)
        client.seen.clear()
        for _ in range(40):
            await client.next()
        assert not any(push("depth")(message) for message in client.seen)
        assert any(push("trade")(message) for message in client.seen)


async def test_subscribing_again_replaces_nothing_comes_twice(simulated, push):
    async with simulated(markets=1, rate=20) as client:
        for number in (1, 2):
            await client.ask(method="subscribe.trade", params={"market": "BTCUSDT"}, id=number)
        for _ in range(30):
            await client.until(push("trade"))
        ids = [message["result"]["id"] for message in client.seen if push("trade")(message)]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"method":"subscribe.trade","params":{"market":"NOPE"},"id":1}', 20_002),
        ('{"method":"subscribe.kline","params":{"market":"BTCUSDT","period":"2min"},"id":1}', 20_019),
        ('{"method":"subscribe.trade","params":{},"id":1}', 80_005),
        ('{"method":"subscribe.trade","params":[],"id":1}', 80_005),
        ('{"method":"subscribe.weather","params":{},"id":1}', 80_005),
        ('{"method":"sign","params":{"client_id":"a","nonce":"b","ts":"1","sign":"c"},"id":1}', 1_010_313),
        ('{"id":1}', 80_005),
        ("[]", 80_005),
        ("hello", 80_005),
    ],
)
async def test_what_cannot_be_done_is_refused_with_its_code(simulated, text, code):
    async with simulated(markets=1) as client:
        await client.ws.send(text)
        reply = await client.next()
        assert reply["error"]["code"] == code
        assert reply["result"] is None


async def test_ids_may_be_texts_or_missing_and_params_too(simulated):
    async with simulated(markets=1) as client:
        assert (await client.ask(method="ping", id="a-7"))["id"] == "a-7"
        assert (await client.ask(method="ping"))["id"] == 0
        assert (await client.ask(method="subscribe.state", id="8"))["result"] == {"status": "success"}
