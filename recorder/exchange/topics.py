"""What may be subscribed: the public streams, and those of an account."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Stream: TypeAlias = Literal["trade", "depth", "kline", "state"]
STREAMS: Final[tuple[Stream, ...]] = ("trade", "depth", "kline", "state")
PrivateStream: TypeAlias = Literal["position", "order", "asset"]
PRIVATE_STREAMS: Final[tuple[PrivateStream, ...]] = ("position", "order", "asset")
"""Of an account: a connection that has signed in has them."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What one subscription covers. `state` covers all markets and has neither market nor period, and so do
    the streams of an account."""

    stream: Stream | PrivateStream
    market: str | None = None
    period: str | None = None
