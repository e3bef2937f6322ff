"""Candles, of pushes and of the kline endpoint: their columns are decided row by row."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from recorder.exchange.fields import (
    ProtocolError,
    check_time_s,
    decimal_text,
    integer,
    name_text,
    optional_decimal,
    unknown_fields,
)

CandleOrder: TypeAlias = Literal["ohlc", "ochl", "flat", "named"]


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle with its columns already decided; `time` is the open in integer seconds."""

    market: str
    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    amount: str | None
    order: CandleOrder


@dataclass(frozen=True, slots=True)
class KlinePush:
    """`faults` are reasons of rows that fit no column order: the other rows stand."""

    period: str
    candles: tuple[Candle, ...]
    faults: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


KLINE_FIELDS: Final = ("data", "period", "market")


def kline_push(result: object, notices: tuple[str, ...]) -> KlinePush:
    if not isinstance(result, dict):
        raise ProtocolError("kline is not an object")
    rows = result.get("data")
    if not isinstance(rows, list):
        raise ProtocolError("kline.data is not a list")
    period = name_text(result.get("period"), "kline.period")
    market = result.get("market")
    candles, faults = parse_candles(rows, market if isinstance(market, str) else None)
    return KlinePush(period, candles, faults, notices + unknown_fields(result, KLINE_FIELDS, "kline"))


def parse_candles(rows: list[Any], market: str | None) -> tuple[tuple[Candle, ...], tuple[str, ...]]:
    """Read candle rows, each by itself: (candles, reasons of the rows that could not be read)."""
    candles: list[Candle] = []
    faults: list[str] = []
    for row in rows:
        try:
            candles.append(parse_candle(row, market))
        except ProtocolError as error:
            faults.append(str(error))
    return tuple(candles), tuple(faults)


def parse_candle(row: object, market: str | None) -> Candle:
    """One candle, from a row (columns decided by its prices) or from an object with named prices."""
    if isinstance(row, dict):
        return _named_candle(row, market)
    if not isinstance(row, list) or len(row) < 6:
        raise ProtocolError("candle row is too short")
    own_market = row[7] if len(row) > 7 else market
    time = integer(row[0], "candle.time")
    check_time_s(time, "candle.time")
    prices = [decimal_text(value, "candle price") for value in row[1:5]]
    order, high, low, close = _column_order(prices)
    return Candle(
        market=name_text(own_market, "candle.market"),
        time=time,
        open=prices[0],
        high=prices[high],
        low=prices[low],
        close=prices[close],
        volume=decimal_text(row[5], "candle.volume"),
        amount=optional_decimal(row[6], "candle.amount") if len(row) > 6 else None,
        order=order,
    )


def _column_order(prices: list[str]) -> tuple[CandleOrder, int, int, int]:
    """Decide by row which of the last three columns is high, low and close.

    Documents of the family disagree (`open, high, low, close` or `open, close, high, low`); the greatest
    and the least of the four tell them apart, and only a flat row fits both, where they agree.
    """
    first, second, third, fourth = (float(price) for price in prices)
    top, bottom = max(first, second, third, fourth), min(first, second, third, fourth)
    if second == top and third == bottom:
        return ("flat" if top == bottom else "ohlc"), 1, 2, 3
    if third == top and fourth == bottom:
        return "ochl", 2, 3, 1
    raise ProtocolError("candle prices fit no column order")


def _named_candle(row: dict[str, Any], market: str | None) -> Candle:
    time_ms = integer(row.get("time"), "candle.time")
    check_time_s(time_ms / 1000, "candle.time")
    prices = {
        name: decimal_text(row.get(name), f"candle.{name}") for name in ("open", "high", "low", "close")
    }
    numbers = {name: float(text) for name, text in prices.items()}
    if numbers["high"] != max(numbers.values()) or numbers["low"] != min(numbers.values()):
        raise ProtocolError("candle high and low do not bound its prices")
    return Candle(
        market=name_text(row.get("market", market), "candle.market"),
        time=time_ms // 1000,
        open=prices["open"],
        high=prices["high"],
        low=prices["low"],
        close=prices["close"],
        volume=decimal_text(row.get("volume"), "candle.volume"),
        amount=optional_decimal(row.get("amount"), "candle.amount"),
        order="named",
    )
