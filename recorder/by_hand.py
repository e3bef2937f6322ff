"""`recorder backfill`: candles of any span, by hand, beside a running recorder or without one.

The answers go into a journal of their own, from which the lake is made as from any other; the pace is shared
with whatever else asks the venue from this data directory. What was answered before is not asked again, so
running the same command again goes on where it stopped.
"""

import asyncio
import difflib
import signal
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from recorder import __version__
from recorder.backfill import CandlePlan, Left, ask, survey
from recorder.client.errors import RestError
from recorder.client.rest import RestClient
from recorder.config import BACKFILL_ID, Settings
from recorder.exchange.answers import parse_market_list
from recorder.exchange.endpoints import MARKET_KLINE, MARKET_LIST, PERIOD_SECONDS
from recorder.exchange.fields import ProtocolError
from recorder.journal.writer import JournalWriter
from recorder.lake.grades.wanted import read_wanted
from recorder.lake.publishing.follow import publish_unless_busy
from recorder.lake.publishing.publisher import LakeError
from recorder.lake.spans import Spans
from recorder.lake.units import SECOND_US
from recorder.logs import set_up_logging
from recorder.show import console, duration

FAILURES_LIMIT: Final = 8
"""Failed requests in a row after which it is given up: with growing pauses, some three minutes."""


class BackfillError(Exception):
    """It cannot be done, or not now: what happened, and what to do."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a backfill brought: candles given, candles asked for that the venue does not have, and what is
    left when it was stopped."""

    given: int
    not_given: int
    requests: int
    left: int


def run_backfill(
    settings: Settings, markets: Sequence[str], periods: Sequence[str], span: tuple[datetime, datetime]
) -> None:
    """The command: asks, says what came of it, and makes the lake where no recorder is there to do it."""
    if settings.rest_url is None:
        raise BackfillError("RECORDER_REST_URL is not set: give the exchange's address, or --rest-url")
    if unknown := [period for period in periods if period not in PERIOD_SECONDS]:
        raise BackfillError(f"{unknown[0]!r} is no period: choose from {', '.join(PERIOD_SECONDS)}")
    if span[0] >= span[1]:
        raise BackfillError(f"--start {span[0]:%Y-%m-%d %H:%M} is not before --end {span[1]:%Y-%m-%d %H:%M}")
    set_up_logging(quiet=True)
    out = console()
    _publish(settings, out, "what earlier backfills were answered")
    try:
        done = asyncio.run(_until_signal(settings, markets, periods or settings.kline_periods, span, out))
    finally:
        _publish(settings, out, "the candles")
    told = f"{done.given:,} candles in {done.requests:,} requests"
    if done.not_given:
        told += f"; {done.not_given:,} more were asked for and the venue has none"
    out.print(
        f"{told}. " + (f"{done.left:,} are left: run it again to go on." if done.left else "All is asked.")
    )


async def _until_signal(
    settings: Settings,
    markets: Sequence[str],
    periods: Sequence[str],
    span: tuple[datetime, datetime],
    out: Console,
) -> Done:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await backfill(settings, markets, periods, span, out, stop)


def _publish(settings: Settings, out: Console, what: str) -> None:
    """Bring the lake up to date, unless a running recorder does that by itself."""
    try:
        if not publish_unless_busy(settings.data_dir):
            out.print(f"A recorder is running: it publishes {what} within its publish interval.")
    except LakeError as error:
        raise BackfillError(str(error)) from error


async def backfill(  # what is wanted, and the terminal
    settings: Settings,
    markets: Sequence[str],
    periods: Sequence[str],
    span: tuple[datetime, datetime],
    out: Console,
    stop: asyncio.Event,
) -> Done:
    """Ask for every candle of the span that was not asked for before. Raises BackfillError."""
    assert settings.rest_url is not None
    directory = settings.data_dir / "journal" / BACKFILL_ID
    journal = JournalWriter(directory, BACKFILL_ID, f"{time.time_ns()}", __version__)
    try:
        journal.append_event("backfill", {"version": __version__, "settings": settings.public()})
        async with RestClient(settings.rest_url, journal, settings.limits_dir) as client:
            names = await _markets(client, settings, markets)
            plan = CandlePlan()
            bounds = tuple(int(moment.timestamp()) * SECOND_US for moment in span)
            wanted: Spans = ((bounds[0], bounds[1]),)
            plan.want({f"{name} {period}": wanted for name in names for period in periods})
            if (said := read_wanted(settings.data_dir)) is not None:
                plan.heed(said, repairs=False)
            return await _ask_all(client, plan, out, stop)
    finally:
        await asyncio.to_thread(journal.close)


async def _markets(client: RestClient, settings: Settings, wanted: Sequence[str]) -> list[str]:
    try:
        listed, _ = parse_market_list((await client.call(MARKET_LIST)).data)
    except (RestError, ProtocolError) as error:
        raise BackfillError(f"no market list: {error}; check RECORDER_REST_URL and try again") from error
    names = sorted(market.name for market in listed)
    chosen = list(wanted) or (names if settings.all_markets else list(settings.markets))
    for name in chosen:
        if name not in names:
            near = ", ".join(difflib.get_close_matches(name, names, 3)) or ", ".join(names[:3])
            raise BackfillError(f"the venue does not list {name!r}; there is {near}")
    return chosen


async def _ask_all(client: RestClient, plan: CandlePlan, out: Console, stop: asyncio.Event) -> Done:
    requests = failures = 0
    await survey(plan)
    total = plan.left
    if not total.candles:
        out.print("Every candle of that span was asked for before.")
    else:
        out.print(_estimate(total))
    began = time.monotonic()
    with _progress(out) as progress:
        bar = progress.add_task("", total=total.candles)
        while not stop.is_set() and (question := plan.next(_now_us())) is not None:
            asked = await _or_stopped(ask(client, plan, question, _now_us()), stop)
            requests += 1
            failures = 0 if asked or stop.is_set() else failures + 1
            if failures == FAILURES_LIMIT:
                raise BackfillError(
                    f"{failures} requests in a row failed, the last for {question.market}: "
                    "run the same command again later, it goes on where it stopped"
                )
            await survey(plan)
            left = plan.left
            pace_s = max((time.monotonic() - began) / requests, _pace_s())
            text = f"{question.topic}: {left.requests:,} requests left, {duration(left.requests * pace_s)}"
            progress.update(bar, completed=total.candles - left.candles, description=text)
    return Done(plan.given, plan.not_given, requests, plan.left.candles)


def _estimate(total: Left) -> str:
    return (
        f"{total.candles:,} candles to ask for in at least {total.requests:,} requests, one every "
        f"{_pace_s():g} s: about {duration(total.requests * _pace_s())}. "
        "Stop it at any time: what was answered is not asked again."
    )


async def _or_stopped(asking: Coroutine[Any, Any, bool], stop: asyncio.Event) -> bool:
    """What was asked, or False as soon as it is to be stopped: a pause of the venue's is not waited for."""
    task, stopping = asyncio.create_task(asking), asyncio.create_task(stop.wait())
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, stopping, return_exceptions=True)
    return False


def _progress(out: Console) -> Progress:
    return Progress(BarColumn(40), TaskProgressColumn(), TextColumn("{task.description}"), console=out)


def _pace_s() -> float:
    return MARKET_KLINE.per_s / MARKET_KLINE.calls


def _now_us() -> int:
    return time.time_ns() // 1000
