"""The running exchange: its clock, its witnesses and each fault of the script."""

import asyncio
import json
import time
from collections import Counter

import aiohttp
import pytest
import websockets
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

from recorder.simulator.faults import Fault
from recorder.simulator.server import Exchange, serve
from recorder.simulator.settings import SimulatorSettings


async def subscribe(client, *streams, market="BTCUSDT"):
    for stream in streams:
        params = {"market": market, "merge": "0", "period": "1min"}
        await client.send(method=f"subscribe.{stream}", params=params if stream != "state" else {}, id=1)


async def read_to_the_end(client):
    """Read until the connection ends: the exception that said so."""
    try:
        async with asyncio.timeout(8):
            while True:
                await client.next()
    except (ConnectionClosedOK, ConnectionClosedError) as end:
        return end


async def test_serve_tells_its_urls_and_stops_when_cancelled():
    urls = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(SimulatorSettings(markets=1), lambda *both: urls.set_result(both)))
    rest_url, ws_url = await urls
    assert rest_url.startswith("http://127.0.0.1:")
    async with websockets.connect(ws_url) as ws:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ConnectionClosedOK):
            await ws.recv()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(rest_url)


async def test_a_taken_port_is_an_error_at_the_start():
    first = Exchange(SimulatorSettings(markets=1))
    await first.start()
    port = int(first.rest_url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        await Exchange(SimulatorSettings(markets=1, port=port)).start()
    await first.stop()


async def test_trades_arrive_as_they_happen_and_states_each_second(simulated, push):
    async with simulated(markets=3, rate=10) as client:
        await subscribe(client, "trade", "state")
        trade = await client.until(push("trade"))
        assert abs(time.time() - trade["result"]["time"]) < 0.5
        first = await client.until(push("state"))
        begin = time.monotonic()
        await client.until(push("state"))
        assert 0.5 < time.monotonic() - begin < 1.5
        assert set(first["result"]) == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}


def told(record):
    """The lines of the exchange's own record."""
    return [json.loads(line) for line in record.read_text().splitlines()]


async def test_the_record_holds_exactly_what_a_client_received_in_order(simulated, push, tmp_path):
    record = tmp_path / "sent.ndjson"
    async with simulated(markets=3, rate=20, record=record) as client:
        await subscribe(client, "trade", "depth", "kline", "state")
        for _ in range(60):
            await client.next()
        received = [
            message for message in client.seen if message.get("id") == 0 and "update" in message["method"]
        ]
        sent = client.exchange.sent
        assert sum(sent.values()) >= len(received)
        assert set(sent) == {(s, "BTCUSDT") for s in ("trade", "depth", "kline")} | {("state", None)}
    lines = [line for line in told(record) if line["conn"] == 1]
    assert [line["frame"] for line in lines if "frame" in line][: len(received)] == received
    assert Counter(line.get("event") for line in lines) == {None: sum(sent.values()), "open": 1, "close": 1}


async def test_the_record_tells_every_trade_of_every_market_and_each_once(simulated, tmp_path):
    record = tmp_path / "sent.ndjson"
    async with simulated(markets=3, rate=20, record=record) as client:
        await subscribe(client, "trade")
        for _ in range(60):
            await client.next()
    results = [line["frame"]["result"] for line in told(record) if "frame" in line]
    for market in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        ids = [result["id"] for result in results if result["market"] == market]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_the_record_tells_calls_by_their_arrival_and_faults_as_they_strike(simulated, tmp_path):
    record = tmp_path / "sent.ndjson"
    faults = (
        Fault("http", at=0, seconds=99, status=429, path="/open/api/v2/market/list"),
        Fault("code", at=0, seconds=99, code=10_500, path="/open/api/v2/market/deals"),
    )
    begin = time.time_ns()
    async with simulated(markets=1, faults=faults, record=record) as client:
        await client.answered(lambda answer: answer[0] == 429, "list")
        await client.get("deals", market="BTCUSDT")
        for market in ("BTCUSDT", "XXX"):
            await client.get("state", market=market)
        await client.get("nothing")
    lines = told(record)
    assert [line for line in lines if "fault" in line] == [
        {"t": lines[0]["t"], "fault": "http", "seconds": 99, "status": 429, "path": faults[0].path},
        {"t": lines[1]["t"], "fault": "code", "seconds": 99, "code": 10_500, "path": faults[1].path},
    ]
    calls = [line for line in lines if "rest" in line]
    assert [(line["rest"].rpartition("/")[2], line["status"], line["code"]) for line in calls][-5:] == [
        ("list", 429, None), ("deals", 200, 10_500), ("state", 200, 0), ("state", 200, 20_002),
        ("nothing", 404, None),
    ]  # fmt: skip
    assert calls[-2]["query"] == {"market": "XXX"}
    assert begin < calls[0]["t"] <= calls[-1]["t"] < time.time_ns()


