"""Whether a lake is what its journal makes: table by table and day by day.

Days that retention removed are left out, and days that began before what is left of the journal does.
Columns and tables that are made when a day is compacted are compared in days that both lakes have compacted.
The rest of what cannot be compared is told in `exempt`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from recorder.lake.days.compact import JOINED
from recorder.lake.days.upkeep import COMPACTED
from recorder.lake.grades.changes import Remembered
from recorder.lake.grades.clocks import Clocks
from recorder.lake.grades.settle import SETTLE_STATE
from recorder.lake.proving.exempt import Exempt
from recorder.lake.proving.snapshot import Snapshot
from recorder.lake.publishing.milestones import Beginning
from recorder.lake.publishing.retention import RETIRED_STATE, retired
from recorder.lake.store.compare import Comparer, Difference, Digest, Rows
from recorder.lake.store.files import day_of
from recorder.lake.store.manifest import WHOLE_DAY, FileInfo
from recorder.lake.store.minutes import MADE_OF
from recorder.lake.store.removed import removed_days
from recorder.lake.store.table import Table
from recorder.lake.store.tables import (
    COVERAGE,
    DEPTH,
    GAPS,
    KLINES,
    MARKETS,
    MINUTES,
    REMOVED,
    TABLES,
    TRADES,
)
from recorder.lake.units import DAY_US

CLOCK_MARGIN_US: Final = 60_000_000
"""A row of a day may be received so long before the day begins: the venue's clock may be ahead of ours."""
_BY_THEIR_CLOCK: Final = (TRADES, DEPTH, KLINES, COVERAGE, MINUTES)
_BY_WHAT_WAS_BEFORE: Final = (GAPS, COVERAGE, MARKETS)
"""Tables whose rows follow from all that was recorded before them."""

Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TableProof:
    """What was compared of a table: so many rows of so many days, with this content.

    `differing` are the days that are not equal, `first` is the first row of the first of them.
    """

    table: str
    rows: int
    days: int
    content: str
    differing: tuple[str, ...]
    first: Difference | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a comparison has found. `since`: the first UTC day it holds for; None: from the beginning."""

    tables: tuple[TableProof, ...]
    since: str | None
    left_out: tuple[str, ...]
    damage: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether all that was compared is equal."""
        return all(table.first is None for table in self.tables)


@dataclass(frozen=True, slots=True)
class Made:
    """A lake made from a journal alone. `received`: by table, the recorders that had rows of it."""

    lake: Snapshot
    received: dict[str, frozenset[str]]
    damage: tuple[str, ...]


def known(lake: Snapshot) -> Remembered:
    """What a lake remembers for judging."""
    saved = lake.state.get(SETTLE_STATE)
    return msgspec.msgpack.decode(saved, type=Remembered) if saved else Remembered()


