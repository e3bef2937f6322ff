"""The REST interface as data agrees with the venue's document."""

import json
from pathlib import Path

import pytest

from recorder.exchange import refusals
from recorder.exchange.endpoints import PERIOD_SECONDS, PUBLIC
from recorder.exchange.refusals import retryable

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"


def test_every_public_call_is_where_the_document_says_with_its_parameters():
    calls = {call.path: (call.required, call.optional) for call in PUBLIC}
    assert calls == {
        "/open/api/v2/market/list": ((), ()),
        "/open/api/v2/market/kline": (("market", "type"), ("start_time", "end_time")),
        "/open/api/v2/market/deals": (("market",), ()),
        "/open/api/v2/market/depth": (("market",), ("merge",)),
        "/open/api/v2/market/state": (("market",), ()),
        "/open/api/v2/market/state/all": ((), ()),
    }


def test_names_are_unique_and_every_call_has_a_literal_answer():
    names = [call.name for call in PUBLIC]
    assert len(set(names)) == len(names)
    literal = {path.stem.removeprefix("rest_") for path in FRAMES.glob("rest_*.json")}
    assert {name.removeprefix("market_") for name in names} - {"list"} <= literal
    assert "market_list" in literal


def test_periods_are_those_of_the_document_in_growing_order():
    words = "1min 5min 15min 30min 1hour 4hour 6hour 12hour 1day 1week"
    assert " ".join(PERIOD_SECONDS) == words
    lengths = list(PERIOD_SECONDS.values())
    assert lengths == sorted(lengths)
    assert all(length % 60 == 0 for length in lengths)
    subscribed = [
        json.loads(line)["params"] for line in (FRAMES / "requests.jsonl").read_bytes().splitlines()[:2]
    ]
    assert {params["period"] for params in subscribed} <= set(PERIOD_SECONDS)


def test_rates_are_those_that_were_seen():
    rates = {call.name: call.calls / call.per_s for call in PUBLIC}
    assert rates["market_kline"] == 1
    assert rates["market_depth"] == 0.1
    assert rates["market_state"] == rates["market_state_all"] == 10


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (429, None, True),
        (500, None, True),
        (502, None, True),
        (503, None, True),
        (504, None, True),
        (400, None, False),
        (403, None, False),
        (404, None, False),
        (200, 1_010_007, True),
        (200, 1_010_314, True),
        (200, 12_026, True),
        (200, 10_500, True),
        (200, refusals.PARAMETER_ERROR, False),
        (200, refusals.UNKNOWN_MARKET, False),
        (200, refusals.UNKNOWN_PERIOD, False),
        (200, 0, False),
    ],
)
def test_a_call_is_tried_again_when_it_may_succeed_later_and_only_then(status, code, again):
    assert retryable(status, code) is again
