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

from recorder.lake.arrays import Ints
from recorder.lake.asked import SETTLE_US, Candles, answered_span
from recorder.lake.gaps.recorded import Recorded
from recorder.lake.gaps.state import ACCOUNT_STREAM, MINUTE_PERIOD, MINUTE_STREAMS, Gap
from recorder.lake.grades.clocks import WINDOW_US, Clocks
from recorder.lake.grades.coverage import ALL
from recorder.lake.grades.mend import period_us
from recorder.lake.spans import FOREVER_US, Span, Spans, both, clip, minus, spans_of, union
from recorder.lake.store.files import as_us
from recorder.lake.store.tables import SOURCE
from recorder.lake.units import MINUTE_US

GAP_REACH_US: Final = 2 * MINUTE_US
"""A gap may touch minutes so far beside it: the clocks differ by less than one, the lag varies by less."""
UNSURE_US: Final = 3 * WINDOW_US
"""How the clocks stood so long ago follows from what was pushed until now."""
PATIENCE_US: Final = 2 * MINUTE_US
"""So long after the first start no minute counts as settled while no push has told how the clocks stand."""
NOTHING: Final = (0, 0)


class Remembered(msgspec.Struct):
    """What is kept between two commits. Spans are of whole minutes by the venue's clock, in us."""

    heard: dict[int, Spans] = msgspec.field(default_factory=dict)
    """How our clock stood against the venue's, see `Clocks`."""
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
    """By "market period": the opens of candles that the venue was asked for and has answered, for good."""
    doubts: dict[str, Spans] = msgspec.field(default_factory=dict)
    """Minutes that an answer about their candle may better."""
    mend: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """By "market period", or market for all its periods: a span, in our clock, in which gaps changed,
    answers came, or the market was found to have traded."""
    unsure: list[tuple[Candles, Span]] = msgspec.field(default_factory=list)
    """Answers of just now, not yet in `answered`, and what they settle as the clocks seem to stand."""

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.heard)


