"""Which market-minutes must be judged, and which gaps looked at again, after a commit. No files here.

A minute is judged when it is settled, by the clock of the journal, and again when a row of it, a gap over it
or an answer about its candle comes later. All of it is remembered with the commit that brought it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.asked import SETTLE_US, Candles, answered_span
from recorder.lake.block import Ints
from recorder.lake.coverage import ALL
from recorder.lake.files import as_us
from recorder.lake.gapstate import MINUTE_PERIOD, Gap
from recorder.lake.mend import period_us
from recorder.lake.recorded import Recorded
from recorder.lake.repair import FOREVER_US
from recorder.lake.rows import MINUTE_US, SOURCE
from recorder.lake.spans import Span, Spans, both, clip, minus, spans_of, union

CLOCKS_AGREE_US: Final = 30_000_000
"""Clocks that differ by less are both right; by more, one is elsewhere: a replay, a machine without time."""
GAP_REACH_US: Final = 2 * MINUTE_US
"""A gap may touch minutes so far beside it: the clocks differ by less than one, the lag varies by less."""


class Remembered(msgspec.Struct):
    """What is kept between two commits. Spans are of whole minutes by the venue's clock, in us."""

    offset_us: int = 0
    """Our clock minus the venue's; 0 where they agree."""
    until_us: int = 0
    """The journal was read up to then, by our clock."""
    horizon_us: int = 0
    """Minutes before it are settled."""
    recorded: dict[str, dict[str, Spans]] = msgspec.field(default_factory=dict)
    """By recorder and "stream market": when it was meant to be recorded, by our clock."""
    first_us: dict[str, int] = msgspec.field(default_factory=dict)
    """The minute of each market's first trade or candle."""
    dirty: dict[str, Spans] = msgspec.field(default_factory=dict)
    """Minutes to judge, by market or of ALL."""
    answered: dict[str, Spans] = msgspec.field(default_factory=dict)
    """By "market period": the opens of candles that the venue was asked for and has answered."""
    doubts: dict[str, Spans] = msgspec.field(default_factory=dict)
    """Minutes that an answer about their candle may better."""
    mend: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """By "market period", or market for all its periods: a span, in our clock, in which gaps changed, answers
    came, or the market was found to have traded."""


