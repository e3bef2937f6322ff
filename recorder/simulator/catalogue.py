"""The simulated exchange's markets: what is listed, at what price, in which steps and how lively.

The first twenty have familiar names; the rest, as many as are asked for, are made up. Prices lie between
0.00001 and 100,000, so that every scale of the wire is there. Activity falls with the rank (Zipf).
"""

import math
import random
from dataclasses import dataclass
from typing import Any, Final

from recorder.simulator.decimals import fixed, plain, units_of

_NAMED: Final = (
    # stock, price, price decimals, units a tick, quantity decimals, funding interval in hours
    ("BTC", "97000", 1, 1, 4, 8),
    ("ETH", "3350", 2, 1, 3, 8),
    ("SOL", "189.5", 3, 10, 2, 8),
    ("XRP", "2.18", 4, 1, 1, 8),
    ("DOGE", "0.318", 5, 1, 0, 8),
    ("1000SHIB", "0.0215", 6, 1, 0, 8),
    ("1000PEPE", "0.0172", 7, 1, 0, 4),
    ("BNB", "690", 2, 5, 2, 8),
    ("ADA", "0.885", 4, 1, 0, 8),
    ("LTC", "101.3", 2, 1, 3, 8),
    ("LINK", "22.4", 3, 1, 2, 8),
    ("AVAX", "36.1", 3, 1, 2, 4),
    ("TRX", "0.2455", 5, 1, 0, 8),
    ("DOT", "6.9", 3, 1, 1, 8),
    ("BCH", "437", 1, 5, 3, 8),
    ("SUI", "4.12", 4, 1, 1, 4),
    ("HYPE", "24.6", 3, 1, 2, 1),
    ("ETC", "25.7", 3, 1, 2, 8),
    ("BONK", "0.00002971", 8, 1, 0, 1),
    ("XAUT", "2634", 1, 1, 4, 8),
)
_SYLLABLES: Final = ("ka", "lo", "mi", "ne", "ro", "su", "ta", "vi", "xo", "zu")
_LEVERAGES: Final = ("3", "5", "8", "10", "15", "20", "30", "50", "100")
_MAINTENANCE: Final = ("0.15", "0.1", "0.063", "0.03", "0.025", "0.02", "0.015", "0.01", "0.005")
_LIMIT_FACTORS: Final = (2500, 2000, 1500, 1000, 500, 250, 100, 50, 20)
ORDER_NOTIONAL: Final = 1_500
"""A typical taker order, in quote units."""
TOP_ORDERS_PER_S: Final = 8.0
ZIPF: Final = 0.8


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """One market. Prices are counted in ticks of `tick_units` times 10^-price_prec, quantities in lots of
    10^-amount_prec."""

    name: str
    stock: str
    money: str
    rank: int
    price_prec: int
    tick_units: int
    amount_prec: int
    start_ticks: int
    order_lots: int
    gap_ticks: int
    orders_per_s: float
    edits_per_s: float
    volatility: float
    """Standard deviation of the relative price change within one second."""
    funding_s: int

    def price(self, ticks: int) -> str:
        """Ticks as the wire's decimal."""
        return plain(ticks * self.tick_units, self.price_prec)

    def amount(self, lots: int) -> str:
        """Lots as the wire's decimal."""
        return plain(lots, self.amount_prec)

    def turnover(self, tick_lots: int) -> str:
        """A sum of ticks times lots as a decimal of the quote currency, exact."""
        return plain(tick_lots * self.tick_units, self.price_prec + self.amount_prec)

    def description(self) -> dict[str, Any]:
        """The market's entry in market/list."""
        limits = [
            [fixed(factor * self.order_lots * 40 + 1, self.amount_prec), leverage, rate]
            for factor, leverage, rate in zip(_LIMIT_FACTORS, _LEVERAGES, _MAINTENANCE, strict=True)
        ]
        tick = plain(self.tick_units, self.price_prec)
        return {
            "type": 1,
            "leverages": list(_LEVERAGES),
            "name": self.name,
            "stock": self.stock,
            "money": self.money,
            "fee_prec": 5,
            "tick_size": tick,
            "stock_prec": 8,
            "money_prec": self.price_prec,
            "amount_prec": self.amount_prec,
            "amount_min": plain(1, self.amount_prec),
            "available": True,
            "limits": limits,
            "merges": ["0", tick, plain(self.tick_units * 10, self.price_prec)],
            "sort": self.rank + 1,
        }


def catalogue(count: int, seed: int) -> tuple[MarketSpec, ...]:
    """The first `count` markets. A longer catalogue begins with the shorter one."""
    return tuple(market_spec(rank, seed) for rank in range(count))


def market_spec(rank: int, seed: int, name: str | None = None) -> MarketSpec:
    """The market of one rank: the named ones are the same for every seed. A new listing brings its `name`."""
    row = _NAMED[rank] if rank < len(_NAMED) else _invented(rank, seed)
    stock, price, price_prec, tick_units, amount_prec, hours = row
    if name is not None:
        stock = name.removesuffix("USDT") or name
    value = float(price)
    weight = (rank + 1) ** -ZIPF
    return MarketSpec(
        name=name or f"{stock}USDT",
        stock=stock,
        money="USDT",
        rank=rank,
        price_prec=price_prec,
        tick_units=tick_units,
        amount_prec=amount_prec,
        start_ticks=units_of(price, price_prec) // tick_units,
        order_lots=max(2, round(ORDER_NOTIONAL / value * 10**amount_prec)),
        gap_ticks=max(1, round(value * 2e-5 * 10**price_prec / tick_units)),
        orders_per_s=TOP_ORDERS_PER_S * weight,
        edits_per_s=2.0 + 10.0 * weight,
        volatility=6e-5 if rank < len(_NAMED) else 1e-4,
        funding_s=hours * 3_600,
    )


def _invented(rank: int, seed: int) -> tuple[str, str, int, int, int, int]:
    """A made-up market: its name by rank alone, its price and steps by rank and seed."""
    chance = random.Random(f"{seed}:{rank}")  # noqa: S311 - a simulation, nothing secret
    number = rank - len(_NAMED)
    base = len(_SYLLABLES)
    syllables = (number // base**2 % base, number // base % base, number % base)
    stock = "".join(_SYLLABLES[index] for index in syllables).upper()
    exponent = chance.uniform(-4.6, 2.4)
    price_prec = max(1, 4 - math.floor(exponent))  # five digits of price
    price = f"{10**exponent:.{price_prec}f}"
    amount_prec = min(4, max(0, round(exponent) + 1))
    return stock, price, price_prec, 1, amount_prec, chance.choice((8, 8, 8, 8, 4, 4, 1))
