"""What a market's state tells beside its trades: index, mark, open interest, funding, insurance."""

import math
from collections import deque
from random import Random
from typing import Final

from recorder.simulator.catalogue import MarketSpec

RATE_PREC: Final = 8
RATE_CAP: Final = 375_000
"""0.375 %, the cap seen on the family's servers, in units of 10^-8."""
INTEREST: Final = 10_000
"""0.01 % an interval."""
DAMPING: Final = 50_000
"""The premium moves the rate away from the interest by at most 0.05 % before it counts in full."""
INSURANCE_PREC: Final = 20
FLOW_TRADES: Final = 1_000
"""`sell_total` and `buy_total` count the last thousand trades."""
MINUTE_S: Final = 60
PREMIUM: Final = 6e-4
"""How far from nothing the premiums of markets lie, as a standard deviation."""
LASTING: Final = 0.8
"""How much of its premium a market keeps from one settlement to the next."""


def capped_rate(premium: float) -> int:
    """The funding rate for a mean premium (a fraction), in units of 10^-8."""
    units = round(premium * 10**RATE_PREC)
    rate = units + max(-DAMPING, min(DAMPING, INTEREST - units))
    return max(-RATE_CAP, min(RATE_CAP, rate))


class Figures:
    """The wandering figures of one market, in ticks and lots; stepped once a second."""

    def __init__(self, spec: MarketSpec, chance: Random, start_s: int) -> None:
        self._spec = spec
        self._chance = chance
        self.fair = spec.start_ticks + 0.5
        self._basis = self._bias = chance.gauss(0.0, PREMIUM)
        self.index = spec.start_ticks
        self.mark = spec.start_ticks
        self.open_interest = spec.order_lots * chance.randint(2_000, 20_000)
        self.insurance = chance.randint(10**22, 10**25)
        self.flow: deque[tuple[bool, int]] = deque()
        self.sold = self.bought = 0
        self._premium_sum = 0.0
        self._premiums = 0
        self.rate_last, self.rate_next, self.rate_predict = (
            capped_rate(self._bias + chance.gauss(0.0, 3e-4)) for _ in range(3)
        )
        self.settles_s = (start_s // spec.funding_s + 1) * spec.funding_s

    def step(self, now_s: int, mid: float, activity: float = 1.0) -> None:
        """One second on: the fundamental wanders, the premium is sampled, funding settles when it is due.

        `activity` multiplies the variance of the wandering.
        """
        deviation = self._spec.volatility * math.sqrt(activity)
        self.fair = max(2.0, self.fair * math.exp(self._chance.gauss(0.0, deviation)))
        self._basis += 0.02 * (self._bias - self._basis) + self._chance.gauss(0.0, 2e-5)
        self.index = max(1, round(self.fair * (1 - self._basis)))
        self.mark = max(1, round((self.fair + mid) / 2))
        if now_s >= self.settles_s:
            self._settle(now_s)
        self._premium_sum += mid / self.index - 1
        self._premiums += 1
        self.rate_predict = capped_rate(self._premium_sum / self._premiums)

    def _settle(self, now_s: int) -> None:
        """The next rate is charged, the prediction becomes the next, and the average begins anew.

        So does what the market is ready to pay beyond the index, in part: rates change over the days.
        """
        self._bias = LASTING * self._bias + math.sqrt(1 - LASTING**2) * self._chance.gauss(0.0, PREMIUM)
        self.rate_last, self.rate_next = self.rate_next, self.rate_predict
        self._premium_sum = 0.0
        self._premiums = 0
        self.settles_s = (now_s // self._spec.funding_s + 1) * self._spec.funding_s

    def minutes_to_settlement(self, now_s: int) -> int:
        """Whole minutes left, as the venue counts them: rounded down."""
        return (self.settles_s - now_s) // MINUTE_S

    def trade(self, buy: bool, lots: int) -> None:
        """A trade opens positions, closes them, or hands them on; it feeds the insurance fund a little."""
        self.flow.append((buy, lots))
        self._count(buy, lots)
        if len(self.flow) > FLOW_TRADES:
            oldest_buy, oldest_lots = self.flow.popleft()
            self._count(oldest_buy, -oldest_lots)
        draw = self._chance.random()
        if draw < 0.36:
            self.open_interest += lots
        elif draw < 0.7:
            self.open_interest = max(0, self.open_interest - lots)
        if draw > 0.99:
            self.insurance += self._chance.randint(10**16, 10**19)

    def _count(self, buy: bool, lots: int) -> None:
        if buy:
            self.bought += lots
        else:
            self.sold += lots
