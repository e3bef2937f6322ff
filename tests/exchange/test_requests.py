"""What a client says, against the literal requests of the documents."""

import json

import pytest
from literal import lines

from recorder.exchange.fields import ProtocolError
from recorder.exchange.requests import (
    encode_ping,
    encode_subscribe,
    encode_unsubscribe,
    parse_request,
    parse_topic,
)
from recorder.exchange.topics import STREAMS, Topic


@pytest.mark.parametrize("line", [line for line in lines("requests") if b"subscribe." in line])
def test_a_request_of_the_document_is_what_its_topic_encodes_to(line):
    request = parse_request(line)
    stream = request.method.partition(".")[2]
    if stream not in STREAMS:
        with pytest.raises(ProtocolError, match="unknown method"):
            parse_topic(request)
        return
    encode = encode_unsubscribe if request.method.startswith("un") else encode_subscribe
    assert json.loads(encode(parse_topic(request), request.id)) == json.loads(line)


def test_every_public_stream_is_among_the_requests_of_the_document():
    methods = {json.loads(line)["method"] for line in lines("requests")}
    both = {f"{action}.{stream}" for stream in STREAMS for action in ("subscribe", "unsubscribe")}
    assert both | {"ping"} <= methods


def test_the_bare_ping_of_the_document_is_read_and_ours_says_the_same_with_an_id():
    bare = parse_request(b'{"method":"ping"}')
    assert (bare.method, bare.params, bare.id) == ("ping", {}, 0)
    ours = parse_request(encode_ping(7))
    assert (ours.method, ours.params, ours.id) == ("ping", {}, 7)


@pytest.mark.parametrize(
    "topic",
    [Topic("trade", "A"), Topic("depth", "A"), Topic("kline", "A", "1week"), Topic("state")],
)
def test_a_topic_survives_encoding_and_reading(topic):
    for encode in (encode_subscribe, encode_unsubscribe):
        assert parse_topic(parse_request(encode(topic, 5))) == topic


@pytest.mark.parametrize("topic", [Topic("trade"), Topic("depth"), Topic("kline", "A")])
def test_a_topic_without_what_its_stream_needs_is_a_mistake_of_ours(topic):
    with pytest.raises(ValueError, match="needs a"):
        encode_subscribe(topic, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        ("\ud800", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "no method"),
        (b'{"method":1}', "no method"),
        (b'{"method":"ping","params":[]}', "params is not an object"),
    ],
)
def test_a_text_that_is_no_request_is_refused_with_its_reason(text, reason):
    with pytest.raises(ProtocolError, match=reason):
        parse_request(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"method":"subscribe.trade"}', "no market"),
        ('{"method":"subscribe.trade","params":{"market":""}}', "no market"),
        ('{"method":"subscribe.kline","params":{"market":"A"}}', "no period"),
        ('{"method":"subscribe.position"}', "unknown method"),
        ('{"method":"update.trade"}', "unknown method"),
        ('{"method":"ping"}', "unknown method"),
    ],
)
def test_a_request_without_a_topic_is_refused_with_its_reason(text, reason):
    with pytest.raises(ProtocolError, match=reason):
        parse_topic(parse_request(text))
