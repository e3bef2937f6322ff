"""The commands, one call each. What a command needs is imported when it runs: `--help` stays quick."""

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from recorder.config import ConfigError, Settings, load_settings

app = typer.Typer(
    name="recorder",
    help="Records a perpetual-futures exchange completely, raw first, into a Parquet lake for SQL.\n\n"
    "Start with `recorder demo`: it needs no configuration.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where journal and lake live. Default: data", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Settings file. Default: recorder.toml, if there is one", show_default=False
    ),
]


def _moment(text: str) -> datetime:
    """A time as ISO 8601 writes it; UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-11-22 or 2026-11-22T10:30") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Failure(Exception):  # noqa: N818  # what ends a command with code 1: a message, not an exception to handle
    """A command could not do its work: the message is for the user."""


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
    _make_data_dir(settings)
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
        typer.Option(parser=_moment, metavar="DATE", help="The day after the last. Default: today"),
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
    _make_data_dir(settings)
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
    log: Annotated[Path | None, typer.Option(help="Write every push sent to this file, NDJSON")] = None,
    data_dir: DataDir = None,  # noqa: ARG001  # every command takes it
    config: Config = None,  # noqa: ARG001
) -> None:
    """The simulated exchange alone: REST and WebSocket on one loopback port.

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
    sys.stdout.flush()
    await stop.wait()
    await exchange.stop()


