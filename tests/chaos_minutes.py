"""The claims about minutes: candles and grades. What a claim is, `chaos_check` says."""

from collections import Counter
from dataclasses import dataclass, field

from chaos_check import Finding, counted

from recorder.lake.asked import FINAL_US

US = 1_000_000
MINUTE_S = 60
LAST_PUSH_US = 1_000_000
"""A candle's last version is pushed within so much of its close."""
NEAR_NS = 60_000_000_000
"""The minutes before and after a disturbance are near it."""


def every_closed_candle_is_the_venues_or_in_a_gap(evidence):
    told, found, done = evidence.told, evidence.found, evidence.done
    earliest_s = done.stopped_ns / 1e9 - evidence.lookback_s + MINUTE_S
    offenders, counts, looked = [], Counter(), 0
    for (market, open_s), figures in told.candles.items():
        closed_ns = told.happened_at((open_s + MINUTE_S) * 10**9)
        if open_s < earliest_s or closed_ns >= done.stopped_ns or _came_too_early(evidence, closed_ns):
            continue
        looked += 1
        ours = found.candles.get((market, open_s))
        if ours == figures:
            counts["the venue's"] += 1
        elif _candle_in_a_gap(evidence, market, closed_ns):
            counts["in a gap"] += 1
        else:
            offenders.append(f"{market} {open_s}: {ours}, the venue's is {figures}")
    known = {market for market, _ in told.candles}
    newest_s = max((open_s for _, open_s in told.candles), default=0)
    counts["more of markets that are gone, not compared"] = sum(key[0] not in known for key in found.candles)
    offenders += [
        f"{key} is no candle of the venue's"
        for key in found.candles
        if key[0] in known and key not in told.candles and key[1] < newest_s
    ]
    return Finding(counted(looked, "candles", counts), offenders)


def _came_too_early(evidence, closed_ns):
    """Whether it closed before anybody recorded, and was not final yet when all was over: nobody asked."""
    was_alone = evidence.moment_us(closed_ns) < evidence.started_ns // 1_000
    return was_alone and closed_ns + FINAL_US * 1_000 > evidence.done.stopped_ns


def _candle_in_a_gap(evidence, market, closed_ns):
    """Whether a gap holds the push of the last version, or says of the whole minute that it was missed."""
    close_us = evidence.moment_us(closed_ns)
    for gap in evidence.found.gaps:
        if not gap.speaks_of("kline", market) or gap.repaired == "fully":
            continue
        from_us = close_us - MINUTE_S * US if gap.reason == "missed" else close_us
        if gap.touches(from_us, close_us + LAST_PUSH_US):
            return True
    return False


@dataclass
class Minute:
    """What the record shows of a market's minute."""

    trades: int = 0
    missing: list = field(default_factory=list)
    not_by_push: int = 0


def minutes_of(evidence):
    """(market, minute in s) -> Minute, of every minute in which something happened."""
    minutes = {}
    for key, trade in evidence.told.trades.items():
        minute = minutes.setdefault((key[0], trade.ts_event // US // MINUTE_S * MINUTE_S), Minute())
        minute.trades += 1
        there = evidence.found.trades.get(key)
        if there is None or there[0] != trade:
            minute.missing.append(key)
        elif key not in evidence.told.pushed or there[1] != "ws":
            minute.not_by_push += 1
    return minutes


def a_minute_of_grade_a_was_received_whole_by_push(evidence):
    return _graded(evidence, "A", lambda minute: minute.missing or minute.not_by_push)


def a_minute_of_grade_b_has_every_trade(evidence):
    return _graded(evidence, "B", lambda minute: minute.missing)


def _graded(evidence, wanted, wrong):
    minutes, offenders, looked = minutes_of(evidence), [], 0
    for (market, start_s), (grade, reason) in evidence.found.coverage.items():
        if grade != wanted:
            continue
        looked += 1
        minute = minutes.get((market, start_s), Minute())
        venues = evidence.told.candles.get((market, start_s))
        ours = evidence.found.candles.get((market, start_s))
        if wrong(minute):
            offenders.append(f"{market} {start_s} {reason}: {minute}")
        elif venues is not None and (ours != venues or (venues[4] and not minute.trades)):
            offenders.append(f"{market} {start_s} {reason}: candle {ours}, the venue's is {venues}")
    return Finding(f"{looked:,} minutes of grade {wanted}", offenders)


def undisturbed_minutes_that_were_delivered_whole_are_graded_a(evidence):
    """Elsewhere such minutes are counted with the reasons given for another grade."""
    told, done = evidence.told, evidence.done
    offenders, counts, reasons = [], Counter(), Counter()
    for (market, start_s), minute in minutes_of(evidence).items():
        if minute.missing or minute.not_by_push or (market, start_s) not in evidence.found.coverage:
            continue
        grade, reason = evidence.found.coverage[market, start_s]
        begin, end = (told.happened_at((start_s + after) * 10**9) for after in (0, MINUTE_S))
        near = any(begin < late + NEAR_NS and early - NEAR_NS < end for early, late in done.disturbed)
        counts[f"{grade}{' near a disturbance' if near else ''}"] += 1
        if grade != "A" and near:
            reasons[reason] += 1
        elif grade != "A":
            offenders.append(f"{market} {start_s}: {grade}, {reason}")
    told_reasons = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(3))
    looked_at = counted(sum(counts.values()), "minutes", counts)
    return Finding(f"{looked_at} ({told_reasons})" if reasons else looked_at, offenders)
