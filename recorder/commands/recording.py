"""The commands that record, and those that bring an exchange of their own."""

import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from recorder.commands.shared import Config, DataDir, Failure, app, make_data_dir, moment_of
from recorder.config import Settings, load_settings


@app.command()
def run(  # noqa: PLR0913, PLR0917  # one flag a setting
    data_dir: DataDir = None,
    config: Config = None,
    rest_url: Annotated[str | None, typer.Option(help="REST base, e.g. https://HOST")] = None,
    ws_url: Annotated[str | None, typer.Option(help="WebSocket address, e.g. wss://HOST/ws")] = None,
    markets: Annotated[str | None, typer.Option(help="`all`, or names with commas between")] = None,
    streams: Annotated[str | None, typer.Option(help="Of trade,depth,kline,state")] = None,
    kline_periods: Annotated[str | None, typer.Option(help="Like 1min,1hour")] = None,
    publish_interval: Annotated[float | None, typer.Option(help="Seconds between two publishes")] = None,
    subscriptions_per_connection: Annotated[int | None, typer.Option(help="Topics on one socket")] = None,
) -> None:
    """The service, in the foreground, until SIGTERM or Ctrl-C.

    Every setting can stand in `recorder.toml` or in the environment as `RECORDER_<NAME>`; flags win.

    Example: `recorder run --rest-url https://HOST --ws-url wss://HOST/ws`
    """
    flags = {name: value for name, value in locals().items() if name != "config"}
    settings = load_settings(config, flags)
    import uvloop  # noqa: PLC0415

    from analytics.views import write_views  # noqa: PLC0415
    from recorder.logs import set_up_logging  # noqa: PLC0415

    set_up_logging()
    make_data_dir(settings)
    write_views(settings.data_dir)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from recorder.service import Service  # noqa: PLC0415

    stop, reason = _stop_on_signals()
    if not await Service(settings).run(stop, reason):
        raise Failure("not all is published yet: run `recorder publish`, the journal has everything")


def _stop_on_signals() -> tuple[asyncio.Event, Callable[[], str]]:
    """An event that SIGTERM or SIGINT sets, and which of them it was."""
    stop = asyncio.Event()
    got: list[str] = []

    def caught(name: str) -> None:
        got.append(name)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, caught, number.name)
    return stop, lambda: got[0] if got else "stop"


