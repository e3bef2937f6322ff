"""What the journals brought since the last commit becomes files: new rows, changed candles, changed gaps.

Publishing is a function of the journal. The position up to which it was read is part of the same
transaction as the files made from it, so what was published is never published again, and what was not is
read again, whatever happened in between.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from recorder.lake.arrays import Bools
from recorder.lake.gaps.files import gap_row, gap_table, replace_gaps
from recorder.lake.gaps.state import Gap
from recorder.lake.grades.changes import Changes
from recorder.lake.grades.settle import SETTLE_STATE
from recorder.lake.publishing.once import ONCE, Once
from recorder.lake.publishing.source import Source, market_table
from recorder.lake.store.account_tables import ACCOUNT
from recorder.lake.store.dedupe import Highs, latest_candles, new_rows
from recorder.lake.store.draft import add_file, bucket
from recorder.lake.store.files import by_bucket, day_of, read_file
from recorder.lake.store.manifest import Commit, Manifest
from recorder.lake.store.owner import keep_to_owner
from recorder.lake.store.stored import stored
from recorder.lake.store.table import Table
from recorder.lake.store.tables import DEPTH, GAPS, KLINES, MARKETS, REJECTS, STATE, TRADES
from recorder.lake.units import DAY_US, HOUR_US

DEDUPED: Final = (TRADES, DEPTH)
ID_TAKEN: Final = "trade id seen before with other content"
"""The reason of a reject that no frame is guilty of alone."""


class Intake:
    """Makes commits of what the sources hold. Remembers, with each, what the next one must know."""

    def __init__(self, manifest: Manifest, changes: Changes) -> None:
        self._manifest = manifest
        self._changes = changes
        self._highs = {table.name: self._saved_highs(table) for table in DEDUPED}
        self._once = Once(self._stored)
        self._notices = Counter(json.loads(manifest.state("notices") or b"{}"))
        self._open_gaps: dict[str, set[Gap]] | None = None
        """The open gaps of each recorder as they were committed last; None: not known after a restart."""

    def _saved_highs(self, table: Table) -> Highs:
        saved = self._manifest.state(f"highs/{table.name}")
        return msgspec.msgpack.decode(saved, type=Highs) if saved else Highs()

    def commit_of(self, sources: dict[str, Source], number: int) -> tuple[Commit, dict[str, int]]:
        """The commit of all rows in waiting, and how many each table gains. Nothing new changes nothing."""
        commit, gained = Commit(), Counter[str]()
        rejects = [rows for source in sources.values() for rows in source.rows[REJECTS.name]]
        received: dict[str, pa.Table] = {}
        fresh: dict[str, pa.Table] = {STATE.name: _waiting(sources, STATE)}
        for table in DEDUPED:
            rows = received[table.name] = _waiting(sources, table)
            fresh[table.name], conflicts = new_rows(rows, table, self._highs[table.name], self._stored)
            rejects.append(_conflict_rejects(conflicts))
        fresh[REJECTS.name] = pa.concat_tables(rejects)
        market_rows = [row for source in sources.values() for row in source.market_rows]
        fresh[MARKETS.name] = market_table(market_rows)
        for table in (TRADES, DEPTH, STATE, REJECTS, MARKETS):
            gained[table.name] = self._append(commit, table, fresh[table.name], number)
        for table in ACCOUNT:
            if (rows := self._account(sources, table)) is not None:
                gained[table.name] = self._append(commit, table, rows, number)
        candles = self._replace_klines(commit, _waiting(sources, KLINES))
        gained[KLINES.name] = candles.num_rows
        changed = self._replace_gaps(commit, sources)
        gained[GAPS.name] = sum(gap.ts_end is not None for gap in changed)
        self._changes.hear(received[TRADES.name], received[DEPTH.name])
        self._note(sources, fresh, candles, changed)
        self._record_state(commit, sources, number)
        return commit, dict(gained)

    def _account(self, sources: dict[str, Source], table: Table) -> pa.Table | None:
        """What an account's table gains; None where there is nothing. Its owner alone may read it."""
        if not any(source.rows[table.name] for source in sources.values()):
            return None
        keep_to_owner(self._manifest.lake)
        rows = _waiting(sources, table)
        return self._once.fresh(rows, table) if table in ONCE else rows

    def _stored(self, table: Table, from_us: int, to_us: int, wanted: Any) -> pa.Table:
        return stored(self._manifest, table, from_us, to_us, wanted)

    def _append(self, commit: Commit, table: Table, rows: pa.Table, number: int) -> int:
        hour = int(time.time()) // 3600
        for day, of_day in by_bucket(rows, table, DAY_US):
            date = day_of(day * DAY_US)
            path = f"{table.name}/date={date}/{hour % 24:02d}-{number:09d}.parquet"
            add_file(self._manifest, commit, table, of_day, path, date, hour)
        return int(rows.num_rows)

    def _replace_klines(self, commit: Commit, rows: pa.Table) -> pa.Table:
        """Candles live in one file an hour, or a compacted day; returns those that are new or changed."""
        changed = [KLINES.schema.empty_table()]
        buckets: dict[tuple[str, str, int], list[pa.Table]] = {}
        for hour, of_hour in by_bucket(rows, KLINES, HOUR_US):
            buckets.setdefault(bucket(self._manifest, KLINES, hour), []).append(of_hour)
        for (path, date, hour), parts in buckets.items():
            there = self._manifest.lake / path
            before = read_file(there, KLINES) if there.exists() else KLINES.schema.empty_table()
            kept, fresh = latest_candles(before, pa.concat_tables(parts))
            if fresh.any():
                changed.append(kept.filter(pa.array(fresh)))
                add_file(self._manifest, commit, KLINES, kept, path, date, hour)
        return pa.concat_tables(changed)

    def _replace_gaps(self, commit: Commit, sources: dict[str, Source]) -> list[Gap]:
        """Gaps live in one file a day: rows that have ended stay, open ones are written as they are now.

        Returns those that opened, ended, changed, or are none any more.
        """
        ended = {name: source.gaps()[0] for name, source in sources.items()}
        still_open = {name: set(source.gaps()[1]) for name, source in sources.items()}
        before = self._open_gaps
        if before is not None and before == still_open and not any(ended.values()):
            return []
        moved = [
            gap
            for name, now in still_open.items()
            for gap in now ^ (before.get(name, set()) if before is not None else set())
        ]
        changed = [*(gap for gaps in ended.values() for gap in gaps), *moved]
        days = {gap.ts_start // DAY_US for gap in changed}
        if before is None:  # after a restart: whichever day has rows that were open then
            days |= {file.min_us // DAY_US for file in self._manifest.files(GAPS.name) if file.rows}
        rows = [
            gap_row(gap, name) for gaps in (ended, still_open) for name, own in gaps.items() for gap in own
        ]
        replace_gaps(self._manifest, commit, gap_table(rows), days, _final)
        self._open_gaps = still_open
        return changed

    def _note(
        self, sources: dict[str, Source], fresh: dict[str, pa.Table], candles: pa.Table, gaps: Sequence[Gap]
    ) -> None:
        """Tell what has to be judged (again)."""
        changes = self._changes
        until_us = max((source.seen_until_ns for source in sources.values()), default=0) // 1000
        changes.advance(until_us, {name: source.recorded for name, source in sources.items()})
        changes.pushed(fresh[TRADES.name], fresh[DEPTH.name])
        changes.states(fresh[STATE.name])
        changes.candles(candles)
        changes.gaps(gaps)
        changes.answers(answer for source in sources.values() for answer in source.candles)

    def _record_state(self, commit: Commit, sources: dict[str, Source], number: int) -> None:
        for name, source in sources.items():
            self._notices.update(source.notices)
            commit.state[f"recorder/{name}"] = source.save()
        for table in DEDUPED:
            commit.state[f"highs/{table.name}"] = msgspec.msgpack.encode(self._highs[table.name])
        commit.state["commits"] = str(number).encode()
        commit.state["notices"] = json.dumps(self._notices).encode()
        commit.state[SETTLE_STATE] = self._changes.save()
        report = {
            "published_at_ns": time.time_ns(),
            "journal_until_ns": {name: source.seen_until_ns for name, source in sources.items()},
        }
        commit.state["report"] = json.dumps(report).encode()


def _waiting(sources: dict[str, Source], table: Table) -> pa.Table:
    parts = [rows for source in sources.values() for rows in source.rows[table.name]]
    return pa.concat_tables([table.schema.empty_table(), *parts]).combine_chunks()


def _final(gaps: pa.Table) -> Bools:
    """Which rows of a file stay when the open ones are written again."""
    return np.asarray(gaps["ts_end"].is_valid().combine_chunks())


def _conflict_rejects(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """A trade whose id is taken by another one is kept here, as what was understood of it."""
    return pa.Table.from_pylist(
        [
            {
                "ts_recv": row["ts_recv"],
                "connection": 0,
                "reason": ID_TAKEN,
                "frame": json.dumps(row, default=str),
            }
            for row in rows
        ],
        schema=REJECTS.schema,
    )
