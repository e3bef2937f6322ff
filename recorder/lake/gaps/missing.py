"""What of a market was missing when, from rows of `gaps`: spans in the recorder's clock, which end in the far
future where a gap is still open.

Several recorders may watch one market. What one of them received is not missing, whatever the others missed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final, TypeAlias

import pyarrow as pa

from recorder.lake.arrays import Ints
from recorder.lake.gaps.state import MINUTE_PERIOD, MINUTE_STREAMS
from recorder.lake.spans import FOREVER_US, Span, Spans, both, minus, spans_of, union
from recorder.lake.store.files import as_us

MARKET_STREAMS: Final = (*MINUTE_STREAMS, "state")
EVER: Final[Spans] = ((-FOREVER_US, FOREVER_US),)
MissingBooks: TypeAlias = Callable[[str], Spans]
"""market -> when its books were not received, in the recorder's clock."""
RecordedBy: TypeAlias = Mapping[str, Mapping[str, Spans]]
"""By recorder and "stream market": when it was meant to be recorded."""
_Found: TypeAlias = dict[tuple[str, str, str], list[Span]]
"""By recorder, stream and market ("" for all)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Of one market, by stream: `any` of its gaps, repaired or not, and what `remains` of them."""

    any: dict[str, Spans]
    remains: dict[str, Spans]


class GapBook:
    """The gaps of some span of time, by market. Candles of other periods than a minute are left out."""

    def __init__(self, gaps: pa.Table, recorded: RecordedBy) -> None:
        self._recorded = recorded
        self._any: _Found = {}
        self._remains: _Found = {}
        starts, ends = as_us(gaps["ts_start"]), _ends(gaps["ts_end"])
        left_starts, left_ends = gaps["remains_start"].cast(pa.int64()), _ends(gaps["remains_end"])
        texts = ("recorder", "stream", "market", "period", "repaired")
        rows = zip(*(gaps[name].to_pylist() for name in texts), left_starts.to_pylist(), strict=True)
        for at, (recorder, stream, market, period, repaired, left_start) in enumerate(rows):
            if period not in (None, "", MINUTE_PERIOD):
                continue
            whole = (int(starts[at]), int(ends[at]))
            left = None if left_start is None else (left_start, int(left_ends[at]))
            if stream == "kline" and repaired != "fully":
                left = whole  # a candle counts whole: which ones remain, the candles tell themselves
            for name in MARKET_STREAMS if stream is None else (stream,):
                self._any.setdefault((recorder, name, market or ""), []).append(whole)
                if left is not None:
                    self._remains.setdefault((recorder, name, market or ""), []).append(left)

    def of(self, market: str) -> Missing:
        """What was missing of one market while it was meant to be recorded."""
        meant = {
            stream: {name: self._meant(name, stream, market) for name in self._recorded}
            for stream in MARKET_STREAMS
        }
        return Missing(self._missing(self._any, market, meant), self._missing(self._remains, market, meant))

    def _meant(self, recorder: str, stream: str, market: str) -> Spans:
        """When a recorder meant to record a stream; states, which are of all markets, whenever any of it."""
        topics = self._recorded[recorder]
        streams = MINUTE_STREAMS if stream == "state" else (stream,)
        return union(*(topics.get(f"{name} {market}", ()) for name in streams))

    def _missing(self, found: _Found, market: str, meant: dict[str, dict[str, Spans]]) -> dict[str, Spans]:
        missing: dict[str, Spans] = {}
        for stream, by_recorder in meant.items():
            missed = [
                union(self._gaps(found, (recorder, stream, market)), minus(EVER, spans))
                for recorder, spans in by_recorder.items()
                if spans
            ]
            if missed:
                missing[stream] = both(reduce(both, missed), union(*by_recorder.values()))
        return missing

    @staticmethod
    def _gaps(found: _Found, topic: tuple[str, str, str]) -> Spans:
        return spans_of([*found.get(topic, ()), *found.get((*topic[:2], ""), ())])


def recorded_by_any(recorded: RecordedBy) -> dict[str, Spans]:
    """By "stream market": when any recorder meant to record it."""
    found: dict[str, Spans] = {}
    for topics in recorded.values():
        for topic, spans in topics.items():
            found[topic] = union(found.get(topic, ()), spans)
    return found


def _ends(column: pa.ChunkedArray) -> Ints:
    return as_us(column.cast(pa.int64()).fill_null(FOREVER_US))
