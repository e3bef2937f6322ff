"""`recorder account`: one snapshot of the account, by hand, beside a running recorder or without one.

The answers go into a journal of their own, from which the lake is made as from any other. What any recorder
of this data directory was answered before is not asked for again: histories go on where they stopped.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from recorder import __version__
from recorder.capture.account import TRIES, AccountRounds, Snapshot
from recorder.capture.asked import read_asked
from recorder.client.client import Client
from recorder.client.errors import RestError
from recorder.config import ACCOUNT_ID, ConfigError, Settings
from recorder.exchange.fields import ProtocolError
from recorder.exchange.records import Asset, Position
from recorder.exchange.signing import Credentials
from recorder.journal.writer import JournalWriter
from recorder.lake.publishing.follow import publish_unless_busy
from recorder.lake.publishing.publisher import LakeError
from recorder.lake.store.owner import keep_to_owner, make_private
from recorder.logs import set_up_logging
from recorder.show import console, plain

FLUSH_S: Final = 10.0
_ASSETS: Final = ("available", "frozen", "margin", "balance_total", "profit_unreal")
_POSITIONS: Final = ("amount", "open_price", "leverage", "margin_amount", "profit_unreal", "liq_price")
_WORDS: Final = {
    "balance_total": "balance", "profit_unreal": "unrealised", "amount": "quantity",
    "open_price": "opened at", "margin_amount": "margin", "liq_price": "liquidated at",
}  # fmt: skip

_COUNTED: Final = {
    "assets": ("asset", "assets"),
    "positions": ("position", "positions"),
    "open orders": ("open order", "open orders"),
    "orders": ("finished order", "finished orders"),
    "stop orders": ("stop order", "stop orders"),
    "fills": ("fill", "fills"),
    "ledger": ("line of the ledger", "lines of the ledger"),
}


class AccountError(Exception):
    """It cannot be done, or not now: what happened, and what to do."""


def run_account(settings: Settings) -> None:
    """The command: asks, shows what there is, and makes the lake where no recorder is there to do it."""
    if settings.rest_url is None:
        raise ConfigError("RECORDER_REST_URL is not set: give the exchange's address, or --rest-url")
    credentials = settings.credentials
    if credentials is None:
        raise ConfigError(
            "RECORDER_CLIENT_ID and RECORDER_CLIENT_KEY are not set: give those of the account, in the "
            "environment or in a settings file of mode 0600"
        )
    set_up_logging(quiet=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through every `finally`
    out = console()
    make_private(settings.data_dir / "journal" / ACCOUNT_ID)
    keep_to_owner(settings.data_dir / "lake")
    try:
        found = asyncio.run(_snapshot(settings, credentials, out))
    finally:
        _publish(settings, out)
    _show(found, out)
    if found.may_pass:
        raise AccountError(
            "the exchange did not answer all of it: what is missing is asked for by the next round"
        )


def _publish(settings: Settings, out: Console) -> None:
    """Bring the lake up to date, unless a running recorder does that by itself."""
    try:
        if not publish_unless_busy(settings.data_dir):
            out.print("A recorder is running: it publishes the account within its publish interval.")
    except LakeError as error:
        raise AccountError(str(error)) from error


async def _snapshot(settings: Settings, credentials: Credentials, out: Console) -> Snapshot:
    assert settings.rest_url is not None
    directory = settings.data_dir / "journal" / ACCOUNT_ID
    asked = read_asked(settings.data_dir, credentials)
    journal = JournalWriter(directory, ACCOUNT_ID, f"{time.time_ns()}", __version__)
    try:
        journal.append_event("account", {"version": __version__, "settings": settings.public()})
        async with Client(
            settings.rest_url,
            credentials=credentials,
            journal=journal,
            limits=settings.limits_dir,
            old_paths=settings.position_api == "2",
            tries=TRIES,
        ) as client:
            rounds = AccountRounds(client, asked)
            try:
                return await _ask(client, rounds, out)
            except (RestError, ProtocolError) as error:
                raise AccountError(f"{error}; what was answered until then is recorded") from error
            finally:
                if await asyncio.to_thread(journal.wait_flushed, FLUSH_S):
                    asked.save(directory)
    finally:
        await asyncio.to_thread(journal.close)


async def _ask(client: Client, rounds: AccountRounds, out: Console) -> Snapshot:
    """A round, and every listed market that was never asked about."""
    await client.rest.measure_clock()
    found = await rounds.snapshot()
    markets = [market.name for market in await client.market.markets()]
    rounds.want(sorted(m for m in markets if found.unexplained or f"orders {m}" not in rounds.asked.until_s))
    total = len(rounds.waiting)
    with Progress(BarColumn(40), TaskProgressColumn(), TextColumn("{task.description}"), console=out) as bar:
        task = bar.add_task("", total=total, visible=total > 0)
        while rounds.waiting:
            name = await rounds.next_market(found)
            bar.update(task, advance=1, description=f"what happened in {name}")
    return found


# --- shown ------------------------------------------------------------------------------------------


def _show(found: Snapshot, out: Console) -> None:
    _print(out, "asset", _ASSETS, [(asset.asset, asset) for asset in found.assets])
    held = [(f"{each.market} {_word(each.side)} {_word(each.type)}", each) for each in found.positions]
    if held:
        _print(out, "position", _POSITIONS, held)
    else:
        out.print("No open positions.")
    told = [_counted(len(found.assets), "assets"), _counted(len(found.positions), "positions")]
    told += [_counted(count, kind) for kind, count in sorted(found.records.items()) if count]
    out.print(f"Recorded: {', '.join(told)}; see the tables account_* in `recorder sql`.")
    for failure in found.failures:
        out.print(f"Not answered: {failure}", markup=False)


def _counted(count: int, kind: str) -> str:
    one, more = _COUNTED[kind]
    return f"{count:,} {one if count == 1 else more}"


def _print(
    out: Console, first: str, fields: tuple[str, ...], records: Sequence[tuple[str, Asset | Position]]
) -> None:
    table = Table(header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in fields:
        table.add_column(_WORDS.get(name, name), justify="right")
    for title, record in records:
        table.add_row(title, *(_text(getattr(record, name)) for name in fields))
    out.print(table)


def _text(value: Decimal | None) -> str:
    return "-" if value is None else plain(value)


def _word(value: Any) -> str:
    name: Callable[[], str] | None = getattr(getattr(value, "name", None), "lower", None)
    return name() if name is not None else ("" if value is None else str(value))
