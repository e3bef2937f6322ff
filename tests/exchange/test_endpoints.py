"""The REST interface as data agrees with the venue's document."""

import json
from pathlib import Path

from recorder.exchange.endpoints import (
    ACCOUNT,
    ENDPOINTS,
    PERIOD_SECONDS,
    POSITION_PENDING,
    PUBLIC,
    TRADING,
    path_of,
)

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


SPAN = ("start_time", "end_time")
STOPS = ("stop_loss_price", "stop_loss_price_type", "take_profit_price", "take_profit_price_type")


def below(prefix, calls):
    return {
        call.path.removeprefix(f"/open/api/v2/{prefix}"): (call.required, call.optional, call.paged)
        for call in calls
        if call.path.startswith(f"/open/api/v2/{prefix}")
    }


def test_every_account_call_is_where_the_document_says_with_its_parameters():
    assert {call.method for call in ACCOUNT} == {"GET"}
    assert below("order/", ACCOUNT) == {
        "pending": ((), ("market",), True),
        "finished": (("market",), SPAN, True),
        "detail": (("market", "order_id"), (), False),
        "deals": (("market",), SPAN, True),
        "stop/pending": ((), ("market",), True),
        "stop/finished": ((), ("market",), True),
    }
    assert below("asset/", ACCOUNT) == {
        "query": ((), (), False),
        "history": ((), ("asset", "business", *SPAN), True),
    }
    assert below("position/", ACCOUNT) == {
        "pending": ((), ("market",), False),
        "margin": (("position_id", "market"), (), False),
    }
    assert below("setting/", ACCOUNT) == {"leverage": (("market",), (), False)}


def test_every_trading_call_is_where_the_document_says_with_its_parameters():
    assert {(call.method, call.access) for call in TRADING} == {("POST", "trading")}
    stop = ("market", "side", "stop_price", "cut_price", "stop_price_type", "quantity")
    assert below("order/", TRADING) == {
        "limit": (("market", "side", "price", "quantity"), ("client_oid", "is_stop", *STOPS), False),
        "market": (("market", "side", "quantity", "client_oid"), ("is_stop", *STOPS), False),
        "cancel": (("market", "order_id"), (), False),
        "cancel/all": (("market",), (), False),
        "stop": (stop, ("order_price",), False),
        "stop/cancel": (("market", "order_id"), (), False),
        "stop/cancel/all": (("market",), (), False),
    }
    assert below("position/", TRADING) == {
        "margin": (("market", "type", "quantity"), (), False),
        "close/limit": (("market", "position_id", "quantity", "price"), ("client_oid",), False),
        "close/market": (("market", "position_id"), ("client_oid",), False),
        "close/stop": (("market", "position_id"), STOPS, False),
    }
    assert below("setting/", TRADING) == {"leverage": (("market", "leverage", "position_type"), (), False)}


def test_the_documents_old_place_is_that_of_the_positions_readings_alone():
    old = {path_of(call, old=True) for call in ENDPOINTS} - {call.path for call in ENDPOINTS}
    assert old == {"/open/api/2/position/pending", "/open/api/2/position/margin"}
    assert path_of(POSITION_PENDING) == "/open/api/v2/position/pending"


def test_names_are_unique_and_every_call_has_a_literal_answer():
    names = [call.name for call in ENDPOINTS]
    assert len(set(names)) == len(names)
    literal = {path.stem.removeprefix("rest_") for path in FRAMES.glob("rest_*.json")}
    assert {name.removeprefix("market_") for name in names} - {"list", "order"} <= literal
    assert {"market_list", "market_order"} <= literal


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
    assert [call.name for call in ACCOUNT if call.calls / call.per_s == 1] == ["order_finished"]