async def test_a_connection_that_says_nothing_is_closed_and_protocol_pings_are_no_word(simulated):
    async with simulated(markets=1, idle_close_s=0.4) as client:
        await client.ws.ping()
        begin = time.monotonic()
        await client.ws.ping()
        end = await read_to_the_end(client)
        assert end.rcvd.code == 1001
        assert 0.3 < time.monotonic() - begin < 2


async def test_a_ping_of_the_venue_keeps_a_connection(simulated):
    async with simulated(markets=1, idle_close_s=0.5) as client:
        begin = time.monotonic()
        while time.monotonic() - begin < 1.2:
            assert (await client.ask(method="ping"))["result"] == "success"
            await asyncio.sleep(0.1)
        assert client.ws.state is websockets.State.OPEN


async def test_a_client_that_asks_and_never_reads_is_cut_off_and_others_live_on(simulated, eventually):
    async with simulated(markets=100) as client:
        exchange = client.exchange
        _, writer = await asyncio.open_connection("127.0.0.1", int(exchange.rest_url.rpartition(":")[2]))
        key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
        writer.write(f"GET /ws HTTP/1.1\r\nHost: x\r\n{key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        await eventually(lambda: len(exchange._hub.connections) == 2)
        text = b'{"method":"subscribe.state","params":{}}'
        request = bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text  # masked with zeros
        writer.write(request * 800)
        await eventually(lambda: len(exchange._hub.connections) == 1)
        assert (await client.ask(method="ping"))["result"] == "success"
        writer.close()


# --- faults ---


async def test_drop_closes_politely(simulated):
    async with simulated(markets=1, faults=(Fault("drop", at=0.3),)) as client:
        end = await read_to_the_end(client)
        assert isinstance(end, ConnectionClosedOK)
        assert end.rcvd.code == 1001


async def test_abort_resets_without_a_close(simulated):
    async with simulated(markets=1, faults=(Fault("abort", at=0.3),)) as client:
        await subscribe(client, "depth")
        end = await read_to_the_end(client)
        assert isinstance(end, ConnectionClosedError)
        assert end.rcvd is None


async def test_abort_can_hit_one_connection_only(simulated):
    async with (
        simulated(markets=1, faults=(Fault("abort", at=0.3, connections=1),)) as client,
        websockets.connect(client.exchange.ws_url) as other,
    ):
        await read_to_the_end(client)
        await other.send('{"method":"ping"}')
        assert json.loads(await other.recv())["result"] == "success"


async def test_silence_takes_one_stream_away_while_the_socket_lives_on(simulated, push):
    silence = Fault("silence", at=0, stream="trade", seconds=1.5)
    async with simulated(markets=1, rate=20, faults=(silence,)) as client:
        begin = time.monotonic()
        await subscribe(client, "trade", "depth")
        first = await client.until(push("trade"))
        assert time.monotonic() - begin > 1.0
        books = [message for message in client.seen if push("depth")(message)]
        assert len(books) > 5
        assert first["result"]["id"] > client.exchange._started_ns // 1_000_000, "trades went on unseen"


async def test_a_silence_covers_the_snapshot_of_a_new_subscription_too(simulated, push):
    async with simulated(markets=1, faults=(Fault("silence", at=0, seconds=0.8),)) as client:
        begin = time.monotonic()
        await subscribe(client, "depth", "state")
        await client.until(push("depth"))
        assert time.monotonic() - begin > 0.5


async def test_lost_trades_are_missed_by_every_client_and_are_among_the_deals(simulated, push, tmp_path):
    record = tmp_path / "sent.ndjson"
    lose = Fault("lose", at=0.5, count=3, stream="trade", market="BTCUSDT")
    async with (
        simulated(markets=2, rate=20, faults=(lose,), record=record) as client,
        websockets.connect(client.exchange.ws_url) as other,
    ):
        await subscribe(client, "trade")
        await other.send('{"method":"subscribe.trade","params":{"market":"BTCUSDT"},"id":1}')
        begin = time.monotonic()
        while time.monotonic() - begin < 1.0:
            trade = await client.until(push("trade"))
        deals = (await client.get("deals", market="BTCUSDT"))[1]["data"]
        ids = {trade["result"]["id"] for trade in client.seen if push("trade")(trade)}
        theirs = {json.loads(text)["result"].get("id") async for text in until_id(other, max(ids))}
    lost = [line["frame"]["result"] for line in told(record) if line.get("lost")]
    numbers = {trade["id"] for trade in lost}
    assert len(numbers) == 3
    assert not numbers & (ids | theirs)
    assert numbers <= set(range(min(ids), max(ids)))
    assert numbers <= {deal["id"] for deal in deals} or max(numbers) < deals[-1]["id"]
    assert trade["result"]["id"] == max(ids)


async def until_id(socket, last):
    """Texts up to the trade of an id."""
    async for text in socket:
        yield text
        if f'"id":{last},' in text:
            return


async def test_slow_answers_take_longer_and_tell_what_was_known_when_they_were_asked_for(simulated):
    slow = Fault("slow", at=0, seconds=0.8, during=1.0, path="/open/api/v2/market/deals")
    async with simulated(markets=1, rate=100, faults=(slow,)) as client:
        await asyncio.sleep(0.1)
        begin = time.time()
        deals = (await client.get("deals", market="BTCUSDT"))[1]["data"]
        assert time.time() - begin >= 0.8
        assert deals[0]["time"] < begin + 0.4
        begin = time.time()
        await client.get("list")
        assert time.time() - begin < 0.4


async def test_garbage_comes_between_the_pushes_and_the_connection_lives(simulated, push):
    async with simulated(markets=1, rate=20, faults=(Fault("garbage", at=0.2, count=9),)) as client:
        await subscribe(client, "trade")
        await client.until(lambda message: isinstance(message, dict) and '"NaN"' in json.dumps(message))
        assert b"\x00\x01\xfe\xff binary" in client.seen
        assert "" in client.seen
        await client.until(push("trade"))


async def test_invalid_utf8_is_what_clients_close_on(simulated):
    async with simulated(markets=1, faults=(Fault("garbage", at=0.2, variant="invalid_utf8"),)) as client:
        end = await read_to_the_end(client)
        assert end.sent.code == 1007


async def test_duplicates_are_the_last_pushes_again(simulated, push):
    async with simulated(markets=1, rate=20, faults=(Fault("duplicates", at=0.8, count=5),)) as client:
        await subscribe(client, "trade")
        counts = Counter()
        while not counts or counts.most_common(1)[0][1] < 2:
            counts[(await client.until(push("trade")))["result"]["id"]] += 1
        for _ in range(20):
            counts[(await client.until(push("trade")))["result"]["id"]] += 1
        assert sum(count == 2 for count in counts.values()) == 5
        assert max(counts.values()) == 2
        assert set(counts) == set(range(min(counts), max(counts) + 1))


async def test_late_pushes_come_behind_newer_ones_and_none_is_lost(simulated, push):
    late = Fault("late", at=0.3, count=10, seconds=0.5, stream="trade")
    async with simulated(markets=1, rate=20, faults=(late,)) as client:
        await subscribe(client, "trade")
        ids = []
        behind = []
        while len(behind) < 10:
            number = (await client.until(push("trade")))["result"]["id"]
            behind += [number] if ids and number < max(ids) else []
            ids.append(number)
        assert sorted(ids) == list(range(min(ids), max(ids) + 1))


async def test_a_skewed_clock_stamps_the_future(simulated, push):
    async with simulated(markets=1, rate=20, faults=(Fault("skew", at=0, seconds=3),)) as client:
        await subscribe(client, "trade")
        await client.until(lambda m: push("trade")(m) and m["result"]["time"] > time.time() + 2)
        assert client.exchange.now_ns() > time.time_ns() + 2 * 10**9


@pytest.mark.parametrize("status", [429, 502])
async def test_a_gateway_answers_html_for_a_while(simulated, status):
    fault = Fault("http", at=0, seconds=0.6, status=status, path="/open/api/v2/market/list")
    async with simulated(markets=1, faults=(fault,)) as client:
        code, body = await client.get("list")
        assert (code, body[:6]) == (status, "<html>")
        assert (await client.get("state/all"))[0] == 200
        await client.answered(lambda answer: answer[0] == 200, "list")


async def test_a_code_is_answered_with_status_200(simulated):
    async with simulated(markets=1, faults=(Fault("code", at=0, seconds=9, code=10_500),)) as client:
        status, body = await client.get("list")
        assert (status, body["code"]) == (200, 10_500)


async def test_refuse_accepts_and_closes_at_once_for_a_while(simulated):
    async with simulated(markets=1, faults=(Fault("refuse", at=0.2, seconds=0.8),)) as client:
        url = client.exchange.ws_url
        closes = 0
        end = time.monotonic() + 8
        while time.monotonic() < end:
            async with websockets.connect(url) as ws:
                try:
                    await ws.send('{"method":"ping"}')
                    await ws.recv()
                except ConnectionClosedError:
                    closes += 1
                else:
                    if closes:
                        break
            await asyncio.sleep(0.02)
        assert closes > 1


async def test_a_new_market_appears_lives_and_goes(simulated, push):
    faults = (Fault("list", at=0.2, market="NEWUSDT"), Fault("delist", at=1.8, market="NEWUSDT"))
    async with simulated(markets=2, rate=30, faults=faults) as client:
        await client.answered(lambda answer: '"NEWUSDT"' in json.dumps(answer), "list")
        await subscribe(client, "trade", "depth", "kline", market="NEWUSDT")
        for stream in ("depth", "kline", "trade"):
            await client.until(push(stream))
        rows = (await client.get("kline", market="NEWUSDT", type="1min"))[1]["data"]
        assert len(rows) <= 2, "a new market has no past"
        await client.answered(lambda answer: answer[1]["code"] == 20_002, "deals", market="NEWUSDT")
