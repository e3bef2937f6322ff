"""What is missing, worked out from the journal's own records. Pure: records in, rows of `gaps` out.

A gap is kept per topic (stream, market and, for candles, period) and speaks in the recorder's clock.

It opens at the last good moment: the last receive on the connection before it went down; the last frame of
the stream before a silence; the last check line before a crash, which proves that the recorder lived; the
stop. What was lost may have been sent before the last frame we read was read, for it stood in the buffers
between: so the start is set back by IN_FLIGHT.

It closes at the first good one. Trades and candles are pushed when something happens, so they are whole
again once the venue has confirmed the subscription, or at the first push if that comes sooner. A book or a
state is unknown until it is pushed, so those close at their first push. After a silence, where the
subscription stood all along, only a push counts.

A gap covers the time in which the recorder meant to record the topic: when a market is delisted, or no
longer wanted after a restart, its gap ends there and says so.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from recorder.lake.harvest import Record

IN_FLIGHT_US: Final = 500_000

Key: TypeAlias = tuple[str, str, str]
"""(stream, market, period), with "" where there is none."""
DEAF: Final[Key] = ("", "", "")
"""Stands for everything, from a start until something has been asked for."""


class Gap(msgspec.Struct, frozen=True):
    """One row of `gaps`; times in microseconds since the epoch, `stream` and `market` "" for all."""

    stream: str
    market: str
    ts_start: int
    ts_end: int | None
    reason: str
    detail: str


class _Open(msgspec.Struct):
    start: int
    reason: str
    detail: str


class _State(msgspec.Struct):
    """Everything remembered between two chunks of the journal; saved with every commit."""

    running: bool = False
    started: int = 0
    subscribed: bool = True
    """False from a start until the session asks for something. One that ends before leaves no topic that
    could be missed: its start stands for the next one's, and until then all is missing (DEAF)."""
    alive: int = 0
    markets_known: bool = False
    markets: set[str] = msgspec.field(default_factory=set)
    streams: list[str] | None = None
    """What the session records, by its settings; None where it did not say."""
    periods: list[str] | None = None
    up_at: dict[int, int] = msgspec.field(default_factory=dict)
    lists: tuple[int, int] = (0, 0)
    """When the last market list but one, and the last one, were received."""
    listed_at: dict[str, int] = msgspec.field(default_factory=dict)
    connection_of: dict[Key, int] = msgspec.field(default_factory=dict)
    good: set[Key] = msgspec.field(default_factory=set)
    confirmed: set[Key] = msgspec.field(default_factory=set)
    """Topics that wait for their first push although the venue has confirmed them."""
    open: dict[Key, _Open] = msgspec.field(default_factory=dict)


FirstPushes: TypeAlias = Callable[[str, set[Key], int, int], dict[Key, int]]
"""(stream, keys, from seq, below seq) -> receive time in us of each key's first push in between."""


