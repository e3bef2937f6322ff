"""Faults at work: what is withheld, held back or refused at the moment, and what garbage looks like."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from recorder.simulator.faults import VARIANTS, Fault
from recorder.simulator.hub import BINARY, TEXT
from recorder.simulator.source import Push

NESTED_DEPTH: Final = 100_000
HELD_PUSHES: Final = 100_000
"""Pushes held back at once at most; beyond that they go out at once."""


@dataclass(slots=True)
class _Counted:
    """A fault that befalls so many more pushes."""

    fault: Fault
    left: int

    def befalls(self, push: Push) -> bool:
        of_stream = self.fault.stream in (None, push.topic.stream)
        return of_stream and self.fault.market in (None, push.topic.market)


class Mischief:
    """The faults that last. Times are seconds on the server's own clock."""

    def __init__(self) -> None:
        self._until: list[tuple[float, Fault]] = []
        self._counted: list[_Counted] = []
        self._held: list[tuple[float, int, Push]] = []
        self._order = itertools.count()

    def begin(self, fault: Fault, now_s: float) -> None:
        """A fault of a kind that lasts (silence, lose, late, http, code, slow, refuse) begins."""
        if fault.kind in ("lose", "late"):
            self._counted.append(_Counted(fault, fault.count))
        else:
            lasts_s = fault.during if fault.kind == "slow" else fault.seconds
            self._until.append((now_s + lasts_s, fault))

    def silent(self, push: Push, now_s: float) -> bool:
        """Whether a push is lost to a silence."""
        return any(fault.stream in (None, push.topic.stream) for fault in self._active("silence", now_s))

    def withholds(self, push: Push, now_s: float) -> str | None:
        """The kind of fault that keeps a push from going out now, or None. What is late comes with
        `released`; the others lose it."""
        if self.silent(push, now_s):
            return "silence"
        for counted in self._counted:
            kind = counted.fault.kind
            if not counted.befalls(push) or (kind == "late" and len(self._held) >= HELD_PUSHES):
                continue
            counted.left -= 1
            if counted.left == 0:
                self._counted.remove(counted)
            if kind == "late":
                due_s = now_s + counted.fault.seconds
                heapq.heappush(self._held, (due_s, next(self._order), push))
            return kind
        return None

    def released(self, now_s: float) -> list[Push]:
        """Held pushes whose time has come."""
        found: list[Push] = []
        while self._held and self._held[0][0] <= now_s:
            found.append(heapq.heappop(self._held)[2])
        return found

    def refusing(self, now_s: float) -> bool:
        """Whether new connections are closed at once."""
        return any(self._active("refuse", now_s))

    def gateway(self, path: str, now_s: float) -> int | None:
        """The HTTP status a gateway answers with, or None."""
        return next((f.status for f in self._active("http", now_s) if path.startswith(f.path)), None)

    def code(self, path: str, now_s: float) -> int | None:
        """The code the interface answers with, or None."""
        return next((f.code for f in self._active("code", now_s) if path.startswith(f.path)), None)

    def slowness_s(self, path: str, now_s: float) -> float:
        """How much longer an answer takes."""
        slow = (f.seconds for f in self._active("slow", now_s) if path.startswith(f.path))
        return max(slow, default=0.0)

    def _active(self, kind: str, now_s: float) -> Iterator[Fault]:
        if self._until:
            self._until = [(until, fault) for until, fault in self._until if until > now_s]
        return (fault for _, fault in self._until if fault.kind == kind)


def garbage(fault: Fault, market: str, now_s: int) -> Iterator[tuple[bytes, int]]:
    """(payload, opcode) of each frame a garbage fault sends: one variant, or all harmless ones in turn."""
    variants = (fault.variant,) if fault.variant is not None else VARIANTS[:-1]
    for variant in itertools.islice(itertools.cycle(variants), fault.count):
        yield _GARBAGE[variant](market, now_s), BINARY if variant == "binary" else TEXT


def _trade(market: str, now_s: int, price: str) -> bytes:
    body = f'"market":"{market}","price":{price},"amount":"1","type":"buy","time":{now_s}.5'
    return f'{{"id":0,"method":"update.trade","result":{{"id":1,{body}}},"error":null}}'.encode()


def _bad_candle(market: str, now_s: int) -> bytes:
    row = f'[{now_s // 60 * 60},"3","1","4","2","1","1","{market}"]'
    result = f'{{"data":[{row}],"market":"{market}","period":"1min"}}'
    return f'{{"id":0,"method":"update.kline","result":{result},"error":null}}'.encode()


_GARBAGE: Final[dict[str, Callable[[str, int], bytes]]] = {
    "not_json": lambda _market, _now: b"<html>502 Bad Gateway</html>",
    "binary": lambda _market, _now: b"\x00\x01\xfe\xff binary",
    "truncated": lambda market, now: _trade(market, now, '"1"')[:-20],
    "wrong_types": lambda _market, _now: (
        b'{"id":0,"method":"update.depth","result":[1,true,null],"error":null}'
    ),
    "empty": lambda _market, _now: b"",
    "nested": lambda _market, _now: b"[" * NESTED_DEPTH,
    "unknown_method": lambda _market, _now: b'{"id":0,"method":"update.weather","result":{},"error":null}',
    "bad_candle": _bad_candle,
    "nan_price": lambda market, now: _trade(market, now, '"NaN"'),
    "invalid_utf8": lambda _market, _now: b'{"id":0,"method":"\xc3\x28"}',
}
