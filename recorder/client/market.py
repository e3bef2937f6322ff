"""The public calls, typed; docs/records.md tells what each field means, and in which unit.

Prices and quantities are the wire's texts, exactly as they came; `float` or `Decimal` makes numbers of them.
"""

from collections import Counter

from recorder.client.rest import RestClient
from recorder.exchange.answers import Market, parse_market_list
from recorder.exchange.candles import Candle, parse_candles
from recorder.exchange.endpoints import (
    MARKET_DEALS,
    MARKET_DEPTH,
    MARKET_KLINE,
    MARKET_LIST,
    MARKET_STATE,
    MARKET_STATE_ALL,
)
from recorder.exchange.fields import ProtocolError
from recorder.exchange.pushes import Book, State, Trade, parse_book, parse_trade, read_state, read_states


class MarketCalls:
    """Raises RestError where a call gives no data, ProtocolError where it gives something else."""

    def __init__(self, rest: RestClient, notices: Counter[str]) -> None:
        self._rest = rest
        self._notices = notices

    async def markets(self) -> list[Market]:
        """Every market that is listed, with its steps, leverages and limits."""
        markets, faults = parse_market_list((await self._rest.call(MARKET_LIST)).data)
        self._notices.update(faults)
        return list(markets)

    async def candles(
        self, market: str, period: str = "1min", start_s: int | None = None, end_s: int | None = None
    ) -> list[Candle]:
        """Candles that open within the bounds (seconds), oldest first; the venue caps how many it gives.

        `period` is one of PERIOD_SECONDS.
        """
        asked = {"market": market, "type": period, **span(start_s, end_s)}
        data = (await self._rest.call(MARKET_KLINE, asked)).data
        if not isinstance(data, list):
            raise ProtocolError("candles are not a list")
        candles, faults = parse_candles(data, market)
        self._notices.update(faults)
        return list(candles)

    async def trades(self, market: str) -> list[Trade]:
        """The newest trades, newest first; there is no way further back."""
        data = (await self._rest.call(MARKET_DEALS, {"market": market})).data
        if not isinstance(data, list):
            raise ProtocolError("deals are not a list")
        return [parse_trade(item, market) for item in data]

    async def book(self, market: str, merge: str = "0") -> Book:
        """The order book now; `merge` joins levels to steps of so much."""
        data = (await self._rest.call(MARKET_DEPTH, {"market": market, "merge": merge})).data
        return parse_book(data, market)

    async def state(self, market: str) -> State:
        """One market's figures now."""
        data = (await self._rest.call(MARKET_STATE, {"market": market})).data
        notices: list[str] = []
        found = read_state(market, data, notices)
        self._notices.update(notices)
        return found

    async def states(self) -> dict[str, State]:
        """The figures of all markets by name."""
        data = (await self._rest.call(MARKET_STATE_ALL)).data
        notices: list[str] = []
        found = read_states(data, notices)
        self._notices.update(notices)
        return found


def span(start_s: int | None, end_s: int | None) -> dict[str, str]:
    """The bounds of a question that has them, in whole seconds."""
    bounds = {"start_time": start_s, "end_time": end_s}
    return {name: str(int(at)) for name, at in bounds.items() if at is not None}
