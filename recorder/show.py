"""Prints rows and reports for a person."""

import csv
import json
import math
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analytics.lake import Lake

Form = Literal["table", "csv", "json"]
PROSE_CHARS: Final = 36
"""A column of longer texts is broken into lines rather than the table given up."""
MAX_TABLE_ROWS: Final = 1_000
"""A terminal table shows this many rows and says how many more there are; csv and json show all."""
MAX_NOTICES: Final = 8
STATUS_STALE_S: Final = 5.0
"""A running service writes its status each second."""
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Bytes for a person."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """A duration for a person; what lies a moment ahead, by another clock, is now."""
    seconds = max(0.0, seconds)
    for limit, divisor, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; wide enough for whole rows where there is none."""
    width = None if sys.stdout.isatty() else max(shutil.get_terminal_size((160, 24)).columns, 160)
    return Console(width=width, stderr=stderr, highlight=False)


def show_answers(lake: Lake, text: str, form: Form) -> None:
    """Run statements, one after the other, and print the rows of each. Raises duckdb.Error at a mistake."""
    for statement in duckdb.extract_statements(text):
        rows = lake.sql(statement.query)
        if statement.type is not duckdb.StatementType.CREATE:  # which has a column, and nothing in it
            show_rows(rows, form)


def plain(value: Decimal) -> str:
    """A decimal with all its digits, without the zeros at its end and without an exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def show_rows(relation: duckdb.DuckDBPyRelation | None, form: Form) -> None:
    """Print the rows of a query's result in the wanted form."""
    if relation is None:
        return
    if form == "table":
        _print_table(relation.columns, relation.limit(MAX_TABLE_ROWS).fetchall())
        more = relation.shape[0] - MAX_TABLE_ROWS
        if more > 0:
            sys.stdout.write(f"... and {more:,} more rows: add LIMIT, or --format csv\n")
        return
    names = relation.columns
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if form == "csv":
        writer.writerow(names)
    for row in relation.iter_rows():
        if form == "csv":
            writer.writerow([_text(value) for value in row])
        else:
            record = dict(zip(names, map(_jsonable, row), strict=True))
            sys.stdout.write(json.dumps(record, default=str) + "\n")