@app.command()
def publish(
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Turns what the journal holds and the lake does not into Parquet, once: recovery after a crash.

    Twice changes nothing. Example: `recorder publish --data-dir data`
    """
    settings = load_settings(config, {"data_dir": data_dir})
    from analytics.views import write_views  # noqa: PLC0415
    from recorder.journal.reader import writer_alive  # noqa: PLC0415
    from recorder.lake.publishing.follow import publish_once  # noqa: PLC0415
    from recorder.lake.publishing.publisher import LakeError  # noqa: PLC0415
    from recorder.logs import set_up_logging  # noqa: PLC0415

    set_up_logging()
    _require_journal(settings)
    try:
        write_views(settings.data_dir)
        if any(writer_alive(directory) for directory in (settings.data_dir / "journal").glob("*/")):
            typer.echo(
                f"A recorder is running; it publishes by itself every {settings.publish_interval:g} s."
            )
            return
        gained = publish_once(settings.data_dir)
    except LakeError as error:
        raise Failure(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        raise Failure(
            f"cannot write the lake in {settings.data_dir}: {error}; "
            "mend that and publish again: the journal has everything"
        ) from error
    told = ", ".join(f"{rows:,} {table}" for table, rows in gained.items() if rows)
    typer.echo(f"Published {told}." if told else "Nothing new: the lake has all that the journal holds.")


@app.command()
def compact(
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Makes each closed UTC day one sorted file a table, with its durations and its minutes rolled up.

    A recorder that runs does so by itself, an hour after a day is over; this asks it to do so at once, or
    does it where none runs. Twice changes nothing. Example: `recorder compact`
    """
    settings = load_settings(config, {"data_dir": data_dir})
    from recorder import maintenance  # noqa: PLC0415
    from recorder.lake.publishing.publisher import LakeError  # noqa: PLC0415
    from recorder.logs import set_up_logging  # noqa: PLC0415
    from recorder.show import console  # noqa: PLC0415

    set_up_logging()
    _require_journal(settings)
    try:
        before, after = maintenance.compact(settings.data_dir, console(stderr=True))
    except LakeError as error:
        raise Failure(str(error)) from error
    typer.echo(maintenance.compacted(before, after))


@app.command()
def rebuild(
    verify: Annotated[
        bool, typer.Option("--verify", help="Change nothing: prove that the lake is what the journal makes")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Where the journal begins later than the lake: from there on")
    ] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Makes the lake again from the journal alone, in the place of the one that is there.

    With `--verify` it is only compared, table by table, while a recorder may go on; exit code 1 where they
    differ. Examples: `recorder rebuild --verify`, `recorder rebuild`
    """
    settings = load_settings(config, {"data_dir": data_dir})
    from analytics.views import write_views  # noqa: PLC0415
    from recorder import maintenance  # noqa: PLC0415
    from recorder.lake.proving.rebuild import rebuild as make_again  # noqa: PLC0415
    from recorder.lake.proving.rebuild import verify as prove  # noqa: PLC0415
    from recorder.lake.publishing.publisher import LakeError  # noqa: PLC0415
    from recorder.logs import set_up_logging  # noqa: PLC0415
    from recorder.show import console  # noqa: PLC0415

    set_up_logging()
    _require_journal(settings)
    progress, out = console(stderr=True), console()

    def tell(line: str) -> None:
        progress.print(line, markup=False, highlight=False)

    try:
        if not verify:
            rows = make_again(settings.data_dir, tell, partial=partial)
            write_views(settings.data_dir)
            typer.echo(f"Made again: {', '.join(f'{n:,} {table}' for table, n in rows.items() if n)}.")
            return
        proof = prove(settings.data_dir, tell)
    except LakeError as error:
        raise Failure(str(error)) from error
    maintenance.show_proof(out, proof)
    if not proof.equal:
        raise Failure("the lake is not what its journal makes: `recorder rebuild` makes it again")
    typer.echo("The lake is what its journal makes.")


@app.command()
def backfill(  # one flag a property of what is wanted
    start: Annotated[datetime, typer.Option(parser=_moment, metavar="TIME", help="UTC, like 2026-11-22")],
    end: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="TIME", help="Default: now", show_default=False)
    ] = None,
    market: Annotated[
        list[str] | None, typer.Option(help="May be given again. Default: all that are recorded")
    ] = None,
    period: Annotated[
        list[str] | None, typer.Option(help="May be given again. Default: the configured ones")
    ] = None,
    rest_url: Annotated[str | None, typer.Option(help="REST base, e.g. https://HOST")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Candles by REST, within the venue's limits, with a progress bar. Goes on where it stopped.

    Runs beside a recorder, too: they share the venue's limits, and the recorder's repairs come first.

    Example: `recorder backfill --market BTCUSDT --period 1min --start 2026-11-22 --end 2026-11-23`
    """
    settings = load_settings(config, {"data_dir": data_dir, "rest_url": rest_url})
    from recorder.by_hand import BackfillError, run_backfill  # noqa: PLC0415

    _make_data_dir(settings)
    try:
        run_backfill(settings, market or (), period or (), (start, end or datetime.now(UTC)))
    except BackfillError as error:
        raise Failure(str(error)) from error


@app.command()
def audit(  # noqa: PLR0913, PLR0917  # one flag a property of what is looked at
    market: Annotated[list[str] | None, typer.Option(help="May be given again. Default: all")] = None,
    start: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="TIME", help="UTC, like 2026-11-22")
    ] = None,
    end: Annotated[datetime | None, typer.Option(parser=_moment, metavar="TIME")] = None,
    min_grade: Annotated[
        Literal["A", "B", "C", "D"], typer.Option(help="Exit code 1 where a minute is worse")
    ] = "D",
    worst: Annotated[int, typer.Option(min=0, max=1_000, help="How many of the worst minutes to show")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """The grades by market and day, the worst minutes and why. A whole, B whole after repair, C one witness
    only, D not proven.

    Examples: `recorder audit --start 2026-11-22 --end 2026-11-23`,
    `recorder audit --market BTCUSDT --min-grade B`
    """
    settings = load_settings(config, {"data_dir": data_dir})
    from analytics import LakeNotFoundError, open_lake  # noqa: PLC0415
    from recorder.audit import NothingToAuditError, Span, show_audit  # noqa: PLC0415
    from recorder.audit import audit as look  # noqa: PLC0415
    from recorder.show import console  # noqa: PLC0415

    try:
        report = look(open_lake(settings.data_dir), Span(market or (), start, end), min_grade, worst)
    except (LakeNotFoundError, NothingToAuditError) as error:
        raise Failure(str(error)) from error
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2, default=str))
    else:
        show_audit(console(), report)
    if report.below:
        raise Failure(f"{report.below:,} market-minutes are worse than {min_grade}")


