"""The claims that a chaos run puts to the test: what the exchange told against what the lake holds.

Each claim is a function named as it; it returns what it looked at and what speaks against it. A moment is
when the exchange sent something, or would have, moved into the recorder's clock by the steps made of it.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from chaos_lake import Found
from chaos_record import Told
from chaos_stage import Done

LIMITS_S = {"market/kline": 1.0, "market/depth": 10.0}
"""Seconds between two calls of an endpoint; of the others:"""
LIMIT_S = 0.1


@dataclass
class Evidence:
    """All there is to judge by."""

    told: Told
    found: Found
    done: Done
    started_ns: int = 0
    """When the first session said that it had begun."""
    lookback_s: int = 3_600
    complaints: list = field(default_factory=list)
    """What the reader saw."""
    rounds: int = 0
    damage: list = field(default_factory=list)
    """(segment, reason) of each part of the journal that cannot be read."""
    segments: int = 0
    deaths: list = field(default_factory=list)
    """Ends of the recorder that nobody asked for."""
    publish: tuple = (0, "Nothing new")
    compact: tuple = (0, "")
    """(exit code, text) of `recorder compact` after the end."""
    closed_days: dict = field(default_factory=dict)
    """See `read_closed_days`."""
    verify: tuple = None
    """(exit code, text) of `recorder rebuild --verify`; None where there is no such command."""

    def moment_us(self, t_ns):
        """A moment by the recorder's clock, in us."""
        return self.done.moved(t_ns) // 1000

    @property
    def meant(self):
        """Keys of the trades that happened while they were meant to be recorded."""
        begin, end = self.started_ns, self.done.stopped_ns
        return [key for key, t_ns in self.told.happened.items() if begin <= t_ns <= end]


@dataclass(frozen=True)
class Finding:
    """What a claim was put to, and what speaks against it."""

    looked_at: str
    offenders: list


def clock(t_ns):
    """A time to look for in logs: seconds since the epoch."""
    return f"{t_ns / 1e9:.3f}"


def counted(total, what, counts):
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    return f"{total:,} {what}: {', '.join(parts)}" if parts else f"{total:,} {what}"


# --- rows ---


def every_trade_is_in_the_lake_as_sent_or_in_a_gap(evidence):
    told, found = evidence.told, evidence.found
    offenders, counts = [], Counter()
    for key in evidence.meant:
        there = found.trades.get(key)
        if there is not None and there[0] == told.trades[key]:
            counts["by REST" if there[1] == "rest" else "pushed"] += 1
        elif there is not None:
            offenders.append(f"{key} is {there[0]} and was {told.trades[key]}")
        else:
            t_ns = told.happened[key]
            gap = found.gap("trade", key[0], evidence.moment_us(t_ns))
            counts["missing, in a gap"] += gap is not None
            if gap is None:
                pushed = "pushed" if key in told.pushed else "not pushed"
                offenders.append(f"{key} {pushed} at {clock(t_ns)}, missing: {told.trades[key]}")
    return Finding(counted(len(evidence.meant), "trades", counts), offenders)


def every_book_sent_is_in_the_lake_or_in_a_gap(evidence):
    told, found = evidence.told, evidence.found
    offenders, counts = [], Counter()
    for book, times in told.books.items():
        if book in found.books:
            counts["there"] += 1
        elif found.gap("depth", book.market, evidence.moment_us(times[0])) is not None:
            counts["missing, in a gap"] += 1
        else:
            offenders.append(f"{book.market} of {book.ts_event} us, sent at {clock(times[0])}")
    counts["lost one by one, which nobody can notice"] = told.withheld["depth", "lose"]
    return Finding(counted(len(told.books), "books", counts), offenders)


def every_state_sent_is_in_the_lake_or_in_a_gap(evidence):
    offenders, counts = [], Counter()
    for state, times in evidence.told.states.items():
        missing = missing_sends(evidence, state)
        counts["there"] += len(times) - len(missing)
        for t_ns in missing:
            if evidence.found.gap("state", state.market, evidence.moment_us(t_ns)) is None:
                offenders.append(f"{state.market} sent at {clock(t_ns)}")
            else:
                counts["missing, in a gap"] += 1
    return Finding(counted(sum(map(len, evidence.told.states.values())), "states", counts), offenders)


def missing_sends(evidence, state):
    """Which of the sendings of a state no row stands for: each row stands for the nearest one left."""
    left = sorted(evidence.told.states[state])
    for recv_us in sorted(evidence.found.states.get(state, ())):
        if left:
            left.remove(min(left, key=lambda t_ns: abs(evidence.moment_us(t_ns) - recv_us)))
    return left


