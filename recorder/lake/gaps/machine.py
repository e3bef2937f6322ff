"""What is missing, worked out from the journal's own records. Pure: records in, rows of `gaps` out.

A gap is kept per topic (stream, market and, for candles, period) and speaks in the recorder's clock.

It opens at the last good moment: the last receive on the connection before it went down; the last frame of
the stream before a silence; the last check line before a crash, which proves that the recorder lived; the
stop. What was lost may have been sent before the last frame we read was read, for it stood in the buffers
between: so the start is set back by IN_FLIGHT.

It closes at the first good one. Trades and candles are pushed when something happens, so they are whole
again once the venue has confirmed the subscription, or at the first push if that comes sooner; so are the
streams of an account, which are one topic. A book or a state is unknown until it is pushed, so those close at
their first push. After a silence, where the subscription stood all along, only a push counts.

A gap covers the time in which the recorder meant to record the topic: when a market is delisted, or no
longer wanted after a restart, its gap ends there and says so.

What answers of the deals endpoint repair of a gap in trades is worked out here too (`repair`): it takes
nothing but the order of the journal. Candles are repaired by the lake (`mend`), which knows what it has.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import msgspec

from recorder.exchange.endpoints import MARKET_LIST
from recorder.exchange.topics import PRIVATE_STREAMS
from recorder.lake.asked import Deals
from recorder.lake.decoding.harvest import Record
from recorder.lake.gaps.recorded import Recorded, end_markets, end_streams, record_markets
from recorder.lake.gaps.repair import Missing, mend, repair_of
from recorder.lake.gaps.state import (
    ACCOUNT_STREAM,
    DEAF,
    IN_FLIGHT_US,
    MINUTE_PERIOD,
    MINUTE_STREAMS,
    NEAR,
    Gap,
    GapState,
    Heard,
    Key,
)

MENDING_LIMIT: Final = 64
"""Gaps a market that wait for an answer by REST; when it never comes the oldest stay as they are."""


class Pushes(Protocol):
    """The pushes of a chunk, looked up between two sequence numbers."""

    def firsts(self, stream: str, keys: set[Key], from_seq: int, below_seq: int) -> dict[Key, Heard]:
        """Receive time in us and seq of each key's first push."""

    def last_trades(self, from_seq: int, below_seq: int) -> dict[str, int]:
        """The last trade's id by market."""

    def lags(self, from_seq: int, below_seq: int) -> list[int]:
        """By how many us the last NEAR trades were received after they happened, in order."""

    def first_lag(self, from_seq: int, below_seq: int) -> int | None:
        """The same of the first trade, None where there is none."""


