"""THE catalogue: every table's columns, key, order and partition, and where the venue's words end.

Times are `timestamp[us, UTC]`; prices, quantities and rates are float64, which gives back every wire
decimal of up to 15 significant digits; `insurance` (25 digits on the wire) is decimal128(38, 20).
"""

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

TIME: Final = pa.timestamp("us", tz="UTC")
PRECISE: Final = pa.decimal128(38, 20)
LEVELS: Final = pa.list_(
    pa.field(
        "element",
        pa.struct([pa.field("price", pa.float64(), False), pa.field("quantity", pa.float64(), False)]),
        False,
    )
)

FIELD_OF_WIRE: Final[dict[str, str]] = {
    "amount": "turnover",
    "sign_price": "mark_price",
    "position_amount": "open_interest",
    "funding_time": "funding_minutes",
}
"""The field's word for each of the venue's in a state; the others keep theirs."""

Style = Literal["append", "replace"]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake.

    `style` append: each publish adds a part; replace: rows change, one file a bucket is swapped whole.
    `order` is the sort inside a file; `time` decides the UTC day of the partition. `plain` columns are
    written without a dictionary, which for level lists and unique integers is smaller and faster.
    """

    name: str
    schema: pa.Schema
    time: str
    order: tuple[str, ...]
    key: tuple[str, ...] = ()
    style: Style = "append"
    plain: tuple[str, ...] = ()
    delta: tuple[str, ...] = ()
    """Columns in DELTA_BINARY_PACKED: times, ids and counters that grow."""


def _schema(*columns: tuple[str, pa.DataType] | tuple[str, pa.DataType, bool]) -> pa.Schema:
    """Columns as (name, type) required, or (name, type, True) nullable."""
    return pa.schema([pa.field(column[0], column[1], len(column) > 2) for column in columns])


TRADES: Final = Table(
    "trades",
    _schema(
        ("market", pa.string()),
        ("trade_id", pa.int64()),
        ("ts_event", TIME),
        ("ts_recv", TIME),
        ("side", pa.string()),
        ("price", pa.float64()),
        ("quantity", pa.float64()),
        ("source", pa.string()),
        ("seq", pa.int64()),
    ),
    time="ts_event",
    order=("market", "ts_event", "seq"),
    key=("market", "trade_id"),
    plain=("price", "quantity"),
    delta=("trade_id", "ts_event", "ts_recv", "seq"),
)

DEPTH: Final = Table(
    "depth",
    _schema(
        ("market", pa.string()),
        ("ts_event", TIME),
        ("ts_recv", TIME),
        ("bid_price", pa.float64(), True),
        ("bid_quantity", pa.float64(), True),
        ("ask_price", pa.float64(), True),
        ("ask_quantity", pa.float64(), True),
        ("bids", LEVELS),
        ("asks", LEVELS),
        ("last", pa.float64(), True),
        ("index_price", pa.float64(), True),
        ("mark_price", pa.float64(), True),
        ("source", pa.string()),
        ("seq", pa.int64()),
    ),
    time="ts_event",
    order=("market", "ts_event", "seq"),
    key=("market", "ts_event", "seq"),
    plain=(
        "bids.list.element.price",
        "bids.list.element.quantity",
        "asks.list.element.price",
        "asks.list.element.quantity",
        "index_price",
        "mark_price",
    ),
    delta=("ts_event", "ts_recv", "seq"),
)

KLINES: Final = Table(
    "klines",
    _schema(
        ("market", pa.string()),
        ("period", pa.string()),
        ("ts_open", TIME),
        ("open", pa.float64()),
        ("high", pa.float64()),
        ("low", pa.float64()),
        ("close", pa.float64()),
        ("volume", pa.float64()),
        ("turnover", pa.float64(), True),
        ("ts_recv", TIME),
        ("source", pa.string()),
        ("seq", pa.int64()),
    ),
    time="ts_open",
    order=("market", "ts_open", "period"),
    key=("market", "period", "ts_open"),
    style="replace",
)

STATE: Final = Table(
    "state",
    _schema(
        ("market", pa.string()),
        ("ts_recv", TIME),
        ("last", pa.float64(), True),
        ("open", pa.float64(), True),
        ("high", pa.float64(), True),
        ("low", pa.float64(), True),
        ("change", pa.float64(), True),
        ("volume", pa.float64(), True),
        ("turnover", pa.float64(), True),
        ("mark_price", pa.float64(), True),
        ("index_price", pa.float64(), True),
        ("open_interest", pa.float64(), True),
        ("funding_rate_last", pa.float64(), True),
        ("funding_rate_next", pa.float64(), True),
        ("funding_rate_predict", pa.float64(), True),
        ("funding_minutes", pa.int64(), True),
        ("ts_funding", TIME, True),
        ("insurance", PRECISE, True),
        ("sell_total", pa.float64(), True),
        ("buy_total", pa.float64(), True),
        ("source", pa.string()),
        ("seq", pa.int64()),
    ),
    time="ts_recv",
    order=("market", "ts_recv", "seq"),
    key=("market", "ts_recv", "seq"),
    plain=(
        "ts_recv",
        "last",
        "open",
        "high",
        "low",
        "change",
        "volume",
        "turnover",
        "mark_price",
        "index_price",
        "open_interest",
        "funding_rate_last",
        "funding_rate_next",
        "funding_rate_predict",
        "sell_total",
        "buy_total",
        "seq",
    ),
)

MARKETS: Final = Table(
    "markets",
    _schema(
        ("market", pa.string()),
        ("base", pa.string()),
        ("quote", pa.string()),
        ("type", pa.string()),
        ("tick_size", pa.float64(), True),
        ("amount_min", pa.float64(), True),
        (
            "precisions",
            pa.struct([(name, pa.int64()) for name in ("base", "quote", "amount", "fee")]),
        ),
        ("leverages", pa.list_(pa.float64())),
        (
            "limits",
            pa.list_(
                pa.struct(
                    [(name, pa.float64()) for name in ("amount_max", "leverage_max", "maintenance_rate")]
                )
            ),
        ),
        ("available", pa.bool_()),
        ("ts_recv", TIME),
    ),
    time="ts_recv",
    order=("market", "ts_recv"),
    key=("market", "ts_recv"),
)

GAPS: Final = Table(
    "gaps",
    _schema(
        ("stream", pa.string(), True),
        ("market", pa.string(), True),
        ("ts_start", TIME),
        ("ts_end", TIME, True),
        ("reason", pa.string()),
        ("repaired", pa.string()),
        ("detail", pa.string()),
    ),
    time="ts_start",
    order=("market", "ts_start", "stream"),
    style="replace",
)

REJECTS: Final = Table(
    "rejects",
    _schema(
        ("ts_recv", TIME),
        ("connection", pa.int64()),
        ("reason", pa.string()),
        ("frame", pa.string()),
    ),
    time="ts_recv",
    order=("ts_recv",),
)

TABLES: Final[dict[str, Table]] = {
    table.name: table for table in (TRADES, DEPTH, KLINES, STATE, MARKETS, GAPS, REJECTS)
}
