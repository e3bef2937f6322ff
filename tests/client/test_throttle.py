"""The venue's limits are kept by all processes of a data directory, over restarts and kills."""

import asyncio
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from recorder.client import throttle
from recorder.client.throttle import Throttle
from recorder.exchange.endpoints import Endpoint

EVERY_S = 0.2
SLOW = Endpoint("slow", "/slow", calls=1, per_s=EVERY_S)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "limits" / "slow.pace"


async def take(own, times, count, *, takes_s=0.0, urgent=False):
    """Take turns one after another; notes when each began and when its answer came."""
    for _ in range(count):
        async with own.turn(urgent=urgent):
            began = time.monotonic()
            await asyncio.sleep(takes_s)
            times.append((began, time.monotonic()))


def pauses(times):
    return [began - before for (_, before), (began, _) in pairwise(sorted(times))]


async def test_a_call_begins_a_whole_interval_after_the_answer_of_the_one_before():
    times = []
    await take(Throttle(SLOW), times, 4, takes_s=0.03)
    assert all(pause >= EVERY_S for pause in pauses(times))


async def test_jobs_of_one_process_share_the_pace(path):
    own, times = Throttle(SLOW, path), []
    await asyncio.gather(*(take(own, times, 2) for _ in range(3)))
    assert len(times) == 6
    assert all(pause >= EVERY_S for pause in pauses(times))


async def test_two_holders_of_the_file_share_the_pace(path):
    times = []
    await asyncio.gather(*(take(Throttle(SLOW, path), times, 3, takes_s=0.01) for _ in range(2)))
    assert len(times) == 6
    assert all(pause >= EVERY_S for pause in pauses(times))


async def test_one_that_waits_urgently_comes_before_a_long_row_of_others(path):
    long, short = [], []
    backfill = asyncio.create_task(take(Throttle(SLOW, path), long, 6))
    await asyncio.sleep(1.5 * EVERY_S)
    asked = time.monotonic()
    await take(Throttle(SLOW, path), short, 2, urgent=True)
    assert [began for began, _ in long if asked < began < short[0][0]] == []
    backfill.cancel()
    await asyncio.gather(backfill, return_exceptions=True)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from recorder.client.throttle import Throttle
from recorder.exchange.endpoints import Endpoint

async def main():
    slow = Endpoint("slow", "/slow", calls=1, per_s=float(sys.argv[2]))
    async with Throttle(slow, Path(sys.argv[1])).turn():
        print("sent", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_process_killed_while_it_asked_costs_its_turn_and_no_more(path, monkeypatch):
    monkeypatch.setattr(throttle, "ARRIVAL_S", 0.1)
    command = [sys.executable, "-c", KILLED, str(path), str(EVERY_S)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    await process.stdout.readline()
    sent = time.monotonic()
    await process.wait()
    times = []
    await take(Throttle(SLOW, path), times, 1)
    assert EVERY_S * 0.9 <= times[0][0] - sent < 5


async def test_what_another_boot_remembered_is_no_reason_to_wait(path):
    path.parent.mkdir()
    own = Throttle(SLOW, path)
    own._write(0, time.monotonic() + 10 * throttle.CLOCK_LIMIT_S)
    await asyncio.wait_for(take(Throttle(SLOW, path), [], 1), 1)


async def test_a_turn_that_failed_is_over(path):
    own = Throttle(SLOW, path)
    with pytest.raises(ValueError, match="no answer"):
        async with own.turn():
            raise ValueError("no answer")
    times = []
    await asyncio.wait_for(take(Throttle(SLOW, path), times, 1), 2)


async def test_a_cancelled_wait_leaves_the_turn_to_others(path):
    own = Throttle(SLOW, path)
    await take(own, [], 1)
    waiting = asyncio.create_task(take(own, [], 1))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    times = []
    await asyncio.wait_for(take(Throttle(SLOW, path), times, 1), 2)
    assert len(times) == 1
