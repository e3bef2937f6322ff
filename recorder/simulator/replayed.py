"""What was replayed of one market, for REST to tell, and what its trades and candles show it to be."""

import contextlib
from typing import Any, Final

from recorder.simulator.market import DEALS_KEPT

CANDLES_KEPT: Final = 10_000
"""Rows a period for the kline endpoint."""
MONEYS: Final = ("USDT", "USDC", "USDD", "USD")
"""Quote currencies that a market's name may end in."""
LINEAR: Final = 1
INVERSE: Final = 2
CONTRACT_VALUES: Final = (1.0, 10.0, 100.0, 1_000.0)
"""Quote units a contract of an inverse market stands for."""
FITS: Final = 1e-6
"""How far, relatively, an amount may lie outside what its candle's prices allow: it is rounded."""
_ODD: Final = (KeyError, IndexError, TypeError, ValueError)
"""What an item raises that is not of the venue's form: it is sent, and REST cannot tell it."""


class ReplayedMarket:
    """One market's newest trades, last book and candles so far."""

    def __init__(self) -> None:
        self.book: bytes | None = None
        self.candles: dict[str, dict[int, Any]] = {}
        self._deals: dict[int, Any] = {}
        self._price_prec = 0
        self._amount_prec = 0
        self._inverse = 0
        """Candles whose amount is contracts / price, less those in which it is price x quantity."""

    # --- what it is ---

    def learn(self, *items: Any) -> None:
        """Take note of the digits of trades, and of what the amounts of candles are made of."""
        for item in items:
            if isinstance(item, dict) and "price" in item:
                self._measure(item)
            elif isinstance(item, list):
                with contextlib.suppress(*_ODD):
                    self._inverse += _inverse(item)

    def _measure(self, trade: dict[str, Any]) -> None:
        price, amount = trade.get("price"), trade.get("amount")
        if isinstance(price, str) and isinstance(amount, str):
            self._price_prec = max(self._price_prec, len(price.partition(".")[2]))
            self._amount_prec = max(self._amount_prec, len(amount.partition(".")[2]))

    def description(self, name: str, sort: int) -> dict[str, Any]:
        """An entry of market/list with what a recording can tell."""
        money = next((end for end in MONEYS if name.endswith(end)), "")
        return {
            "type": INVERSE if money == "USD" and self._inverse > 0 else LINEAR,
            "leverages": [],
            "name": name,
            "stock": name.removesuffix(money),
            "money": money,
            "fee_prec": 5,
            "tick_size": _step(self._price_prec),
            "stock_prec": 8,
            "money_prec": self._price_prec,
            "amount_prec": self._amount_prec,
            "amount_min": _step(self._amount_prec),
            "available": True,
            "limits": [],
            "sort": sort,
        }

    # --- what was replayed ---

    def keep(self, period: str | None, *items: Any) -> None:
        """Keep the trades of a push or, where it has a period, its candles."""
        for item in items:
            with contextlib.suppress(*_ODD):
                if period is None:
                    self._deal(item)
                else:
                    self._candle(period, item)

    def newest(self) -> list[Any]:
        """Rows of the deals endpoint: newest first, without the market."""
        ids = sorted(self._deals, reverse=True)[:DEALS_KEPT]
        return [{name: value for name, value in self._deals[n].items() if name != "market"} for n in ids]

    def _deal(self, trade: dict[str, Any]) -> None:
        """The newest trades by id stay, each once, in whatever order they come."""
        self._deals.setdefault(int(trade["id"]), trade)
        if len(self._deals) > 2 * DEALS_KEPT:
            self._deals = {number: self._deals[number] for number in sorted(self._deals)[-DEALS_KEPT:]}

    def _candle(self, period: str, row: Any) -> None:
        """A candle only grows: a version that comes late changes nothing."""
        rows = self.candles.setdefault(period, {})
        open_s, volume = _of_candle(row)
        there = rows.get(open_s)
        if there is None or volume >= _of_candle(there)[1]:
            rows[open_s] = row
        while len(rows) > CANDLES_KEPT:
            del rows[next(iter(rows))]


def _step(precision: int) -> str:
    return "1" if precision == 0 else f"0.{'0' * (precision - 1)}1"


def _of_candle(row: Any) -> tuple[int, float]:
    """(open time in s, volume) of a candle in either form."""
    if isinstance(row, list):
        return int(row[0]), float(row[5])
    return int(row["time"]) // 1_000, float(row["volume"])


def _inverse(row: list[Any]) -> int:
    """1 for a candle whose amount is contracts / price, -1 where it is price x quantity, else 0."""
    prices, volume, amount = [float(price) for price in row[1:5]], float(row[5]), float(row[6])
    low, high = min(prices), max(prices)
    if volume <= 0 or low <= 0:
        return 0
    if _within(amount, volume * low, volume * high):
        return -1
    return int(any(_within(amount, value * volume / high, value * volume / low) for value in CONTRACT_VALUES))


def _within(amount: float, least: float, most: float) -> bool:
    return least * (1 - FITS) <= amount <= most * (1 + FITS)