class Changes:
    """Takes note of a commit; `wanted` is what has to be judged for it."""

    def __init__(self, saved: bytes | None) -> None:
        self.known = msgspec.msgpack.decode(saved, type=Remembered) if saved else Remembered()

    def save(self) -> bytes:
        return msgspec.msgpack.encode(self.known)

    # --- what a commit brings -------------------------------------------------------------------------

    def clocks(self, trades: pa.Table, books: pa.Table) -> None:
        """Compare the clocks by new rows. To be told first: whatever else is told is placed by them."""
        lags = [as_us(rows["ts_recv"]) - as_us(rows["ts_event"]) for rows in map(_pushes, (trades, books))]
        if (lag := np.concatenate(lags)).size:
            self.known.offset_us = _offset(int(np.median(lag)))

    def due(self) -> dict[str, Spans]:
        """What is to be judged now, by market or of ALL."""
        found = {market: clip(spans, 0, self.known.horizon_us) for market, spans in self.known.dirty.items()}
        return {market: spans for market, spans in found.items() if spans}

    def judged(self, window: Span) -> None:
        """These minutes are judged."""
        left = {market: minus(spans, (window,)) for market, spans in self.known.dirty.items()}
        self.known.dirty = {market: spans for market, spans in left.items() if spans}

    def pushed(self, trades: pa.Table, books: pa.Table) -> None:
        """New trades and books, those by REST among them."""
        self._first(trades, as_us(trades["ts_event"]))
        for rows in (trades, books):
            pushes = _pushes(rows)
            minutes = np.unique(as_us(pushes["ts_event"]) // MINUTE_US) * MINUTE_US
            self._mark(ALL, spans_of((us, us + MINUTE_US) for us in minutes.tolist()))
        by_rest = trades.filter(pc.not_equal(trades["source"], SOURCE))
        self._mark_rows(by_rest, as_us(by_rest["ts_event"]))

    def states(self, rows: pa.Table) -> None:
        """New states: they are counted."""
        self._mark_rows(rows, as_us(rows["ts_recv"]) - self.known.offset_us)

    def candles(self, rows: pa.Table) -> None:
        """Candles that are new or have another version."""
        minutely = rows.filter(pc.equal(rows["period"], MINUTE_PERIOD))
        self._first(minutely, as_us(minutely["ts_open"]))
        self._mark_rows(minutely, as_us(minutely["ts_open"]))

    def gaps(self, changed: Iterable[Gap]) -> None:
        """Gaps that opened, ended, were repaired or are none any more."""
        known = self.known
        spans: dict[str, list[tuple[int, int]]] = {}
        for gap in changed:
            end_us = max(known.until_us, gap.ts_start) if gap.ts_end is None else gap.ts_end
            spans.setdefault(gap.market, []).append(self._reached(gap.ts_start, end_us))
            if gap.stream == "kline":
                self._mend(f"{gap.market} {gap.period}", gap.ts_start, end_us)
        for market, pieces in spans.items():
            self._mark(market, spans_of(pieces))

    def mended(self, market: str, start_us: int, end_us: int | None) -> None:
        """Less is missing of a gap in a market's minutely candles than was judged by."""
        end_us = max(self.known.until_us, start_us) if end_us is None else end_us
        self._mark(market, spans_of([self._reached(start_us, end_us)]))

    def _reached(self, start_us: int, end_us: int) -> Span:
        """What a gap may touch, by the venue's clock."""
        offset = self.known.offset_us
        return start_us - GAP_REACH_US - offset, end_us + GAP_REACH_US - offset

    def answers(self, answers: Iterable[Candles]) -> None:
        """The venue has answered about candles: given or not, they need not be asked for again."""
        known = self.known
        for answer in answers:
            width = period_us(answer.period)
            start, end = answered_span(answer, width, known.offset_us)
            if not width or start >= end:
                continue
            topic = f"{answer.market} {answer.period}"
            before = known.answered.get(topic, ())
            known.answered[topic] = union(before, ((start, end),))
            self._mend(topic, start + known.offset_us, end + width + known.offset_us)
            if answer.period == MINUTE_PERIOD:
                fresh = minus(((start, end),), before)
                self._mark(answer.market, both(known.doubts.get(answer.market, ()), fresh))

    def advance(self, until_us: int, recorded: Mapping[str, Recorded]) -> None:
        """The journals were read up to `until_us`; what each recorder meant to record when."""
        known = self.known
        known.until_us = max(known.until_us, until_us)
        self._recorded(recorded)
        horizon = (known.until_us - known.offset_us - SETTLE_US) // MINUTE_US * MINUTE_US
        if horizon > known.horizon_us:
            meant = union(*(spans for topics in known.recorded.values() for spans in topics.values()))
            span = (known.horizon_us + known.offset_us, horizon + known.offset_us)
            for start, end in clip(meant, *span):
                self._mark(ALL, ((start - known.offset_us, end - known.offset_us),))
            known.horizon_us = horizon

    def _recorded(self, recorded: Mapping[str, Recorded]) -> None:
        known = self.known
        for recorder, topics in recorded.items():
            before = known.recorded.get(recorder, {})
            now = {
                topic: spans_of((start, FOREVER_US if end is None else end) for start, end in spans)
                for topic, spans in topics.items()
            }
            for topic, spans in now.items():
                old = before.get(topic, ())
                changed = clip(union(minus(spans, old), minus(old, spans)), 0, known.until_us + MINUTE_US)
                moved = spans_of((start - known.offset_us, end - known.offset_us) for start, end in changed)
                self._mark(topic.partition(" ")[2], moved)
            known.recorded[recorder] = now

    # --- marks ------------------------------------------------------------------------------------------

    def _mark(self, market: str, spans: Spans) -> None:
        """The minutes that the spans touch are judged (again), as soon as they are settled."""
        if spans:
            whole = spans_of(_minutes(start, end) for start, end in spans)
            self.known.dirty[market] = union(self.known.dirty.get(market, ()), whole)

    def _mark_rows(self, rows: pa.Table, times: Ints) -> None:
        for market, minutes in _by_market(rows, times):
            self._mark(market, spans_of((us, us + MINUTE_US) for us in minutes.tolist()))

    def _first(self, rows: pa.Table, times: Ints) -> None:
        """A market that is found to be older than was known: what lies between is judged."""
        for market, minutes in _by_market(rows, times):
            first, before = int(minutes[0]), self.known.first_us.get(market)
            if before is None or first < before:
                self.known.first_us[market] = first
                self._mend(market, *self._recorded_before(market, before or first))
                if before is not None:
                    self._mark(market, ((first, before),))

    def _recorded_before(self, market: str, us: int) -> Span:
        """From when a market was first meant to be recorded up to a time of the venue's, by our clock."""
        end_us = us + self.known.offset_us
        topics = (topics.get(f"kline {market}", ()) for topics in self.known.recorded.values())
        return min([end_us, *(spans[0][0] for spans in topics if spans)]), end_us

    def _mend(self, topic: str, start_us: int, end_us: int) -> None:
        start, end = self.known.mend.get(topic, (start_us, end_us))
        self.known.mend[topic] = (min(start, start_us), max(end, end_us))


def mend_topics(market: str, period: str | None) -> tuple[str, str]:
    """The names in `Remembered.mend` that speak of a gap."""
    return f"{market} {period}", market


def _pushes(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["source"], SOURCE))


def _offset(lag_us: int) -> int:
    """The clocks' difference as whole minutes: a candle's minute must not depend on a millisecond of lag."""
    return 0 if abs(lag_us) < CLOCKS_AGREE_US else round(lag_us / MINUTE_US) * MINUTE_US


def _minutes(start_us: int, end_us: int) -> tuple[int, int]:
    return start_us // MINUTE_US * MINUTE_US, -(-end_us // MINUTE_US) * MINUTE_US


def _by_market(rows: pa.Table, times: Ints) -> Iterable[tuple[str, Ints]]:
    """(market, its minutes in order, each once), in us."""
    if not rows.num_rows:
        return
    encoded = rows["market"].combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices).astype(np.int64)
    width = 2**40  # more minutes than a timestamp has
    pairs = np.unique(codes * width + times // MINUTE_US)
    names = encoded.dictionary.to_pylist()
    for code in np.unique(pairs // width).tolist():
        own = pairs[(pairs // width) == code]
        yield names[code], (own - code * width) * MINUTE_US
