"""The fault script: what the simulated exchange does wrong, and when.

A script is TOML with one `[[fault]]` table a fault, or JSON lines with one object a line. `at` is the time
in seconds after the start, `every` repeats; with both, `at` is the first time.

    [[fault]]
    kind = "drop"          # close politely; connections = 1 hits the oldest only (0, the default: all)
    at = 10
    [[fault]]
    kind = "abort"         # the connection is reset without a word
    every = 60
    connections = 1
    [[fault]]
    kind = "silence"       # pushes of a stream are lost while the connection lives on; or "all"
    at = 20
    seconds = 5
    stream = "trade"
    [[fault]]
    kind = "lose"          # the next count pushes of a stream, or of all, are lost one by one: they happened,
    at = 25                # and no subscriber gets them; market, where given, is whose pushes
    count = 3
    stream = "trade"
    market = "BTCUSDT"
    [[fault]]
    kind = "garbage"       # count texts that are no message; variant picks one kind, else all but
    at = 30                # invalid_utf8 in turn (clients close on that one)
    count = 9
    variant = "truncated"
    [[fault]]
    kind = "duplicates"    # the last count pushes are sent again
    at = 31
    count = 20
    [[fault]]
    kind = "late"          # the next count pushes come so many seconds later, behind newer ones
    at = 32
    count = 50
    seconds = 2
    [[fault]]
    kind = "skew"          # the exchange's clock is set this far from where it was, from then on
    at = 33
    seconds = 1.2
    [[fault]]
    kind = "http"          # a gateway answers HTML with this status
    at = 40
    seconds = 10
    status = 429
    path = "/open/api/v2/market/deals"
    [[fault]]
    kind = "code"          # the interface answers HTTP 200 with this code
    at = 50
    seconds = 3
    code = 1010007
    [[fault]]
    kind = "slow"          # for a while (during, 10 s if not given) REST answers leave so many seconds
    at = 52                # after they were made
    seconds = 2
    during = 10
    path = "/open/api/v2/market"
    [[fault]]
    kind = "refuse"        # new connections are accepted and closed at once
    at = 55
    seconds = 4
    [[fault]]
    kind = "list"          # a market is new
    at = 60
    market = "NEWUSDT"
    [[fault]]
    kind = "delist"        # a market is gone
    at = 90
    market = "NEWUSDT"
"""

import heapq
import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from recorder.exchange.refusals import TOO_MANY_REQUESTS
from recorder.exchange.topics import STREAMS

VARIANTS: Final = (
    "not_json", "binary", "truncated", "wrong_types", "empty", "nested", "unknown_method", "bad_candle",
    "nan_price", "invalid_utf8",
)  # fmt: skip

_TAKES: Final[dict[str, tuple[str, ...]]] = {
    "drop": ("connections",),
    "abort": ("connections",),
    "silence": ("seconds", "stream"),
    "lose": ("count", "stream", "market"),
    "garbage": ("count", "variant", "connections"),
    "duplicates": ("count", "stream"),
    "late": ("seconds", "count", "stream"),
    "skew": ("seconds",),
    "http": ("seconds", "status", "path"),
    "code": ("seconds", "code", "path"),
    "slow": ("seconds", "during", "path"),
    "refuse": ("seconds",),
    "list": ("market",),
    "delist": ("market",),
}
"""What each kind takes beside kind, at and every."""
_NEEDS: Final = {"silence": "seconds", "late": "seconds", "skew": "seconds", "http": "seconds",
                 "code": "seconds", "slow": "seconds", "refuse": "seconds", "delist": "market"}  # fmt: skip
ALL_STREAMS: Final = "all"
ALL_CALLS: Final = "/open/api"
"""Of which the document writes two below another number than the others."""
"""The word for no stream in particular, which is the default."""
MAX_COUNT: Final = 10_000
MIN_EVERY_S: Final = 0.05


class ScriptError(ValueError):
    """A fault script that cannot be read: the file, the line and what would be right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the script. Fields that its kind does not take keep their defaults."""

    kind: str
    at: float | None = None
    every: float | None = None
    seconds: float = 0.0
    during: float = 10.0
    stream: str | None = None
    count: int = 1
    variant: str | None = None
    status: int = 502
    code: int = TOO_MANY_REQUESTS[0]
    path: str = ALL_CALLS
    market: str | None = None
    connections: int = 0


