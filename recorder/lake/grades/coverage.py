"""The rows of `coverage` for some minutes: witnesses gathered, gaps laid over them, each minute graded.

Gaps speak in the recorder's clock, minutes in the venue's. What lies between is the lag of the moment, the
least and the greatest of the pushes just before a minute's bounds: a minute is touched by a gap if a row that
happened in it could have been due while the gap lasted.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from recorder.lake.gaps.missing import GapBook, Missing, RecordedBy, recorded_by_any
from recorder.lake.gaps.state import MINUTE_STREAMS
from recorder.lake.grades.clocks import Clocks
from recorder.lake.grades.grading import MINUTE_S, Observed, Precision, Told, Traded, judge, proves_whole
from recorder.lake.grades.witness import Frame, Trades, count_rows, gather_trades, lags
from recorder.lake.spans import Spans, clip, length, minus, union
from recorder.lake.store.files import as_us
from recorder.lake.store.tables import COVERAGE, SOURCE
from recorder.lake.units import MINUTE_US

CANDLE_LAG_US: Final = 2_000_000
"""A candle's last version is pushed this long after its close at the latest, where it is pushed."""
ALL: Final = ""
"""Stands for every market."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the minutes from `start_us` on are judged by. Row times and `answered` (by market) are
    by the venue's clock; `gaps` and `recorded` by ours."""

    start_us: int
    minutes: int
    trades: pa.Table
    books: pa.Table
    """Like the trades, from BOOK_AGE_US before the first minute on."""
    states: pa.Table
    candles: pa.Table
    gaps: pa.Table
    recorded: RecordedBy
    answered: Mapping[str, Spans]
    first_us: Mapping[str, int]
    """The minute of each market's first trade or candle: before it nothing can be missing."""
    precision: Mapping[str, Precision]
    clocks: Clocks


@dataclass(frozen=True, slots=True)
class Covered:
    """The rows of the wanted minutes, and by market those that an answer about their candle may better."""

    rows: pa.Table
    doubts: dict[str, list[int]]


def cover(evidence: Evidence, wanted: Mapping[str, Spans]) -> Covered:
    """Judge the wanted minutes, by market or of ALL. A minute of a market that neither was recorded nor asked
    for nor has any row has no row."""
    minutes = _Minutes(evidence, None if ALL in wanted else {*wanted})
    rows: list[dict[str, Any]] = []
    doubts: dict[str, list[int]] = {}
    for code, market in enumerate(minutes.frame.markets):
        spans = union(wanted.get(ALL, ()), wanted.get(market, ()))
        for minute in _minutes_of(spans, minutes.frame):
            row = minutes.row(code, minute)
            if row is None:
                continue
            rows.append(row)
            if row["grade"] == "D" and not clip(evidence.answered.get(market, ()), minute, minute + 1):
                doubts.setdefault(market, []).append(minute)
    return Covered(pa.Table.from_pylist(rows, schema=COVERAGE.schema), doubts)


