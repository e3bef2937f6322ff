"""What the accounts' engine needs to know of a market, read from what the market list tells of it."""

from dataclasses import dataclass
from typing import Final

from recorder.simulator.catalogue import MarketSpec
from recorder.simulator.decimals import fixed
from recorder.simulator.private.units import MONEY_PREC, rate, units

DEFAULT_LEVERAGE: Final = 20
"""As the document's samples have it."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to `lots` may be held with a leverage up to `leverage`; `maintenance` in 10^-8 of the value."""

    leverage: int
    lots: int
    maintenance: int


@dataclass(frozen=True, slots=True)
class Terms:
    """One market's terms. Prices in ticks, quantities in lots, money in 10^-20."""

    spec: MarketSpec
    tick_lot: int
    """The value of one lot at a price of one tick."""
    tiers: tuple[Tier, ...]
    """By ascending leverage: these are the leverages that may be chosen."""

    @property
    def market(self) -> str:
        return self.spec.name

    @property
    def asset(self) -> str:
        """What margins, fees and profits are counted in."""
        return self.spec.money

    def value(self, ticks: int, lots: int) -> int:
        return ticks * lots * self.tick_lot

    def unit_price(self, value: int, lots: int) -> int:
        """The mean price of so many lots that are worth `value` together, as money a unit."""
        return int(value * 10**self.spec.amount_prec // lots)

    def ticks(self, text: str) -> int | None:
        """A price in whole ticks; None where it is none above 0."""
        found = units(text, self.spec.price_prec)
        if found is None or found <= 0 or found % self.spec.tick_units:
            return None
        return found // self.spec.tick_units

    def lots(self, text: str) -> int | None:
        """A quantity in whole lots; None where it is none above 0."""
        found = units(text, self.spec.amount_prec)
        return None if found is None or found <= 0 else found

    def amount(self, lots: int) -> str:
        """With all decimals of the market, as positions are told; 0 is "0"."""
        return fixed(lots, self.spec.amount_prec) if lots else "0"

    def tier(self, leverage: int) -> Tier:
        """The tier of a leverage that is one of the market's."""
        return next(tier for tier in self.tiers if tier.leverage >= leverage)

    def allows(self, leverage: int) -> bool:
        return any(tier.leverage == leverage for tier in self.tiers)


def terms_of(spec: MarketSpec) -> Terms:
    """The limits of market/list are [most held, leverage, maintenance rate]: the tier of a position is that
    of its leverage, as the document's positions show (20 and 0.02, 100 and 0.005)."""
    tiers = [
        Tier(int(leverage), units(amount, spec.amount_prec) or 0, rate(maintenance))
        for amount, leverage, maintenance in spec.description()["limits"]
    ]
    tick_lot = spec.tick_units * 10 ** (MONEY_PREC - spec.price_prec - spec.amount_prec)
    return Terms(spec, tick_lot, tuple(sorted(tiers, key=lambda tier: tier.leverage)))
