"""`recorder demo`: the simulated exchange, the recorder and the first answers, in one terminal."""

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import uvloop
from pydantic import SecretStr
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from analytics.lake import Lake, open_lake
from analytics.views import write_views
from recorder.config import Settings
from recorder.lake.store.manifest import FileInfo, read_files
from recorder.logs import set_up_logging
from recorder.service import Service
from recorder.show import console, show_rows, size
from recorder.simulator.private.keys import client_id, client_key
from recorder.vitals import Status

PUBLISH_INTERVAL_S: Final = 2.0
"""Often, so that rows are seen to arrive."""
DEMO_RATE: Final = 5.0
DEMO_ACTIVITY: Final = 120.0
"""What the owner of the account does in a minute."""
OWNER: Final = 1
"""The number of the account: the first and only one."""
ACCOUNT_INTERVAL: Final = timedelta(seconds=5)
_STREAM_TABLES: Final = {"trade": "trades", "depth": "depth", "kline": "klines", "state": "state"}

_FUNDING: Final = """
SELECT market, funding_rate_last AS last, funding_rate_next AS next, funding_rate_predict AS predict,
       minutes_left, mark_price, index_price, round(1e4 * premium, 3) AS premium_bps
FROM funding_now ORDER BY abs(funding_rate_next) DESC, market LIMIT 10"""
_SPREAD: Final = """
SELECT market, snapshots, round(spread_mean, 8) AS spread, round(relative_spread_bps_mean, 3) AS relative_bps,
       round(bid_quantity_mean, 3) AS bid_quantity, round(ask_quantity_mean, 3) AS ask_quantity
FROM spread_by_market ORDER BY relative_spread_bps_mean, market LIMIT 10"""
_VOLUME: Final = """
SELECT market, trades, round(volume, 6) AS volume, round(turnover, 2) AS turnover,
       round(vwap, 8) AS vwap, round(buy_share, 3) AS buy_share
FROM volume_by_market ORDER BY turnover DESC, market LIMIT 10"""
_ACCOUNT: Final = """
SELECT market, fills, round(turnover, 2) AS turnover, round(maker_share, 3) AS maker_share,
       round(slippage_bps, 3) AS slippage_bps, round(fees, 4) AS fees, round(net, 4) AS net, held
FROM account_by_market ORDER BY turnover DESC, market LIMIT 10"""
_QUESTIONS: Final = {
    "Funding now (rates are fractions per interval, the premium is the mark over the index)": _FUNDING,
    "Spread by market (quote currency and basis points, means over snapshots)": _SPREAD,
    "Volume by market (base units and quote turnover)": _VOLUME,
    "The account by market (a simulated owner's, who trades at random)": _ACCOUNT,
}


