"""Whatever comes over the wire is read or refused with a reason: nothing else is raised."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from literal import lines

from recorder.exchange.answers import parse_answer, parse_market_list
from recorder.exchange.candles import KlinePush
from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import Reply, parse
from recorder.exchange.pushes import BOOK_FIELDS, STATE_FIELDS, TRADE_FIELDS, DepthPush, StatePush, TradePush
from recorder.exchange.requests import parse_request, parse_topic
from recorder.exchange.topics import STREAMS, Topic

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
