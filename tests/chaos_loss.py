"""What stopping a recorder costs, measured: the frames the exchange had sent it that are not in the lake."""

import statistics
from collections import Counter
from dataclasses import dataclass

from chaos_check import Finding, clock, missing_sends

BAR_S = 0.1
"""Nothing that was sent longer before a SIGKILL may be lost."""
LOOKED_BACK_NS = 20_000_000_000
FOREVER_NS = 2**63


@dataclass(frozen=True)
class Loss:
    """What one end of a recorder cost: frames, and how long before it the oldest of them was sent."""

    at_ns: int
    sent: int
    lost: tuple

    @property
    def oldest_s(self):
        return max((self.at_ns - sent.t_ns for sent in self.lost), default=0) / 1e9

    def __str__(self):
        kinds = Counter(sent.stream for sent in self.lost)
        told = ", ".join(f"{count} {stream}" for stream, count in kinds.items())
        return f"at {clock(self.at_ns)}: {told} lost, the oldest {self.oldest_s * 1e3:.0f} ms old"


def losses(evidence, ends, *, after=False):
    """The Loss of each end of a connected recorder; `after` counts what was sent after it, too."""
    told = evidence.told
    unmatched = {(state, t_ns) for state in told.states for t_ns in missing_sends(evidence, state)}
    found = []
    for at_ns in ends:
        open_then = [n for n, t_ns in told.opened.items() if t_ns <= at_ns <= told.closed.get(n, FOREVER_NS)]
        until_ns = FOREVER_NS if after else at_ns
        sent = [
            each
            for number in open_then
            for each in told.sent[number]
            if at_ns - LOOKED_BACK_NS <= each.t_ns <= until_ns
        ]
        lost = tuple(each for each in sent if not _received(each, evidence.found, unmatched))
        if open_then:
            found.append(Loss(at_ns, len(sent), lost))
    return found


def _received(sent, found, unmatched):
    """Whether a push is in the lake; that REST gave it later does not count."""
    if sent.stream == "trade":
        return found.trades.get(sent.key, (None, "rest"))[1] == "ws"
    if sent.stream == "depth":
        return sent.key in found.books
    return (sent.key, sent.t_ns) not in unmatched


def a_sigterm_costs_nothing(evidence):
    measured = losses(evidence, evidence.done.terms, after=True)
    sent = sum(loss.sent for loss in measured)
    return Finding(f"{len(measured)} of them, {sent:,} frames", [str(loss) for loss in measured if loss.lost])


def a_sigkill_costs_a_tenth_of_a_second_at_most(evidence):
    """Where the disk was full nothing could be kept, so kills in that time are left out."""
    full = [(start, end or FOREVER_NS) for start, end in evidence.done.full]
    ends = [t_ns for t_ns in evidence.done.kills if not any(start <= t_ns <= end for start, end in full)]
    measured = losses(evidence, ends)
    if not measured:
        return Finding("none of a recorder that had a connection", [])
    frames = [len(loss.lost) for loss in measured]
    oldest = [loss.oldest_s * 1e3 for loss in measured]
    looked_at = (
        f"{len(measured)} of {len(evidence.done.kills)} had a connection: frames lost p50 "
        f"{statistics.median(frames):.0f} max {max(frames)}, the oldest of them p50 "
        f"{statistics.median(oldest):.0f} ms max {max(oldest):.0f} ms"
    )
    return Finding(looked_at, [str(loss) for loss in measured if loss.oldest_s > BAR_S])