def nothing_is_in_the_lake_that_was_not_sent_or_answered(evidence):
    told, found = evidence.told, evidence.found
    offenders = [f"trade {key} {row}" for key, row in found.trades.items() if told.trades.get(key) != row[0]]
    offenders += [f"book of {book.market} {book.ts_event}" for book in found.books if book not in told.books]
    offenders += [
        f"state of {state.market} received {times}, sent {len(told.states.get(state, ()))} times"
        for state, times in found.states.items()
        if len(times) > len(told.states.get(state, ()))
    ]
    offenders += [
        f"reject {reason}: {frame[:200]}" for reason, frame in found.rejects if frame not in told.garbage
    ]
    answered = sum(call.endpoint == "market/state/all" and call.code == 0 for call in told.calls)
    markets = len({market for market, _ in told.trades})
    if found.rest_states > answered * markets:
        offenders.append(f"{found.rest_states} states by REST of {answered} answers")
    rows = len(found.trades) + len(found.books) + sum(map(len, found.states.values())) + len(found.rejects)
    return Finding(f"{rows:,} rows, {found.rest_states:,} states by REST counted only", offenders)


def nothing_is_there_twice(evidence):
    found = evidence.found
    rows = len(found.trades) + len(found.books) + len(found.candles) + len(found.coverage)
    return Finding(f"{rows:,} keys", [f"{table}: {str(key)[:300]}" for table, key in found.twice])


def what_a_gap_calls_repaired_is_there(evidence):
    offenders, looked = [], 0
    missing = [key for key in evidence.meant if key not in evidence.found.trades]
    for key in missing:
        moment_us = evidence.moment_us(evidence.told.happened[key])
        gaps = [g for g in evidence.found.gaps if g.speaks_of("trade", key[0]) and g.holds(moment_us)]
        looked += len(gaps)
        if gaps and not any(_remains(gap, moment_us) for gap in gaps):
            offenders.append(f"{key} at {moment_us} us is missing; {gaps[0]} says otherwise")
    return Finding(f"{looked:,} gaps around {len(missing):,} missing trades", offenders)


def _remains(gap, moment_us):
    """Whether a gap leaves a moment of it unrepaired."""
    start, end = gap.remains
    return start is not None and start <= moment_us and (end is None or moment_us <= end)


# --- conduct ---


def the_venues_limits_were_kept(evidence):
    offenders, closest = [], {}
    for endpoint in {call.endpoint for call in evidence.told.calls}:
        times = sorted(call.t_ns for call in evidence.told.calls if call.endpoint == endpoint)
        limit_s = LIMITS_S.get(endpoint, LIMIT_S)
        for before, after in pairwise(times):
            closest[endpoint] = min(closest.get(endpoint, 1e9), (after - before) / 1e9)
            if after - before < limit_s * 1e9:
                offenders.append(f"{endpoint} at {clock(before)} and {(after - before) / 1e9:.4f} s later")
    told = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in sorted(closest.items()))
    return Finding(f"{len(evidence.told.calls):,} calls, the closest: {told}", offenders)


def readers_saw_a_whole_lake_at_all_times(evidence):
    offenders = [f"at {clock(at)}: {text}" for at, text in evidence.complaints]
    if not evidence.rounds:
        offenders.append("no query was ever answered")
    return Finding(f"{evidence.rounds:,} rounds of queries", offenders)


def the_journal_is_whole_but_for_torn_tails(evidence):
    counts = Counter(reason for _, reason in evidence.damage)
    offenders = [f"segment {number}: {reason}" for number, reason in evidence.damage if reason != "torn tail"]
    return Finding(counted(evidence.segments, "segments", counts), offenders)


def the_recorder_ended_only_when_it_was_told_to(evidence):
    codes = [f"SIGTERM was answered with {code}" for code in evidence.done.codes if code]
    return Finding(f"{len(evidence.done.kills)} SIGKILL, {len(evidence.done.terms)} SIGTERM",
                   [*evidence.deaths, *codes])  # fmt: skip


def publish_has_nothing_left(evidence):
    code, text = evidence.publish
    return Finding(text[-100:], [] if code == 0 and text.startswith("Nothing new") else [f"{code}: {text}"])


def closed_days_are_compacted(evidence):
    code, text = evidence.compact
    offenders = [f"exit code {code}: {text}"] if code else []
    if not evidence.closed_days:
        offenders.append("no day is over")
    offenders += [
        f"{table} of {date}: {due} of {files} files are still to be compacted"
        for (table, date), (files, due) in evidence.closed_days.items()
        if due
    ]
    tables = {table for table, _ in evidence.closed_days}
    files = sum(files for files, _ in evidence.closed_days.values())
    return Finding(
        f"{len(tables)} tables in {files} files; {evidence.done.cut} compactions were killed", offenders
    )


def the_lake_is_what_the_journal_makes(evidence):
    if evidence.verify is None:
        return Finding("no `recorder rebuild` here: not checked", [])
    code, text = evidence.verify
    return Finding(text[-100:], [f"exit code {code}: {text[-2_000:]}"] if code else [])