def first_day(beginning: Beginning, table: Table, clocks: Clocks) -> str:
    """The first UTC day of a table that what is left of the journal makes whole; "" for all of them."""
    if beginning.since_us is None:
        return ""
    since_us = clocks.venue(beginning.since_us) if table in _BY_THEIR_CLOCK else beginning.since_us
    day = -(-(since_us + CLOCK_MARGIN_US) // DAY_US)
    return day_of(day * DAY_US)


def makes(beginning: Beginning, table: Table) -> bool:
    """Whether what is left of the journal makes rows of a table at all."""
    return table is not REMOVED and (beginning.knows_gaps or table not in _BY_WHAT_WAS_BEFORE)


def prove(live: Snapshot, made: Made, beginning: Beginning, spill: Path, tell: Tell) -> Proof:
    """Compare a lake with what its journal makes of the same."""
    unjudged = retired(live.state.get(RETIRED_STATE)).unjudged
    exempt = Exempt(known(live), known(made.lake), unjudged, made.received)
    sides = _Sides(live, made.lake, exempt)
    proofs: list[TableProof] = []
    left_out: list[str] = []
    with Comparer(spill) as comparer:
        for table in TABLES.values():
            if not makes(beginning, table):
                if table is not REMOVED:
                    left_out.append(f"{table.name}: what it follows from is gone with the journal")
                continue
            since = first_day(beginning, table, exempt.live.clocks)
            compared = _compare(sides, table, since, comparer)
            proofs.append(compared.proof)
            left_out += compared.left_out
            tell(_line(compared.proof))
    whole_from = first_day(beginning, TRADES, exempt.live.clocks) or None
    return Proof(tuple(proofs), whole_from, tuple(left_out), made.damage)


def _line(proof: TableProof) -> str:
    differing = f"; {len(proof.differing)} differ, {proof.differing[0]} first" if proof.differing else ""
    return f"{proof.table}: {proof.rows:,} rows of {proof.days} days compared{differing}"


@dataclass(frozen=True, slots=True)
class _Compared:
    proof: TableProof
    left_out: list[str]


class _Sides:
    """Both lakes, and what is left out of them."""

    def __init__(self, live: Snapshot, fresh: Snapshot, exempt: Exempt) -> None:
        self.exempt = exempt
        self.removed = removed_days(live.lake, live.files)
        self._live, self._fresh = ((lake.lake, _by_day(lake)) for lake in (live, fresh))
        self._made_by = [_made_by(lake) for lake in (live, fresh)]

    def days(self, table: Table) -> list[str]:
        return sorted(
            {date for _, files in (self._live, self._fresh) for name, date in files if name == table.name}
        )

    def rows(self, table: Table, date: str) -> tuple[Rows, Rows]:
        """Of either side what is compared of a day."""
        columns = self.exempt.columns(table, derived=self.alike(table, date))
        live, fresh = (
            Rows(
                tuple(str(lake / file.path) for file in files.get((table.name, date), ())),
                table,
                columns,
                self.exempt.keep(table),
            )
            for lake, files in (self._live, self._fresh)
        )
        return live, fresh

    def both_have(self, table: Table, date: str) -> bool:
        return all((table.name, date) in files for _, files in (self._live, self._fresh))

    def alike(self, table: Table, date: str) -> bool:
        """Whether a day is compacted on both sides, with all that its columns or rows are made of, by the
        same gaps, with nothing removed before and nothing added since; or on neither."""
        of = {table.name, *MADE_OF.get(table.name, ()), *(JOINED if table.name in JOINED else ())}
        levels = {
            file.level == WHOLE_DAY
            for _, files in (self._live, self._fresh)
            for name in of
            for file in files.get((name, date), ())
        }
        return len(levels) == 1 and self._made_by[0].get(date) == self._made_by[1].get(date)


def _made_by(lake: Snapshot) -> dict[str, bytes]:
    """By day what its durations and sums were made by, beside rows."""
    return {
        name.removeprefix(COMPACTED): made for name, made in lake.state.items() if name.startswith(COMPACTED)
    }


def _by_day(lake: Snapshot) -> dict[tuple[str, str], list[FileInfo]]:
    found: dict[tuple[str, str], list[FileInfo]] = {}
    for file in lake.files:
        found.setdefault((file.table, file.date), []).append(file)
    return found


def _compare(sides: _Sides, table: Table, since: str, comparer: Comparer) -> _Compared:
    days = [date for date in sides.days(table) if date >= since]
    there = [date for date in days if (table.name, date) not in sides.removed]
    if table.name in MADE_OF:
        there = [date for date in there if sides.both_have(table, date) and sides.alike(table, date)]
    total, skipped, differing = Digest(0, 0, 0, 0), 0, list[str]()
    for date in there:
        live, fresh = (comparer.digest(rows) for rows in sides.rows(table, date))
        total = Digest(total.rows + live.rows, total.sum + live.sum, total.xor ^ live.xor, 0)
        skipped += max(live.left_out, fresh.left_out)
        if live.content != fresh.content:
            differing.append(date)
    first = comparer.first_difference(*sides.rows(table, differing[0]), differing[0]) if differing else None
    content = f"{total.sum % 2**64:016x}{total.xor:016x}"
    proof = TableProof(table.name, total.rows, len(there), content, tuple(differing), first)
    return _Compared(proof, list(_told(sides, table, days, there, skipped)))


def _told(sides: _Sides, table: Table, days: list[str], there: list[str], skipped: int) -> Iterator[str]:
    """What was left out of a table, and why."""
    removed = sum((table.name, date) in sides.removed for date in days)
    if removed:
        yield f"{table.name}: {removed} days that retention removed"
    if table.name in MADE_OF and len(days) - removed > len(there):
        without = len(days) - removed - len(there)
        yield f"{table.name}: {without} days that not both lakes have compacted with all their rows"
    if skipped:
        yield f"{table.name}: {skipped:,} rows that are still to be judged, or that the journals leave open"
    unlike = sum(not sides.alike(table, date) for date in there)
    if table.derived and unlike:
        yield f"{table.name}: {', '.join(table.derived)} of {unlike} days that not both lakes have compacted"
    kept = {*sides.exempt.columns(table, derived=True)}
    if left := [name for name in table.schema.names if name not in kept]:
        yield f"{table.name}: {', '.join(left)}, for several recorders received the same rows"
