"""What arrived on a connection since the last look, sorted out and counted."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import Reply, parse
from recorder.exchange.topics import Stream

_PUSH: Final = b'"update.'
_STREAM_OF_INITIAL: Final[dict[int, Stream]] = {
    ord("t"): "trade",
    ord("d"): "depth",
    ord("k"): "kline",
    ord("s"): "state",
}


@dataclass(slots=True)
class ConnectionStats:
    """Counters of one connection over its life; `streams` counts push frames by stream."""

    up: bool = False
    frames: int = 0
    connects: int = 0
    last_recv_ns: int | None = None
    """Of the connection that is up now; `newest_recv_ns` of any."""
    newest_recv_ns: int | None = None
    streams: Counter[str] = field(default_factory=Counter)
    last_error: str | None = None


def sorted_out(
    frames: Iterable[bytes], pushed: Callable[[bytes], None] | None
) -> tuple[dict[Stream, int], list[bytes]]:
    """How many pushes there are of each public stream, and what is no push. `pushed` is told every push."""
    tally = [0] * 256
    others: list[bytes] = []
    for frame in frames:
        at = frame.find(_PUSH) + len(_PUSH)
        if len(_PUSH) <= at < len(frame):
            tally[frame[at]] += 1
            if pushed is not None:
                pushed(frame)
        else:
            others.append(frame)
    return {stream: tally[at] for at, stream in _STREAM_OF_INITIAL.items() if tally[at]}, others


def reply_of(frame: bytes) -> Reply | None:
    """What is no push, read; None where it cannot be."""
    try:
        message = parse(frame)
    except ProtocolError:
        return None  # the lake keeps it in `rejects` with the reason
    return message if isinstance(message, Reply) else None
