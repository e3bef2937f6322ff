"""The page about the client says what is so, of every call and stream of the exchange's document."""

import asyncio
import re
from pathlib import Path

import pytest

from recorder.client.client import Client
from recorder.exchange.endpoints import ENDPOINTS, path_of
from recorder.exchange.topics import PRIVATE_STREAMS, STREAMS
from recorder.simulator.server import Exchange
from recorder.simulator.settings import SimulatorSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/client.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:3] == "| `"
]
CALLS = {row[0].strip("`"): row[1:] for row in ROWS if row[0].startswith(("`GET ", "`POST "))}
STREAM_ROWS = {
    row[0].split("`")[1]: row[1:] for row in ROWS if row[0].startswith(("`subscribe.", "`sign", "`ping"))
}


def test_there_is_a_row_for_every_call():
    documented = {f"{each.method} {path_of(each, old=True).removeprefix('/open/api/')}" for each in ENDPOINTS}
    assert set(CALLS) == documented


def test_there_is_a_row_for_every_stream():
    assert set(STREAM_ROWS) == {
        *(f"subscribe.{name}" for name in (*STREAMS, *PRIVATE_STREAMS)),
        "sign",
        "ping",
    }


@pytest.mark.parametrize("row", [*CALLS.values(), *STREAM_ROWS.values()], ids=lambda row: row[0])
def test_no_row_is_empty_and_its_test_is_there(row):
    assert len(row) == 3
    assert all(row)
    assert (ROOT / row[2]).is_file()


@pytest.mark.parametrize("row", CALLS.values(), ids=lambda row: row[0])
def test_the_method_of_each_call_is_the_clients(row):
    group, name = row[0].strip("`").split(".")
    assert callable(getattr(getattr(Client("http://127.0.0.1:9"), group), name))


async def test_the_pages_example_runs(monkeypatch, capsys):
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exchange = Exchange(SimulatorSettings(port=0, markets=2, accounts=1))
    await exchange.start()
    try:
        ((name, key),) = exchange.credentials.items()
        monkeypatch.setenv("RECORDER_CLIENT_ID", name)
        monkeypatch.setenv("RECORDER_CLIENT_KEY", key)
        monkeypatch.setenv("RECORDER_REST_URL", exchange.rest_url)
        monkeypatch.setenv("RECORDER_WS_URL", exchange.ws_url)
        await asyncio.to_thread(exec, example, {})
    finally:
        await exchange.stop()
    said = capsys.readouterr().out
    assert "('USDT', Decimal('100000" in said
    assert "Deposit" in said
    assert "Arrived(" in said