class GapMachine:
    """Follows the journal's records; `closed` collects the rows that are final, `rows` adds the open ones."""

    def __init__(self, saved: bytes | None = None) -> None:
        self._state = msgspec.msgpack.decode(saved, type=GapState) if saved else GapState()
        self.closed: list[Gap] = []
        self._handlers: dict[str, Callable[[Record], None]] = {
            "start": self._start,
            "up": self._up,
            "rest": self._rest,
            "stop": self._stop,
            "markets": self._markets,
            "subscribe": self._subscribe,
            "confirmed": self._confirmed,
            "refused": self._refused,
            "denied": self._denied,
            "down": self._down,
            "silence": self._silence,
            "overflow": self._overflow,
        }

    def save(self) -> bytes:
        """The state for the next process, without the rows that `closed` holds."""
        return msgspec.msgpack.encode(self._state)

    @property
    def open(self) -> list[Gap]:
        """The rows that have no end yet."""
        return [_row(key, missing) for key, missing in self._state.open.items()]

    @property
    def recorded(self) -> Recorded:
        """When each topic was meant to be recorded."""
        return self._state.recorded

    def follow(self, records: Iterable[Record], pushes: Pushes, end_seq: int, alive_us: int) -> None:
        """Take a chunk of the journal: its records in order, a look-up of pushes, the seq after its end.

        `alive_us` is the time of the check line that ends it.
        """
        seq = 0
        for record in records:
            handler = self._handlers.get(record.kind)
            if handler is not None:
                self._pushes(pushes, seq, record.seq)
                handler(record)
                seq = record.seq
        self._pushes(pushes, seq, end_seq)
        self._state.alive = alive_us  # not the greatest: a clock that was set back is the clock

    def crashed(self) -> None:
        """The recorder is gone and did not say so: everything is missing since it last lived."""
        if self._state.running:
            self._lose(list(self._state.good), self._state.alive, "crash", "the recorder was killed")
            self._state.running = False

    def damaged(self, start_us: int, end_us: int, detail: str) -> None:
        """A part of the journal cannot be read: whatever it held is missing."""
        self._everything(start_us, end_us, "damage", detail)

    # --- records ----------------------------------------------------------------------------------

    def _start(self, record: Record) -> None:
        state = self._state
        if state.subscribed:
            state.started = _us(record)
        self.crashed()
        state.running, state.subscribed, state.markets_known = True, False, False
        state.lists = (0, 0)
        if not state.open:
            state.open[DEAF] = Missing(state.started, "start", "nothing could be subscribed yet")
        settings = record.fields.get("settings")
        if isinstance(settings, dict):
            state.streams, state.periods = settings.get("streams"), settings.get("kline_periods")
        if state.streams is not None and record.fields.get("account"):
            state.streams = [*state.streams, ACCOUNT_STREAM]
        state.good.clear()
        state.confirmed.clear()
        state.connection_of.clear()

    def _stop(self, record: Record) -> None:
        self._lose(list(self._state.good), _us(record), "stop", str(record.fields.get("reason", "")))
        self._state.running = False

    def _markets(self, record: Record) -> None:
        state = self._state
        listed = set(record.fields.get("listed", ()))
        gone = set(record.fields.get("delisted", ()))
        # A market that is new in this list may have been there since just after the one before.
        since = (state.lists[0] or _us(record)) if state.markets_known else state.started
        first, state.markets_known = not state.markets_known, True
        if first:
            gone |= state.markets - listed
        state.listed_at.update(dict.fromkeys(listed, since))
        state.markets = (state.markets | listed) - gone
        for key in [
            key for key in (*state.open, *state.good) if key[1] in gone or (first and self._unwanted(key))
        ]:
            self._close(key, _us(record), "no longer recorded")
            self._forget(key)
        for market in gone:
            state.listed_at.pop(market, None)
        if first:
            end_streams(state.recorded, self._minute_streams(), _us(record))
        record_markets(state.recorded, self._minute_streams(), listed, since)
        end_markets(state.recorded, gone, _us(record))

    def _minute_streams(self) -> set[str]:
        """Which streams of a market the session records by the minute."""
        streams = set(MINUTE_STREAMS if self._state.streams is None else self._state.streams)
        if self._state.periods is not None and MINUTE_PERIOD not in self._state.periods:
            streams.discard("kline")
        return streams & set(MINUTE_STREAMS)

    def _unwanted(self, key: Key) -> bool:
        streams, periods = self._state.streams, self._state.periods
        return key != DEAF and (
            (streams is not None and key[0] not in streams)
            or (key[0] == "kline" and periods is not None and key[2] not in periods)
        )

    def _rest(self, record: Record) -> None:
        if isinstance(record.answer, Deals):
            self._deals(record.answer)
        elif record.fields.get("call") == MARKET_LIST.name and record.fields.get("status") == 200:
            self._state.lists = (self._state.lists[1], _us(record))

    def _deals(self, answer: Deals) -> None:
        """The newest trades of a market: what they repair of its gaps, those that wait and the open one."""
        state, market = self._state, answer.market
        waiting: list[Missing] = []
        for missing in state.mending.pop(market, []):
            if mend(missing, answer, state.lag_us or 0):
                self.closed.append(_row(("trade", market, ""), missing))
            else:
                waiting.append(missing)
        if waiting:
            state.mending[market] = waiting
        if (still_open := state.open.get(("trade", market, ""))) is not None:
            mend(still_open, answer, state.lag_us or 0)
        if answer.newest_id is not None:
            state.last_trade[market] = answer.newest_id

    def _up(self, record: Record) -> None:
        self._state.up_at[record.connection or 0] = _us(record)

    def _subscribe(self, record: Record) -> None:
        state = self._state
        if any(key[0] != ACCOUNT_STREAM for key in _keys(record)):
            state.subscribed = True
            state.open.pop(DEAF, None)  # from here on each topic has its own
        state.denied.discard(record.connection or 0)  # each time it is asked, it is signed anew
        for key in _keys(record):
            same_connection = state.connection_of.get(key) == record.connection
            state.connection_of[key] = record.connection or 0
            if key in state.good or (same_connection and key in state.open):
                continue  # asked again, after a silence or a refusal: what is open stays open
            state.confirmed.discard(key)
            if key not in state.open:
                since = state.listed_at.get(key[1], state.started)
                state.open[key] = self._begun(key, since, "start", "")

    def _confirmed(self, record: Record) -> None:
        for key in _keys(record):
            gap = self._state.open.get(key)
            if gap is None or gap.reason == "silence":
                continue
            if key[0] == ACCOUNT_STREAM and (record.connection or 0) in self._state.denied:
                continue
            if key[0] in ("trade", "kline", ACCOUNT_STREAM):
                self._close(key, _us(record))
            else:
                self._state.confirmed.add(key)

    def _denied(self, record: Record) -> None:
        self._state.denied.add(record.connection or 0)
        for key, gap in self._state.open.items():
            if key[0] == ACCOUNT_STREAM:
                gap.detail = f"the signature was not taken: {record.fields.get('error', '')}"

    def _refused(self, record: Record) -> None:
        for key in _keys(record):
            gap = self._state.open.get(key)
            if gap is not None:
                gap.detail = f"refused by the venue: {record.fields.get('error', '')}"

    def _down(self, record: Record) -> None:
        state = self._state
        reason = str(record.fields.get("reason", ""))
        last = record.fields.get("last")
        since = last // 1000 if isinstance(last, int) else _us(record)
        keys = [key for key, number in state.connection_of.items() if number == record.connection]
        self._lose(
            [key for key in keys if key in state.good],
            since,
            "stop" if reason == "stop" else "disconnect",
            reason,
        )
        for key in keys:
            del state.connection_of[key]
            state.confirmed.discard(key)

    def _silence(self, record: Record) -> None:
        last, stream = record.fields.get("last"), record.fields.get("stream")
        # A stream that never came is silent since its connection was made, whatever was confirmed.
        up_us = self._state.up_at.get(record.connection or 0, _us(record))
        since = last // 1000 if isinstance(last, int) else up_us
        state = self._state
        keys = [
            key
            for key, number in state.connection_of.items()
            if number == record.connection and key[0] == stream and key in state.good
        ]
        self._lose(keys, since, "silence", "")

    def _overflow(self, record: Record) -> None:
        start, end = record.fields.get("from"), record.fields.get("to")
        if not isinstance(start, int) or not isinstance(end, int):
            return
        detail = f"{record.fields.get('frames')} frames dropped: the disk did not keep up"
        start_us, end_us = start // 1000, end // 1000
        lost = list(self._state.good)
        if not lost:
            self._everything(start_us, end_us, "overflow", detail)
        self._lose(lost, start_us, "overflow", detail)
        for key in lost:
            self._close(key, end_us)

    # --- changes ----------------------------------------------------------------------------------

    def _everything(self, start_us: int, end_us: int, reason: str, detail: str) -> None:
        """A span in which anything may be missing, whatever its topic."""
        start_us -= IN_FLIGHT_US
        missing = Missing(start_us, reason, detail, end=max(start_us, end_us), lag_us=self._state.lag_us)
        self.closed.append(_row(DEAF, missing))

    def _begun(self, key: Key, start_us: int, reason: str, detail: str) -> Missing:
        anchor = self._state.last_trade.get(key[1]) if key[0] == "trade" else None
        return Missing(start_us, reason, detail, anchor=anchor, lag_us=self._state.lag_us)

    def _lose(self, keys: list[Key], since_us: int, reason: str, detail: str) -> None:
        for key in keys:
            self._state.good.discard(key)
            self._state.open[key] = self._begun(key, since_us - IN_FLIGHT_US, reason, detail)

    def _close(self, key: Key, end_us: int, note: str = "") -> None:
        state = self._state
        missing = state.open.pop(key, None)
        state.confirmed.discard(key)
        state.good.add(key)
        if missing is None:
            return
        missing.end = max(missing.start, end_us)
        missing.lag_after_us = state.lag_us
        missing.detail = ", ".join(part for part in (missing.detail, note) if part)
        self.closed.append(_row(key, missing))
        if key[0] == "trade":
            waiting = [*state.mending.get(key[1], []), missing]
            state.mending[key[1]] = waiting[-MENDING_LIMIT:]
        elif key[0] == "kline":
            state.unsettled.append((key, missing))

    def _forget(self, key: Key) -> None:
        self._state.good.discard(key)
        self._state.connection_of.pop(key, None)

    def _pushes(self, pushes: Pushes, from_seq: int, below_seq: int) -> None:
        """The pushes between two records: they close what waits for one; each market's last trade is kept."""
        state = self._state
        waiting: dict[str, list[Key]] = {}
        for key in state.open:
            if key in state.connection_of:
                waiting.setdefault(key[0], []).append(key)
        before, since = state.lags_us, [from_seq] * len(state.unsettled)
        for stream, keys in waiting.items():
            found = pushes.firsts(stream, {*keys}, from_seq, below_seq)
            for key, (heard_us, seq) in self._ended(keys, found):
                state.lags_us = [*before, *pushes.lags(from_seq, seq + 1)][-NEAR:]
                self._close(key, heard_us)
                since += [seq + 1] * (len(state.unsettled) - len(since))
        self._settle(pushes, since, below_seq)
        state.last_trade.update(pushes.last_trades(from_seq, below_seq))
        state.lags_us = [*before, *pushes.lags(from_seq, below_seq)][-NEAR:]

    def _settle(self, pushes: Pushes, since: list[int], below_seq: int) -> None:
        """The first trade after a gap tells how the clocks stand then; `since` is where each ended."""
        lags = {seq: pushes.first_lag(seq, below_seq) for seq in set(since)}
        left = []
        for (key, missing), seq in zip(self._state.unsettled, since, strict=True):
            lag_us = lags[seq]
            if lag_us is None:
                left.append((key, missing))
            elif lag_us != missing.lag_after_us:
                missing.lag_after_us = lag_us
                self.closed.append(_row(key, missing))
        self._state.unsettled = left

    def _ended(self, keys: list[Key], found: dict[Key, Heard]) -> Iterator[tuple[Key, Heard]]:
        """Which of the keys are heard again, and when."""
        state = self._state
        woken: dict[int, Heard] = {}
        """When each connection was heard: the stream is back on it then, for all its markets."""
        for key, heard in found.items():
            number = state.connection_of[key]
            woken[number] = min(heard, woken.get(number, heard))
        for key in keys:
            silent = state.open[key].reason == "silence"
            ended = woken.get(state.connection_of[key]) if silent else found.get(key)
            if ended is not None:
                yield key, ended


def _us(record: Record) -> int:
    return record.t // 1000


def _row(key: Key, missing: Missing) -> Gap:
    """A gap as its row, with what is repaired of it by now."""
    repair = repair_of(missing)
    detail = "; ".join(part for part in (missing.detail, repair.by) if part)
    return Gap(
        *key,
        missing.start,
        missing.end,
        missing.reason,
        detail,
        repair.repaired,
        repair.remains,
        missing.lags_us,
    )


def _keys(record: Record) -> list[Key]:
    """The topics a record names: each is [request id, stream, market?, period?]."""
    keys: list[Key] = []
    for row in record.fields.get("topics", ()):
        parts = [str(part) for part in row[1:4]]
        parts += [""] * (3 - len(parts))
        keys.append((ACCOUNT_STREAM if parts[0] in PRIVATE_STREAMS else parts[0], parts[1], parts[2]))
    return list(dict.fromkeys(keys))