class GapMachine:
    """Follows the journal's records; `closed` collects the rows that are final, `rows` adds the open ones."""

    def __init__(self, saved: bytes | None = None) -> None:
        self._state = msgspec.msgpack.decode(saved, type=_State) if saved else _State()
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
        return [
            Gap(key[0], key[1], gap.start, None, gap.reason, gap.detail)
            for key, gap in self._state.open.items()
        ]

    def follow(self, records: Iterable[Record], firsts: FirstPushes, end_seq: int, alive_us: int) -> None:
        """Take a chunk of the journal: its records in order, a look-up of pushes, the seq after its end.

        `alive_us` is the time of the check line that ends it.
        """
        seq = 0
        for record in records:
            handler = self._handlers.get(record.kind)
            if handler is not None:
                self._pushes(firsts, seq, record.seq)
                handler(record)
                seq = record.seq
        self._pushes(firsts, seq, end_seq)
        self._state.alive = alive_us  # not the greatest: a clock that was set back is the clock

    def crashed(self) -> None:
        """The recorder is gone and did not say so: everything is missing since it last lived."""
        if self._state.running:
            self._lose(list(self._state.good), self._state.alive, "crash", "the recorder was killed")
            self._state.running = False

    def damaged(self, start_us: int, end_us: int, detail: str) -> None:
        """A part of the journal cannot be read: whatever it held is missing."""
        start_us -= IN_FLIGHT_US
        self.closed.append(Gap("", "", start_us, max(start_us, end_us), "damage", detail))

    # --- records ----------------------------------------------------------------------------------

    def _start(self, record: Record) -> None:
        state = self._state
        if state.subscribed:
            state.started = _us(record)
        self.crashed()
        state.running, state.subscribed, state.markets_known = True, False, False
        state.lists = (0, 0)
        if not state.open:
            state.open[DEAF] = _Open(state.started, "start", "nothing could be subscribed yet")
        settings = record.fields.get("settings")
        if isinstance(settings, dict):
            state.streams, state.periods = settings.get("streams"), settings.get("kline_periods")
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

    def _unwanted(self, key: Key) -> bool:
        streams, periods = self._state.streams, self._state.periods
        return key != DEAF and (
            (streams is not None and key[0] not in streams)
            or (key[0] == "kline" and periods is not None and key[2] not in periods)
        )

    def _rest(self, record: Record) -> None:
        if record.fields.get("call") == "market_list" and record.fields.get("status") == 200:
            self._state.lists = (self._state.lists[1], _us(record))

    def _up(self, record: Record) -> None:
        self._state.up_at[record.connection or 0] = _us(record)

    def _subscribe(self, record: Record) -> None:
        state = self._state
        state.subscribed = True
        state.open.pop(DEAF, None)  # from here on each topic has its own
        for key in _keys(record):
            same_connection = state.connection_of.get(key) == record.connection
            state.connection_of[key] = record.connection or 0
            if key in state.good or (same_connection and key in state.open):
                continue  # asked again, after a silence or a refusal: what is open stays open
            state.confirmed.discard(key)
            if key not in state.open:
                since = state.listed_at.get(key[1], state.started)
                state.open[key] = _Open(since, "start", key[2])

    def _confirmed(self, record: Record) -> None:
        for key in _keys(record):
            gap = self._state.open.get(key)
            if gap is None or gap.reason == "silence":
                continue
            if key[0] in ("trade", "kline"):
                self._close(key, _us(record))
            else:
                self._state.confirmed.add(key)

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
        if isinstance(start, int) and isinstance(end, int):
            detail = f"{record.fields.get('frames')} frames dropped: the disk did not keep up"
            self.closed.append(Gap("", "", start // 1000 - IN_FLIGHT_US, end // 1000, "overflow", detail))

    # --- changes ----------------------------------------------------------------------------------

    def _lose(self, keys: list[Key], since_us: int, reason: str, detail: str) -> None:
        for key in keys:
            self._state.good.discard(key)
            text = " ".join(part for part in (key[2], detail) if part)
            self._state.open[key] = _Open(since_us - IN_FLIGHT_US, reason, text)

    def _close(self, key: Key, end_us: int, note: str = "") -> None:
        gap = self._state.open.pop(key, None)
        self._state.confirmed.discard(key)
        self._state.good.add(key)
        if gap is not None:
            detail = ", ".join(part for part in (gap.detail, note) if part)
            self.closed.append(Gap(key[0], key[1], gap.start, max(gap.start, end_us), gap.reason, detail))

    def _forget(self, key: Key) -> None:
        self._state.good.discard(key)
        self._state.connection_of.pop(key, None)

    def _pushes(self, firsts: FirstPushes, from_seq: int, below_seq: int) -> None:
        """Close what waits for a push, by the pushes between two records."""
        waiting: dict[str, list[Key]] = {}
        for key in self._state.open:
            if key in self._state.connection_of:
                waiting.setdefault(key[0], []).append(key)
        for stream, keys in waiting.items():
            found = firsts(stream, set(keys), from_seq, below_seq)
            if found:
                self._pushed(keys, found)

    def _pushed(self, keys: list[Key], found: dict[Key, int]) -> None:
        state = self._state
        woken = {state.connection_of[key] for key in found}
        earliest = min(found.values())
        for key in keys:
            gap = state.open[key]
            if key in found:
                self._close(key, found[key])
            elif gap.reason == "silence" and state.connection_of[key] in woken:
                self._close(key, earliest)  # the stream is back on this connection, for all its markets


def _us(record: Record) -> int:
    return record.t // 1000


def _keys(record: Record) -> list[Key]:
    """The topics a record names: each is [request id, stream, market?, period?]."""
    keys: list[Key] = []
    for row in record.fields.get("topics", ()):
        parts = [str(part) for part in row[1:4]]
        parts += [""] * (3 - len(parts))
        keys.append((parts[0], parts[1], parts[2]))
    return keys
