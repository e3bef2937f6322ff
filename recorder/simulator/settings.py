"""What a simulated exchange is started with."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from recorder.simulator.faults import Fault
from recorder.simulator.market import HOURS_A_DAY, KLINE_EVERY_S

MAX_MARKETS: Final = 1_000
MAX_LEVELS: Final = 50
"""The venue's books show at most 50 levels a side."""
IDLE_CLOSE_S: Final = 30.0
"""The venue closes a connection it heard no text from for so long; protocol pings are no text."""
REPLAY_SPEED: Final = (1.0, 50.0)
MAX_RATE: Final = 100.0
MAX_ACCOUNTS: Final = 100
MAX_ACTIVITY: Final = 600.0
DAY_MINUTES: Final = 1_440
FEE: Final = re.compile(r"0(\.0\d{0,7})?")


@dataclass(frozen=True)
class SimulatorSettings:
    """Port 0 takes a free one. `rate` multiplies activity, `speed` the pace of a replay."""

    port: int = 0
    host: str = "127.0.0.1"
    markets: int = 20
    seed: int = 1
    rate: float = 1.0
    faults: tuple[Fault, ...] = ()
    replay: Path | None = None
    speed: float = 1.0
    keep_time: bool = False
    """A replay's event times stay as recorded; otherwise they are moved to now, by whole minutes."""
    candle_order: Literal["ohlc", "ochl"] = "ohlc"
    levels: int = 20
    states: Literal["all", "changed"] = "all"
    """What a push of the states holds: every market, or those whose figures moved."""
    state_s: float = 1.0
    """Seconds between two pushes of the states."""
    candle_s: float = KLINE_EVERY_S
    """Seconds between two looks whether a candle has changed."""
    catch_up_s: float = 1.0
    """Seconds of the exchange's time that pass at once at most: who was stopped catches up step by step."""
    hours: tuple[float, ...] = ()
    """How lively each hour of the UTC day is, 1 being usual; empty: all are alike."""
    limits: bool = True
    """Whether REST calls are held to the venue's rates."""
    idle_close_s: float = IDLE_CLOSE_S
    accounts: int = 0
    """Accounts with demo credentials made from the seed (`private.keys`); a replay has none."""
    account_activity: float = 0.0
    """How often each account's simulated owner does something, in times a minute; 0: never."""
    funding_interval: int = 0
    """Minutes between settlements in every market, counted from midnight UTC; 0: each market's own."""
    maker_fee: str = "0.0002"
    taker_fee: str = "0.0005"
    """Of the value of a fill."""
    allowed_addresses: tuple[str, ...] = ()
    """From where private calls are taken; empty: from anywhere."""
    repeat_nonces: bool = False
    """Whether a client may use a nonce again, as the document's sample code and clients after it do."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("port", 0, 65_535),
            ("markets", 1, MAX_MARKETS),
            ("levels", 1, MAX_LEVELS),
            ("rate", 0.01, MAX_RATE),
            ("speed", *REPLAY_SPEED),
            ("idle_close_s", 0.05, 86_400),
            ("state_s", 1, 3_600),
            ("candle_s", 0.1, 60),
            ("catch_up_s", 1, 60),
            ("accounts", 0, MAX_ACCOUNTS),
            ("account_activity", 0, MAX_ACTIVITY),
            ("funding_interval", 0, DAY_MINUTES),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"simulator setting {name} is {value}: give {low:g} to {high:g}")
        if self.funding_interval and DAY_MINUTES % self.funding_interval:
            interval = self.funding_interval
            raise ValueError(f"simulator setting funding_interval is {interval}: give what divides a day")
        for name in ("maker_fee", "taker_fee"):
            value = getattr(self, name)
            if not FEE.fullmatch(value):
                raise ValueError(f'simulator setting {name} is {value!r}: give "0" to "0.09999999"')
        if self.accounts and self.replay is not None:
            raise ValueError("simulator setting accounts: a replayed recording has none, give 0")
        if self.hours and (len(self.hours) != HOURS_A_DAY or min(self.hours) <= 0):
            raise ValueError("simulator setting hours is not one number above 0 for each of 24 hours")
