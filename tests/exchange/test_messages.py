"""Requests, replies and the envelope of every frame, against the literal texts of the documents."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.exchange.answers import parse_answer, parse_market_list
from recorder.exchange.encoding import encode_error, encode_reply
from recorder.exchange.messages import (
    BOOK_FIELDS,
    MAX_FRAME_BYTES,
    STATE_FIELDS,
    STREAMS,
    TRADE_FIELDS,
    DepthPush,
    ErrorInfo,
    KlinePush,
    ProtocolError,
    Reply,
    StatePush,
    Topic,
    TradePush,
    encode_ping,
    encode_subscribe,
    encode_unsubscribe,
    parse,
    parse_request,
    parse_topic,
)

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"
PUSHES = ("trade", "depth", "kline", "state")


def lines(name):
    return (FRAMES / f"{name}.jsonl").read_bytes().splitlines()


def refusal(frame):
    with pytest.raises(ProtocolError) as caught:
        parse(frame)
    return str(caught.value)


class TestRequests:
    @pytest.mark.parametrize("line", [line for line in lines("requests") if b"subscribe." in line])
    def test_a_request_of_the_document_is_what_its_topic_encodes_to(self, line):
        request = parse_request(line)
        stream = request.method.partition(".")[2]
        if stream not in STREAMS:
            with pytest.raises(ProtocolError, match="unknown method"):
                parse_topic(request)
            return
        encode = encode_unsubscribe if request.method.startswith("un") else encode_subscribe
        assert json.loads(encode(parse_topic(request), request.id)) == json.loads(line)

    def test_every_public_stream_is_among_the_requests_of_the_document(self):
        methods = {json.loads(line)["method"] for line in lines("requests")}
        both = {f"{action}.{stream}" for stream in STREAMS for action in ("subscribe", "unsubscribe")}
        assert both | {"ping"} <= methods

    def test_the_bare_ping_of_the_document_is_read_and_ours_says_the_same_with_an_id(self):
        bare = parse_request(b'{"method":"ping"}')
        assert (bare.method, bare.params, bare.id) == ("ping", {}, 0)
        ours = parse_request(encode_ping(7))
        assert (ours.method, ours.params, ours.id) == ("ping", {}, 7)

    @pytest.mark.parametrize(
        "topic",
        [Topic("trade", "A"), Topic("depth", "A"), Topic("kline", "A", "1week"), Topic("state")],
    )
    def test_a_topic_survives_encoding_and_reading(self, topic):
        for encode in (encode_subscribe, encode_unsubscribe):
            assert parse_topic(parse_request(encode(topic, 5))) == topic

    @pytest.mark.parametrize("topic", [Topic("trade"), Topic("depth"), Topic("kline", "A")])
    def test_a_topic_without_what_its_stream_needs_is_a_mistake_of_ours(self, topic):
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
    def test_a_text_that_is_no_request_is_refused_with_its_reason(self, text, reason):
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
    def test_a_request_without_a_topic_is_refused_with_its_reason(self, text, reason):
        with pytest.raises(ProtocolError, match=reason):
            parse_topic(parse_request(text))


class TestReplies:
    def test_every_literal_reply_is_tolerated_whatever_its_shape(self):
        replies = [parse(line) for line in lines("replies")]
        assert all(isinstance(reply, Reply) for reply in replies)
        assert [reply.id for reply in replies] == list(range(1, 9))
        assert replies[1].result == {"status": "success"}
        assert replies[2] == Reply(3, None, result=True, error=None)

    def test_both_error_forms_are_read(self):
        replies = [parse(line) for line in lines("replies")]
        assert replies[5].error == ErrorInfo(20002, "market error")
        assert replies[6].error == ErrorInfo(None, "sign error")
        assert [replies[n].error for n in (0, 3, 4, 7)] == [None] * 4

    @pytest.mark.parametrize(
        ("error", "read"),
        [
            ({"code": "x", "message": "m"}, ErrorInfo(None, "m")),
            ({}, ErrorInfo(None, "")),
            (5, ErrorInfo(None, "5")),
        ],
    )
    def test_other_errors_are_errors_too(self, error, read):
        assert parse(json.dumps({"id": 1, "error": error})).error == read

    @pytest.mark.parametrize("method", ["update.position", "update.order", "update.asset", "server.hello"])
    def test_an_unknown_method_is_a_reply_and_no_fault(self, method):
        message = parse(json.dumps({"id": 0, "method": method, "result": {"a": 1}}))
        assert message == Reply(0, method, {"a": 1}, None)

    def test_an_id_that_is_no_number_is_none(self):
        assert [parse(json.dumps({"id": each})).id for each in ("7", True, 1.5, None)] == [None] * 4

    def test_replies_and_refusals_survive_encoding_and_reading(self):
        request = parse_request(encode_subscribe(Topic("trade", "A"), 9))
        assert parse(encode_reply(request, "success")) == Reply(9, "subscribe.trade", "success", None)
        refused = parse(encode_error(request, 20002, "no"))
        assert refused == Reply(9, "subscribe.trade", None, ErrorInfo(20002, "no"))


class TestEnvelope:
    @pytest.mark.parametrize(
        ("frame", "reason"),
        [
            (b"", "not JSON"),
            (b"\xff\xfe", "not JSON"),
            ("\ud800", "not JSON"),
            (b'{"id":0}x', "not JSON"),
            (b"[" * 100_000, "not JSON"),
            (b'{"id":' + b"1" * 10_000 + b"}", "not JSON"),
            (b"5", "not a JSON object"),
            (b"[]", "not a JSON object"),
            (b'{"method":"update.trade"}', "update.trade without result"),
            (b'{"method":"update.trade","result":{},"error":"x"}', "update.trade carries an error"),
            (b'{"method":"update.trade","result":5}', "trade is not an object"),
            (b'{"method":"update.depth","result":null}', "depth is not an object"),
        ],
    )
    def test_a_frame_that_is_no_message_is_refused_with_its_reason(self, frame, reason):
        assert refusal(frame) == reason

    def test_a_frame_past_the_limit_is_refused_before_it_is_read(self):
        assert refusal(b" " * (MAX_FRAME_BYTES + 1)) == "frame too large"

    def test_a_text_and_its_bytes_are_the_same_message(self):
        for name in ("trade", "depth", "kline", "state", "replies"):
            for line in lines(name):
                assert parse(line.decode()) == parse(line)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "-", "1", "1.50", "-0.1", "1e5", "buy", "1min", 1697619536, 1697620709569])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8)
    | st.dictionaries(st.sampled_from([*TRADE_FIELDS, *BOOK_FIELDS, *STATE_FIELDS, "data", "x"]), inner),
    max_leaves=25,
)  # fmt: skip
hostile = st.one_of(
    st.binary(max_size=200),
    json_values.map(msgspec.json.encode),
    st.builds(
        lambda method, result, error: msgspec.json.encode(
            {"method": method, "result": result, "error": error}
        ),
        st.sampled_from([f"update.{stream}" for stream in STREAMS] + ["update.x", "ping"]),
        json_values,
        st.none() | json_values,
    ),
    st.builds(
        lambda line, at, cut, noise: line[: at % len(line)] + noise + line[at % len(line) + cut :],
        st.sampled_from([line for n in ("trade", "depth", "kline", "state", "replies") for line in lines(n)]),
        st.integers(0, 5000),
        st.integers(0, 20),
        st.binary(max_size=6) | st.sampled_from([b"null", b"[]", b"{}", b'"', b"1e999", b"-", b"true"]),
    ),
)


def outcome(read):
    """What reading gave: a value, or the refusal."""
    try:
        return read()
    except ProtocolError as error:
        return error


@settings(max_examples=400, deadline=None)
@given(hostile)
def test_any_bytes_end_in_a_message_or_in_a_protocol_error(frame):
    found = outcome(lambda: parse(frame))
    assert isinstance(found, TradePush | DepthPush | KlinePush | StatePush | Reply | ProtocolError)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | json_values.map(msgspec.json.encode))
def test_any_bytes_are_a_request_or_a_protocol_error(text):
    assert isinstance(outcome(lambda: parse_topic(parse_request(text))), Topic | ProtocolError)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | json_values.map(lambda data: msgspec.json.encode({"code": 0, "data": data})))
def test_any_rest_body_ends_in_data_or_in_a_protocol_error(text):
    assert isinstance(outcome(lambda: parse_market_list(parse_answer(text).data)), tuple | ProtocolError)
