"""Frames as a venue sends them, and what a broken one may make of them: changed by byte and by structure."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "lake" / "decoding"))

from test_decoder import HOSTILE, mutated  # what the decoders' own tests change frames by

from recorder.exchange.candles import CandleOrder
from recorder.simulator.living import LivingExchange
from recorder.simulator.settings import SimulatorSettings
from recorder.simulator.source import Wanted

FRAMES: Final = Path(__file__).parents[1] / "tests" / "fixtures" / "frames"
START_NS: Final = 1_795_392_000_000_000_000
SIMULATED_S: Final = 70
"""Long enough for a minute to turn, which makes candle pushes of two rows."""
MARKETS: Final = 4
ORDERS: Final[tuple[CandleOrder, ...]] = ("ohlc", "ochl")
CHANGES_LIMIT: Final = 4
DEEP: Final = (40, 130, 1_000, 5_000)
"""Levels of nesting: some that every reader takes, some that none does."""
UNICODE: Final = ("é", "☃", "\U0001f600", "\u202e", "\ufeff", "\u0000", "\u2028", "\\ud800", "ß" * 300, "İ")
NUMBERS: Final = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "9" * 400, "0" * 200 + "1", "-0", "1E5",
    "1e+5", "18446744073709551616", "9223372036854775807", "-9223372036854775808", "0.1" + "0" * 400,
    "1.7976931348623157e308",
)  # fmt: skip
OTHERS: Final = ("null", "true", "[]", "{}", '""', "[[]]", '[{"a":1}]', '{"id":{}}', '"\\u0000"', "0")
RAW: Final = "@@{}@@"
"""Stands for text that is put in after the structure was written."""


def simulated(seed: int) -> list[list[bytes]]:
    """A minute and more of some markets by stream, in both column orders of candles."""
    found: dict[str, list[bytes]] = {}
    for order in ORDERS:
        exchange = LivingExchange(SimulatorSettings(markets=MARKETS, seed=seed, candle_order=order), START_NS)
        names = set(exchange.names())
        wanted = Wanted(names, names, dict.fromkeys(names, ("1min", "5min")), state=True)
        for second in range(SIMULATED_S):
            for push in exchange.advance(START_NS + second * 10**9, wanted):
                found.setdefault(push.topic.stream, []).append(push.payload)
    return list(found.values())


def literal() -> list[bytes]:
    """Every frame that the protocol's documents print."""
    return [line for path in sorted(FRAMES.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def changed(chance: Random, usual: list[list[bytes]]) -> bytes:
    """One of the usual frames (lists of them, by stream), changed in one place or several."""
    frame = chance.choice(chance.choice(usual))
    for _ in range(chance.choice((1, 1, 1, 2, CHANGES_LIMIT))):
        frame = chance.choice(_CHANGES)(chance, frame, usual)
    return frame


def _near(chance: Random, frame: bytes, _usual: list[list[bytes]]) -> bytes:
    """As the decoders' own tests change it: a piece replaced, put in, swapped, doubled, taken out."""
    return mutated(frame, chance) if frame else b""


def _flipped(chance: Random, frame: bytes, _usual: list[list[bytes]]) -> bytes:
    """Some bits are other ones."""
    data = bytearray(frame)
    for _ in range(min(len(data), chance.randint(1, 8))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _cut(chance: Random, frame: bytes, _usual: list[list[bytes]]) -> bytes:
    """The beginning, the end, or neither; now and then nothing at all is left."""
    one, other = sorted((chance.randint(0, len(frame)), chance.randint(0, len(frame))))
    return chance.choice((frame[:one], frame[one:], frame[one:other], frame[:one] + frame[other:], b""))


def _spliced(chance: Random, frame: bytes, usual: list[list[bytes]]) -> bytes:
    """The beginning of one and the end of another; or one inside or behind the other."""
    other = chance.choice(chance.choice(usual))
    one, two = chance.randint(0, len(frame)), chance.randint(0, len(other))
    joined = (
        frame[:one] + other[two:],
        frame[:one] + other + frame[one:],
        frame + other,
        frame + b"\n" + other,
    )
    return chance.choice(joined)


def _foreign(chance: Random, frame: bytes, _usual: list[list[bytes]]) -> bytes:
    """Bytes that are no UTF-8, or text that is unusual, somewhere."""
    at = chance.randint(0, len(frame))
    text = chance.choice(UNICODE).encode(errors="surrogatepass")
    piece = chance.choice(
        (text, chance.randbytes(chance.randint(1, 12)), b"\xff", b"\xc3\x28", b"\xed\xa0\x80")
    )
    return frame[:at] + piece + frame[at:]


def _value(chance: Random) -> str:
    """The text of a value that does not belong there."""
    kind = chance.randrange(6)
    if kind == 0:
        return chance.choice(NUMBERS)
    if kind == 1:
        return f'"{chance.choice(NUMBERS)}"'
    if kind == 2:
        return json.dumps(chance.choice(UNICODE), ensure_ascii=chance.random() < 0.5)
    if kind == 3:
        depth = chance.choice(DEEP)
        return chance.choice(("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth))
    if kind == 4:
        return chance.choice(OTHERS)
    return chance.choice(HOSTILE).decode(errors="replace")


def _structural(chance: Random, frame: bytes, usual: list[list[bytes]]) -> bytes:
    """Another value, a field more, less, doubled, renamed or swapped, anywhere in the tree."""
    try:
        tree = json.loads(frame)
    except (ValueError, RecursionError):
        return _near(chance, frame, usual)
    holders = list(_holders(tree))
    if not holders:
        return _value(chance).encode()
    raw: list[str] = []
    chance.choice(_EDITS)(chance, chance.choice(holders), raw)
    text = json.dumps(
        tree, separators=chance.choice(((",", ":"), (", ", ": "))), ensure_ascii=chance.random() < 0.5
    )
    for number, put in enumerate(raw):
        text = text.replace(f'"{RAW.format(number)}"', put).replace(RAW.format(number), put.strip('"'))
    return text.encode(errors="surrogatepass")


def _holders(tree: Any) -> Iterator[dict[str, Any] | list[Any]]:
    """Every object and list in it that is not empty."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict | list) and node:
            yield node
            waiting += node.values() if isinstance(node, dict) else node


def _place(chance: Random, holder: dict[str, Any] | list[Any]) -> Any:
    return chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))


def _replace(chance: Random, holder: Any, raw: list[str]) -> None:
    holder[_place(chance, holder)] = RAW.format(len(raw))
    raw.append(_value(chance))


def _remove(chance: Random, holder: Any, _raw: list[str]) -> None:
    del holder[_place(chance, holder)]


def _swap(chance: Random, holder: Any, _raw: list[str]) -> None:
    one, other = _place(chance, holder), _place(chance, holder)
    holder[one], holder[other] = holder[other], holder[one]


def _add(chance: Random, holder: Any, raw: list[str]) -> None:
    if isinstance(holder, dict):
        holder[chance.choice(("x", "", "time", "data", "method", *UNICODE))] = RAW.format(len(raw))
        raw.append(_value(chance))
    else:
        holder.insert(chance.randint(0, len(holder)), holder[_place(chance, holder)])


def _double(chance: Random, holder: Any, raw: list[str]) -> None:
    """A key that comes twice, its second value another one or the same; an item that comes often."""
    place = _place(chance, holder)
    if isinstance(holder, list):
        holder[place:place] = [holder[place]] * chance.choice((1, 3, 60))
        return
    value = json.dumps(holder[place]) if chance.random() < 0.5 else _value(chance)
    raw.append(f"0,{json.dumps(place)}:{value}")
    holder[place] = RAW.format(len(raw) - 1)


def _rename(chance: Random, holder: Any, _raw: list[str]) -> None:
    if isinstance(holder, dict):
        place = _place(chance, holder)
        holder[chance.choice((place.upper(), place + "_", place[:-1], "market"))] = holder.pop(place)
    else:
        holder.reverse()


_EDITS: Final[tuple[Callable[[Random, Any, list[str]], None], ...]] = (
    _replace, _replace, _remove, _swap, _add, _double, _rename,
)  # fmt: skip
_CHANGES: Final[tuple[Callable[[Random, bytes, list[list[bytes]]], bytes], ...]] = (
    _near, _near, _flipped, _cut, _spliced, _foreign, *[_structural] * 8,
)  # fmt: skip