class FaultClock:
    """Hands out the faults of a script as their times come."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._due = [
            (fault.at if fault.at is not None else fault.every or 0.0, index, fault)
            for index, fault in enumerate(faults)
        ]
        heapq.heapify(self._due)

    def due(self, elapsed_s: float) -> list[Fault]:
        """The faults whose time came by now, each once a time."""
        found: list[Fault] = []
        while self._due and self._due[0][0] <= elapsed_s:
            time_s, index, fault = heapq.heappop(self._due)
            found.append(fault)
            if fault.every is not None:
                heapq.heappush(self._due, (max(time_s + fault.every, elapsed_s), index, fault))
        return found


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Read a fault script. Raises ScriptError naming file, line and cure."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read ({error}): give a TOML or JSON lines file") from None
    entries = _toml_entries(path, text) if path.suffix == ".toml" else _json_entries(path, text)
    return tuple(_fault(f"{path}:{line}", entry) for line, entry in entries)


def _toml_entries(path: Path, text: str) -> list[tuple[int, Any]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(f"{path}: not TOML: {error}") from None
    entries = document.get("fault", [])
    if set(document) - {"fault"} or not isinstance(entries, list):
        raise ScriptError(f"{path}:1: a script holds nothing but [[fault]] tables")
    heads = [n for n, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*fault\s*\]\]", line)]
    heads += [1] * (len(entries) - len(heads))  # an inline array has no heads of its own
    return list(zip(heads, entries, strict=False))


def _json_entries(path: Path, text: str) -> list[tuple[int, Any]]:
    entries: list[tuple[int, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entries.append((number, json.loads(line)))
        except ValueError as error:
            cure = 'write one object a line, such as {"kind": "drop", "at": 5}'
            raise ScriptError(f"{path}:{number}: not JSON ({error}): {cure}") from None
    return entries


def _fault(where: str, entry: object) -> Fault:
    if not isinstance(entry, dict):
        raise ScriptError(f"{where}: a fault is an object with kind and at")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _TAKES:
        raise ScriptError(f"{where}: kind is {kind!r}: give one of {', '.join(_TAKES)}")
    takes = ("kind", "at", "every", *_TAKES[kind])
    for name in entry:
        if name not in takes:
            raise ScriptError(f"{where}: {kind} does not take {name!r}: it takes {', '.join(takes[1:])}")
    if "at" not in entry and "every" not in entry:
        raise ScriptError(
            f"{where}: {kind} has no time: give at = seconds after the start, or every = seconds"
        )
    need = _NEEDS.get(kind)
    if need is not None and need not in entry:
        raise ScriptError(f"{where}: {kind} needs {need}")
    for name, value in entry.items():
        _check(where, name, value)
    return Fault(**{name: value for name, value in entry.items() if (name, value) != ("stream", ALL_STREAMS)})


def _check(where: str, name: str, value: object) -> None:
    """One value. Raises ScriptError saying what would be right."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    checks: dict[str, tuple[bool, str]] = {
        "kind": (True, ""),
        "at": (number and _within(value, 0, 1e9), "a number of seconds, 0 or more"),
        "every": (
            number and _within(value, MIN_EVERY_S, 1e9),
            f"a number of seconds, at least {MIN_EVERY_S}",
        ),
        "seconds": (number and _within(value, -86_400, 86_400), "a number of seconds"),
        "during": (number and _within(value, 0, 86_400), "a number of seconds, 0 or more"),
        "stream": (value in (*STREAMS, ALL_STREAMS), f"one of {', '.join(STREAMS)}, {ALL_STREAMS}"),
        "count": (whole and _within(value, 1, MAX_COUNT), f"a whole number from 1 to {MAX_COUNT}"),
        "variant": (value in VARIANTS, f"one of {', '.join(VARIANTS)}"),
        "status": (whole and _within(value, 400, 599), "an HTTP status from 400 to 599"),
        "code": (whole and value != 0, "one of the venue's error codes"),
        "path": (
            isinstance(value, str) and value.startswith("/"),
            'the beginning of a path, such as "/open"',
        ),
        "market": (isinstance(value, str) and value.isalnum(), "a market's name"),
        "connections": (whole and _within(value, 0, MAX_COUNT), "how many, 0 for all"),
    }
    right, cure = checks[name]
    if not right:
        raise ScriptError(f"{where}: {name} is {value!r}: give {cure}")


def _within(value: Any, low: float, high: float) -> bool:
    return bool(low <= value <= high)
