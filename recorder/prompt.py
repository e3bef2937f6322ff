"""The SQL prompt."""

import sys

import duckdb

from analytics.lake import Lake
from recorder.show import Form, show_answers


def prompt(lake: Lake, form: Form) -> int:
    """Read statements until the end of input, each ended by a semicolon; returns how many failed."""
    failed = 0
    interactive = sys.stdin.isatty()
    if interactive:
        import readline  # noqa: F401, PLC0415  # importing it gives input() its history and line editing

        sys.stdout.write(
            "DuckDB over the lake. Statements end with ';'. SHOW TABLES; lists the views. Ctrl-D ends.\n"
        )
    statement = ""
    while True:
        try:
            line = input(("...> " if statement else "sql> ") if interactive else "")
        except EOFError:
            break
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            statement = ""
            continue
        if not statement and line.strip().lower() in ("exit", "quit", ".quit", ".exit", "\\q"):
            break
        statement = f"{statement}\n{line}" if statement else line
        if line.rstrip().endswith(";"):
            failed += _answer(lake, statement, form)
            statement = ""
    if statement.strip():
        failed += _answer(lake, statement, form)
    return failed


def _answer(lake: Lake, statement: str, form: Form) -> int:
    try:
        show_answers(lake, statement, form)
    except duckdb.Error as error:
        sys.stderr.write(f"SQL: {error}\n")
        return 1
    except (KeyboardInterrupt, RuntimeError):  # DuckDB raises the latter when Ctrl-C stops a query
        sys.stderr.write("interrupted\n")
        return 1
    return 0
