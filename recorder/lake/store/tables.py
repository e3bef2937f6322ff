"""THE catalogue: every table's columns, key, order and partition, and where the venue's words end.

Times are `timestamp[us, UTC]`; prices, quantities and rates are float64, which gives back every wire
decimal of up to 15 significant digits; `insurance` (25 digits on the wire) and an account's money are
decimal128(38, 20).
"""

from typing import Final

import pyarrow as pa

from recorder.lake.store.account_tables import ACCOUNT
from recorder.lake.store.minutes import COLUMNS
from recorder.lake.store.table import PRECISE, TIME, Table, schema

SOURCE: Final = "ws"
"""The `source` of what was pushed ..."""
REST: Final = "rest"
"""... and of what was asked for."""
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

TRADES: Final = Table(
    "trades",
    schema(
        ("market", pa.string()),
        ("trade_id", pa.int64()),
        ("ts_event", TIME),
        ("ts_recv", TIME),
        ("side", pa.string()),
        ("price", pa.float64()),
        ("quantity", pa.float64()),
        ("source", pa.string()),
        ("seq", pa.int64()),
        ("mid_before", pa.float64(), True),
    ),
    time="ts_event",
    order=("market", "ts_event", "seq"),
    key=("market", "trade_id"),
    derived=("mid_before",),
    delta=("trade_id", "ts_event", "ts_recv", "seq"),
)

DEPTH: Final = Table(
    "depth",
    schema(
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
        ("dt", pa.float64(), True),
    ),
    time="ts_event",
    order=("market", "ts_event", "seq"),
    key=("market", "ts_event", "seq"),
    derived=("dt",),
    delta=("ts_event", "ts_recv", "seq"),
    coded=("dt",),
)

KLINES: Final = Table(
    "klines",
    schema(
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
        ("column_order", pa.string()),
    ),
    time="ts_open",
    order=("market", "ts_open", "period"),
    key=("market", "period", "ts_open"),
    style="replace",
    delta=("ts_open", "ts_recv", "seq"),
)