def run_demo(settings: Settings, seconds: float, markets: int, seed: int) -> None:
    """Record a simulated exchange for `seconds` into a directory of its own, then answer."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    data_dir = settings.data_dir / f"demo-{stamp}"
    data_dir.mkdir(parents=True)
    write_views(data_dir)
    set_up_logging(quiet=True)
    out = console()
    out.print(f"Recording a simulated exchange of {markets} markets for {seconds:.0f} s into {data_dir}")
    with _simulated_exchange(markets, seed) as (rest_url, ws_url):
        service = Service(
            settings.model_copy(
                update={
                    "data_dir": data_dir,
                    "rest_url": rest_url,
                    "ws_url": ws_url,
                    "publish_interval": PUBLISH_INTERVAL_S,
                    "markets": ("all",),
                    "client_id": SecretStr(client_id(OWNER)),
                    "client_key": SecretStr(client_key(seed, OWNER)),
                    "account_interval": ACCOUNT_INTERVAL,
                }
            )
        )
        uvloop.run(_record(service, data_dir, seconds, out))
    answer(out, data_dir, _ABOUT_GAPS)


@contextlib.contextmanager
def _simulated_exchange(markets: int, seed: int) -> Iterator[tuple[str, str]]:
    """A simulated exchange in a process of its own; yields its (REST, WebSocket) addresses."""
    command = [sys.executable, "-m", "recorder", "simulate", "--port", "0", "--rate", str(DEMO_RATE)]
    command += ["--accounts", str(OWNER), "--account-activity", str(DEMO_ACTIVITY)]
    process = subprocess.Popen(  # noqa: S603  # our own program
        [*command, "--markets", str(markets), "--seed", str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        told = [process.stdout.readline().split() for _ in range(2)]
        if not all(told):
            raise RuntimeError("the simulated exchange did not start")
        yield told[0][-1], told[1][-1]
    finally:
        process.terminate()
        process.wait()


async def _record(service: Service, data_dir: Path, seconds: float, out: Console) -> None:
    stop = asyncio.Event()
    recording = asyncio.create_task(service.run(stop))
    began = service.status()
    ends = time.monotonic() + seconds
    with Live(console=out, refresh_per_second=4, transient=False) as live:
        before = began
        while (left := ends - time.monotonic()) > 0 and not recording.done():
            await asyncio.sleep(min(1.0, max(left, 0.05)))
            now = service.status()
            live.update(_progress(before, now, data_dir, f"{max(ends - time.monotonic(), 0):.0f} s left"))
            before = now
        stop.set()
        live.update(_progress(began, before, data_dir, "publishing what is left"))
        await recording
        live.update(_progress(began, before, data_dir, "done"))


def _progress(before: Status, now: Status, data_dir: Path, stage: str) -> Group:
    """Frames by stream with their rate between two looks, rows by table, and one line about the rest."""
    seconds = max((now.at_ns - before.at_ns) / 1e9, 1e-3)
    files = read_files(data_dir) or []
    rows = Counter(dict.fromkeys(_STREAM_TABLES.values(), 0))
    for file in files:
        rows[file.table] += file.rows
    table = Table("stream", "frames", "frames/s", "rows in the lake", header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for stream, name in _STREAM_TABLES.items():
        count = now.frames_by_stream.get(stream, 0)
        rate = (count - before.frames_by_stream.get(stream, 0)) / seconds
        table.add_row(stream, f"{count:,}", f"{rate:,.0f}", f"{rows[name]:,}")
    return Group(table, Text(_the_rest(now, files, stage)))


def _the_rest(now: Status, files: list[FileInfo], stage: str) -> str:
    newest_us = max((file.max_us for file in files if file.table == "trades" and file.rows), default=None)
    lag = f"lake {now.at_ns / 1e9 - newest_us / 1e6:.1f} s behind" if newest_us and stage != "done" else ""
    parts = [
        stage,
        f"{now.connections_up} of {now.connections} connections up",
        f"received {size(now.frame_bytes)}",
        f"journal {size(now.journal_bytes)}",
        f"lake {size(sum(file.bytes for file in files))}",
        lag,
        f"gap rows {sum(file.rows for file in files if file.table == 'gaps')}",
    ]
    return "   ".join(part for part in parts if part)


def answer(out: Console, data_dir: Path, about: str) -> None:
    """Show what a lake holds, the first answers, and what to try next; `about` it there is this to say."""
    lake = open_lake(data_dir)
    out.print("\n[bold]What was recorded[/bold]")
    show_rows(lake.sql(_RECORDED), "table")
    for title, query in _QUESTIONS.items():
        out.print(f"\n[bold]{title}[/bold]")
        show_rows(lake.sql(query), "table")
    out.print(f"\n{_gaps(lake)}{about}\n{_what_next(data_dir)}")


_RECORDED: Final = " UNION ALL ".join(
    f"SELECT '{table}' AS \"table\", count(*) AS rows, min({column}) AS \"from\", max({column}) AS \"to\" FROM {table}"  # noqa: S608, E501  # our own names
    for table, column in (
        ("trades", "ts_event"), ("depth", "ts_event"), ("klines", "ts_open"), ("state", "ts_recv"),
        ("markets", "ts_recv"), ("gaps", "ts_start"), ("rejects", "ts_recv"),
    )
)  # fmt: skip


_ABOUT_GAPS: Final = (
    " They cover the time before each topic was first heard and after the stop: "
    "the lake says what it has not."
)


def _gaps(lake: Lake) -> str:
    reasons = lake.sql("SELECT reason, count(*) FROM gaps GROUP BY ALL ORDER BY ALL")
    assert reasons is not None
    return f"Gaps: {', '.join(f'{count} {reason}' for reason, count in reasons.fetchall())}."


def _what_next(data_dir: Path) -> str:
    program = "recorder" if shutil.which("recorder") else sys.argv[0]
    where = f"--data-dir {data_dir}"
    return f"Next: {program} sql {where}   or   {program} report {where}   or   {program} status {where}"
