"""The exchange whose past is told: which markets, how lively at what hour, and how seldom it speaks."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from recorder.simulator.catalogue import MarketSpec, catalogue
from recorder.simulator.living import LivingExchange
from recorder.simulator.settings import SimulatorSettings

HOURS: Final = (
    0.9, 0.9, 0.8, 0.7, 0.6, 0.55, 0.6, 0.75, 0.95, 1.05, 1.0, 1.0,
    1.1, 1.5, 1.9, 1.8, 1.5, 1.25, 1.1, 1.0, 0.95, 0.9, 0.85, 0.9,
)  # fmt: skip
"""By the hour of the UTC day: quiet before Europe wakes, liveliest when America opens."""
CHOSEN_OF: Final = 20
"""The markets with familiar names: a few are chosen of these, more are all of a catalogue."""
STEP_S: Final = 10.0
"""The exchange may be let live for so long at once."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a day is told. At `rate` 1 a market has the orders and edits of a calm day and two books a
    second; a live exchange tells its states each second and looks at its candles more often than that."""

    rate: float = 0.1
    state_s: float = 11.0
    """No part of a minute: what is told at its very turn, and received after it, is told seldom."""
    candle_s: float = 3.0
    account_activity: float = 0.25
    """What the owner of the account does in a minute; 0: there is no account."""


def past_exchange(start_ns: int, markets: int, seed: int, pace: Pace) -> LivingExchange:
    """An exchange that begins to live at `start_ns`; its markets are named in the order of their activity."""
    chosen = chosen_markets(markets, seed)
    exchange = LivingExchange(
        SimulatorSettings(
            markets=max(spec.rank for spec in chosen) + 1,
            seed=seed,
            rate=pace.rate,
            state_s=pace.state_s,
            candle_s=pace.candle_s,
            accounts=1 if pace.account_activity else 0,
            account_activity=pace.account_activity,
            catch_up_s=STEP_S,
            hours=HOURS,
        ),
        start_ns,
    )
    for name in set(exchange.names()) - {spec.name for spec in chosen}:
        exchange.delist_market(name)
    return exchange


def chosen_markets(count: int, seed: int) -> tuple[MarketSpec, ...]:
    """So many markets, the liveliest of each funding interval in turn: three of them have three."""
    specs = catalogue(max(count, CHOSEN_OF), seed)
    by_interval = [
        [spec for spec in specs if spec.funding_s == interval]
        for interval in sorted({spec.funding_s for spec in specs}, reverse=True)
    ]
    return tuple(itertools.islice(_in_turn(by_interval), count))


def _in_turn(groups: Iterable[list[MarketSpec]]) -> Iterable[MarketSpec]:
    for row in itertools.zip_longest(*groups):
        yield from (spec for spec in row if spec is not None)
