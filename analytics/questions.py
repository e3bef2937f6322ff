"""Every file of `sql/` as a question: its head read, its longer grains made, each after those that it reads.

A file is one statement under a head of comments: `Question`, `Grain`, `Units` (a line a column: name, unit,
definition), `Source` (the views and tables that it reads), and, where there is more to say, `Note`s. `Reach`
says which rows beside those of its own day and market a row needs (`analytics.reach`).

A file named `..._1m` asks by the minute. The same text asks by the hour and the day, or by any span of whole
minutes that a day is made of: its bucket is named in few words, which `at_grain` changes.
"""

import functools
import re
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final, NamedTuple

from analytics.reach import Reach, farthest, read_reach
from recorder.lake.store.tables import TABLES

_FILES: Final = Path(__file__).parent / "sql"
DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
MONDAY_S: Final = 4 * DAY_S
"""The first Monday after the epoch, which was a Thursday."""
MIN_COVERAGE: Final = 0.1
"""A figure of a bucket of which less was observed is null: it would not be wrong by a little."""
MIN_COVERAGE_OF_SUMS: Final = 0.95
"""A sum is null also where less of the bucket's judged minutes was observed: it misses all the rest."""


class Part(NamedTuple):
    """Rows of a table, of the days that are closed for one that compaction makes, or of the others."""

    table: str
    made: str
    is_closed: bool


PARTS: Final = {
    "open_trades": Part("trades", "minutes", is_closed=False),
    "open_depth": Part("depth", "minutes", is_closed=False),
    "open_state": Part("state", "minutes", is_closed=False),
    "closed_trades": Part("trades", "minutes", is_closed=True),
    "closed_depth": Part("depth", "minutes", is_closed=True),
    "closed_minutes": Part("minutes", "minutes", is_closed=True),
    "open_funding_state": Part("state", "funding_told", is_closed=False),
    "closed_funding_told": Part("funding_told", "funding_told", is_closed=True),
}
"""Parts of tables that whoever opens a lake makes. A day is closed for a table that is made of all its rows;
also of rows that retention has taken since."""


SUBJECTS: Final = {
    "Funding": ("funding_", "premium_"),
    "Spread and liquidity": (
        *("spread_", "liquidity_", "trade_costs", "roll_", "depth_profile", "cost_profile"),
        *("microprice", "order_flow"),
    ),
    "Volume": ("volume_", "value_area", "cvd_", "trade_size", "turnover_", "organic_", "prices_"),
    "Basis and open interest": ("basis_", "open_interest_", "price_open_interest"),
    "Volatility and toxicity": ("volatility_", "kyle_", "amihud_", "vpin"),
    "Account": ("account_",),
    "Quality": ("quality", "coverage_"),
}
"""Subjects, and how the names of their views begin; what is in none is a building block of the others."""
BUILDING_BLOCKS: Final = "Building blocks"
_BLOCKS: Final = {
    *("funding_minutes", "funding_timeline"),
    *("account_ledger_lines", "account_mids", "account_holdings", "account_positions_last"),
    *("account_positions_told", "account_position_fills", "account_fill_causes"),
}
"""Building blocks whose names begin like those that stand on them."""


class Column(NamedTuple):
    """What a column says; `unit` is `-` for a name, a count or a plain ratio."""

    unit: str
    text: str


COMMON: Final = {
    "market": Column("-", "the venue's name of the market"),
    "date": Column("UTC day", "the day, by which files are chosen: a condition on it skips the other days"),
    "minute": Column("time, UTC", "the bucket's start"),
    "hour": Column("time, UTC", "the bucket's start"),
    "day": Column("time, UTC", "the bucket's start"),
    "bucket": Column("time, UTC", "the bucket's start"),
    "grade": Column(
        "A to D", "the worst of the bucket's minutes, of trades and candles; null until one is graded"
    ),
}
"""Columns that mean the same everywhere; a head may say more of them."""


@dataclass(frozen=True, slots=True)
class Grain:
    """A bucket: the name of its column, and its length. Buckets follow each other since the epoch, those of
    whole weeks since the first Monday after it; where a day holds a whole number of them, none spans two."""

    column: str
    seconds: int

    @property
    def spans_days(self) -> bool:
        """Whether one may begin on one day and end on another."""
        return DAY_S % self.seconds != 0

    @property
    def _since_s(self) -> int:
        return 0 if self.seconds % WEEK_S else MONDAY_S

    @property
    def number(self) -> str:
        """Which one since the epoch, as SQL of a minute's start. Minutes are grouped by it: a calendar would
        cost more than all else, and a remainder of whole numbers more than a quotient, which is as exact."""
        since = f"(unix_micros(minute) - {self._since_s}000000)" if self._since_s else "unix_micros(minute)"
        return f"floor({since} / {self.seconds}e6)"

    @property
    def start(self) -> str:
        """Its start, as SQL of its number."""
        since = f" + {self._since_s}000000" if self._since_s else ""
        return f"timestamp_micros(CAST({self.number} * {self.seconds}000000{since} AS BIGINT))"


MINUTE: Final = Grain("minute", 60)
HOUR: Final = Grain("hour", 3_600)
DAY: Final = Grain("day", DAY_S)
_LONGER: Final = {"_1h": HOUR, "_1d": DAY}


