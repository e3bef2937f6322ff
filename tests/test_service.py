"""`recorder run` as a real process against a venue that shares no code with it."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from journals import Lake
from processes import all_subscribed, ended, recording, start
from venue import Venue, until

MARKETS = ("AAA", "BBB")


class Feed:
    """Pushes trades and books with numbers that never repeat, as fast as asked."""

    def __init__(self, venue):
        self.venue = venue
        self.number = 0

    async def push(self, count, every_s=0.0):
        for _ in range(count):
            self.number += 1
            market = MARKETS[self.number % 2]
            now = 1_723_161_255 + self.number / 1000
            fields = {
                "amount": f"0.{self.number:06d}",
                "price": f"{100 + self.number / 100:.2f}",
                "time": now,
            }
            trade = {**fields, "id": self.number, "market": market, "type": "buy"}
            await self.venue.send("trade", market, trade)
            levels = [[f"{100 + self.number / 100:.2f}", f"{self.number}"], ["99", "1.5"]]
            prices = {"last": "1", "index_price": "2", "sign_price": "3"}
            book = {**prices, "asks": levels, "bids": levels[::-1], "market": market, "time": int(now * 1000)}
            await self.venue.send("depth", market, book)
            if every_s:
                await asyncio.sleep(every_s)


def wire_trades(venue):
    """(market, id, side, price, quantity) -> wall seconds of the first sending."""
    found = {}
    for moment, stream, _, result in venue.sent:
        if stream == "trade":
            key = (
                result["market"],
                result["id"],
                result["type"],
                float(result["price"]),
                float(result["amount"]),
            )
            found.setdefault(key, moment)
    return found


def wire_books(venue):
    found = {}
    for moment, stream, _, result in venue.sent:
        if stream == "depth":
            sides = [tuple((float(p), float(q)) for p, q in result[side]) for side in ("bids", "asks")]
            found.setdefault((result["market"], result["time"], *sides), moment)
    return found


def lake_trades(data_dir):
    return Lake(data_dir).rows("trades", "market, trade_id, side, price, quantity")


def lake_books(data_dir):
    rows = Lake(data_dir).rows("depth", "market, epoch_ms(ts_event), bids, asks")
    return [
        (*row[:2], *(tuple((level["price"], level["quantity"]) for level in side) for side in row[2:]))
        for row in rows
    ]


def uncovered(data_dir, stream, missing):
    """Which of the missing (key -> moment) lie inside no gap of their stream and market."""
    gaps = Lake(data_dir).rows("gaps", "stream, market, epoch_us(ts_start) / 1e6, epoch_us(ts_end) / 1e6")
    return [
        key
        for key, moment in missing.items()
        if not any(
            gap[0] in (None, stream)
            and gap[1] in (None, key[0])
            and gap[2] <= moment
            and (gap[3] is None or moment <= gap[3])
            for gap in gaps
        )
    ]


def compare(data_dir, venue):
    """Missing by stream; asserts that nothing is there twice and nothing is there that was not sent."""
    missing = {}
    for stream, wire, rows in (
        ("trade", wire_trades(venue), lake_trades(data_dir)),
        ("depth", wire_books(venue), lake_books(data_dir)),
    ):
        assert len(rows) == len(set(rows)), f"{stream}: a row is there twice"
        assert set(rows) <= set(wire), f"{stream}: a row is unlike the wire"
        missing[stream] = {key: moment for key, moment in wire.items() if key not in set(rows)}
    return missing


async def test_after_sigterm_all_that_was_sent_is_in_the_lake_once_and_equal_to_the_wire(tmp_path):
    async with Venue() as venue, recording(tmp_path, venue) as process:
        await Feed(venue).push(1_500)
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
        assert compare(tmp_path, venue) == {"trade": {}, "depth": {}}


async def test_after_sigkill_and_restart_only_the_last_moment_is_missing_and_lies_in_a_gap(tmp_path):
    async with Venue() as venue:
        feed = Feed(venue)
        async with recording(tmp_path, venue) as process:
            await feed.push(400, every_s=0.002)
            process.kill()
            killed = time.time()
            await feed.push(20, every_s=0.002)
        async with recording(tmp_path, venue) as process:
            await feed.push(200)
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
        for stream, missing in compare(tmp_path, venue).items():
            assert [key for key, moment in missing.items() if moment < killed - 0.3] == []
            assert uncovered(tmp_path, stream, missing) == []


@pytest.mark.long
async def test_ten_kills_in_a_row_leave_no_half_file_no_duplicate_and_no_silent_loss(tmp_path):
    async with Venue() as venue:
        feed = Feed(venue)
        for round_ in range(10):
            async with recording(tmp_path, venue, RECORDER_PUBLISH_INTERVAL="0.5") as process:
                await feed.push(60, every_s=0.001 * (round_ % 4))
                process.kill()
        async with recording(tmp_path, venue) as process:
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
        for stream, missing in compare(tmp_path, venue).items():
            assert uncovered(tmp_path, stream, missing) == []


async def test_publish_alone_completes_the_lake_after_a_kill_and_leaves_an_open_crash_gap(tmp_path):
    async with Venue() as venue:
        async with recording(tmp_path, venue, RECORDER_PUBLISH_INTERVAL="3600") as process:
            await Feed(venue).push(300)
            await asyncio.sleep(0.15)  # the kernel has it: the promise covers all but the last 100 ms
            process.kill()
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "recorder", "publish", "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert compare(tmp_path, venue) == {"trade": {}, "depth": {}}
    rows = Lake(tmp_path).rows("gaps", "DISTINCT reason, ts_end", "WHERE reason = 'crash'")
    assert rows == [("crash", None)]


async def test_aborted_sockets_cost_only_what_a_gap_covers(tmp_path):
    async with Venue() as venue, recording(tmp_path, venue) as process:
        feed = Feed(venue)
        for _ in range(3):
            await feed.push(100, every_s=0.001)
            venue.abort()
            await until(lambda: all_subscribed(venue), what="the reconnect")
        await feed.push(100)
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
        for stream, missing in compare(tmp_path, venue).items():
            assert uncovered(tmp_path, stream, missing) == []
        reasons = dict(Lake(tmp_path).rows("gaps", "reason, count(*)", "GROUP BY reason"))
        assert reasons["disconnect"] == 3 * len(MARKETS) * 3  # trade, depth, kline; a state was never pushed


async def test_garbage_and_duplicates_cost_nothing_and_are_kept_with_a_reason(tmp_path):
    garbage = [
        "not json", '{"id":0,"method":"update.trade","result":{"id":"x"', "[]", "123", "null", "\u0000\u0001",
        '{"id":0,"method":"update.trade","result":{"id":1,"market":"AAA","price":"NaN","amount":"1","type":"buy","time":1723161255.3},"error":null}',
        '{"id":0,"method":"update.depth","result":{"market":"AAA","asks":"x","bids":[],"time":1723161255000},"error":null}',
        '{"id":0,"method":"update.kline","result":{"data":[[1723161240,"2","3","1","5","1","1","AAA"]],"period":"1min"},"error":null}',
        '{"id":0,"method":"update.state","result":{"AAA":5},"error":null}',
        "{" * 2_000,
    ]  # fmt: skip
    async with Venue() as venue, recording(tmp_path, venue) as process:
        feed = Feed(venue)
        for text in garbage:
            await feed.push(20)
            await venue.send_text(text, "trade", "AAA")
        for _, stream, market, result in list(venue.sent):
            await venue.send(stream, market, result)
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
        assert compare(tmp_path, venue) == {"trade": {}, "depth": {}}
    rejects = Lake(tmp_path).rows("rejects", "reason, frame")
    assert len(rejects) == len(garbage)
    assert all(reason for reason, _ in rejects)


async def test_a_rest_side_that_answers_502_is_waited_for(tmp_path):
    async with Venue(rest_status=502) as venue:
        process = start(tmp_path, venue)
        log = tmp_path / "stderr.log"
        await until(lambda: "HTTP 502" in log.read_text(), what="the complaint")
        venue.rest_status = 200
        await until(lambda: all_subscribed(venue), what="the subscription")
        await Feed(venue).push(10)
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
        assert compare(tmp_path, venue) == {"trade": {}, "depth": {}}


@pytest.mark.long
async def test_after_a_restart_the_stream_is_recorded_although_rest_is_down(tmp_path):
    async with Venue() as venue:
        async with recording(tmp_path, venue) as process:
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
        venue.rest_status = 502
        async with recording(tmp_path, venue) as process:
            await Feed(venue).push(10)
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
    assert compare(tmp_path, venue) == {"trade": {}, "depth": {}}


async def test_a_venue_that_accepts_and_closes_at_once_meets_no_storm(tmp_path):
    async with Venue(close_at_once=True) as venue:
        process = start(tmp_path, venue)
        await until(lambda: venue.connects >= 3, what="the third try")
        began, before = time.monotonic(), venue.connects
        await until(lambda: time.monotonic() - began > 2.0)
        assert venue.connects - before <= 4
        venue.close_at_once = False
        await until(lambda: all_subscribed(venue), 40, "the subscription")
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0


async def test_a_second_recorder_on_the_same_journal_is_refused_with_a_message(tmp_path):
    async with Venue() as venue, recording(tmp_path, venue):
        second = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "recorder", "run", "--data-dir", str(tmp_path)],
            env={**os.environ, **venue.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert "Traceback" not in second.stderr
        assert "recorder:" in second.stderr


@pytest.mark.parametrize(("limit", "connections"), [(3, 3), (100, 1)])
async def test_no_connection_carries_more_subscriptions_than_the_setting(tmp_path, limit, connections):
    async with Venue() as venue, recording(tmp_path, venue, RECORDER_SUBSCRIPTIONS_PER_CONNECTION=str(limit)):
        assert len(venue.sockets) == connections
        assert max(len(topics) for topics in venue.sockets.values()) <= limit


async def test_a_listed_market_is_recorded_and_a_delisted_one_dropped(tmp_path):
    async with Venue() as venue, recording(tmp_path, venue, PYTHONPATH=fast_listing(tmp_path)) as process:
        venue.markets = ["AAA", "CCC"]
        await until(lambda: ("trade", "CCC") in venue.topics(), what="the new market")
        await until(lambda: ("trade", "BBB") not in venue.topics(), what="the end of the old one")
        await venue.send("trade", "CCC", {"id": 1, "market": "CCC", "price": "1", "amount": "1", "type": "sell", "time": 1723161255.0})  # fmt: skip  # noqa: E501
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
    assert lake_trades(tmp_path) == [("CCC", 1, "sell", 1.0, 1.0)]


def fast_listing(tmp_path):
    """A sitecustomize that shortens the listing interval of the child: the product has no setting for it."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text("import recorder.markets\nrecorder.markets.LIST_EVERY_S = 1\n")
    return os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
