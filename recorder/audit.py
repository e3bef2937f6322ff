"""`recorder audit`: the grades by market and day, the worst minutes and why, and whether they suffice."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from analytics.lake import Lake

GRADES: Final = ("A", "B", "C", "D")
_STYLES: Final = {"A": "green", "B": "cyan", "C": "yellow", "D": "red"}
_WORST_FIRST: Final = "ORDER BY grade DESC, gap_seconds DESC, minute DESC, market"


@dataclass(frozen=True, slots=True)
class Span:
    """Which minutes are looked at; no market means all, no bound means as far as there are any."""

    markets: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None

    def condition(self, minute: str) -> str:
        """The condition on rows with a market and a time of this name. Texts are quoted, times are ours."""
        parts = [f"{minute} >= TIMESTAMPTZ '{self.start.isoformat()}'"] if self.start else []
        parts += [f"{minute} < TIMESTAMPTZ '{self.end.isoformat()}'"] if self.end else []
        if self.markets:
            names = ", ".join("'" + name.replace("'", "''") + "'" for name in self.markets)
            parts.append(f"market IN ({names})")
        return " AND ".join(parts) or "true"


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found: a row a market and day, the worst minutes, how many have each grade, and how many
    are below the least grade that was asked for."""

    days: list[dict[str, Any]]
    worst: list[dict[str, Any]]
    minutes: dict[str, int]
    below: int

    def as_json(self) -> dict[str, Any]:
        return {"minutes": self.minutes, "below": self.below, "days": self.days, "worst": self.worst}


class NothingToAuditError(Exception):
    """No minute of the span is judged; the message says what there is."""


def audit(lake: Lake, span: Span, min_grade: str, worst: int) -> Report:
    """Look at the graded minutes of a span. Raises NothingToAuditError where there is none."""
    where = span.condition("minute")
    minutes = dict.fromkeys(GRADES, 0)
    for row in _rows(lake, f"SELECT grade, count(*) AS n FROM coverage WHERE {where} GROUP BY grade"):  # noqa: S608  # quoted
        minutes[row["grade"]] = row["n"]
    if not sum(minutes.values()):
        raise NothingToAuditError(_what_there_is(lake, span))
    shares = ", ".join(
        f"round(100 * count(*) FILTER (grade = '{g}') / count(*), 2) AS {g.lower()}_percent" for g in GRADES
    )
    days = _rows(
        lake,
        f"SELECT market, date AS day, count(*) AS minutes, {shares}, "  # noqa: S608  # our own words, quoted
        "round(sum(trade_gap_seconds), 1) AS trade_gap_seconds, "
        "round(sum(kline_gap_seconds), 1) AS kline_gap_seconds, "
        "round(sum(depth_gap_seconds), 1) AS depth_gap_seconds, sum(rest_trades)::BIGINT AS trades_by_rest "
        f"FROM coverage WHERE {where} GROUP BY market, date "
        "ORDER BY count(*) FILTER (grade = 'D') / count(*) DESC, market, day",
    )
    below = GRADES[GRADES.index(min_grade) + 1 :]
    grades = ", ".join(f"'{grade}'" for grade in below or ("",))
    bad = _rows(
        lake,
        "SELECT market, minute, grade, reason, trades, volume, candle_volume, "  # noqa: S608  # as above
        f"round(gap_seconds, 3) AS gap_seconds FROM coverage WHERE {where} AND grade > 'A' "
        f"{_WORST_FIRST} LIMIT {worst}",
    )
    count = _rows(lake, f"SELECT count(*) AS n FROM coverage WHERE {where} AND grade IN ({grades})")  # noqa: S608
    return Report(days, bad, minutes, count[0]["n"])


def _what_there_is(lake: Lake, span: Span) -> str:
    [found] = _rows(lake, "SELECT min(minute) AS first, max(minute) AS last FROM coverage")
    if found["first"] is None:
        return "no minute is judged yet: a minute is when it has ended and the lake has it"
    names = [row["market"] for row in _rows(lake, "SELECT DISTINCT market FROM coverage ORDER BY market")]
    for name in span.markets:
        if name not in names:
            near = ", ".join(difflib.get_close_matches(name, names, 3, 0.4) or names[:3])
            return f"no minute of a market {name!r} is judged; there is {near}"
    first, last = (f"{found[name]:%Y-%m-%d %H:%M}" for name in ("first", "last"))
    return f"no minute of that span is judged: there are {first} to {last}"


def _rows(lake: Lake, query: str) -> list[dict[str, Any]]:
    relation = lake.sql(query)
    assert relation is not None
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def show_audit(out: Console, report: Report) -> None:
    """The report for a person."""
    table = Table(title="Grades by market and day, in percent of its minutes", header_style="bold")
    table.add_column("market")
    table.add_column("day")
    for name in ("minutes", *GRADES, "trade gap s", "candle gap s", "book gap s", "trades by REST"):
        table.add_column(name, justify="right", style=_STYLES.get(name))
    for row in report.days:
        values = [row[f"{grade.lower()}_percent"] for grade in GRADES]
        gaps = [row[f"{stream}_gap_seconds"] for stream in ("trade", "kline", "depth")]
        table.add_row(
            row["market"],
            str(row["day"]),
            f"{row['minutes']:,}",
            *(f"{value:.2f}" if value else "" for value in values),
            *(f"{value:,.1f}" if value else "" for value in gaps),
            f"{row['trades_by_rest']:,}" if row["trades_by_rest"] else "",
        )
    out.print(table)
    if report.worst:
        _show_worst(out, report.worst)
    total = sum(report.minutes.values())
    told = ", ".join(f"{count:,} {grade}" for grade, count in report.minutes.items() if count)
    out.print(f"{total:,} market-minutes: {told}")


def _show_worst(out: Console, worst: list[dict[str, Any]]) -> None:
    table = Table("market", "minute (UTC)", "grade", "why", title="The worst minutes", header_style="bold")
    for row in worst:
        style = _STYLES[row["grade"]]
        minute = f"{row['minute']:%Y-%m-%d %H:%M}"
        table.add_row(row["market"], minute, f"[{style}]{row['grade']}[/{style}]", row["reason"])
    out.print(table)
