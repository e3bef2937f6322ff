"""The account's tables: the columns of `account.COLUMNS` with where each row came from, keys and order."""

from typing import Final

import pyarrow as pa

from recorder.lake.store import account
from recorder.lake.store.table import PRECISE, TIME, Table, schema

_KINDS: Final = {
    "money": PRECISE, "count": pa.int64(), "text": pa.string(), "word": pa.string(), "time": TIME,
}  # fmt: skip
_RECEIVED: Final = (("ts_recv", TIME), ("source", pa.string()), ("seq", pa.int64()))
_HAPPENED: Final = (("ts_event", TIME),)


def _table(
    name: str,
    order: tuple[str, ...],
    key: tuple[str, ...] = (),
    more: tuple[tuple[str, pa.DataType] | tuple[str, pa.DataType, bool], ...] = (),
) -> Table:
    """A table of an account: a record's columns, `more`, and where the row came from."""
    columns = [
        (column.name, _KINDS[column.kind], *(() if column.required else (True,)))
        for column in account.COLUMNS[name]
    ]
    time = "ts_event" if _HAPPENED[0] in more else "ts_recv"
    whole = schema(*columns, *more, *_RECEIVED)
    return Table(name, whole, time, order, key or order, delta=("ts_recv", "seq"))


ACCOUNT_ASSETS: Final = _table("account_assets", ("ts_recv", "seq", "asset"))
ACCOUNT_POSITIONS: Final = _table(
    "account_positions", ("market", "ts_recv", "seq", "position_id"), more=(("event", pa.int64(), True),)
)
ACCOUNT_ORDERS: Final = _table("account_orders", ("market", "ts_event", "order_id", "seq"), more=_HAPPENED)
ACCOUNT_STOP_ORDERS: Final = _table(
    "account_stop_orders", ("market", "ts_event", "stop_id", "seq"), more=_HAPPENED
)
ACCOUNT_FILLS: Final = _table(
    "account_fills",
    ("market", "ts_event", "order_id", "place"),
    ("market", "order_id", "ts_event", "price", "quantity", "place"),
    (*_HAPPENED, ("place", pa.int64())),
)
ACCOUNT_LEDGER: Final = _table(
    "account_ledger", ("ts_event", "ledger_id", "asset"), ("ledger_id", "asset"), _HAPPENED
)
ACCOUNT_LEVERAGE: Final = _table("account_leverage", ("market", "ts_recv", "seq"))
ACCOUNT_ANSWERS: Final = _table("account_answers", ("ts_recv", "seq"))
ACCOUNT: Final = (
    ACCOUNT_ASSETS,
    ACCOUNT_POSITIONS,
    ACCOUNT_ORDERS,
    ACCOUNT_STOP_ORDERS,
    ACCOUNT_FILLS,
    ACCOUNT_LEDGER,
    ACCOUNT_LEVERAGE,
    ACCOUNT_ANSWERS,
)
"""What the venue tells of an account. Assets, positions and leverages are rows of each answer and push; an
order is a row for each of its versions, by its content; a fill (which has no id: of equal ones `place`
counts) and a line of the ledger are one row each. Each answer is a row by itself, too: where it held nothing,
it alone tells so."""
