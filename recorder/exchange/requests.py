"""What a client says to the venue, written and read, as pure functions over text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from recorder.exchange.fields import ProtocolError, json_object
from recorder.exchange.topics import PRIVATE_STREAMS, STREAMS, Stream, Topic


def _params(topic: Topic) -> dict[str, str]:
    if topic.stream == "state" or topic.stream in PRIVATE_STREAMS:
        return {}
    if topic.market is None:
        raise ValueError(f"a {topic.stream} subscription needs a market")
    params = {"market": topic.market}
    if topic.stream == "depth":
        params["merge"] = "0"
    if topic.stream == "kline":
        if topic.period is None:
            raise ValueError("a kline subscription needs a period")
        params["period"] = topic.period
    return params


def encode_subscribe(topic: Topic, request_id: int) -> str:
    """The text that subscribes one topic."""
    return _request(f"subscribe.{topic.stream}", _params(topic), request_id)


def encode_unsubscribe(topic: Topic, request_id: int) -> str:
    """The text that ends one topic."""
    return _request(f"unsubscribe.{topic.stream}", _params(topic), request_id)


def encode_ping(request_id: int) -> str:
    """The venue's own heartbeat; any text counts as life, this one is answered."""
    return _request("ping", {}, request_id)


SIGN_WORDS: Final = ("sign", "subscribe.sign")
"""As the exchange's samples call it, and its table."""


def encode_sign(signature: Mapping[str, str], request_id: int, word: str = SIGN_WORDS[0]) -> str:
    """The text that signs a connection in."""
    return _request(word, dict(signature), request_id)


def _request(method: str, params: dict[str, str], request_id: int) -> str:
    return msgspec.json.encode({"method": method, "params": params, "id": request_id}).decode()


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent, as a server reads it. `id` is 0 where the client gave none."""

    method: str
    params: dict[str, Any]
    id: int


def parse_request(text: bytes | str) -> Request:
    """Read a client's text. Raises ProtocolError: not JSON, no object, no method, params no object."""
    message = json_object(text)
    method = message.get("method")
    if not isinstance(method, str):
        raise ProtocolError("no method")
    params = message.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise ProtocolError("params is not an object")
    request_id = message.get("id", 0)
    return Request(method, params, request_id if isinstance(request_id, int) else 0)


def parse_topic(request: Request) -> Topic:
    """The topic of a `subscribe.*` or `unsubscribe.*`. Raises ProtocolError for another method."""
    action, _, stream = request.method.partition(".")
    if action not in ("subscribe", "unsubscribe") or stream not in STREAMS:
        raise ProtocolError(f"unknown method {request.method!r}")
    topic_stream: Stream = stream
    if topic_stream == "state":
        return Topic("state")
    market = request.params.get("market")
    if not isinstance(market, str) or not market:
        raise ProtocolError("no market")
    period = request.params.get("period")
    if topic_stream == "kline" and not isinstance(period, str):
        raise ProtocolError("no period")
    return Topic(topic_stream, market, period if topic_stream == "kline" else None)