@app.command()
def account(
    data_dir: DataDir = None,
    config: Config = None,
    rest_url: Annotated[str | None, typer.Option(help="REST base, e.g. https://HOST")] = None,
) -> None:
    """One snapshot of the account now: assets, positions, orders, and what has happened since the last one.

    `RECORDER_CLIENT_ID` and `RECORDER_CLIENT_KEY` name the account: in the environment, or in a settings file
    of mode 0600. A first time looks through all that the venue tells; it takes a second or two for each
    listed market, and goes on where it stopped when it is run again. Works beside a running recorder.

    Example: `recorder account --rest-url https://HOST`, then
    `recorder sql "SELECT asset, business, sum(change) FROM account_ledger GROUP BY ALL"`
    """
    settings = load_settings(config, {"data_dir": data_dir, "rest_url": rest_url})
    from analytics.views import write_views  # noqa: PLC0415
    from recorder.account_by_hand import AccountError, run_account  # noqa: PLC0415

    make_data_dir(settings)
    write_views(settings.data_dir)
    try:
        run_account(settings)
    except AccountError as error:
        raise Failure(str(error)) from error


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(min=5, max=86_400, help="How long to record. Default: 30")
    ] = None,
    markets: Annotated[
        int | None,
        typer.Option(min=1, max=300, help="Of the simulated exchange. Default: 20, of past days 8"),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=31, help="Make so many past UTC days instead, each in a minute")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=moment_of, metavar="DATE", help="The day after the last. Default: today"),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and dates make the same days")] = 1,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Simulated exchange + recorder + answers, in one terminal, with live progress.

    Records into a new directory below the data directory, and says what to try next. With `--days` whole
    days pass in a time of their own: a lake to try questions on, with gaps, repairs and every grade.

    Examples: `recorder demo --seconds 60 --markets 50`, `recorder demo --days 3 --until 2026-11-23`
    """
    if (until is not None and days is None) or (seconds is not None and days is not None):
        raise typer.BadParameter("--until goes with --days, and --seconds without")
    settings = load_settings(config, {"data_dir": data_dir})
    make_data_dir(settings)
    from analytics import LakeNotFoundError  # noqa: PLC0415
    from recorder.demo import run_demo  # noqa: PLC0415
    from recorder.demo_days import Days, run_days  # noqa: PLC0415
    from recorder.lake.publishing.publisher import LakeError  # noqa: PLC0415

    # Through every `finally`: no exchange, and no half lake, is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if days is None:
            run_demo(settings, seconds or 30.0, markets or 20, seed)
        else:
            end = (until or datetime.now(UTC)).astimezone(UTC).date()
            run_days(settings, Days(end, days, markets or 8, seed))
    except (LakeNotFoundError, LakeError, RuntimeError) as error:
        raise Failure(str(error)) from error


@app.command()
def simulate(  # noqa: PLR0913, PLR0917  # one flag a property of the exchange
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one")] = 8080,
    markets: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    seed: Annotated[int, typer.Option(help="The same seed makes the same exchange")] = 1,
    rate: Annotated[float, typer.Option(min=0.01, max=100.0, help="Activity, 1 is a calm day")] = 1.0,
    faults: Annotated[Path | None, typer.Option(help="Fault script, TOML or JSON lines")] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Serve a recording: NDJSON (.gz, .zst) or a journal")
    ] = None,
    speed: Annotated[float, typer.Option(min=1.0, max=50.0, help="Of the replay, times real time")] = 1.0,
    keep_time: Annotated[bool, typer.Option(help="Leave a replay's event times as recorded")] = False,
    candle_order: Annotated[Literal["ohlc", "ochl"], typer.Option(help="Candle columns")] = "ohlc",
    accounts: Annotated[
        int | None, typer.Option(min=0, max=100, help="With demo keys. Default: 1, of a replay 0")
    ] = None,
    account_activity: Annotated[
        float, typer.Option(min=0, max=600, help="Deeds a minute of each account's simulated owner")
    ] = 0.0,
    funding_interval: Annotated[
        int, typer.Option(min=0, max=1_440, help="Minutes between settlements, 0: the markets' own hours")
    ] = 0,
    repeat_nonces: Annotated[
        bool, typer.Option(help="Take a nonce again, as the document's sample code sends it")
    ] = False,
    log: Annotated[Path | None, typer.Option(help="Write every push sent to this file, NDJSON")] = None,
    data_dir: DataDir = None,  # noqa: ARG001  # every command takes it
    config: Config = None,  # noqa: ARG001
) -> None:
    """The simulated exchange alone: REST and WebSocket on one loopback port.

    It prints the keys of its demo accounts, which are of no use anywhere else.

    Example: `recorder simulate --port 8080 --markets 50 --rate 5`, then in another terminal
    `recorder run --rest-url http://127.0.0.1:8080 --ws-url ws://127.0.0.1:8080/ws`
    """
    import uvloop  # noqa: PLC0415

    from recorder.logs import set_up_logging  # noqa: PLC0415
    from recorder.simulator.faults import load_faults  # noqa: PLC0415
    from recorder.simulator.settings import SimulatorSettings  # noqa: PLC0415

    set_up_logging()
    try:
        settings = SimulatorSettings(
            port=port,
            markets=markets,
            seed=seed,
            rate=rate,
            faults=load_faults(faults) if faults else (),
            replay=replay,
            speed=speed,
            keep_time=keep_time,
            candle_order=candle_order,
            accounts=accounts if accounts is not None else int(replay is None),
            account_activity=account_activity,
            funding_interval=funding_interval,
            repeat_nonces=repeat_nonces,
        )
        uvloop.run(_simulate(settings, log))
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error


async def _simulate(settings: Any, log: Path | None) -> None:
    from recorder.simulator.server import Exchange  # noqa: PLC0415

    stop, _ = _stop_on_signals()
    exchange = Exchange(settings, log)
    await exchange.start()
    typer.echo(f"REST       {exchange.rest_url}")
    typer.echo(f"WebSocket  {exchange.ws_url}")
    for client_id, client_key in exchange.credentials.items():
        typer.echo(f"Account    {client_id}, key {client_key}")
    sys.stdout.flush()
    await stop.wait()
    await exchange.stop()
