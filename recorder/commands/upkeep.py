"""The commands that mend, prove and tidy a lake."""

import sqlite3
from datetime import UTC, datetime
from typing import Annotated

import typer

from recorder.commands.shared import Config, DataDir, Failure, app, make_data_dir, moment_of, require_journal
from recorder.config import load_settings


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
    require_journal(settings)
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
def backfill(  # one flag a property of what is wanted
    start: Annotated[datetime, typer.Option(parser=moment_of, metavar="TIME", help="UTC, like 2026-11-22")],
    end: Annotated[
        datetime | None,
        typer.Option(parser=moment_of, metavar="TIME", help="Default: now", show_default=False),
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

    make_data_dir(settings)
    try:
        run_backfill(settings, market or (), period or (), (start, end or datetime.now(UTC)))
    except BackfillError as error:
        raise Failure(str(error)) from error


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
    require_journal(settings)
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
    require_journal(settings)
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
