"""What the server says, written: the other side of `messages`, for the simulated exchange and for tests."""

from typing import Any

import msgspec

from recorder.exchange.candles import Candle, CandleOrder
from recorder.exchange.pushes import Book, Trade
from recorder.exchange.requests import Request
from recorder.exchange.topics import Stream


def encode_push(stream: Stream, result: Any) -> bytes:
    """A push as the server writes it: compact, id 0, the result in the wire's own names."""
    return msgspec.json.encode({"id": 0, "method": f"update.{stream}", "result": result, "error": None})


def encode_reply(request: Request, result: Any) -> bytes:
    """The answer to a request: its id and method, a result, no error."""
    return msgspec.json.encode({"id": request.id, "method": request.method, "result": result, "error": None})


def encode_error(request: Request, code: int, message: str) -> bytes:
    """The refusal of a request, in the object form."""
    error = {"code": code, "msg": message}
    return msgspec.json.encode({"id": request.id, "method": request.method, "result": None, "error": error})


def trade_result(trade: Trade) -> dict[str, Any]:
    """The `result` of `update.trade`, and a row of the deals endpoint."""
    return {name: getattr(trade, name) for name in ("amount", "id", "market", "price", "time", "type")}


def book_result(book: Book) -> dict[str, Any]:
    """The `result` of `update.depth`."""
    return {
        name: getattr(book, name)
        for name in ("asks", "bids", "index_price", "last", "market", "sign_price", "time")
    }


def candle_row(candle: Candle, order: CandleOrder = "ohlc") -> list[Any]:
    """A row of `update.kline` and of the kline endpoint, in either column order."""
    middle = (
        [candle.close, candle.high, candle.low]
        if order == "ochl"
        else [candle.high, candle.low, candle.close]
    )
    return [candle.time, candle.open, *middle, candle.volume, candle.amount, candle.market]


def kline_result(period: str, rows: list[list[Any]], market: str | None = None) -> dict[str, Any]:
    """The `result` of `update.kline`; `market` beside the data is optional on the wire."""
    result: dict[str, Any] = {"data": rows, "period": period}
    if market is not None:
        result["market"] = market
    return result
