"""A gap as its row says it, and what is remembered of a journal between two chunks of it."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from recorder.lake.gaps.recorded import Recorded
from recorder.lake.gaps.repair import Missing

MINUTE_STREAMS: Final = ("trade", "depth", "kline")
"""The streams of a market by which its minutes are judged; of candles, those of a minute."""
ACCOUNT_STREAM: Final = "account"
"""The streams of an account, which are signed for and lost together, are one topic."""
NEAR: Final = 32
"""Pushes by which the lag at an instant is known: few, so that it is the lag of that instant even where a
recording is replayed at many times its pace."""
MINUTE_PERIOD: Final = "1min"
IN_FLIGHT_US: Final = 500_000

Key: TypeAlias = tuple[str, str, str]
"""(stream, market, period), with "" where there is none."""
Heard: TypeAlias = tuple[int, int]
"""When a push was received, in us, and its seq."""
DEAF: Final[Key] = ("", "", "")
"""Stands for everything, from a start until something has been asked for."""


class Gap(msgspec.Struct, frozen=True):
    """One row of `gaps`; times in microseconds since the epoch, `stream`, `market` and `period` "" for all.

    `remains` is what no answer gave back: (start, end), end None while it lasts; None where nothing remains.
    """

    stream: str
    market: str
    period: str
    ts_start: int
    ts_end: int | None
    reason: str
    detail: str
    repaired: str
    remains: tuple[int, int | None] | None
    lags_us: tuple[int, int] = (0, 0)
    """The least and the greatest by which pushes around it were received after they happened."""


class GapState(msgspec.Struct):
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
    open: dict[Key, Missing] = msgspec.field(default_factory=dict)
    mending: dict[str, list[Missing]] = msgspec.field(default_factory=dict)
    """Gaps in trades, by market, that have ended and wait for the answer that settles them."""
    last_trade: dict[str, int] = msgspec.field(default_factory=dict)
    """The newest trade that is known of each market."""
    lags_us: list[int] = []
    """Of the last trades, in order: by how much each was received after it had happened."""
    unsettled: list[tuple[Key, Missing]] = []
    """Gaps in candles that have ended, with no trade received since: a clock may have been set meanwhile."""
    denied: set[int] = msgspec.field(default_factory=set)
    """Connections whose signature was not taken: what is confirmed on them is nothing of the account."""
    recorded: Recorded = msgspec.field(default_factory=dict)

    @property
    def lag_us(self) -> int | None:
        """By how much pushes of late were received after they happened."""
        return median(self.lags_us)


def median(lags_us: Sequence[int]) -> int | None:
    """The middle one: some pushes come late, or twice."""
    return sorted(lags_us)[len(lags_us) // 2] if lags_us else None
