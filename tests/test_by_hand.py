"""`recorder backfill`, as a user types it, against a venue."""

import asyncio
import time

import pytest
from commands import recorder
from journals import Lake
from venue import Venue

FIRST_S = int(time.time()) // 60 * 60 - 4 * 3_600
ASKED = 60
"""Minutes from the first on: more than one answer holds."""
ABSENT = 7


def candles():
    """An hour and more of minutes, one of them absent."""
    opens = [FIRST_S + minute * 60 for minute in range(90) if minute != ABSENT]
    return {
        open_s: [open_s, "100", "101", "102", "99", f"{open_s % 977 + 1}", "1000", "AAA"] for open_s in opens
    }


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


async def backfill(data_dir, venue, *more):
    """The command over the hour, in a thread: the venue answers meanwhile."""
    span = ("--start", moment(FIRST_S), "--end", moment(FIRST_S + ASKED * 60))
    asked = ("--market", "AAA", "--period", "1min", *span, "--data-dir", data_dir, *more)
    return await asyncio.to_thread(recorder, "backfill", *asked, **venue.environment)


@pytest.fixture
async def venue():
    async with Venue(markets=["AAA"]) as running:
        running.candles["AAA", "1min"] = candles()
        yield running


async def test_it_brings_the_candles_that_there_are_and_counts_the_one_that_there_is_not(tmp_path, venue):
    shown = await backfill(tmp_path, venue)
    assert shown.returncode == 0
    assert f"{ASKED - 1} candles in " in shown.stdout
    assert "1 more were asked for and the venue has none" in shown.stdout
    found = Lake(tmp_path).rows("klines", "epoch(ts_open)::BIGINT, volume, source", "ORDER BY ts_open")
    wanted = [(open_s, float(row[5]), "rest") for open_s, row in candles().items()]
    assert found == [row for row in wanted if row[0] < FIRST_S + ASKED * 60]


async def test_a_second_time_asks_for_nothing(tmp_path, venue):
    await backfill(tmp_path, venue)
    before = sum(endpoint == "kline" for _, endpoint in venue.calls)
    shown = await backfill(tmp_path, venue)
    assert (shown.returncode, "0 candles in 0 requests" in shown.stdout) == (0, True)
    assert sum(endpoint == "kline" for _, endpoint in venue.calls) == before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--market", "NIX"), "NIX"),
        (("--period", "7min"), "'7min' is no period"),
        (("--end", "2020-01-01"), "is not before --end"),
    ],
)
async def test_what_cannot_be_is_refused_in_a_sentence(tmp_path, venue, more, words):
    shown = await backfill(tmp_path, venue, *more)
    assert shown.returncode == 1
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr
