"""A recording served again: the same texts in the same order, at 1 to 50 times their pace.

The clock starts when the first clients have subscribed, so that nothing is missed; who comes later gets
what is sent from then on. Event times are moved by one constant, a whole number of minutes, so that
candles stay on their grid and the first frame seems to be at most a minute old; everything else of a
frame is the recorded text. REST answers from what was replayed so far. After the end the exchange stays,
silent.
"""

import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from recorder.exchange.messages import PUSH_METHODS
from recorder.exchange.topics import Topic
from recorder.simulator.recording import RecordingError, read_frames
from recorder.simulator.replayed import ReplayedMarket
from recorder.simulator.source import Push, Wanted

SCAN_FRAMES: Final = 200_000
"""Frames looked through before the start for the list of markets; others are listed when they appear."""
STEP_FRAMES: Final = 5_000
"""Frames sent in one step at most."""
NS: Final = 1_000_000_000
MINUTE_S: Final = 60

_EVENT_TIME: Final = re.compile(rb'("time"\s*:\s*)([0-9]{10})(?=[^0-9]|[0-9]{3}[^0-9])')
_CANDLE_TIME: Final = re.compile(rb"(\[\s*)([0-9]{10})(?=\s*,)")

log = structlog.get_logger()


class _Frame(msgspec.Struct):
    method: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Named(msgspec.Struct):
    market: str = ""
    period: str = ""


class _Kline(msgspec.Struct):
    data: list[Any] = []
    market: str = ""
    period: str = ""


_FRAME: Final = msgspec.json.Decoder(_Frame)
_NAMED: Final = msgspec.json.Decoder(_Named | list[_Named])
_KLINE: Final = msgspec.json.Decoder(_Kline)
_STATES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def moved(frame: bytes, shift_s: int) -> bytes:
    """The frame with its event times moved; every other byte stays."""
    if shift_s == 0:
        return frame

    def move(found: re.Match[bytes]) -> bytes:
        return b"%b%d" % (found[1], int(found[2]) + shift_s)

    frame = _EVENT_TIME.sub(move, frame)
    return _CANDLE_TIME.sub(move, frame) if b'"update.kline"' in frame else frame


