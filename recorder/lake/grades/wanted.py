"""What the lake would have the venue asked about its candles: written with a commit, read by whoever asks.

Nothing calls from here to the network: the lake says what it has and what it lacks, as values. Reading it
costs no Arrow.
"""

from pathlib import Path
from typing import Final

import msgspec

from recorder.lake.spans import Spans
from recorder.lake.store.manifest import read_state

WANTED_STATE: Final = "wanted"


class Wanted(msgspec.Struct):
    """By "market period", in opens of candles by the venue's clock, in us."""

    offset_us: int = 0
    """Our clock minus the venue's; 0 where they agree."""
    until_us: dict[str, int] = msgspec.field(default_factory=dict)
    """Up to when each recorder's journal was read, by our clock."""
    repairs: dict[str, Spans] = msgspec.field(default_factory=dict)
    """Candles that a gap may have cost, or that a doubtful minute asks for."""
    answered: dict[str, Spans] = msgspec.field(default_factory=dict)
    """Candles that were asked for and answered, given or not."""


def read_wanted(data_dir: Path) -> Wanted | None:
    """As last committed; None where nothing was."""
    saved = read_state(data_dir, WANTED_STATE)
    return msgspec.msgpack.decode(saved, type=Wanted) if saved else None