STATE: Final = Table(
    "state",
    schema(
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
    plain=("ts_recv", "seq"),
)

MARKETS: Final = Table(
    "markets",
    schema(
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
    schema(
        ("stream", pa.string(), True),
        ("market", pa.string(), True),
        ("ts_start", TIME),
        ("ts_end", TIME, True),
        ("reason", pa.string()),
        ("repaired", pa.string()),
        ("detail", pa.string()),
        ("period", pa.string(), True),
        ("remains_start", TIME, True),
        ("remains_end", TIME, True),
        ("recorder", pa.string()),
        ("minute", TIME, True),
        ("lag_low_us", pa.int64(), True),
        ("lag_high_us", pa.int64(), True),
    ),
    time="ts_start",
    order=("market", "ts_start", "stream", "period", "recorder", "reason"),
    key=("recorder", "stream", "market", "period", "ts_start", "reason"),
    style="replace",
)

REJECTS: Final = Table(
    "rejects",
    schema(
        ("ts_recv", TIME),
        ("connection", pa.int64()),
        ("reason", pa.string()),
        ("frame", pa.string()),
    ),
    time="ts_recv",
    order=("ts_recv",),
)

COVERAGE: Final = Table(
    "coverage",
    schema(
        ("market", pa.string()),
        ("minute", TIME),
        ("grade", pa.string()),
        ("reason", pa.string()),
        ("trades", pa.int64()),
        ("rest_trades", pa.int64()),
        ("volume", pa.float64()),
        ("turnover", pa.float64()),
        ("open", pa.float64(), True),
        ("high", pa.float64(), True),
        ("low", pa.float64(), True),
        ("close", pa.float64(), True),
        ("candle_open", pa.float64(), True),
        ("candle_high", pa.float64(), True),
        ("candle_low", pa.float64(), True),
        ("candle_close", pa.float64(), True),
        ("candle_volume", pa.float64(), True),
        ("candle_turnover", pa.float64(), True),
        ("candle_source", pa.string(), True),
        ("gap_seconds", pa.float64()),
        ("trade_gap_seconds", pa.float64()),
        ("depth_gap_seconds", pa.float64()),
        ("kline_gap_seconds", pa.float64()),
        ("state_gap_seconds", pa.float64()),
        ("trade_seconds", pa.float64()),
        ("depth_seconds", pa.float64()),
        ("kline_seconds", pa.float64()),
        ("state_seconds", pa.float64()),
        ("depth_rows", pa.int64()),
        ("state_rows", pa.int64()),
        ("sides_compared", pa.int64()),
        ("sides_agreed", pa.int64()),
        ("missed", pa.string()),
        ("due_from", TIME),
        ("due_until", TIME),
    ),
    time="minute",
    order=("market", "minute"),
    key=("market", "minute"),
    style="replace",
    delta=("minute", "due_from", "due_until"),
)
"""One row a market-minute (the venue's clock), once it is closed and settled. `open` to `turnover` are from
the trades, `candle_*` from the 1min candle, `gap_seconds` is what no repair closed, in any stream and by
stream; `trade_seconds` to `state_seconds` are how much of it was recorded without such a gap, 60 if all was
(of trades also where the candle agrees with them; 0 where it shows others, and no gap tells when they were
missed); `missed` names the streams of which the witnesses show more to be absent than known gaps tell. What
happened in the minute was received from `due_from` to `due_until` by the recorder's clock."""

_MINUTE_KINDS: Final = {"count": pa.int64(), "sum": pa.float64(), "value": pa.float64(), "time": TIME}

MINUTES: Final = Table(
    "minutes",
    pa.schema(
        [
            pa.field("market", pa.string(), False),
            pa.field("minute", TIME, False),
            *(
                pa.field(name, _MINUTE_KINDS[column.kind], column.kind in ("value", "time"))
                for name, column in COLUMNS.items()
            ),
        ]
    ),
    time="minute",
    order=("market", "minute"),
    key=("market", "minute"),
    style="replace",
    delta=("minute", *(name for name, column in COLUMNS.items() if column.kind in ("count", "time"))),
)
"""One row a market-minute (the venue's clock; of states, ours) of a day that is over, as sums from which any
longer bucket follows; `minutes.COLUMNS` says what each is."""

FUNDING_TOLD: Final = Table(
    "funding_told",
    schema(
        ("market", pa.string()),
        ("minute", TIME),
        ("ts_told", TIME, True),
        ("ts_first", TIME),
        ("ts_last", TIME),
        ("ts_counting", TIME, True),
        ("ts_left_out", TIME, True),
        ("states", pa.int64()),
        ("funding_rate_last", pa.float64(), True),
        ("funding_rate_next", pa.float64(), True),
        ("funding_rate_predict", pa.float64(), True),
        ("mark_price", pa.float64(), True),
        ("index_price", pa.float64(), True),
    ),
    time="minute",
    order=("market", "minute", "ts_first"),
    key=("market", "minute", "ts_told"),
    style="replace",
    delta=("minute", "ts_told", "ts_first", "ts_last", "ts_counting", "ts_left_out", "states"),
)
"""What the states of a day that is over told of funding: a row for each market-minute (the recorder's clock)
that matters and each settlement told in it; what is between two rows only repeated the one before."""

REMOVED: Final = Table(
    "removed",
    schema(
        ("removed", pa.string()),
        ("day", TIME, True),
        ("rows", pa.int64(), True),
        ("bytes", pa.int64()),
        ("ts_removed", TIME),
    ),
    time="ts_removed",
    order=("ts_removed", "removed"),
    key=("removed", "day", "ts_removed"),
    style="replace",
)
"""What retention removed: a day of a table, by its name, or a file of the journal, as
`journal/<recorder>/<file>`, whose rows were not counted."""

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        TRADES,
        DEPTH,
        KLINES,
        STATE,
        MARKETS,
        GAPS,
        REJECTS,
        COVERAGE,
        MINUTES,
        FUNDING_TOLD,
        REMOVED,
        *ACCOUNT,
    )
}
