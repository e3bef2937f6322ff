"""Takers against the whole book: the maker's levels and, at the same price behind them, the accounts' orders.

An account's limit order rests in the book. The simulated takers hit it when they come to its price, behind
the maker's quantity there (who was first is not known: the worse is assumed). A maker who would quote through
it trades with it instead, so the book never stands crossed. Each fill is a trade as any other: public, and
in the candles.
"""

from collections.abc import Container
from typing import Protocol

from recorder.simulator.book import OrderBook, Side
from recorder.simulator.private.resting import Owner, OwnSide, Resting


class Matched(Protocol):
    """What of a market takes part."""

    book: OrderBook
    resting: Resting
    owner: Owner | None

    @property
    def now_us(self) -> int: ...

    def trade(self, buy: bool, ticks: int, lots: int) -> None: ...


def cross(
    market: Matched, buy: bool, lots: int, limit: int | None = None, most: int | None = None
) -> list[tuple[int, int]]:
    """Take up to `lots`: (price in ticks, lots) of each fill. `limit` is the worst price in ticks, `most` how
    many prices are reached at most. The maker's last level is never taken."""
    side, own = _opposite(market, buy)
    worst = None if limit is None else limit * side.sign
    fills: list[tuple[int, int]] = []
    prices: set[int] = set()
    while lots > 0:
        key, of_maker = _best(side, own)
        if key is None or (worst is not None and key > worst):
            break
        prices.add(key)
        if most is not None and len(prices) > most:
            break
        filled = _from_maker(side, lots) if of_maker else _from_own(market, own, buy, lots)
        if of_maker:
            market.trade(buy, key * side.sign, filled)
        fills.append((key * side.sign, filled))
        lots -= filled
    market.book.refill()
    return fills


def uncross(market: Matched) -> bool:
    """Let makers who quote through an account's order trade with it, at its price. Whether any did."""
    traded = False
    for buy in (True, False):  # of the maker who came in as a taker
        _, own = _opposite(market, buy)
        side = market.book.bids if buy else market.book.asks
        while own.keys and side.keys[0] <= -own.keys[0]:
            if len(side.keys) == 1:
                side.put(1 - own.keys[0], market.book.size())  # somebody quotes behind it
            there = side.lots[0]
            filled = _from_own(market, own, buy, there)
            if filled == there:
                side.drop(0)
            else:
                side.put(side.keys[0], there - filled)
            traded = True
    if traded:
        market.book.refill()
    return traded


def reachable(
    market: Matched, buy: bool, lots: int, limit: int | None, without: Container[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """What `cross` would fill if the orders `without` were not there, and those of them it would meet."""
    side, own = _opposite(market, buy)
    worst = None if limit is None else limit * side.sign
    levels = [(key, 0, there, 0) for key, there in zip(side.keys[:-1], side.lots, strict=False)]
    within = [key for key in own.keys if key < side.keys[-1]]
    levels += [(key, 1, there, order_id) for key in within for order_id, there in own.queue(key)]
    levels.sort(key=lambda level: level[:2])
    fills: list[tuple[int, int]] = []
    met: list[int] = []
    for key, _, there, order_id in levels:
        if lots <= 0 or (worst is not None and key > worst):
            break
        if order_id in without:
            met.append(order_id)
            continue
        filled = min(lots, there)
        fills.append((key * side.sign, filled))
        lots -= filled
    return fills, met


def shown(market: Matched, side: Side, levels: int) -> bytes:
    """The best levels of a side as JSON, with what accounts have there."""
    own = market.resting.asks if side.sign > 0 else market.resting.bids
    if not own.keys:
        return side.json(levels)
    lots = dict(zip(side.keys, side.lots, strict=True))
    for key in own.keys:
        lots[key] = lots.get(key, 0) + own.lots(key)
    return f"[{','.join(side.text(key, lots[key]) for key in sorted(lots)[:levels])}]".encode()


def _opposite(market: Matched, buy: bool) -> tuple[Side, OwnSide]:
    if buy:
        return market.book.asks, market.resting.asks
    return market.book.bids, market.resting.bids


def _best(side: Side, own: OwnSide) -> tuple[int | None, bool]:
    """The best key, and whether the maker's quantity there is first; None where only the maker's last
    level is left."""
    if own.keys and own.keys[0] < side.keys[0]:
        return own.keys[0], False
    if len(side.keys) > 1:
        return side.keys[0], True
    return None, True


def _from_maker(side: Side, lots: int) -> int:
    there = side.lots[0]
    filled = min(lots, there)
    if filled == there:
        side.drop(0)
    else:
        side.put(side.keys[0], there - filled)
    return filled


def _from_own(market: Matched, own: OwnSide, buy: bool, lots: int) -> int:
    """An account's order is hit, and its owner learns of it at once."""
    ticks = own.keys[0] if buy else -own.keys[0]
    order_id, filled = own.hit(lots)
    market.trade(buy, ticks, filled)
    if market.owner is not None:
        market.owner.filled(order_id, ticks, filled, market.now_us)
    return filled
