"""`recorder run` records an account beside the market data: real processes against the simulated exchange."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from accounts import MARKET, OTHER, environment, every, exchange_of_one, owner, rows, settled, told_of, trade
from commands import recorder
from journals import Lake
from memory_journal import MemoryJournal
from venue import until

from recorder.account import account_of
from recorder.config import load_settings
from recorder.exchange.enums import Side
from recorder.exchange.session import Note
from recorder.journal.reader import Block, JournalReader
from recorder.simulator.faults import Fault


@pytest.fixture
def task(tmp_path, monkeypatch):
    """What records an account, of which nothing runs."""
    monkeypatch.setenv("RECORDER_CLIENT_ID", "client-of-tests")
    monkeypatch.setenv("RECORDER_CLIENT_KEY", "key-of-tests")
    settings = load_settings(None, {"data_dir": tmp_path, "rest_url": "http://127.0.0.1:1"})
    return account_of(settings, MemoryJournal(), set)


class TestStreams:
    """What the status says of the private streams."""

    ORDER, ASSET = [[1, "order"]], [[2, "asset"]]

    def test_a_refused_stream_stands_there_until_it_is_confirmed_itself(self, task):
        task._heed(Note("refused", {"topics": self.ORDER, "error": "no"}))
        task._heed(Note("confirmed", {"topics": self.ASSET}))
        assert task.status()["failures"] == ["streams: refused by the venue: no"]
        task._heed(Note("confirmed", {"topics": self.ORDER}))
        assert task.status()["failures"] == []

    def test_one_that_is_asked_for_again_leaves_another_refused(self, task):
        for topic in (self.ORDER, self.ASSET):
            task._heed(Note("refused", {"topics": topic, "error": "no"}))
        task._heed(Note("subscribe", {"topics": self.ORDER}))
        task._heed(Note("confirmed", {"topics": self.ORDER}))
        assert task.status()["failures"] == ["streams: refused by the venue: no"]

    def test_what_follows_from_a_signature_that_was_not_taken_is_not_told(self, task):
        task._heed(Note("denied", {"code": None, "error": "ip not allowed"}))
        task._heed(Note("refused", {"topics": self.ORDER, "error": "require auth"}))
        task._heed(Note("confirmed", {"topics": self.ASSET}))
        [told] = task.status()["failures"]
        assert told.startswith("streams: ip not allowed: this machine's address is not allowed")

    def test_a_snapshot_is_wanted_once_they_are_confirmed(self, task):
        task._heed(Note("confirmed", {"topics": self.ORDER}))
        assert task._wanted.is_set()


def start(data_dir, exchange, **more):
    given = {"RECORDER_PUBLISH_INTERVAL": "1", "RECORDER_ACCOUNT_INTERVAL": "1s", **more}
    with (data_dir / "stderr.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "recorder", "run", "--data-dir", str(data_dir)],
            env={**os.environ, **environment(exchange), **given},
            stderr=log,
            stdout=subprocess.DEVNULL,
        )


@asynccontextmanager
async def running(data_dir, exchange, **more):
    """A recorder that has taken a snapshot (or failed to); killed at the end if it still runs."""
    process = start(data_dir, exchange, **more)
    try:
        await until(lambda: seen(data_dir, process), 30, "the first snapshot")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def said(data_dir):
    """What the service says of itself, and of its account."""
    try:
        status = json.loads((data_dir / "journal" / "main" / "status.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}, {}
    return status, status.get("account") or {}


def seen(data_dir, process):
    status, account = said(data_dir)
    return status.get("pid") == process.pid and (
        (account.get("snapshots") and not account["markets_waiting"]) or account.get("failures")
    )


def rounds(data_dir):
    """How many there were, answered or denied: each begins with the assets."""
    blocks = JournalReader(data_dir / "journal" / "main").read()
    return sum(block.data.count(b'"call":"asset_query"') for block in blocks if isinstance(block, Block))


async def ended(process, number=signal.SIGTERM):
    process.send_signal(number)
    await until(lambda: process.poll() is not None, 40, "the recorder's end")
    return process.returncode


async def after_a_round(data_dir):
    """Until all that has happened is asked for."""
    await settled()
    now_ns = time.time_ns()
    await until(lambda: (said(data_dir)[1].get("last_snapshot_ns") or 0) > now_ns + 2e9, 30, "a round")


async def compare(data_dir, client):
    """The lake's fills, ledger and finished orders are the exchange's, each once."""
    told, orders, fills = client.account, [], []
    for market in (MARKET, OTHER):
        orders += await every(told.finished_orders(market))
        fills += await every(told.fills(market))
    ledger = await every(told.ledger())
    for table, records in (("account_fills", fills), ("account_ledger", ledger)):
        assert Counter(rows(data_dir, table)) == Counter(told_of(table, record) for record in records), table
    found = Counter(rows(data_dir, "account_orders"))
    assert max(found.values()) == 1
    assert {told_of("account_orders", order) for order in orders} <= set(found)
    assert len(fills) > 1
    [(summed,)] = Lake(data_dir).rows("account_ledger", "sum(change)")
    [(balance,)] = Lake(data_dir).rows("account_assets", "max_by(balance, (ts_recv, seq))")
    assert summed == balance


@pytest.mark.long
async def test_what_the_account_does_is_in_the_lake_over_restarts_kills_and_lost_connections(tmp_path):
    async with exchange_of_one(limits=False) as exchange, owner(exchange) as client:
        async with running(tmp_path, exchange) as process:
            await trade(client)
            await after_a_round(tmp_path)
            await ended(process, signal.SIGKILL)
        await trade(client, OTHER)
        async with running(tmp_path, exchange) as process:
            await until(lambda: said(tmp_path)[1].get("stream") == "live", 20, "the streams")
            await client.trading.market_order(MARKET, Side.BUY, "0.01")
            await after_a_round(tmp_path)
            assert await ended(process) == 0
        await compare(tmp_path, client)
    lake = Lake(tmp_path)
    assert ("ws",) in lake.rows("account_positions", "DISTINCT source")
    assert ("ws",) in lake.rows("account_orders", "DISTINCT source")
    gaps = lake.rows("gaps", "reason, ts_end IS NULL", "WHERE stream = 'account' ORDER BY ts_start")
    assert gaps == [("start", False), ("crash", False), ("stop", True)]
    assert len(lake.rows("trades")) > 0
    shown = await asyncio.to_thread(recorder, "rebuild", "--verify", "--data-dir", tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    private = [tmp_path / "journal" / "main", *(tmp_path / "lake").glob("account_*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o700}


def lost(data_dir):
    """Whether the account's connection was ever lost, by the log."""
    lines = (data_dir / "stderr.log").read_text().splitlines()
    return any('"connection": 0' in line and '"event": "disconnected"' in line for line in lines)