def _minutes_of(spans: Spans, frame: Frame) -> Iterator[int]:
    for start, end in clip(spans, frame.start_us, frame.start_us + frame.minutes * MINUTE_US):
        yield from range(start // MINUTE_US * MINUTE_US, end, MINUTE_US)


class _Minutes:
    """The gathered evidence, asked minute by minute."""

    def __init__(self, evidence: Evidence, only: Collection[str] | None) -> None:
        """`only` are the markets that will be asked for, None for all."""
        self._evidence = evidence
        self._recorded = recorded_by_any(evidence.recorded)
        recorded = {topic.partition(" ")[2] for topic in self._recorded}
        there = [table["market"].unique().to_pylist() for table in (evidence.trades, evidence.candles)]
        every = recorded.union(*there, evidence.answered)
        markets = tuple(sorted(every if only is None else every.intersection(only)))
        self.frame = frame = Frame(markets, evidence.start_us, evidence.minutes)
        scales = [_scale(evidence.precision.get(market)) for market in markets]
        books = _of_markets(evidence.books, frame)
        trades = _of_markets(evidence.trades, frame)
        trades = trades.filter(pa.array(as_us(trades["ts_event"]) >= evidence.start_us))
        self._traded = gather_trades(trades, books, frame, scales)
        self._books = count_rows(books, as_us(books["ts_event"]), frame)
        states = _of_markets(evidence.states, frame)
        self._states = count_rows(states, evidence.clocks.venues(as_us(states["ts_recv"])), frame)
        self._low, self._high = lags([evidence.trades, evidence.books], frame, evidence.clocks)
        candles = _with_us(_of_markets(evidence.candles, frame), "ts_open", "ts_recv")
        self._candles = {(row["market"], row["ts_open"]): row for row in candles}
        self._gaps = GapBook(evidence.gaps, evidence.recorded)
        self._missing: dict[str, Missing] = {}

    def row(self, code: int, minute: int) -> dict[str, Any] | None:
        market = self.frame.markets[code]
        at = code * self.frame.minutes + (minute - self.frame.start_us) // MINUTE_US
        traded = _traded(self._traded, at)
        candle = self._candles.get((market, minute))
        if traded.count == 0 and candle is None and not self._expected(market, minute):
            return None
        if market not in self._missing:
            self._missing[market] = self._gaps.of(market)
        missing = self._missing[market]
        depth_rows = int(self._books[at])
        observed = self._observed(market, minute, missing, candle, depth_rows)
        precision = self._evidence.precision.get(market, Precision())
        verdict = judge(traded, _told(candle), observed, precision)
        seconds = self._gap_seconds(minute, missing) | self._seen_seconds(market, minute, missing)
        if proves_whole(traded, _told(candle), precision):
            seconds["trade_seconds"] = MINUTE_S
        elif verdict.misses_trades and seconds["trade_seconds"] == MINUTE_S:
            seconds["trade_seconds"] = 0.0  # no gap tells when they were missed: it may be at any time
        return {
            "market": market,
            "minute": minute,
            "grade": verdict.grade,
            "reason": verdict.reason,
            "missed": verdict.missed,
            **dict(zip(("due_from", "due_until"), self._due(minute), strict=True)),
            "depth_rows": depth_rows,
            "state_rows": int(self._states[at]),
            "sides_compared": int(self._traded.sides_compared[at]),
            "sides_agreed": int(self._traded.sides_agreed[at]),
            **_trade_columns(traded),
            **_candle_columns(candle),
            **seconds,
        }

    def _expected(self, market: str, minute: int) -> bool:
        """Whether it was meant to be recorded, or its candle was answered about, and the market lived."""
        wanted = any(self._recorded_s(stream, market, minute) for stream in ("trade", "depth", "kline"))
        return (wanted or self._answered(market, minute)) and minute >= self._evidence.first_us.get(
            market, minute + 1
        )

    def _answered(self, market: str, minute: int) -> bool:
        return bool(clip(self._evidence.answered.get(market, ()), minute, minute + 1))

    def _due(self, minute: int) -> tuple[int, int]:
        """When rows of a minute could be received, in our clock."""
        start, end = self._low[self._index(minute)], self._high[self._index(minute) + 1]
        return minute + int(start), minute + MINUTE_US + int(end)

    def _close_due(self, minute: int) -> tuple[int, int]:
        """When the last version of its candle could be received."""
        at = self._index(minute) + 1
        close = minute + MINUTE_US
        return close + int(self._low[at]), close + CANDLE_LAG_US + int(self._high[at])

    def _index(self, minute: int) -> int:
        return (minute - self.frame.start_us) // MINUTE_US

    def _recorded_s(self, stream: str, market: str, minute: int) -> float:
        """Of how much of a minute the stream was meant to be recorded."""
        start, end = self._due(minute)
        spans = clip(self._recorded.get(f"{stream} {market}", ()), start, end)
        return MINUTE_S * length(spans) / (end - start)

    def _observed(
        self, market: str, minute: int, missing: Missing, candle: dict[str, Any] | None, depth_rows: int
    ) -> Observed:
        due = self._due(minute)
        recorded_s = self._recorded_s("trade", market, minute)
        left = clip(missing.remains.get("trade", ()), *due)
        unseen_s = min(recorded_s, length(left) / 1e6)
        at_close = bool(clip(missing.any.get("kline", ()), *self._close_due(minute)))
        answered = self._answered(market, minute)
        late = candle is not None and candle["source"] == SOURCE and candle["ts_recv"] >= due[1]
        return Observed(
            recorded_s=recorded_s,
            unseen_s=recorded_s if _whole(left, due) else unseen_s,
            trades_touched=bool(clip(missing.any.get("trade", ()), *due)) or recorded_s < MINUTE_S,
            candle_recorded=self._recorded_s("kline", market, minute) >= MINUTE_S,
            candle_touched=at_close and not late,
            candle_unproven=at_close and not late and not answered,
            depth_lost=depth_rows == 0
            and self._recorded_s("depth", market, minute) >= MINUTE_S
            and not clip(missing.any.get("depth", ()), *due),
        )

    def _gap_seconds(self, minute: int, missing: Missing) -> dict[str, float]:
        due = self._due(minute)
        lost = {
            stream: clip(missing.remains.get(stream, ()), *due)
            for stream in ("trade", "depth", "kline", "state")
        }
        found = {f"{stream}_gap_seconds": _seconds(spans) for stream, spans in lost.items()}
        return {"gap_seconds": _seconds(union(*lost.values())), **found}

    def _seen_seconds(self, market: str, minute: int, missing: Missing) -> dict[str, float]:
        """In how much of the minute each stream was recorded, with nothing missing that stayed so."""
        start, end = self._due(minute)
        spans = {stream: self._recorded.get(f"{stream} {market}", ()) for stream in MINUTE_STREAMS}
        spans["state"] = union(*spans.values())  # states are of all markets: recorded whenever any of it is
        return {
            f"{stream}_seconds": MINUTE_S
            * length(minus(clip(meant, start, end), missing.remains.get(stream, ())))
            / (end - start)
            for stream, meant in spans.items()
        }


def _whole(spans: Spans, due: tuple[int, int]) -> bool:
    return length(spans) == due[1] - due[0]


def _seconds(spans: Spans) -> float:
    return min(MINUTE_S, length(spans) / 1e6)


def _scale(precision: Precision | None) -> float:
    return 0.0 if precision is None or precision.quantity <= 0 else round(1 / precision.quantity)


def _of_markets(rows: pa.Table, frame: Frame) -> pa.Table:
    """Rows of the frame's markets: others are not asked for, or were not recorded and have no other row."""
    own = frame.codes(rows) >= 0
    return rows if own.all() else rows.filter(pa.array(own))


def _with_us(rows: pa.Table, *times: str) -> list[dict[str, Any]]:
    """Rows as dictionaries, their times as microseconds."""
    for name in times:
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(pa.int64()))
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def _traded(traded: Trades, at: int) -> Traded:
    return Traded(
        count=int(traded.count[at]),
        rest=int(traded.rest[at]),
        volume=float(traded.volume[at]),
        turnover=float(traded.turnover[at]),
        inverse_turnover=float(traded.inverse_turnover[at]),
        open=float(traded.open[at]),
        high=float(traded.high[at]),
        low=float(traded.low[at]),
        close=float(traded.close[at]),
    )


def _told(candle: dict[str, Any] | None) -> Told | None:
    if candle is None:
        return None
    return Told(**{name: candle[name] for name in Told.__dataclass_fields__})


def _trade_columns(traded: Traded) -> dict[str, Any]:
    prices = {name: getattr(traded, name) for name in ("open", "high", "low", "close")}
    known = {name: None if np.isnan(price) else price for name, price in prices.items()}
    return {
        "trades": traded.count,
        "rest_trades": traded.rest,
        "volume": traded.volume,
        "turnover": traded.turnover,
        **known,
    }


def _candle_columns(candle: dict[str, Any] | None) -> dict[str, Any]:
    names = ("open", "high", "low", "close", "volume", "turnover", "source")
    return {f"candle_{name}": None if candle is None else candle[name] for name in names}