@dataclass(frozen=True, slots=True)
class Question:
    """One view: `sql` is its statement with its head, without the semicolon."""

    name: str
    question: str
    grain: str
    columns: dict[str, Column]
    source: tuple[str, ...]
    notes: tuple[str, ...]
    reach: Reach
    sql: str

    @property
    def subject(self) -> str:
        """What it is about."""
        subjects = (name for name, begun in SUBJECTS.items() if self.name.startswith(begun))
        return BUILDING_BLOCKS if self.name in _BLOCKS else next(subjects, BUILDING_BLOCKS)

    @property
    def common(self) -> dict[str, Column]:
        """The columns of COMMON that it has and its head does not tell of, in their order."""
        select = self.sql.rpartition("\nSELECT\n")[2].partition("\nFROM ")[0]
        names = re.findall(r"^ {4}(?:.*(?: AS |\.))?(\w+),?$", select, re.MULTILINE)
        return {name: COMMON[name] for name in names if name in COMMON and name not in self.columns}

    def says(self, column: str) -> Column:
        """What a column of it says. Raises KeyError."""
        return self.columns[column] if column in self.columns else COMMON[column]

    def at_grain(self, name: str, grain: Grain) -> "Question":
        """This question of a minute, asked of another bucket."""
        longer = self.grain.replace("minute", grain.column)
        days = -(-grain.seconds // DAY_S) if grain.spans_days else 0
        day, by_day = (f"CAST({grain.start} AS DATE) AS date", "") if days else ("date", "date, ")
        words = {
            f"-- Grain: {self.grain}": f"-- Grain: {longer}",
            "date,\n        minute AS bucket,": f"{day},\n        {grain.start} AS bucket,",
            "60e0 AS bucket_seconds": f"{grain.seconds}e0 AS bucket_seconds",
            "GROUP BY market, date, minute\n)": f"GROUP BY market, {by_day}{grain.number}\n)",
            "GROUP BY asset, date, minute\n)": f"GROUP BY asset, {by_day}{grain.number}\n)",
            "bucket AS minute,": f"bucket AS {grain.column},",
        }
        sql = self.sql
        for word, other in words.items():
            sql = sql.replace(word, other)
        reach = self.reach.joined(Reach(days, days))
        return replace(self, name=name, grain=longer, reach=reach, sql=sql)


def read_question(name: str, text: str) -> Question:
    """Parse a file. Raises ValueError where its head does not say what it must."""
    head = _head(text)
    missing = [word for word in ("Question", "Grain", "Units", "Source") if len(head.get(word, [])) != 1]
    if missing:
        raise ValueError(f"{name}.sql: its head must say once each: {', '.join(missing)}")
    lines = [line.split(" | ") for line in head["Units"][0].splitlines() if line.strip()]
    if any(len(line) != 3 for line in lines):
        raise ValueError(f"{name}.sql: a line of Units is `name | unit | definition`")
    return Question(
        name=name,
        question=_joined(head["Question"][0]),
        grain=_joined(head["Grain"][0]),
        columns={column.strip(): Column(unit.strip(), text.strip()) for column, unit, text in lines},
        source=tuple(re.findall(r"\w+", head["Source"][0])),
        notes=tuple(_joined(note) for note in (*head.get("Note", []), *head.get("Reference", []))),
        reach=read_reach(_joined(head.get("Reach", [""])[0])),
        sql=text.strip().removesuffix(";"),
    )


def _head(text: str) -> dict[str, list[str]]:
    """The texts under each word of the head, with their lines."""
    found: dict[str, list[str]] = {}
    word = ""
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if begun := re.match(r"-- ([A-Z][a-z]+):(.*)", line):
            word = begun[1]
            found.setdefault(word, []).append(begun[2])
        elif word:
            found[word][-1] += "\n" + line.removeprefix("--")
    return found


def _joined(text: str) -> str:
    return " ".join(text.split())


@functools.cache
def questions() -> tuple[Question, ...]:
    """All of them, each after those it reads."""
    found = {path.stem: read_question(path.stem, path.read_text()) for path in _FILES.glob("*.sql")}
    for name, question in list(found.items()):
        for ending, grain in _LONGER.items():
            longer = name.removesuffix("_1m") + ending
            if name.endswith("_1m") and longer not in found and _is_bucketed(question):
                found[longer] = question.at_grain(longer, grain)
    known = {*TABLES, *PARTS}
    graph = {name: sorted(set(each.source) - known) for name, each in sorted(found.items())}
    return tuple(found[name] for name in TopologicalSorter(graph).static_order())


@functools.cache
def open_questions() -> tuple[Question, ...]:
    """Those that say something of open days only, each after those it reads: they read the open parts, one
    another, and gaps. Where no day is open, they have no rows."""
    known = {name for name, part in PARTS.items() if part.made == "minutes" and not part.is_closed} | {"gaps"}
    found: list[Question] = []
    for each in questions():
        if known.issuperset(each.source) and each.source != ("gaps",):
            known.add(each.name)
            found.append(each)
    return tuple(found)


def _is_bucketed(question: Question) -> bool:
    return "minute AS bucket," in question.sql


def question(name: str) -> Question:
    """One of them. Raises KeyError for a name that is none."""
    return _by_name()[name]


def needed(asked: Question) -> list[Question]:
    """A question and all those that it reads, each after what it reads itself."""
    names = {asked.name, *asked.source}
    for each in reversed(questions()):
        if each.name in names:
            names |= set(each.source)
    return [each for each in questions() if each.name in names and each.name != asked.name] + [asked]


def whole_reach(asked: Question) -> Reach:
    """The reach of a question with that of everything it reads."""
    below = [whole_reach(_by_name()[name]) for name in asked.source if name in _by_name()]
    return asked.reach.joined(farthest(below))


@functools.cache
def _by_name() -> dict[str, Question]:
    return {each.name: each for each in questions()}
