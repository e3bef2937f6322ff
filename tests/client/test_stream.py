"""What a text of the venue is, of any stream."""

from pathlib import Path

import pytest

from recorder.client.stream import read_push
from recorder.exchange.account import AssetPush, OrderPush, PositionPush
from recorder.exchange.candles import KlinePush
from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import Reply
from recorder.exchange.pushes import DepthPush, StatePush, TradePush

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("trade", TradePush), ("depth", DepthPush), ("kline", KlinePush), ("state", StatePush)],
)
def test_public_pushes_are_read(name, kind):
    frames = (FRAMES / f"{name}.jsonl").read_bytes().splitlines()
    assert any(isinstance(read_push(frame), kind) for frame in frames)


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
