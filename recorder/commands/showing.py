"""The commands that say what a lake holds, and how whole it is."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from recorder.commands.shared import Config, DataDir, Failure, app, moment_of
from recorder.config import load_settings


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
def audit(  # noqa: PLR0913, PLR0917  # one flag a property of what is looked at
    market: Annotated[list[str] | None, typer.Option(help="May be given again. Default: all")] = None,
    start: Annotated[
        datetime | None, typer.Option(parser=moment_of, metavar="TIME", help="UTC, like 2026-11-22")
    ] = None,
    end: Annotated[datetime | None, typer.Option(parser=moment_of, metavar="TIME")] = None,
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


@app.command(context_settings={"ignore_unknown_options": True})  # a text may begin with `--`, a comment
def sql(
    query: Annotated[
        str | None, typer.Argument(help="Statements, `;` between them; without, a prompt")
    ] = None,
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
    from recorder.prompt import prompt  # noqa: PLC0415
    from recorder.show import show_answers  # noqa: PLC0415

    try:
        lake = open_lake(settings.data_dir, tail=tail)
        if query is None:
            if prompt(lake, form) and not sys.stdin.isatty():
                raise Failure("not every statement could be answered")
        else:
            show_answers(lake, query, form)
    except LakeNotFoundError as error:
        raise Failure(str(error)) from error
    except duckdb.Error as error:
        raise Failure(f"SQL: {error}") from error


@app.command()
def report(  # one flag a property of what is shown
    out: Annotated[
        Path | None,
        typer.Option(help="The file. Default: report.html in the data directory", show_default=False),
    ] = None,
    market: Annotated[list[str] | None, typer.Option(help="May be given again. Default: all")] = None,
    start: Annotated[
        datetime | None, typer.Option(parser=moment_of, metavar="TIME", help="UTC, like 2026-11-22")
    ] = None,
    end: Annotated[datetime | None, typer.Option(parser=moment_of, metavar="TIME")] = None,
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
