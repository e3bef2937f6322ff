"""What the venue tells of an account, as rows: the answers of its calls and the pushes of its streams.

A record that cannot be read, or whose money is more than decimal128(38, 20) holds exactly, is a reject with
its reason: nothing of it is rounded. An optional field that cannot be read is null, and noticed.
"""

import enum
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec

from recorder.exchange.account import OrderPush, PositionPush, read_private, read_record
from recorder.exchange.endpoints import (
    ACCOUNT,
    ASSET_HISTORY,
    ASSET_QUERY,
    LEVERAGE,
    MARGIN_ADJUSTABLE,
    ORDER_DEALS,
    ORDER_DETAIL,
    ORDER_FINISHED,
    ORDER_PENDING,
    POSITION_PENDING,
    STOP_FINISHED,
    STOP_PENDING,
)
from recorder.exchange.fields import ProtocolError, integer
from recorder.exchange.records import (
    AdjustableMargin,
    Asset,
    Fill,
    LedgerEntry,
    Leverage,
    Order,
    Position,
    StopOrder,
)
from recorder.lake.decoding.harvest import Harvest, Row
from recorder.lake.decoding.rows import PRECISE_LIMIT, PRECISE_STEP, PRECISION, Origin
from recorder.lake.store.account import COLUMNS, Column
from recorder.lake.store.account_tables import (
    ACCOUNT_ANSWERS,
    ACCOUNT_ASSETS,
    ACCOUNT_FILLS,
    ACCOUNT_LEDGER,
    ACCOUNT_LEVERAGE,
    ACCOUNT_ORDERS,
    ACCOUNT_POSITIONS,
    ACCOUNT_STOP_ORDERS,
)
from recorder.lake.store.table import Table


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked, and how much came."""

    call: str
    records: int
    market: str | None
    page: int | None
    start_s: float | None
    end_s: float | None


_TABLE_OF: Final[dict[type, Table]] = {
    Answered: ACCOUNT_ANSWERS,
    Asset: ACCOUNT_ASSETS,
    Position: ACCOUNT_POSITIONS,
    Order: ACCOUNT_ORDERS,
    StopOrder: ACCOUNT_STOP_ORDERS,
    Fill: ACCOUNT_FILLS,
    LedgerEntry: ACCOUNT_LEDGER,
    Leverage: ACCOUNT_LEVERAGE,
    AdjustableMargin: ACCOUNT_LEVERAGE,
}


def exact(value: Decimal, name: str) -> Decimal:
    """The value as decimal128(38, 20) holds it. Raises ProtocolError where it would be another."""
    if -PRECISE_LIMIT < value < PRECISE_LIMIT:  # abs() would round
        held = value.quantize(PRECISE_STEP, context=PRECISION)
        if held == value:
            return held
    raise ProtocolError(f"{name} is more than decimal128(38, 20) holds")


def _value(column: Column, record: object) -> Any:
    value = getattr(record, column.wire, None)
    if value is None:
        return None
    if column.kind == "money":
        return exact(value, column.name)
    if column.kind == "time":
        return round(value * 1e6)
    if column.kind == "word":
        return value.name.lower() if isinstance(value, enum.Enum) else str(value)
    return value


def _row(record: Any, origin: Origin, more: dict[str, Any]) -> Row:
    """One record as its table has it. Raises ProtocolError."""
    table = _TABLE_OF[type(record)]
    values = {column.name: _value(column, record) for column in COLUMNS[table.name]}
    if isinstance(record, Fill | LedgerEntry):
        values["ts_event"] = round(record.time * 1e6)
    elif table in (ACCOUNT_ORDERS, ACCOUNT_STOP_ORDERS):
        values["ts_event"] = values["ts_updated"] or values["ts_created"] or origin.ts_recv
    values |= {**more, "ts_recv": origin.ts_recv, "source": origin.source, "seq": origin.seq}
    return tuple(values.get(name) for name in table.schema.names)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where rows go, and what is remembered while one answer or push is read."""

    origin: Origin
    harvest: Harvest
    where: str
    fills: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    """Fills have no id: of those of one answer that are equal, each counts."""
    faults: list[str] | None = None
    """Of a push: what is wrong with its records."""

    def record(self, kind: type, item: object, read_as: dict[str, Any], **more: Any) -> None:
        """Put one record into the harvest, or reject it; `read_as` serves where a field is left out."""
        notices: list[str] = []
        try:
            self.put(read_record(kind, item, notices, **read_as), **more)
        except ProtocolError as error:
            self.reject(str(error), item)
        for text in notices:
            self.harvest.notice(text)

    def put(self, record: Any, **more: Any) -> None:
        """Raises ProtocolError where its money does not fit."""
        if isinstance(record, Fill):
            same = (record.market, record.order_id, record.time, record.price, record.amount)
            self.fills[same] += 1
            more["place"] = self.fills[same]
        row = _row(record, self.origin, more)
        self.harvest.account.setdefault(_TABLE_OF[type(record)].name, []).append(row)

    def reject(self, reason: str, item: object) -> None:
        """Of an answer the record is kept; a push is kept whole, and once (see `read_account_push`)."""
        if self.faults is not None:
            self.faults.append(reason)
            return
        text = msgspec.json.encode(item)
        origin = self.origin
        self.harvest.reject(origin.ts_recv, origin.connection, f"{self.where}: {reason}", text)


