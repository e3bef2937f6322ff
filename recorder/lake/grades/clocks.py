"""Where our clock stands against the venue's, by what was pushed when: a map between the two times.

Clocks that run right agree to some milliseconds, and the map is the identity. It is not where a recorder's
machine has the wrong time, or where a recording is replayed with the times of then, or faster than time goes.
The map follows from the rows alone, in whatever order and in however many commits they come.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from recorder.lake.arrays import Floats, Ints
from recorder.lake.asked import AGREE_US
from recorder.lake.gaps.repair import LEAP_US
from recorder.lake.spans import FOREVER_US, Span, Spans, clip, minus, spans_of, union
from recorder.lake.units import MINUTE_US

WINDOW_US: Final = 2_000_000
"""For so long together our clock is compared: something is pushed every half second."""
SILENCES: Final = 1_000
"""So many windows without a push are remembered; older ones count as what was heard around them."""

Heard = Mapping[int, Spans]
"""By our clock minus the venue's, in us: in which windows of our time it was that."""


class Clocks:
    """The map, as far as it is known; before and after, the clocks differ by what they did at the ends."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self._runs = _runs(heard)
        self.corners, self._venues = (
            np.concatenate([np.zeros(0, np.int64), *(run[side] for run in self._runs)]) for side in (0, 1)
        )

    def learn(self, received_us: Ints, happened_us: Ints) -> "Clocks":
        """The map that pushes tell of beside what was known, by when they were received and had happened.

        Of a window the pushes that differ least count: one that comes late says nothing of the clocks.
        """
        heard = dict(self.heard)
        fresh = _windows(received_us, happened_us)
        for offset in sorted(fresh, key=_rank):
            nearer = union(*(spans for other, spans in heard.items() if _rank(other) < _rank(offset)))
            own = minus(fresh[offset], nearer)
            heard = {other: minus(spans, own) for other, spans in heard.items()}
            heard[offset] = union(heard.get(offset, ()), own)
        heard = {offset: spans for offset, spans in heard.items() if spans}
        return self if heard == self.heard else Clocks(_bridged(heard))

    def venue(self, ours_us: int) -> int:
        """What the venue's clock showed when ours showed that."""
        return int(self.venues(np.array([ours_us], np.int64))[0])

    def ours(self, venue_us: int) -> int:
        """What our clock showed when the venue's showed that, the last time it did."""
        if not self._runs:
            return venue_us
        first, last = self._runs[0], self._runs[-1]

        def distance(run: tuple[Ints, Ints]) -> tuple[bool, int]:
            below, above = int(run[1][0]) - venue_us, venue_us - int(run[1][-1])
            holds = max(below, above) <= 0 or (run is first and below > 0) or (run is last and above > 0)
            return not holds, max(below, above, 0)

        ours, venues = min(reversed(self._runs), key=distance)
        return int(_map(np.array([venue_us], np.int64), venues, ours)[0])

    def venues(self, ours_us: Ints) -> Ints:
        """As `venue`, of many times."""
        return _map(ours_us, self.corners, self._venues)

    def images(self, start_us: int, end_us: int) -> Spans:
        """What the venue's clock showed while ours showed what lies within [start, end)."""
        if end_us <= start_us:
            return ()
        inside = self.corners[(self.corners > start_us) & (self.corners < end_us)]
        times = np.concatenate([[start_us], inside, [end_us]])
        venues = self.venues(times)
        steady = np.diff(times) > 1
        low, high = np.minimum(venues[:-1], venues[1:]), np.maximum(venues[:-1], venues[1:])
        return spans_of(zip(low[steady].tolist(), high[steady].tolist(), strict=True))

    def origins(self, start_us: int, end_us: int) -> Spans:
        """When, by our clock, the venue's showed what lies within [start, end); two microseconds too much."""
        if not self.corners.size:
            return spans_of([(start_us, end_us)])
        ours, venues = self.corners, self._venues
        far = FOREVER_US // 2
        ours = np.concatenate([ours[:1] - far, ours, ours[-1:] + far])
        venues = np.concatenate([venues[:1] - far, venues, venues[-1:] + far])
        low, high = np.minimum(venues[:-1], venues[1:]), np.maximum(venues[:-1], venues[1:])
        touched = np.flatnonzero((low < end_us) & (high >= start_us))
        return spans_of(
            _origin(ours[at : at + 2].tolist(), venues[at : at + 2].tolist(), start_us, end_us)
            for at in touched.tolist()
        )

    def differ(self, other: "Clocks") -> Spans:
        """When, by our clock, two maps say different things of the venue's."""
        edges = np.unique(np.concatenate([self.corners, other.corners]))
        if not edges.size:
            return ()
        edges = np.concatenate([edges[:1] - WINDOW_US, edges, edges[-1:] + WINDOW_US])
        differs = self.venues(edges) != other.venues(edges)
        bounds = [0, *edges[1:-1].tolist(), FOREVER_US]
        either = (differs[:-1] | differs[1:]).tolist()
        pieces = zip(bounds[:-1], bounds[1:], either, strict=True)
        return spans_of((start, end) for start, end, apart in pieces if apart)


