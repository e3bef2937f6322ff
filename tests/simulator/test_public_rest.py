"""The documented answers are the pattern: same envelope, same fields, same types."""

import json
import time

import pytest

from recorder.exchange import answers
from recorder.exchange.candles import parse_candles
from recorder.exchange.endpoints import PERIOD_SECONDS


def shape(value):
    """A JSON value with its scalars replaced by their types; lists by their first element."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


@pytest.mark.parametrize(
    ("fixture", "path", "query"),
    [
        ("rest_kline.json", "kline", {"market": "ETHUSDT", "type": "1min", "start_time": "1697617535"}),
        ("rest_deals.json", "deals", {"market": "ETHUSDT"}),
        ("rest_depth.json", "depth", {"market": "ETHUSDT", "merge": "0"}),
        ("rest_state.json", "state", {"market": "ETHUSDT"}),
    ],
)
async def test_an_answer_has_the_documented_form(simulated, eventually, frames, fixture, path, query):
    documented = json.loads((frames / fixture).read_text())
    async with simulated(markets=2, rate=50) as client:
        await eventually(lambda: client.exchange._source.deals("ETHUSDT"))
        status, body = await client.get(path, **query)
    assert status == 200
    assert shape(body) == shape(documented)


async def test_all_states_are_states_by_market(simulated, frames):
    documented = json.loads((frames / "rest_state_all.json").read_text())
    async with simulated(markets=6) as client:
        _, body = await client.get("state/all")
        _, one = await client.get("state", market="1000SHIBUSDT")
    assert (
        shape(body["data"]["1000SHIBUSDT"]) == shape(documented["data"]["1000SHIBUSDT"]) == shape(one["data"])
    )
    assert len(body["data"]) == 6


async def test_the_market_list_is_whole(simulated):
    async with simulated(markets=30) as client:
        _, body = await client.get("list")
    markets, faults = answers.parse_market_list(body["data"])
    assert (len(markets), faults) == (30, ())


@pytest.mark.parametrize("period", PERIOD_SECONDS)
async def test_candles_of_every_period_are_aligned_and_end_with_the_running_one(simulated, period):
    async with simulated(markets=1, limits=False) as client:
        _, body = await client.get("kline", market="BTCUSDT", type=period)
    candles, faults = parse_candles(body["data"], None)
    seconds = PERIOD_SECONDS[period]
    assert not faults
    assert 0 < len(candles) <= 1_000
    assert [candle.time for candle in candles] == list(range(candles[0].time, candles[-1].time + 1, seconds))
    assert candles[-1].time % seconds == 0
    assert candles[-1].time <= time.time() < candles[-1].time + seconds + 5


async def test_rows_are_capped_and_the_start_clamped_without_a_word(simulated):
    async with simulated(markets=1, limits=False) as client:
        _, wide = await client.get("kline", market="BTCUSDT", type="1min", start_time="0")
        end = wide["data"][-5][0]
        _, narrow = await client.get(
            "kline", market="BTCUSDT", type="1min", start_time=str(end - 120), end_time=str(end)
        )
    assert len(wide["data"]) == 1_000
    assert [row[0] for row in narrow["data"]] == [end - 120, end - 60, end]
    assert narrow["data"] == wide["data"][-7:-4]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("kline", {"market": "BTCUSDT", "type": "2min"}, 20_019),
        ("kline", {"market": "BTCUSDT"}, 20_019),
        ("kline", {"market": "BTCUSDT", "type": "1min", "start_time": "yesterday"}, 20_017),
        ("kline", {"market": "BTCUSDT", "type": "1min", "end_time": "-1"}, 20_018),
        ("deals", {}, 80_005),
        ("deals", {"market": "NOPE"}, 20_002),
        ("depth", {"market": "BTCUSDT", "merge": "-1"}, 20_022),
    ],
)
async def test_a_wrong_parameter_is_answered_with_its_code_and_status_200(simulated, path, query, code):
    async with simulated(markets=1) as client:
        status, body = await client.get(path, **query)
    assert (status, body["code"], body["data"]) == (200, code, None)


@pytest.mark.parametrize(("path", "calls"), [("kline", 1), ("depth", 1), ("state", 10)])
async def test_calls_beyond_the_rate_are_refused_with_the_code_for_it(simulated, path, calls):
    async with simulated(markets=1) as client:
        codes = [(await client.get(path, market="BTCUSDT", type="1min"))[1]["code"] for _ in range(calls + 1)]
    assert codes == [0] * calls + [1_010_007]