@pytest.mark.long
async def test_after_a_lost_connection_it_signs_in_again_and_takes_a_snapshot(tmp_path):
    fault = (Fault("drop", every=10.0),)
    async with (
        exchange_of_one(limits=False, faults=fault) as exchange,
        running(tmp_path, exchange, RECORDER_ACCOUNT_INTERVAL="1h") as process,
    ):
        await until(lambda: said(tmp_path)[1].get("stream") == "live", 20, "the streams")
        await until(lambda: lost(tmp_path), 30, "the loss")
        before = said(tmp_path)[1]["snapshots"]
        await until(lambda: said(tmp_path)[1]["snapshots"] > before, 30, "a snapshot after it")
        await ended(process)
    gaps = Lake(tmp_path).rows("gaps", "reason, ts_end IS NULL", "WHERE stream = 'account' ORDER BY ts_start")
    assert {("start", False), ("disconnect", False)} <= set(gaps)


@pytest.mark.long
async def test_the_streams_wait_for_no_snapshot(tmp_path):
    fault = (Fault("http", at=0.0, seconds=600.0, status=502, path="/open/api/v2/asset"),)
    async with exchange_of_one(limits=False, faults=fault) as exchange:
        process = start(tmp_path, exchange)
        try:
            await until(lambda: said(tmp_path)[1].get("stream") == "live", 20, "the streams")
            assert said(tmp_path)[1]["snapshots"] == 0
        finally:
            assert await ended(process) == 0


@pytest.mark.long
async def test_a_wrong_key_is_told_once_and_leaves_market_data_as_it_is(tmp_path):
    async with (
        exchange_of_one() as exchange,
        running(tmp_path, exchange, RECORDER_CLIENT_KEY="wrong-key-of-tests") as process,
    ):
        await until(lambda: len(said(tmp_path)[1].get("failures", ())) == 2, 20, "both failures")
        before = rounds(tmp_path)
        await until(lambda: rounds(tmp_path) >= before + 3, 30, "three more rounds")
        status, account = said(tmp_path)
        shown = await asyncio.to_thread(recorder, "status", "--data-dir", tmp_path)
        assert await ended(process) == 0
    told = (tmp_path / "stderr.log").read_text()
    assert told.count("the account is not recorded") == 2  # by REST and by the streams
    assert "check the client's id and key" in told
    assert "wrong-key-of-tests" not in told
    assert [failure.partition(":")[0] for failure in account["failures"]] == ["REST", "streams"]
    assert "account: no snapshot yet, streams refused" in shown.stdout
    assert (status["reconnects"], status["connections_up"]) == (0, status["connections"])
    assert len(Lake(tmp_path).rows("trades")) > 0
    assert Lake(tmp_path).rows("gaps", "*", "WHERE reason IN ('disconnect', 'silence')") == []


async def test_without_credentials_nothing_of_it_runs(tmp_path):
    async with exchange_of_one() as exchange:
        process = start(tmp_path, exchange, RECORDER_CLIENT_ID="", RECORDER_CLIENT_KEY="")
        try:
            await until(lambda: said(tmp_path)[0].get("frames"), 30, "frames")
            assert said(tmp_path)[0]["account"] is None
        finally:
            assert await ended(process) == 0
    assert Lake(tmp_path).rows("gaps", "*", "WHERE stream = 'account'") == []
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "lake").glob("account_*")}
    assert 0o700 not in modes
