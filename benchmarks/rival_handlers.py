"""Runs in the rivals' own environment: text messages through their handler into Parquet, CPU counted.

`python rival_handlers.py cryptofeed|ccxt MESSAGES TARGET`. What is written around the handlers is what a user
of theirs would write: a callback that appends floats to lists, and a file from them now and then.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

LEVELS: Final = 20
ROWS_A_FILE: Final = 10_000
TRADE_COLUMNS: Final = ("market", "id", "time", "received", "side", "price", "quantity")
BOOK_COLUMNS: Final = ("market", "time", "received", "bid_price", "bid_quantity", "ask_price", "ask_quantity")


class Sink:
    """Rows of one kind in lists; a Parquet file each ROWS_A_FILE of them."""

    def __init__(self, target: Path, name: str, columns: tuple[str, ...]) -> None:
        self._target = target
        self._name = name
        self._columns: dict[str, list[Any]] = {column: [] for column in columns}
        self._waiting = 0
        self.rows = 0

    def add(self, *values: Any) -> None:
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self._waiting += 1
        if self._waiting == ROWS_A_FILE:
            self.write()

    def write(self) -> None:
        if self._waiting:
            self.rows += self._waiting
            pq.write_table(pa.table(self._columns), self._target / f"{self._name}-{self.rows}.parquet")
            self._waiting = 0
            for column in self._columns.values():
                column.clear()


class Sinks:
    def __init__(self, target: Path) -> None:
        self.trades = Sink(target, "trades", TRADE_COLUMNS)
        self.books = Sink(target, "books", BOOK_COLUMNS)

    def book(self, market: str, at: float, received: float, bids: Iterable[Any], asks: Iterable[Any]) -> None:
        bids, asks = list(bids)[:LEVELS], list(asks)[:LEVELS]
        bid_price, bid_quantity = [float(level[0]) for level in bids], [float(level[1]) for level in bids]
        ask_price, ask_quantity = [float(level[0]) for level in asks], [float(level[1]) for level in asks]
        self.books.add(market, at, received, bid_price, bid_quantity, ask_price, ask_quantity)


async def run_cryptofeed(messages: list[str], symbols: list[str], sinks: Sinks) -> float:
    from cryptofeed.defines import L2_BOOK, TRADES  # noqa: PLC0415 -- each rival imports its own only
    from cryptofeed.exchanges import Poloniex  # noqa: PLC0415
    from cryptofeed.symbols import Symbols  # noqa: PLC0415

    async def on_trade(trade: Any, received: float) -> None:
        price, amount = float(trade.price), float(trade.amount)
        sinks.trades.add(trade.symbol, trade.exchange, trade.timestamp, received, trade.side, price, amount)

    async def on_book(book: Any, received: float) -> None:
        sides = book.book.bids.to_list(), book.book.asks.to_list()
        sinks.book(book.symbol, book.timestamp, received, *sides)

    names = {symbol.replace("_", "-"): symbol for symbol in symbols}
    Symbols.set(Poloniex.id, names, {"instrument_type": dict.fromkeys(names, "spot")})
    callbacks = {TRADES: on_trade, L2_BOOK: on_book}
    feed = Poloniex(symbols=list(names), channels=[TRADES, L2_BOOK], callbacks=callbacks)
    feed.seq_no = {}  # what its subscribe() does first
    before = cpu_s()
    for message in messages:
        await feed.message_handler(message, None, time.time())
    sinks.trades.write()
    sinks.books.write()
    return cpu_s() - before


async def run_ccxt(messages: list[str], symbols: list[str], sinks: Sinks) -> float:
    import ccxt.pro  # noqa: PLC0415 -- each rival imports its own only

    exchange = ccxt.pro.whitebit()
    exchange.set_markets([_ccxt_market(exchange, symbol) for symbol in symbols])
    client = exchange.client("ws://127.0.0.1/")  # never connected: its receive side is what is run
    handle: Callable[[str], None] = client.handle_text_or_binary_message
    before = cpu_s()
    for message in messages:
        handle(message)
        received = time.time()
        method, market = _seen(message, exchange)
        if method == "trades":
            trade = exchange.trades[market][-1]
            at, side = trade["timestamp"] / 1000, trade["side"]
            sinks.trades.add(market, trade["id"], at, received, side, trade["price"], trade["amount"])
        else:
            book = exchange.orderbooks[market]  # its snapshots lose the venue's time here
            sinks.book(market, received, received, book["bids"], book["asks"])
    sinks.trades.write()
    sinks.books.write()
    spent = cpu_s() - before
    await exchange.close()
    return spent


def _ccxt_market(exchange: Any, symbol: str) -> Any:
    base, quote = symbol.split("_")
    return exchange.safe_market_structure(
        {
            "id": symbol,
            "symbol": f"{base}/{quote}",
            "base": base,
            "quote": quote,
            "baseId": base,
            "quoteId": quote,
            "type": "spot",
            "spot": True,
        }
    )


def _seen(message: str, exchange: Any) -> tuple[str, str]:
    """Which watch_* call would have returned, and for which symbol: a user's loop knows it for nothing."""
    trades = message.startswith('{"method":"trades')
    start = message.index('["') + 2 if trades else message.rindex(',"', 0, -12) + 2
    symbol = message[start : message.index('"', start)]
    return ("trades" if trades else "book"), exchange.markets_by_id[symbol][0]["symbol"]


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(rival: str, path: Path, target: Path) -> None:
    messages = path.read_text().splitlines()
    symbols = sorted({word for message in messages for word in message.split('"') if word.endswith("_USDT")})
    sinks = Sinks(target)
    run = {"cryptofeed": run_cryptofeed, "ccxt": run_ccxt}[rival]
    spent = asyncio.run(run(messages, symbols, sinks))
    print(json.dumps({"cpu_s": spent, "rows": sinks.trades.rows + sinks.books.rows}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