class Changes:
    """Takes note of a commit; `wanted` is what has to be judged for it."""

    def __init__(self, saved: bytes | None) -> None:
        self.known = msgspec.msgpack.decode(saved, type=Remembered) if saved else Remembered()
        self.clocks = self.known.clocks

    def save(self) -> bytes:
        return msgspec.msgpack.encode(self.known)

    # --- what a commit brings -------------------------------------------------------------------------

    def hear(self, trades: pa.Table, books: pa.Table) -> None:
        """Compare the clocks by rows, new or not. To be told first: what else is told is placed by them."""
        known, pushes = self.known, [_pushes(rows) for rows in (trades, books)]
        received, happened = (
            np.concatenate([as_us(rows[name]) for rows in pushes]) for name in ("ts_recv", "ts_event")
        )
        before, self.clocks = self.clocks, self.clocks.learn(received, happened)
        if self.clocks is before:
            return
        known.heard = dict(self.clocks.heard)
        meant = self._meant
        moved = clip(before.differ(self.clocks), meant[0][0], known.until_us) if meant else ()
        for start, end in moved:
            for clocks in (before, self.clocks):
                self._mark(ALL, _reached(clocks, start, end))

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
        self._mark_rows(rows, self.clocks.venues(as_us(rows["ts_recv"])))

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
            if gap.stream == ACCOUNT_STREAM:
                continue  # no minute of a market is judged by it
            end_us = max(known.until_us, gap.ts_start) if gap.ts_end is None else gap.ts_end
            spans.setdefault(gap.market, []).extend(self._touched(gap.ts_start, end_us, gap.lags_us))
            if gap.stream == "kline":
                self._mend(f"{gap.market} {gap.period}", gap.ts_start, end_us)
        for market, pieces in spans.items():
            self._mark(market, spans_of(pieces))

    def mended(self, market: str, start_us: int, end_us: int | None, lags_us: tuple[int, int]) -> None:
        """Less is missing of a gap in a market's minutely candles than was judged by."""
        end_us = max(self.known.until_us, start_us) if end_us is None else end_us
        self._mark(market, self._touched(start_us, end_us, lags_us))

    def _touched(self, start_us: int, end_us: int, lags_us: tuple[int, int]) -> Spans:
        """What a gap may touch, by the venue's clock: as the map has it, and the pushes around the gap."""
        near = (start_us - lags_us[1] - GAP_REACH_US, end_us - lags_us[0] + GAP_REACH_US)
        return union(_reached(self.clocks, start_us, end_us), (near,))

    def answers(self, answers: Iterable[Candles]) -> None:
        """The venue has answered about candles: given or not, they need not be asked for again.

        To be told after `advance`: an answer of just now is looked at again with every commit until pushes
        have told how the clocks stood.
        """
        known = self.known
        told = [*known.unsure, *((answer, NOTHING) for answer in answers)]
        known.unsure = []
        for answer, before in told:
            if (width := period_us(answer.period)) == 0:
                continue
            span = answered_span(answer, width, self.clocks.venue(answer.asked_us))
            if span != before:
                self._answered_otherwise(answer, before, span)
            if answer.asked_us >= known.until_us - UNSURE_US:
                known.unsure.append((answer, span))
            else:
                known.answered[answer.topic] = union(known.answered.get(answer.topic, ()), spans_of([span]))

    def _answered_otherwise(self, answer: Candles, before: Span, span: Span) -> None:
        gained, lost = (
            minus(spans_of([one]), spans_of([two])) for one, two in ((span, before), (before, span))
        )
        for start, end in (*gained, *lost):
            width = period_us(answer.period)
            self._mend(answer.topic, self.clocks.ours(start), self.clocks.ours(end + width))
        if answer.period == MINUTE_PERIOD:
            fresh = minus(gained, self.known.answered.get(answer.topic, ()))
            # A minute that was recorded is judged anyway: the answer matters where its grade is in doubt.
            self._mark(answer.market, both(self.known.doubts.get(answer.market, ()), fresh))
            self._mark(answer.market, self._unrecorded(answer.market, fresh))
            self._mark(answer.market, lost)

    @property
    def answered(self) -> dict[str, Spans]:
        """By "market period": the opens of candles that the venue was asked for and has answered."""
        found = dict(self.known.answered)
        for answer, span in self.known.unsure:
            found[answer.topic] = union(found.get(answer.topic, ()), spans_of([span]))
        return found

    def advance(self, until_us: int, recorded: Mapping[str, Recorded]) -> None:
        """The journals were read up to `until_us`; what each recorder meant to record when."""
        known = self.known
        known.until_us = max(known.until_us, until_us)
        self._recorded(recorded)
        if not known.heard and not clip(self._meant, 0, known.until_us - PATIENCE_US):
            return
        horizon = (self.clocks.venue(known.until_us) - SETTLE_US) // MINUTE_US * MINUTE_US
        if horizon > known.horizon_us:
            meant = self._venues(clip(self._meant, 0, known.until_us))
            self._mark(ALL, clip(meant, known.horizon_us, horizon))
            known.horizon_us = horizon

    @property
    def _meant(self) -> Spans:
        """When anything was meant to be recorded, by our clock."""
        topics = (spans for own in self.known.recorded.values() for spans in own.values())
        return union(*topics)

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
                self._mark(topic.partition(" ")[2], self._venues(changed))
            known.recorded[recorder] = now

    def _venues(self, spans: Spans) -> Spans:
        """Spans of our time by the venue's clock."""
        return union(*(self.clocks.images(start, end) for start, end in spans))

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
                if before is None:
                    asked = self.answered.get(f"{market} {MINUTE_PERIOD}", ())
                    self._mark(market, self._unrecorded(market, asked))
                else:
                    self._mark(market, ((first, before),))

    def _unrecorded(self, market: str, spans: Spans) -> Spans:
        """Of some minutes those not meant to be recorded, from the market's first trade or candle on."""
        alive = clip(spans, self.known.first_us.get(market, FOREVER_US), FOREVER_US)
        names = {f"{stream} {market}" for stream in MINUTE_STREAMS}
        meant = union(
            *(own for topics in self.known.recorded.values() for name, own in topics.items() if name in names)
        )
        return minus(alive, self._venues(clip(meant, 0, self.known.until_us))) if alive else ()

    def _recorded_before(self, market: str, us: int) -> Span:
        """From when a market was first meant to be recorded up to a time of the venue's, by our clock."""
        end_us = self.clocks.ours(us)
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


def _reached(clocks: Clocks, start_us: int, end_us: int) -> Spans:
    """What a gap may touch, by the venue's clock."""
    images = clocks.images(start_us, max(end_us, start_us + 2))  # one without extent touches minutes, too
    return spans_of((low - GAP_REACH_US, high + GAP_REACH_US) for low, high in images)


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