def _print_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table where it fits the terminal, else a block of lines for each row."""
    out = console()
    cells = [[_cell(value) for value in row] for row in rows]
    columns = [[name, *(row[index] for row in cells)] for index, name in enumerate(names)]
    widths = [PROSE_CHARS if _is_prose(column) else max(map(len, column)) for column in columns]
    if sum(widths) + 3 * len(widths) + 1 <= out.width:
        out.print(_table(names, rows))
        return
    wide = max(map(len, names))
    for number, row in enumerate(cells, 1):
        out.print(f"[bold]row {number}[/bold]")
        for name, cell in zip(names, row, strict=True):
            out.print(f"  {name:<{wide}}  {cell}", markup=False, no_wrap=True, overflow="ellipsis")


def _is_prose(column: Sequence[str]) -> bool:
    """Whether a column's texts may be broken into lines: those that are long have words."""
    long = [cell for cell in column if len(cell) > PROSE_CHARS]
    return bool(long) and all(max(map(len, cell.split())) <= PROSE_CHARS // 2 for cell in long)


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    table = Table(header_style="bold")
    numeric = [
        any(isinstance(row[index], int | float | Decimal) for row in rows[:50]) for index in range(len(names))
    ]
    for name, is_number in zip(names, numeric, strict=True):
        table.add_column(name, justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
    for row in rows[:MAX_TABLE_ROWS]:
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, list):
        first = "" if not value else f" of which the first {_text(value[0])}"
        return f"{len(value)} items{first}"
    return str(_text(value))


def _text(value: Any) -> Any:
    """A value as csv wants it: times in UTC, nested values as JSON."""
    if isinstance(value, datetime):
        return (
            value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%fZ") if value.tzinfo else value.isoformat(" ")
        )
    if isinstance(value, list | dict):
        return json.dumps(_jsonable(value), default=str)
    return plain(value) if isinstance(value, Decimal) else value


def _jsonable(value: Any) -> Any:
    """A value as JSON has it: no NaN, no infinity; decimals become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, dict):
        return {name: _jsonable(item) for name, item in value.items()}
    return _text(value) if isinstance(value, datetime | Decimal) else value


def show_status(report: dict[str, Any]) -> None:
    """`recorder status` for a person."""
    out = console()
    now_ns = report["at_ns"]
    for each in report["recorders"]:
        out.print(_recorder_line(each, now_ns))
        if each["running"] and (account := (each["service"] or {}).get("account")):
            out.print(_account_line(account, now_ns))
    if not report["recorders"]:
        out.print("No recorder has written here yet.")
    table = Table("table", "rows", "files", "size", "newest", title="Lake", header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in report["tables"]:
        newest = row["newest_us"]
        age = duration((now_ns / 1000 - newest) / 1e6) + " ago" if newest is not None else "-"
        table.add_row(row["table"], f"{row['rows']:,}", str(row["files"]), size(row["bytes"]), age)
    out.print(table)
    _show_gaps(out, report["gaps"])
    graded = report["grades"]["last_day"]
    if total := sum(graded.values()):
        told = ", ".join(f"{100 * count / total:.2f} % {grade}" for grade, count in graded.items())
        out.print(f"Grades of the last 24 h: {told} of {total:,} market-minutes (recorder audit says why)")
    odd = {text: count for text, count in report["notices"].items() if not text.startswith("candle order")}
    if odd:
        told = ", ".join(
            f"{text} ({count:,})" for text, count in sorted(odd.items(), key=_by_count)[:MAX_NOTICES]
        )
        out.print(f"Noticed, and read all the same: {told}")
    out.print(f"Disk: {size(report['disk']['free_bytes'])} free of {size(report['disk']['total_bytes'])}")


def _by_count(notice: tuple[str, int]) -> int:
    return -notice[1]


def _recorder_line(each: dict[str, Any], now_ns: int) -> str:
    said = each["service"] or {}
    head = f"[bold]{each['recorder']}[/bold]: " + (
        "[green]recording[/green]" if each["running"] else "[red]not running[/red]"
    )
    journal = f"journal {size(each['journal_bytes'])} in {each['journal_segments']} files"
    if not said:
        return f"{head}, {journal}"
    if not each["running"]:
        return f"{head} for {duration((now_ns - said['at_ns']) / 1e9)}, {journal}"
    last = said["last_recv_ns"]
    parts = [
        head,
        f"{said['markets']} markets",
        f"{said['connections_up']} of {said['connections']} connections up",
        f"last frame {max(0, now_ns - last) / 1e9:.1f} s ago" if last else "no frame yet",
        f"{said['frames']:,} frames since start",
        journal,
    ]
    silent_s = (now_ns - said["at_ns"]) / 1e9
    if silent_s > STATUS_STALE_S:
        parts.append(f"[red]it last said so {duration(silent_s)} ago[/red]")
    if said["dropped_frames"]:
        parts.append(f"[red]{said['dropped_frames']:,} frames dropped[/red]")
    rest = said.get("rest", {})
    slowed = [name for name, turns in rest.get("calls", {}).items() if turns["pause_s"]]
    if slowed:
        parts.append(f"[yellow]the venue slows down {', '.join(slowed)}[/yellow]")
    if rest.get("candles_waiting"):
        parts.append(f"{rest['candles_waiting']:,} candles to ask for")
    if rest.get("candles_not_given"):
        asked = rest["candles_given"] + rest["candles_not_given"]
        parts.append(
            f"the venue did not give {rest['candles_not_given']:,} of {asked:,} candles that were asked for"
        )
    if not said["lake_alive"]:
        parts.append("[red]the lake's process is down[/red]")
    if said["trouble"] or said["last_error"]:
        parts.append(f"[red]{said['trouble'] or said['last_error']}[/red]")
    return ", ".join(parts)


def _account_line(account: dict[str, Any], now_ns: int) -> str:
    at_ns = account["last_snapshot_ns"]
    told = f"last snapshot {duration((now_ns - at_ns) / 1e9)} ago" if at_ns else "no snapshot yet"
    parts = [f"  account: {told}", f"streams {account['stream'] or 'not connected'}"]
    if account["markets_waiting"]:
        parts.append(f"{account['markets_waiting']:,} markets to look through")
    parts += [f"[red]{escape(failure)}[/red]" for failure in account["failures"]]
    parts += [f"[yellow]not answered: {escape(text)}[/yellow]" for text in account["unanswered"]]
    return ", ".join(parts)


def _show_gaps(out: Console, gaps: dict[str, Any]) -> None:
    still_open = sum(row["n"] for row in gaps["open"])
    if not gaps["last_day"]:
        out.print("Gaps: none in the last 24 h")
        return
    table = Table("reason", "stream", title="Gaps touching the last 24 h", header_style="bold")
    for name in ("gaps", "market-seconds", "repaired", "partly"):
        table.add_column(name, justify="right")
    for row in gaps["last_day"]:
        counts = [f"{row[name]:,}" if row[name] else "" for name in ("fully", "partly")]
        table.add_row(row["reason"], row["stream"], f"{row['n']:,}", f"{row['seconds']:,.1f}", *counts)
    out.print(table)
    if still_open:
        reasons = ", ".join(f"{row['n']} {row['reason']}" for row in gaps["open"])
        out.print(f"[yellow]Still open: {still_open} ({reasons})[/yellow]")
