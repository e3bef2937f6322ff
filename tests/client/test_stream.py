"""What a text of the venue is, of any stream."""

from pathlib import Path

import pytest

from recorder.client.client import Client
from recorder.client.stream import read_push
from recorder.exchange.account import AssetPush, OrderPush, PositionPush
from recorder.exchange.candles import KlinePush
from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import Reply
from recorder.exchange.pushes import DepthPush, StatePush, TradePush
from recorder.exchange.topics import Topic

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("trade", TradePush), ("depth", DepthPush), ("kline", KlinePush), ("state", StatePush)],
)
def test_public_pushes_are_read(name, kind):
    frames = (FRAMES / f"{name}.jsonl").read_bytes().splitlines()
    assert {type(read_push(frame)) for frame in frames} == {kind}


def test_an_accounts_pushes_are_read():
    found = [type(read_push(frame)) for frame in (FRAMES / "private.jsonl").read_bytes().splitlines()]
    assert found == [PositionPush, OrderPush, AssetPush]


@pytest.mark.parametrize(
    "text",
    ['{"id": 1, "method": "subscribe.order", "result": "success"}', '{"method": "update.weather", "id": 0}'],
)
def test_anything_else_is_a_reply(text):
    assert isinstance(read_push(text), Reply)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": 0, "method": "update.order", "result": {}, "error": "no"}', "update.order carries an error"),
        ('{"id": 0, "method": "update.order", "result": []}', "order is not an object"),
        ('{"id": 0, "method": "update.asset"}', "assets are not an object"),
        ("{", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_a_protocol_error(text, said):
    with pytest.raises(ProtocolError, match=said):
        read_push(text)


@pytest.mark.parametrize(
    ("url", "topic", "said"),
    [
        ("ws://127.0.0.1:1", Topic("kline", "BTCUSDT"), "needs a period"),
        ("ws://127.0.0.1:1", Topic("depth"), "needs a market"),
        ("http://127.0.0.1:1", Topic("state"), "ws://"),
        (None, Topic("state"), "no ws_url"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_at_once(url, topic, said):
    with pytest.raises(ValueError, match=said):
        Client("http://127.0.0.1:1", url).stream(topic)


async def test_what_nobody_foresaw_is_raised_where_pushes_are_awaited():
    async with (
        Client("http://127.0.0.1:1", "ws://127.0.0.1:99999") as client,
        client.stream(Topic("state")) as stream,
    ):
        with pytest.raises((ValueError, OverflowError)):
            async for _ in stream:
                pass
