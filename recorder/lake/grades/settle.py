"""What follows from the rows: `coverage`, and the gaps that only it can tell or repair.

`changes` remembers what has to be looked at again; here it is looked at, a few minutes at a time, each in a
commit of its own. When it ran, and how often, changes nothing.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.arrays import Bools
from recorder.lake.gaps.files import MISSED, NEVER, gap_table, gaps_touching, replace_gaps
from recorder.lake.gaps.state import IN_FLIGHT_US, MINUTE_PERIOD
from recorder.lake.grades.changes import GAP_REACH_US, Changes, mend_topics
from recorder.lake.grades.clocks import Clocks
from recorder.lake.grades.coverage import cover
from recorder.lake.grades.evidence import evidence_of
from recorder.lake.grades.mend import mended, needed
from recorder.lake.grades.missed import missed_rows
from recorder.lake.grades.precisions import Precisions
from recorder.lake.grades.wanted import Wanted
from recorder.lake.spans import FOREVER_US, Spans, clip, minus, spans_of, union
from recorder.lake.store.draft import add_file, bucket
from recorder.lake.store.files import as_us, read_file
from recorder.lake.store.manifest import Commit, FileInfo, Manifest
from recorder.lake.store.stored import between, stored
from recorder.lake.store.tables import COVERAGE, DEPTH, GAPS, KLINES, MARKETS, TRADES
from recorder.lake.units import DAY_US, HOUR_US, MINUTE_US

WINDOWS_US: Final = tuple(minutes * MINUTE_US for minutes in (60, 30, 10, 5, 2))
"""What is judged at once: the first of these whose files do not hold too many rows, else a minute."""
MANY_ROWS: Final = 600_000
"""Rows of trades and books: bounds what is held, at any load."""
REPAIRED_FOR_US: Final = 31 * DAY_US
"""The service sees to gaps of so long; what is older is repaired by hand."""
SETTLE_STATE: Final = "settle"
"""The name under which `Changes` is kept in the manifest."""


def settle(manifest: Manifest, changes: Changes) -> Iterator[Commit]:
    """The commits that bring the lake up to date; each has to be committed before the next is asked for."""
    if changes.known.mend:
        yield _mend(manifest, changes)
    precisions = Precisions(_all_rows(manifest))
    while due := changes.due():
        yield _judge(manifest, changes, precisions, due)


def _all_rows(manifest: Manifest) -> pa.Table:
    tables = [read_file(manifest.lake / file.path, MARKETS) for file in manifest.files(MARKETS.name)]
    return pa.concat_tables([MARKETS.schema.empty_table(), *tables])


# --- minutes --------------------------------------------------------------------------------------------


def _judge(manifest: Manifest, changes: Changes, precisions: Precisions, due: dict[str, Spans]) -> Commit:
    """Judge the minutes of the first window that has some."""
    known = changes.known
    start_us = min(spans[0][0] for spans in due.values())
    end_us = min(
        _window_end(manifest, start_us),
        _described_until(changes.clocks, precisions, start_us),
        known.horizon_us,
    )
    wanted = {market: own for market, spans in due.items() if (own := clip(spans, start_us, end_us))}
    covered = cover(evidence_of(manifest, changes, precisions, start_us, end_us), wanted)
    changes.judged((start_us, end_us))
    _doubt(changes, wanted, covered.doubts)
    commit = Commit()
    hour = start_us // HOUR_US
    path, date, first_hour = bucket(manifest, COVERAGE, hour)
    there = _read(manifest, path)
    rows = pa.concat_tables([there.filter(pa.array(_others(there, wanted))), covered.rows])
    of_hour = rows.filter(pa.array(as_us(rows["minute"]) // HOUR_US == hour))
    if not _same(rows, there):
        add_file(manifest, commit, COVERAGE, rows, path, date, first_hour)
        _replace_missed(manifest, commit, of_hour, there, hour)
    commit.state[SETTLE_STATE] = changes.save()
    return commit


def _window_end(manifest: Manifest, start_us: int) -> int:
    """How far is judged at once: the hour to its end, or a part of it."""
    hour_us = (start_us // HOUR_US + 1) * HOUR_US
    files = [
        file for table in (TRADES, DEPTH) for file in manifest.overlapping(table.name, start_us, hour_us)
    ]
    ends = (min(start_us + window_us, hour_us) for window_us in WINDOWS_US)
    few = (end_us for end_us in ends if sum(_rows(file, start_us, end_us) for file in files) <= MANY_ROWS)
    return next(few, start_us + MINUTE_US)


def _rows(file: FileInfo, start_us: int, end_us: int) -> float:
    """About how many rows of a file lie within [start, end)."""
    within_us = min(end_us, file.max_us + 1) - max(start_us, file.min_us)
    return file.rows * max(0, within_us) / (file.max_us + 1 - file.min_us)


def _described_until(clocks: Clocks, precisions: Precisions, start_us: int) -> int:
    """The next minute in which a market's description says something new: each is judged by its own."""
    minutes = (clocks.venue(us) // MINUTE_US * MINUTE_US for us in precisions.changed_us)
    return min((minute for minute in minutes if minute > start_us), default=FOREVER_US)


def _doubt(changes: Changes, wanted: dict[str, Spans], doubts: dict[str, list[int]]) -> None:
    known = changes.known
    everywhere = wanted.get("", ())
    for market in {*known.doubts, *doubts}:
        old = minus(known.doubts.get(market, ()), union(everywhere, wanted.get(market, ())))
        fresh = spans_of((us, us + MINUTE_US) for us in doubts.get(market, ()))
        known.doubts[market] = union(old, fresh)
    known.doubts = {market: spans for market, spans in known.doubts.items() if spans}


def _others(there: pa.Table, wanted: dict[str, Spans]) -> Bools:
    """Which rows of a file are not judged anew."""
    minutes, names = as_us(there["minute"]), np.asarray(there["market"].to_pylist(), object)
    judged = np.zeros(there.num_rows, np.bool_)
    for market, spans in wanted.items():
        own = np.ones(there.num_rows, np.bool_) if market == "" else names == market
        for start, end in spans:
            judged |= own & (minutes >= start) & (minutes < end)
    return ~judged


def _replace_missed(manifest: Manifest, commit: Commit, rows: pa.Table, before: pa.Table, hour: int) -> None:
    """Make the gaps that only the witnesses of an hour tell anew; `before` is the hour's file as it was."""

    def keep(gaps: pa.Table) -> Bools:
        hours = as_us(pc.fill_null(gaps["minute"], NEVER)) // HOUR_US
        kept: Bools = hours != hour
        return kept

    days = {int(us) // DAY_US for us in as_us(before["due_from"]) - IN_FLIGHT_US}
    replace_gaps(manifest, commit, gap_table(missed_rows(rows)), days, keep)


def _read(manifest: Manifest, path: str) -> pa.Table:
    there = manifest.lake / path
    return read_file(there, COVERAGE) if there.exists() else COVERAGE.schema.empty_table()


def _same(rows: pa.Table, there: pa.Table) -> bool:
    keys = [("market", "ascending"), ("minute", "ascending")]
    return bool(rows.num_rows == there.num_rows and rows.sort_by(keys).equals(there.sort_by(keys)))


# --- gaps in candles ------------------------------------------------------------------------------------


def _mend(manifest: Manifest, changes: Changes) -> Commit:
    """Work out anew how far gaps in candles are repaired, where they changed or answers came."""
    known = changes.known
    commit = Commit()
    topics, known.mend = known.mend, {}
    start_us = min(start for start, _ in topics.values())
    gaps = gaps_touching(manifest, start_us, max(end for _, end in topics.values()))
    rows = [row for row in _kline_gaps(gaps) if _touches(row, topics)]
    given = _given(manifest, rows)
    all_answered = changes.answered
    fresh = []
    for row in rows:
        topic = f"{row['market']} {row['period']}"
        answered, first = all_answered.get(topic, ()), known.first_us.get(row["market"], 0)
        better = mended(row, answered, given.get(topic, frozenset()), first)
        if better != row:
            fresh.append(better)
            if row["period"] == MINUTE_PERIOD:
                lags_us = row["lag_low_us"], row["lag_high_us"]
                changes.mended(row["market"], row["ts_start"], row["ts_end"], lags_us)
    replace_gaps(manifest, commit, gap_table(fresh), (), lambda gaps: np.ones(gaps.num_rows, np.bool_))
    commit.state[SETTLE_STATE] = changes.save()
    return commit


def wanted(manifest: Manifest, changes: Changes, until_us: dict[str, int]) -> Wanted:
    """What the venue should be asked for; `until_us` is how far each recorder's journal was read."""
    known = changes.known
    now_us = known.until_us
    answered = changes.answered
    repairs = {f"{market} {MINUTE_PERIOD}": spans for market, spans in known.doubts.items()}
    for row in _kline_gaps(gaps_touching(manifest, now_us - REPAIRED_FOR_US, now_us)):
        if row["repaired"] != "fully":
            end_us = now_us if row["ts_end"] is None else row["ts_end"]
            span = needed(row, end_us)
            topic = f"{row['market']} {row['period']}"
            repairs[topic] = union(repairs.get(topic, ()), spans_of([span]))
    left = {topic: minus(spans, answered.get(topic, ())) for topic, spans in repairs.items()}
    repairs = {topic: spans for topic, spans in left.items() if spans}
    return Wanted(now_us - changes.clocks.venue(now_us), until_us, repairs, answered)


def _kline_gaps(gaps: pa.Table) -> list[dict[str, Any]]:
    own = gaps.filter(pc.and_(pc.equal(gaps["stream"], "kline"), pc.not_equal(gaps["reason"], MISSED)))
    for name in GAPS.schema.names:
        if pa.types.is_timestamp(own.schema.field(name).type):
            own = own.set_column(own.schema.get_field_index(name), name, own[name].cast(pa.int64()))
    rows: list[dict[str, Any]] = own.to_pylist()
    return rows


def _touches(row: dict[str, Any], topics: dict[str, tuple[int, int]]) -> bool:
    spans = (topics[name] for name in mend_topics(row["market"], row["period"]) if name in topics)
    return any(
        row["ts_start"] <= end + GAP_REACH_US
        and (row["ts_end"] is None or row["ts_end"] >= start - GAP_REACH_US)
        for start, end in spans
    )


def _given(manifest: Manifest, gaps: list[dict[str, Any]]) -> dict[str, frozenset[int]]:
    """By "market period": the opens of the candles that the lake has around those gaps."""
    spans = [needed(row, row["ts_end"]) for row in gaps if row["ts_end"] is not None]
    if not spans:
        return {}
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    rows = stored(manifest, KLINES, start, end, between(KLINES, start, end), ("market", "period", "ts_open"))
    found: dict[str, set[int]] = {}
    names = zip(
        rows["market"].to_pylist(), rows["period"].to_pylist(), as_us(rows["ts_open"]).tolist(), strict=True
    )
    for market, period, open_us in names:
        found.setdefault(f"{market} {period}", set()).add(open_us)
    return {topic: frozenset(opens) for topic, opens in found.items()}
