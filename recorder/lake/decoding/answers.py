"""Answers by REST as rows, and what each of them proves. They stand in the journal like frames.

A successful answer that cannot be read is a reject, like a frame; one row of it that cannot be read costs
that row. An answer that says no (a gateway's page, a code) has no rows: it is the recorder's business.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from recorder.exchange.candles import parse_candles
from recorder.exchange.endpoints import MARKET_DEALS, MARKET_KLINE, MARKET_STATE, MARKET_STATE_ALL
from recorder.exchange.fields import ProtocolError
from recorder.exchange.pushes import Trade, parse_states, parse_trade
from recorder.lake.asked import Candles, Deals, answer_of
from recorder.lake.decoding.account import ACCOUNT_CALLS, read_account_answer
from recorder.lake.decoding.harvest import Harvest
from recorder.lake.decoding.rows import NO_CONNECTION, Origin, kline_row, read_states, trade_row
from recorder.lake.store.tables import REST

_FAR_S: Final = 2**33
"""The year 2242: a question without an end, or with one beyond it."""


def read_answer(
    fields: dict[str, Any], line: bytes, origin: Origin, harvest: Harvest
) -> Deals | Candles | None:
    """Put the rows of one answer into `harvest`; returns what it proves. `line` is kept where it is odd."""
    read = _READERS.get(fields.get("call", ""))
    body = fields.get("body")
    if read is None or fields.get("status") != 200:
        return None
    try:
        code, data = _envelope(body)
        return None if code else read(data, fields, replace(origin, source=REST), harvest)
    except ProtocolError as error:
        harvest.reject(origin.ts_recv, NO_CONNECTION, f"{fields['call']}: {error}", line)
        return None


def _envelope(body: object) -> tuple[int, object]:
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(code, int):
        raise ProtocolError("answer without a code")
    return code, body.get("data")


def _asked_us(fields: dict[str, Any], origin: Origin) -> int:
    """When it was asked for: what happened before is in it."""
    asked = fields.get("asked")
    return asked // 1000 if isinstance(asked, int) else origin.ts_recv


def _param(fields: dict[str, Any], name: str) -> str:
    value = (fields.get("params") or {}).get(name)
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"the question has no {name}")
    return value


def _read_deals(data: object, fields: dict[str, Any], origin: Origin, harvest: Harvest) -> Deals:
    market = _param(fields, "market")
    if not isinstance(data, list):
        raise ProtocolError("deals is not a list")
    trades: list[Trade] = []
    for item in data:
        try:
            trades.append(parse_trade(item, market))
        except ProtocolError as error:
            harvest.reject(origin.ts_recv, NO_CONNECTION, f"deals: {error}", msgspec.json.encode(item))
    trades.sort(key=lambda trade: (trade.time, trade.id))  # the venue gives the newest first
    harvest.deals += [trade_row(trade, origin, harvest) for trade in trades]
    return Deals(
        market,
        _asked_us(fields, origin),
        frozenset(trade.id for trade in trades),
        trades[-1].id if trades else None,
        round(trades[0].time * 1e6) if trades else None,
    )


def _read_candles(data: object, fields: dict[str, Any], origin: Origin, harvest: Harvest) -> Candles:
    market, period = _param(fields, "market"), _param(fields, "type")
    if not isinstance(data, list):
        raise ProtocolError("kline is not a list")
    candles, faults = parse_candles(data, market)
    if faults:
        text = msgspec.json.encode(data)
        harvest.reject(origin.ts_recv, NO_CONNECTION, "; ".join(dict.fromkeys(faults)), text)
    harvest.rows["kline"] += [kline_row(candle, period, origin, harvest) for candle in candles]
    bounds_s = _bound_s(fields, "start_time", 0), _bound_s(fields, "end_time", _FAR_S)
    opens_s = [candle.time for candle in candles]
    return answer_of(market, period, _asked_us(fields, origin), bounds_s, opens_s)


def _bound_s(fields: dict[str, Any], name: str, default: int) -> int:
    text = str((fields.get("params") or {}).get(name, ""))
    return min(int(text), _FAR_S) if text.isdecimal() and len(text) < 20 else default


def _read_states(data: object, _fields: dict[str, Any], origin: Origin, harvest: Harvest) -> None:
    read_states(parse_states(data), origin, harvest)


def _read_state(data: object, fields: dict[str, Any], origin: Origin, harvest: Harvest) -> None:
    read_states(parse_states({_param(fields, "market"): data}), origin, harvest)


_Reader = Callable[[object, dict[str, Any], Origin, Harvest], Deals | Candles | None]
_READERS: Final[dict[str, _Reader]] = {
    MARKET_DEALS.name: _read_deals,
    MARKET_KLINE.name: _read_candles,
    MARKET_STATE.name: _read_state,
    MARKET_STATE_ALL.name: _read_states,
    **dict.fromkeys(ACCOUNT_CALLS, read_account_answer),
}
