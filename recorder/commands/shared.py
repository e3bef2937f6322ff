"""What the commands have in common: the application, the options that all of them take, how one fails."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from recorder.config import Settings

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


def moment_of(text: str) -> datetime:
    """A time as ISO 8601 writes it; UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-11-22 or 2026-11-22T10:30") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Failure(Exception):  # noqa: N818  # what ends a command with code 1: a message, not an exception to handle
    """A command could not do its work: the message is for the user."""


def require_journal(settings: Settings) -> None:
    """Raises Failure where there is no journal."""
    if not (settings.data_dir / "journal").is_dir():
        raise Failure(
            f"there is no journal in {settings.data_dir}: --data-dir or RECORDER_DATA_DIR says where it is"
        )


def make_data_dir(settings: Settings) -> None:
    """Make the data directory where there is none. Raises Failure."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            f"cannot make {settings.data_dir}: {error.strerror}; choose another --data-dir"
        ) from error