class Replay:
    """A `Source` that plays a recording. Raises RecordingError where there is nothing to play."""

    def __init__(self, path: Path, speed: float, *, keep_time: bool) -> None:
        self._path = path
        self._speed = speed
        self._keep_time = keep_time
        self._markets: dict[str, ReplayedMarket] = {}
        self._states: dict[str, bytes] = {}
        self._first_ns = self._scan()
        self._frames: Iterator[tuple[int, bytes]] = read_frames(path)
        self._next: tuple[int, bytes] | None = next(self._frames, None)
        self._begun_ns: int | None = None
        self._shift_s = 0
        self._replayed_ns = self._first_ns
        self.ended = False

    @property
    def venue(self) -> None:
        """A recording has no accounts."""

    def _scan(self) -> int:
        """Find the markets and the first time."""
        first_ns: int | None = None
        for t_ns, frame in islice(read_frames(self._path), SCAN_FRAMES):
            first_ns = t_ns if first_ns is None else first_ns
            topic, result = _read(frame)
            if topic is not None and topic.stream == "state":
                for name in _STATES.decode(result):
                    self._markets.setdefault(name, ReplayedMarket())
            elif topic is not None and topic.market:
                market = self._markets.setdefault(topic.market, ReplayedMarket())
                if topic.stream in ("trade", "kline"):
                    market.learn(*_items(topic, result))
        if first_ns is None:
            raise RecordingError(f"{self._path}: no frames in it: nothing to replay")
        log.info("recording", file=str(self._path), markets=len(self._markets))
        return first_ns

    def begin(self, now_ns: int) -> None:
        """The clock starts."""
        self._begun_ns = now_ns
        if not self._keep_time:
            self._shift_s = (now_ns - self._first_ns) // NS // MINUTE_S * MINUTE_S

    def clock_ns(self, now_ns: int) -> int:
        """The recording's time, moved as its frames are."""
        if self._begun_ns is None:
            return self._first_ns if self._keep_time else now_ns
        return self._replayed_ns + self._shift_s * NS

    def advance(self, now_ns: int, wanted: Wanted) -> list[Push]:
        """The frames whose time has come."""
        del wanted  # what is read from the file is sent or dropped by the hub
        if self._begun_ns is None:
            return []
        due_ns = self._first_ns + int((now_ns - self._begun_ns) * self._speed)
        pushes: list[Push] = []
        while self._next is not None and self._next[0] <= due_ns and len(pushes) < STEP_FRAMES:
            t_ns, frame = self._next
            self._replayed_ns = max(self._replayed_ns, t_ns)
            self._play(moved(frame, self._shift_s), now_ns, pushes)
            self._next = next(self._frames, None)
        if self._next is None and not self.ended:
            self.ended = True
            log.info("recording ended", file=str(self._path))
        return pushes

    def _play(self, frame: bytes, now_ns: int, pushes: list[Push]) -> None:
        topic, result = _read(frame)
        if topic is None:
            return
        self._remember(topic, result)
        pushes.append(Push(now_ns, topic, frame))

    def _remember(self, topic: Topic, result: bytes) -> None:
        """Keep what REST is asked for."""
        if topic.stream == "state":
            for name, state in _STATES.decode(result).items():
                self._markets.setdefault(name, ReplayedMarket())
                self._states[name] = bytes(state)
            return
        market = self._markets.setdefault(topic.market or "", ReplayedMarket())
        if topic.stream == "depth":
            market.book = result
        else:
            market.keep(topic.period, *_items(topic, result))

    def snapshot(self, topic: Topic) -> Push | None:
        """Nothing: a subscriber gets what is replayed from then on, and only that."""
        del topic
        return None

    def names(self) -> Collection[str]:
        """The recording's markets."""
        return self._markets.keys()

    def market_list(self) -> list[Any]:
        """What the recording tells of its markets."""
        return [
            market.description(name, sort) for sort, (name, market) in enumerate(self._markets.items(), 1)
        ]

    def klines(self, market: str, period: str, start_s: int, end_s: int) -> list[Any]:
        """Candles replayed so far."""
        rows = self._markets[market].candles.get(period, {})
        return [rows[time] for time in sorted(rows) if start_s <= time <= end_s]

    def deals(self, market: str) -> list[Any]:
        """The last trades replayed, newest first."""
        return self._markets[market].newest()

    def depth(self, market: str) -> Any:
        """The last book replayed."""
        book = self._markets[market].book
        return None if book is None else msgspec.json.decode(book)

    def states(self) -> dict[str, Any]:
        """The last state replayed of each market."""
        return {name: msgspec.Raw(state) for name, state in self._states.items()}

    def state(self, market: str) -> Any:
        """The last state replayed of one market."""
        state = self._states.get(market)
        return None if state is None else msgspec.Raw(state)

    def list_market(self, name: str | None, now_ns: int) -> str | None:
        """A recording lists nothing new."""
        del name, now_ns
        return None

    def delist_market(self, name: str) -> None:
        """The market cannot be asked for any more until the recording brings it again."""
        self._markets.pop(name, None)


def _read(frame: bytes) -> tuple[Topic | None, bytes]:
    """A frame's topic and the text of its result; no topic where it is no push that can be read."""
    try:
        message = _FRAME.decode(frame)
        stream = PUSH_METHODS.get(message.method)
        result = bytes(message.result)
        if stream is None:
            return None, b""
        if stream == "state":
            _STATES.decode(result)
            return Topic("state"), result
        if stream == "kline":
            return _kline_topic(result), result
        named = _NAMED.decode(result)
    except (msgspec.DecodeError, RecursionError):
        return None, b""
    first = named[0] if isinstance(named, list) and named else named
    return (
        (Topic(stream, first.market), result) if isinstance(first, _Named) and first.market else (None, b"")
    )


def _kline_topic(result: bytes) -> Topic | None:
    """A candle push names its market beside the data or only in the rows."""
    kline = _KLINE.decode(result)
    row = kline.data[0] if kline.data else None
    market = kline.market or (row[7] if isinstance(row, list) and len(row) > 7 else "")
    return Topic("kline", market, kline.period) if market and kline.period else None


def _items(topic: Topic, result: bytes) -> list[Any]:
    """The trades of a trade push, the rows of a candle push."""
    if topic.stream == "kline":
        return _KLINE.decode(result).data
    trades = msgspec.json.decode(result)
    return trades if isinstance(trades, list) else [trades]