def _origin(ours: list[int], venues: list[int], start_us: int, end_us: int) -> Span:
    """Of a piece of the map between two corners: when the venue's clock showed what lies within."""
    if venues[0] == venues[1]:
        return ours[0], ours[1] + 1
    low, high = max(start_us, min(venues)), min(end_us, max(venues))
    found = [
        ours[0] + (us - venues[0]) * (ours[1] - ours[0]) // (venues[1] - venues[0]) for us in (low, high)
    ]
    return min(found) - 1, max(found) + 2


def _rank(offset: int) -> tuple[int, int]:
    """Of two differences the smaller one is believed: clocks agree until all that is heard denies it."""
    return abs(offset), offset


def _windows(received_us: Ints, happened_us: Ints) -> dict[int, Spans]:
    """By difference as whole minutes, the windows in which it was the least."""
    windows = received_us // WINDOW_US
    lags = received_us - happened_us
    whole = np.where(abs(lags) < AGREE_US, 0, np.rint(lags / MINUTE_US).astype(np.int64) * MINUTE_US)
    order = np.lexsort([whole, abs(whole), windows])
    windows, whole = windows[order], whole[order]
    first = np.flatnonzero(np.diff(windows, prepend=-1))
    windows, whole = windows[first] * WINDOW_US, whole[first]
    return {
        offset: spans_of((us, us + WINDOW_US) for us in windows[whole == offset].tolist())
        for offset in np.unique(whole).tolist()
    }


def _steps(heard: Heard) -> list[tuple[int, int, int]]:
    """(start, end, difference) in order."""
    return sorted((start, end, offset) for offset, spans in heard.items() for start, end in spans)


def _bridged(heard: Heard) -> Heard:
    """Forget the oldest silences where there are too many: a market that is hardly traded makes millions."""
    steps = _steps(heard)
    if len(steps) <= SILENCES:
        return heard
    until = steps[-SILENCES // 2][0]
    old = _joined([step for step in steps if step[0] < until])
    whole: dict[int, Spans] = {offset: clip(spans, until, FOREVER_US) for offset, spans in heard.items()}
    for start, end, offset in old:
        whole[offset] = union(whole[offset], ((start, end),))
    return whole


def _joined(steps: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Neighbours with one difference as one, and a single window that denies both of its sides left out."""
    joined: list[tuple[int, int, int]] = []
    for place, (start, end, offset) in enumerate(steps):
        after = steps[place + 1][2] if place + 1 < len(steps) else None
        before = joined[-1][2] if joined else None
        if end - start == WINDOW_US and before is not None and before == after != offset:
            continue
        if joined and joined[-1][2] == offset:
            joined[-1] = (joined[-1][0], end, offset)
        else:
            joined.append((start, end, offset))
    return joined


def _runs(heard: Heard) -> list[tuple[Ints, Ints]]:
    """Corners of the map, our times and the venue's. A run ends where the venue's time does not go on: where
    our clock was set back, or another time is recorded altogether. It reaches to where the next begins."""
    runs: list[tuple[list[int], list[int]]] = []
    before = 0
    for start, end, offset in _joined(_steps(heard)):
        goes_on = runs and start - offset > runs[-1][1][-1] and abs(offset - before) < LEAP_US
        if runs and not goes_on:
            runs[-1][0].append(start - 1)
            runs[-1][1].append(start - 1 - before)
        ours, venues = runs[-1] if goes_on else ([], [])
        if not goes_on:
            runs.append((ours, venues))
        corners = dict.fromkeys((start, end - WINDOW_US))
        ours += corners
        venues += [us - offset for us in corners]
        before = offset
    return [(np.array(ours, np.int64), np.array(venues, np.int64)) for ours, venues in runs]


def _map(times: Ints, source: Ints, target: Ints) -> Ints:
    if not source.size:
        return times
    before, after = times < source[0], times > source[-1]
    inside: Floats = np.interp(times, source, target)
    mapped = np.rint(inside).astype(np.int64)
    mapped[before] = times[before] - source[0] + target[0]
    mapped[after] = times[after] - source[-1] + target[-1]
    return mapped