@app.command()
def report(  # one flag a property of what is shown
    out: Annotated[
        Path | None,
        typer.Option(help="The file. Default: report.html in the data directory", show_default=False),
    ] = None,
    market: Annotated[list[str] | None, typer.Option(help="May be given again. Default: all")] = None,
    start: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="TIME", help="UTC, like 2026-11-22")
    ] = None,
    end: Annotated[datetime | None, typer.Option(parser=_moment, metavar="TIME")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """One HTML page with the charts: funding, spread, depth, volume, basis, open interest, coverage and gaps.

    The page needs nothing but itself: it can be opened without a network, sent and kept.

    Examples: `recorder report`, `recorder report --market BTCUSDT --start 2026-11-22 --out btc.html`
    """
    settings = load_settings(config, {"data_dir": data_dir})
    import recorder  # noqa: PLC0415
    from analytics import AnalyticsError, open_lake  # noqa: PLC0415
    from analytics.report import About, write_report  # noqa: PLC0415
    from recorder.show import size  # noqa: PLC0415

    target = out or settings.data_dir / "report.html"
    if out is not None and not target.parent.is_dir():
        raise Failure(f"there is no directory {target.parent}, which --out names")
    about = About(settings.data_dir, recorder.__version__, tuple(market or ()), start, end)
    try:
        write_report(open_lake(settings.data_dir), target, about)
    except AnalyticsError as error:
        raise Failure(str(error)) from error
    typer.echo(
        f"Wrote {target} ({size(target.stat().st_size)}). Any browser opens it: {target.resolve().as_uri()}"
    )


@app.command()
def status(
    data_dir: DataDir = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine")] = False,
) -> None:
    """What is recorded, how fresh, gaps, disk use.

    Example: `recorder status`, or `recorder status --json | jq .recorders`
    """
    settings = load_settings(config, {"data_dir": data_dir})
    if not settings.data_dir.is_dir():
        raise Failure(
            f"there is no {settings.data_dir}: --data-dir or RECORDER_DATA_DIR says where the data is"
        )
    from recorder.status import collect  # noqa: PLC0415

    report = collect(settings.data_dir)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    from recorder.show import show_status  # noqa: PLC0415

    show_status(report)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="One statement; without it, a prompt")] = None,
    form: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="How rows are printed")
    ] = "table",
    tail: Annotated[bool, typer.Option(help="See what was received since the last publish, too")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """DuckDB over the lake with every view; without a query, an interactive prompt.

    Examples: `recorder sql "SHOW TABLES"`,
    `recorder sql "SELECT market, count(*) FROM trades GROUP BY market" --format csv`,
    `recorder sql --tail "SELECT max(ts_recv) FROM trades"`
    """
    settings = load_settings(config, {"data_dir": data_dir})
    import duckdb  # noqa: PLC0415

    from analytics import LakeNotFoundError, open_lake  # noqa: PLC0415
    from recorder.show import prompt, show_rows  # noqa: PLC0415

    try:
        lake = open_lake(settings.data_dir, tail=tail)
        if query is None:
            if prompt(lake, form) and not sys.stdin.isatty():
                raise Failure("not every statement could be answered")
        else:
            show_rows(lake.sql(query), form)
    except LakeNotFoundError as error:
        raise Failure(str(error)) from error
    except duckdb.Error as error:
        raise Failure(f"SQL: {error}") from error


def _require_journal(settings: Settings) -> None:
    if not (settings.data_dir / "journal").is_dir():
        raise Failure(
            f"there is no journal in {settings.data_dir}: --data-dir or RECORDER_DATA_DIR says where it is"
        )


def _make_data_dir(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"cannot make {settings.data_dir}: {error.strerror}; choose another --data-dir"
        ) from error


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"recorder: {message}", err=True)
    sys.exit(code)


def main() -> None:
    """The console script: 0 done, 1 failed with a message, 2 wrong usage. Never a traceback."""
    from recorder.journal.segment import JournalError  # noqa: PLC0415

    try:
        app()
    except ConfigError as error:
        _fail(str(error), 2)
    except (Failure, JournalError) as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, RuntimeError) as error:  # the latter when Ctrl-C stops a query of DuckDB's
        if isinstance(error, RuntimeError) and "interrupt" not in str(error).lower():
            raise
        _fail("interrupted", 130)
    except BrokenPipeError:
        sys.exit(0)  # the reader of our output has seen enough
    except OSError as error:
        _fail(f"{error.filename or 'the system'}: {error.strerror or error}", 1)
    except sqlite3.Error as error:
        _fail(f"the lake's manifest cannot be read: {error}", 1)
