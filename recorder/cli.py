"""The console script: every command, and how one ends."""

import sqlite3
import sys
from typing import NoReturn

import typer

from recorder.commands import recording, showing, upkeep  # noqa: F401  # in the order of `recorder --help`
from recorder.commands.shared import Failure, app
from recorder.config import ConfigError


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
