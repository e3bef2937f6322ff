"""What clients ask over the WebSocket, and what they are told."""

from typing import Final, cast

import msgspec

from recorder.exchange.encoding import encode_error, encode_reply
from recorder.exchange.endpoints import PERIOD_SECONDS
from recorder.exchange.fields import ProtocolError
from recorder.exchange.refusals import (
    PARAMETER_ERROR,
    TOO_MANY_REQUESTS,
    UNKNOWN_MARKET,
    UNKNOWN_PERIOD,
)
from recorder.exchange.requests import Request, parse_request, parse_topic
from recorder.exchange.topics import STREAMS, Topic
from recorder.simulator.hub import Connection, Hub, frame_bytes
from recorder.simulator.merging import step_of
from recorder.simulator.private.streams import METHODS, PrivateStreams
from recorder.simulator.refused import RefusedError
from recorder.simulator.source import Push, Source

MAX_TOPICS: Final = 4_000
"""Subscriptions one connection may hold here; the venue's own number is not documented."""
UNNAMED: Final = Request("", {}, 0)


def read_request(text: str) -> Request:
    """A client's request; an id that is a string is echoed as it came."""
    request = parse_request(text)
    given = msgspec.json.decode(text).get("id", 0)
    if not isinstance(given, str):
        return request
    return Request(request.method, request.params, cast("int", given))  # it is only echoed


def answer(
    text: str, connection: Connection, hub: Hub, source: Source, private: PrivateStreams
) -> Push | None:
    """Do what a client's text asks and queue the reply. Returns what a new subscriber gets at once."""
    try:
        request = read_request(text)
    except ProtocolError as error:
        _reply(connection, encode_error(UNNAMED, PARAMETER_ERROR, str(error)))
        return None
    if request.method == "ping":
        _reply(connection, encode_reply(request, "success"))
    elif request.method in METHODS:
        _private_request(request, connection, private)
    else:
        return _topic_request(request, connection, hub, source)
    return None


def _private_request(request: Request, connection: Connection, private: PrivateStreams) -> None:
    try:
        result = private.answer(request, connection.number, connection.address)
    except RefusedError as refusal:
        _reply(connection, encode_error(request, refusal.code, refusal.message))
    else:
        _reply(connection, encode_reply(request, result))


def _topic_request(request: Request, connection: Connection, hub: Hub, source: Source) -> Push | None:
    try:
        topic = parse_topic(request)
        step = step_of(request.params.get("merge")) if topic.stream == "depth" else None
    except ProtocolError as error:
        _reply(connection, encode_error(request, PARAMETER_ERROR, str(error)))
        return None
    except RefusedError as refused:
        _reply(connection, encode_error(request, refused.code, refused.message))
        return None
    subscribing = request.method.startswith("subscribe.")
    refusal = _refusal(topic, source)
    if (
        refusal is None
        and subscribing
        and len(connection.topics) >= MAX_TOPICS
        and topic not in connection.topics
    ):
        refusal = TOO_MANY_REQUESTS[0], "too many subscriptions"
    if refusal is not None:
        _reply(connection, encode_error(request, *refusal))
        return None
    _reply(connection, encode_reply(request, {"status": "success"}))
    if not subscribing:
        hub.unsubscribe(connection, topic)
        return None
    if step is not None:
        connection.merges[topic.market or ""] = step
    elif topic.stream == "depth":
        connection.merges.pop(topic.market or "", None)
    hub.subscribe(connection, topic)
    return source.snapshot(topic)


def _refusal(topic: Topic, source: Source) -> tuple[int, str] | None:
    assert topic.stream in STREAMS
    if topic.stream == "state":
        return None
    if topic.market not in source.names():
        return UNKNOWN_MARKET, "market error"
    if topic.stream == "kline" and topic.period not in PERIOD_SECONDS:
        return UNKNOWN_PERIOD, "kline type error"
    return None


def _reply(connection: Connection, payload: bytes) -> None:
    connection.send(frame_bytes(payload))
