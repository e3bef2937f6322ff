"""Nothing of the client's credentials is in anything that a run writes, says or shows."""

import asyncio
import io
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import zstandard
from accounts import environment, exchange_of_one, owner, trade
from commands import recorder
from processes import ended, recording, start
from venue import Venue, until
from venues import ID, KEY, SigningVenue, gateway, said

from recorder.client.client import Client
from recorder.client.errors import RestError
from recorder.exchange.signing import Credentials
from recorder.journal.writer import JournalWriter


def contents(directory):
    """Every file below, as it is and as it is read."""
    for path in sorted(directory.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path, data
        if path.suffix == ".parquet":
            yield path, repr(pq.ParquetFile(path).read().to_pylist()).encode()
        if path.suffix == ".zst":
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
            yield path, reader.read()


def holding(directory, *secrets):
    """The files in which one of them is found."""
    return {path for path, data in contents(directory) for secret in secrets if secret.encode() in data}


def command_lines(process):
    """Of a process and all its children."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return b" ".join(Path(f"/proc/{number}/cmdline").read_bytes() for number in (process.pid, *children))


def account_of(data_dir):
    """What the service says of the account."""
    path = data_dir / "journal" / "main" / "status.json"
    return (json.loads(path.read_text()).get("account") or {}) if path.exists() else {}


async def test_of_a_recorder_that_was_given_them(tmp_path):
    async with Venue() as venue:
        given = {"RECORDER_CLIENT_ID": ID, "RECORDER_CLIENT_KEY": KEY}
        async with recording(tmp_path, venue, **given) as process:
            shown = command_lines(process)
            process.terminate()
            assert await ended(process) == 0
    assert b"recorder" in shown
    assert KEY.encode() not in shown
    files = {path.suffix for path, _ in contents(tmp_path)}
    assert {".zst", ".parquet", ".log", ".sqlite"} <= files
    assert holding(tmp_path, "AAA") != set()
    assert holding(tmp_path, KEY, ID) == set()


async def test_of_a_journal_of_an_accounts_answers_even_where_the_venue_repeats_the_question(tmp_path):
    venue = SigningVenue({"USDT": {"available": "123.456"}})
    checked = venue.__call__

    async def repeating(request):
        answer = await checked(request)
        if len(venue.asked) % 2:
            return answer
        return said(10_500, f"no such thing: {request.url}", dict(request.query))

    journal = JournalWriter(tmp_path, "main", "session", "0")
    async with (
        gateway(repeating) as url,
        Client(url, credentials=Credentials.of(ID, KEY), journal=journal) as client,
    ):
        await client.account.assets()
        with pytest.raises(RestError) as caught:
            await client.account.assets()
    journal.close()
    signed = [params[name] for _, _, params in venue.asked for name in ("sign", "nonce")]
    assert len(signed) == 4
    assert holding(tmp_path, "123.456") != set()
    assert holding(tmp_path, KEY, ID, *signed) == set()
    assert [secret for secret in (KEY, ID, *signed) if secret in str(caught.value)] == []


@pytest.mark.long
async def test_of_an_account_that_is_recorded_by_the_service_and_by_hand(tmp_path):
    async with exchange_of_one(limits=False) as exchange, owner(exchange) as client:
        given = {**environment(exchange), "RECORDER_ACCOUNT_INTERVAL": "1s"}
        key = given["RECORDER_CLIENT_KEY"]
        process = start(tmp_path, SimpleNamespace(environment=given))
        try:
            await until(lambda: account_of(tmp_path).get("stream") == "live", 30, "the private streams")
            await trade(client)
            until_ns = time.time_ns() + 2_000_000_000
            await until(lambda: account_of(tmp_path)["last_snapshot_ns"] > until_ns, what="a round")
            shown = await asyncio.to_thread(recorder, "account", "--data-dir", tmp_path, **given)
        finally:
            process.terminate()
            assert await ended(process) == 0
    assert shown.returncode == 0
    assert key not in shown.stdout + shown.stderr
    assert holding(tmp_path, "Trading fee") != set()
    assert holding(tmp_path / "journal", "update.order") != set()
    assert holding(tmp_path, key, '"sign":', '"nonce":', "client_id=") == set()