# --- answers ----------------------------------------------------------------------------------------


def _assets(data: object, _: dict[str, Any], reading: _Reading) -> None:
    if not isinstance(data, dict):
        raise ProtocolError("assets are not an object")
    for name, item in data.items():
        reading.record(Asset, item, {"asset": name})


def _positions(data: object, _: dict[str, Any], reading: _Reading) -> None:
    for item in _list(data):
        reading.record(Position, item, {})


def _leverage(data: object, params: dict[str, Any], reading: _Reading) -> None:
    reading.record(Leverage, data, {}, market=_asked(params, "market"))


def _margin(data: object, params: dict[str, Any], reading: _Reading) -> None:
    position_id = integer(params.get("position_id"), "position_id")
    reading.record(AdjustableMargin, data, {}, market=_asked(params, "market"), position_id=position_id)


def _order(data: object, _: dict[str, Any], reading: _Reading) -> None:
    reading.record(Order, data, {})


def _page_of(kind: type) -> "_Reader":
    def read(data: object, _: dict[str, Any], reading: _Reading) -> None:
        for item in _records(data):
            reading.record(kind, item, {})

    return read


def _asked(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"the question has no {name}")
    return value


def _list(data: object) -> Iterable[object]:
    """null stands for an empty list."""
    if data is None:
        return []
    if not isinstance(data, list):
        raise ProtocolError("not a list")
    return data


def _records(data: object) -> Iterable[object]:
    if not isinstance(data, dict):
        raise ProtocolError("page without records")
    return _list(data.get("records"))


_Reader = Callable[[object, dict[str, Any], _Reading], None]
_READERS: Final[dict[str, _Reader]] = {
    ASSET_QUERY.name: _assets,
    ASSET_HISTORY.name: _page_of(LedgerEntry),
    POSITION_PENDING.name: _positions,
    MARGIN_ADJUSTABLE.name: _margin,
    LEVERAGE.name: _leverage,
    ORDER_PENDING.name: _page_of(Order),
    ORDER_FINISHED.name: _page_of(Order),
    ORDER_DETAIL.name: _order,
    ORDER_DEALS.name: _page_of(Fill),
    STOP_PENDING.name: _page_of(StopOrder),
    STOP_FINISHED.name: _page_of(StopOrder),
}
ACCOUNT_CALLS: Final = frozenset(_READERS)
_WHOLE: Final = (ASSET_QUERY.name, POSITION_PENDING.name)
"""Calls that tell all there is in one answer."""
_PAGED: Final = frozenset(endpoint.name for endpoint in ACCOUNT if endpoint.paged)
MAX_DIGITS: Final = 12


def read_account_answer(data: object, fields: dict[str, Any], origin: Origin, harvest: Harvest) -> None:
    """The rows of a call's data. Raises ProtocolError where it is not what the call gives."""
    call, given = fields["call"], fields.get("params")
    params = given if isinstance(given, dict) else {}
    reading = _Reading(origin, harvest, call)
    _READERS[call](data, params, reading)
    reading.put(_answered(call, data, params))


def _answered(call: str, data: Any, params: dict[str, Any]) -> Answered:
    told = data.get("records") if call in _PAGED else data
    count = len(told or ()) if call in _PAGED or call in _WHOLE else 1
    page, start_s, end_s = (_number(params.get(name)) for name in ("page", "start_time", "end_time"))
    market = params.get("market")
    return Answered(call, count, market if isinstance(market, str) else None, page, start_s, end_s)


def _number(value: object) -> int | None:
    is_number = isinstance(value, str) and value.isdecimal() and len(value) < MAX_DIGITS
    return int(value) if is_number and isinstance(value, str) else None


# --- pushes -----------------------------------------------------------------------------------------


def read_account_push(stream: str, result: object, origin: Origin, harvest: Harvest) -> None:
    """The rows of a private push. Raises ProtocolError where it, or a part of it, cannot be read."""
    faults: list[str] = []
    reading = _Reading(origin, harvest, f"update.{stream}", faults=faults)
    if stream == "asset":
        _assets(result, {}, reading)
        if faults:
            raise ProtocolError("; ".join(dict.fromkeys(faults)))
        return
    push = read_private(stream, result)
    for text in push.notices:
        harvest.notice(text)
    if isinstance(push, PositionPush):
        reading.put(push.position, event=push.event)
    elif isinstance(push, OrderPush):
        reading.put(push.order)
