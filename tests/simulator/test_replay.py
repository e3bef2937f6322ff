import asyncio
import json
import time

import pytest

from recorder.simulator.recording import RecordingError
from recorder.simulator.replay import Replay, moved

NS = 10**9
T0 = 1_723_161_254 * NS


def line(t_ns, frame):
    return f'{{"t":{t_ns},"frame":{frame}}}\n'


def trade(number, seconds, market="BTCUSDT"):
    body = f'"amount":"0.020","id":{number},"market":"{market}","price":"61837.63","time":{seconds}'
    return f'{{"id":0,"method":"update.trade","result":{{{body},"type":"sell"}},"error":null}}'


BOOK = (
    '{"id":0,"method":"update.depth","result":{"asks":[["1723161255","1"]],"bids":[["61837.63","3.7"]],'
    '"last":"61837.63","market":"BTCUSDT","time":1723161255123},"error":null}'
)
CANDLE = (
    '{"id":0,"method":"update.kline","result":{"data":[[1723161240,"1","1","1","1","5","5","BTCUSDT"]],'
    '"period":"1min"},"error":null}'
)
STATE = '{"id":0,"method":"update.state","result":{"BTCUSDT":{"last":"1","funding_time":5}},"error":null}'


@pytest.fixture
def recording(tmp_path):
    """Twenty trades 0.2 s apart with a book, a candle, a state and another market among them."""
    path = tmp_path / "r.ndjson"
    lines = [line(T0, BOOK), line(T0, CANDLE), line(T0 + NS, STATE), line(T0, '{"id":3,"result":"success"}')]
    lines += [
        line(T0 + n * NS // 5, trade(100 + n, f"172316125{4 + n // 5}.{n % 5 * 2}25")) for n in range(20)
    ]
    lines += [line(T0 + 4 * NS, trade(7, 1723161258.5, "ETHUSDT"))]
    path.write_text("".join(lines))
    return path


async def subscribe_all(client):
    for stream in ("trade", "depth", "kline", "state"):
        params = {"market": "BTCUSDT", "period": "1min", "merge": "0"} if stream != "state" else {}
        await client.send(method=f"subscribe.{stream}", params=params, id=9)
    await client.send(method="subscribe.trade", params={"market": "ETHUSDT"}, id=9)


async def pushes_until(client, last_id):
    """Texts of all pushes up to the trade of an id."""
    texts = []
    while True:
        text = await asyncio.wait_for(client.ws.recv(), 8)
        if '"update.' in text and '"id":9' not in text:
            texts.append((time.monotonic(), text))
            if f'"id":{last_id},' in text:
                return texts


def frames_of(path):
    frames = [line.partition('"frame":')[2].rstrip()[:-1] for line in path.read_text().splitlines()]
    return [frame for frame in frames if '"update.' in frame]


async def test_with_times_kept_every_text_is_the_recorded_one(simulated, recording):
    async with simulated(replay=recording, speed=20, keep_time=True) as client:
        await subscribe_all(client)
        texts = [text for _, text in await pushes_until(client, 7)]
    assert texts == frames_of(recording)


async def test_times_are_moved_to_now_by_whole_minutes_and_nothing_else_changes(simulated, recording):
    async with simulated(replay=recording, speed=20) as client:
        await subscribe_all(client)
        texts = [text for _, text in await pushes_until(client, 7)]
    candle = json.loads(next(text for text in texts if "update.kline" in text))
    shift = candle["result"]["data"][0][0] - 1_723_161_240
    assert shift % 60 == 0
    assert abs(T0 // NS + shift - time.time()) < 70
    assert [moved(text.encode(), -shift).decode() for text in texts] == frames_of(recording)


async def test_the_pace_is_the_recorded_one_times_the_speed(simulated, recording):
    async with simulated(replay=recording, speed=2) as client:
        await subscribe_all(client)
        texts = await pushes_until(client, 7)
    assert 1.7 < texts[-1][0] - texts[0][0] < 2.6


async def test_a_recording_has_no_accounts(simulated, recording):
    async with simulated(replay=recording) as client:
        async with client.session.get(f"{client.exchange.rest_url}/open/api/v2/asset/query") as response:
            body = await response.json()
        assert (body["code"], body["msg"]) == (1_010_313, "this exchange has no accounts")
        reply = await client.ask(method="sign", params={}, id=1)
        assert reply["error"] == {"code": 1_010_313, "msg": "this exchange has no accounts"}


async def test_rest_answers_from_what_was_replayed_and_the_end_is_quiet(simulated, recording):
    async with simulated(replay=recording, speed=50, keep_time=True) as client:
        assert (await client.get("deals", market="BTCUSDT"))[1]["data"] == []
        assert (await client.get("state", market="BTCUSDT"))[1]["data"] is None
        names = [market["name"] for market in (await client.get("list"))[1]["data"]]
        assert sorted(names) == ["BTCUSDT", "ETHUSDT"]
        await subscribe_all(client)
        await pushes_until(client, 7)
        deals = (await client.get("deals", market="BTCUSDT"))[1]["data"]
        assert [deal["id"] for deal in deals] == list(range(119, 99, -1))
        candles = (await client.get("kline", market="BTCUSDT", type="1min"))[1]["data"]
        assert [row[0] for row in candles] == [1_723_161_240]
        assert (await client.get("depth", market="BTCUSDT"))[1]["data"]["bids"] == [["61837.63", "3.7"]]
        assert (await client.get("state/all"))[1]["data"]["BTCUSDT"]["funding_time"] == 5
        assert client.exchange._source.ended
        assert (await client.ask(method="ping"))["result"] == "success"


async def test_who_comes_later_gets_what_is_sent_from_then_on(simulated, recording):
    async with simulated(replay=recording, speed=2) as client:
        await subscribe_all(client)
        await pushes_until(client, 105)
        await client.ws.close()
        async with client.session.ws_connect(client.exchange.ws_url) as ws:
            await ws.send_str('{"method":"subscribe.trade","params":{"market":"BTCUSDT"},"id":1}')
            await ws.receive()
            first = json.loads((await ws.receive()).data)
    assert first["result"]["id"] > 105


def test_a_market_list_entry_tells_the_steps_seen_in_the_trades(recording):
    markets = {market["name"]: market for market in Replay(recording, 1.0, keep_time=True).market_list()}
    assert markets["BTCUSDT"]["tick_size"] == "0.01"
    assert markets["BTCUSDT"]["amount_prec"] == 3
    assert (markets["ETHUSDT"]["stock"], markets["ETHUSDT"]["money"]) == ("ETH", "USDT")


def candle(row, market="BTCUSD"):
    result = json.dumps({"data": [[*row, market]], "period": "1min"})
    return f'{{"id":0,"method":"update.kline","result":{result},"error":null}}'


def described(tmp_path, *frames):
    """The market list's entries by name, of a recording of these frames."""
    path = tmp_path / "r.ndjson"
    path.write_text("".join(line(T0 + n, frame) for n, frame in enumerate(frames)))
    return {market["name"]: market for market in Replay(path, 1.0, keep_time=True).market_list()}


@pytest.mark.parametrize(
    ("market", "row", "kind"),
    [
        ("BTCUSD", [1723161240, "50000", "50010", "50000", "50005", "7", "0.000139986"], 2),
        ("BTCUSD", [1723161240, "50000", "50010", "50000", "50005", "7", "0.0139986"], 2),
        ("BTCUSD", [1723161240, "50000", "50010", "50000", "50005", "7", "350010"], 1),
        ("BTCUSD", [1723161240, "50000", "50010", "50000", "50005", "7", "0.0000001"], 1),
        ("BTCUSD", [1723161240, "50000", "50000", "50000", "50000", "0", "0"], 1),
        ("BTCUSD", [1723161240, "x", "50000", "50000", "50000", "1", "1"], 1),
        ("BTCUSDT", [1723161240, "50000", "50010", "50000", "50005", "7", "0.000139986"], 1),
        ("BTCUSDC", [1723161240, "50000", "50010", "50000", "50005", "7", "0.000139986"], 1),
    ],
)
def test_a_market_in_usd_whose_candles_are_of_contracts_is_inverse(tmp_path, market, row, kind):
    assert described(tmp_path, candle(row, market))[market]["type"] == kind


def test_what_a_market_is_takes_more_than_one_odd_candle(tmp_path):
    rows = [
        [1723161240 + 60 * n, "50000", "50000", "50000", "50000", "5", amount]
        for n, amount in enumerate(("0.0001", "250000", "0.0001"))
    ]
    market = described(tmp_path, *map(candle, rows))["BTCUSD"]
    assert (market["type"], market["stock"], market["money"]) == (2, "BTC", "USD")


async def test_rest_keeps_the_last_version_of_a_candle_and_each_trade_once_whatever_their_order(
    simulated, tmp_path
):
    """Recordings of more than one connection hold frames twice, and late ones behind newer ones."""
    path = tmp_path / "r.ndjson"
    candles = [candle([1723161240, "1", "1", "1", "1", volume, "5"], "BTCUSDT") for volume in ("4", "9", "8")]
    trades = [trade(number, f"{1723161254 + number}.5") for number in (3, 1, 2, 3, 5, 4)]
    odd = ['{"id":0,"method":"update.trade","result":{"market":"BTCUSDT"},"error":null}']
    frames = [*candles, *odd, *trades, trade(7, 1723161258.5, "ETHUSDT")]
    path.write_text("".join(line(T0 + n, frame) for n, frame in enumerate(frames)))
    async with simulated(replay=path, keep_time=True) as client:
        await subscribe_all(client)
        assert len(await pushes_until(client, 7)) == len(frames), "odd ones are sent all the same"
        assert [deal["id"] for deal in (await client.get("deals", market="BTCUSDT"))[1]["data"]] == [
            5, 4, 3, 2, 1
        ]  # fmt: skip
        rows = (await client.get("kline", market="BTCUSDT", type="1min"))[1]["data"]
        assert [row[5] for row in rows] == ["9"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"time":1723161255.342,"a":1}', '{"time":1723161315.342,"a":1}'),
        ('{"time" : 1723161255}', '{"time" : 1723161315}'),
        ('{"time":1723161255123}', '{"time":1723161315123}'),
        ('{"time":17231612551234}', '{"time":17231612551234}'),
        ('{"price":"1723161255","x":[1723161240,"1"]}', '{"price":"1723161255","x":[1723161240,"1"]}'),
        (
            '"update.kline" [[1723161240,"1"],[1723161300,"1723161240"]]',
            '"update.kline" [[1723161300,"1"],[1723161360,"1723161240"]]',
        ),
    ],
)
def test_only_event_times_are_moved(text, expected):
    assert moved(text.encode(), 60).decode() == expected
    assert moved(text.encode(), 0).decode() == text


def test_a_recording_without_frames_is_refused(tmp_path):
    path = tmp_path / "empty.ndjson"
    path.write_text('{"t":1,"e":"start"}\n')
    with pytest.raises(RecordingError, match="no frames in it"):
        Replay(path, 1.0, keep_time=False)
