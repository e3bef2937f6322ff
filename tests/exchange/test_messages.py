"""Replies and the envelope of every frame, against the literal texts of the documents."""

import json

import pytest
from literal import lines, refusal

from recorder.exchange.encoding import encode_error, encode_reply
from recorder.exchange.fields import MAX_FRAME_BYTES
from recorder.exchange.messages import ErrorInfo, Reply, parse
from recorder.exchange.requests import (
    encode_subscribe,
    parse_request,
)
from recorder.exchange.topics import Topic

PUSHES = ("trade", "depth", "kline", "state")


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
