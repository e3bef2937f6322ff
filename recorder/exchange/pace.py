"""How quiet a stream may be before it is called silent. Pure.

Pings prove the socket, not the feed. How long a pause is ordinary differs by stream, market and hour, so it
is learned: after KNOWN_AFTER arrivals a stream is silent when it pauses QUIETS times as long as its longest
pause of the last ten to twenty minutes. For independent arrivals the longest of 50 pauses is about 4.5 mean
intervals, so a false alarm needs a pause of 18 of them (e^-18); books, which come at a steady beat, are
missed within seconds. Before that, 20 mean intervals, and a minute at least.
"""

from dataclasses import dataclass
from typing import Final

KNOWN_AFTER: Final = 50
QUIETS: Final = 4
SILENT_AFTER_MIN_S: Final = 5.0
SILENT_AFTER_MAX_S: Final = 300.0
UNKNOWN_AFTER_S: Final = 60.0
UNKNOWN_INTERVALS: Final = 20
WINDOW_S: Final = 600.0


@dataclass(slots=True)
class Pace:
    """The pauses of one stream, over all connections that carried it; `now` is in monotonic seconds."""

    since: float
    last: float
    last_ns: int | None = None
    arrivals: int = 0
    silent: bool = False
    _longest: float = 0.0
    _longest_before: float = 0.0
    _window: float = 0.0

    def begin(self, now: float) -> None:
        """A new connection: what is known of the stream's pauses stays known."""
        self.since = self.last = now
        self.last_ns, self.silent = None, False

    def saw(self, now: float, recv_ns: int) -> None:
        """Something of the stream arrived since the last look."""
        if self.last_ns is not None and not self.silent:
            if now - self._window > WINDOW_S:
                self._longest_before, self._longest, self._window = self._longest, 0.0, now
            self._longest = max(self._longest, now - self.last)
        self.last, self.last_ns, self.silent = now, recv_ns, False
        self.arrivals += 1

    def silent_after_s(self) -> float:
        """The pause from which on the stream is silent."""
        if self.arrivals < KNOWN_AFTER:
            mean = (self.last - self.since) / max(self.arrivals, 1)
            return min(max(UNKNOWN_INTERVALS * mean, UNKNOWN_AFTER_S), SILENT_AFTER_MAX_S)
        longest = max(self._longest, self._longest_before)
        return min(max(QUIETS * longest, SILENT_AFTER_MIN_S), SILENT_AFTER_MAX_S)
