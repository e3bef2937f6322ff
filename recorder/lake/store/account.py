"""What the rows of an account say: each column of the `account_*` tables, with the venue's word for it.

Money is decimal128(38, 20), exactly as it came; a number of a thing (side, status, role ...) is its word, or
the number as text where it is not known. What the venue leaves out, or writes as "-", "--" or "", is null.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["money", "count", "text", "word", "time"]
"""`word`: one of the venue's numbers for things, by name."""


class Column(NamedTuple):
    """One column: its name, the field of the record that it is, its kind, unit and meaning."""

    name: str
    wire: str
    kind: Kind
    unit: str
    text: str
    required: bool = False


ORDER_STATUS: Final = "`open`, `partly_filled`, `filled`, `partly_cancelled`, `cancelled`"
STOP_STATUS: Final = "`not_active`, `waiting`, `triggered`, `cancelled`, `failed`"
_MARKET: Final = Column("market", "market", "text", "-", "the venue's name of the market", True)
_SIDE: Final = Column("side", "side", "word", "`buy` or `sell`", "the account's own side")
_TYPE: Final = Column("position_type", "position_type", "word", "`isolated` or `cross`", "of the position")
_LEVERAGE: Final = Column("leverage", "leverage", "money", "-", "leverage")
_POSITION: Final = Column("position_id", "position_id", "count", "-", "the position it closes; 0: none")
_USER: Final = Column("user_id", "user_id", "count", "-", "the venue's number of the account")
_CREATED: Final = Column("ts_created", "create_time", "time", "time, UTC", "when it began, by the venue")
_UPDATED: Final = Column(
    "ts_updated", "update_time", "time", "time, UTC", "when it changed last, by the venue"
)
_STOP_LOSS: Final = Column("stop_loss_price", "stop_loss_price", "money", "quote", "closes at a loss there")
_TAKE_PROFIT: Final = Column(
    "take_profit_price", "take_profit_price", "money", "quote", "closes at a profit there"
)

ASSETS: Final = (
    Column("asset", "asset", "text", "-", "the currency", True),
    Column("available", "available", "money", "asset", "free to use"),
    Column("frozen", "frozen", "money", "asset", "held for open orders"),
    Column("margin", "margin", "money", "asset", "held as margin of positions"),
    Column("balance", "balance_total", "money", "asset", "all of it; the ledger adds up to it"),
    Column("profit_unrealised", "profit_unreal", "money", "asset", "of the open positions, at mark prices"),
    Column("transferable", "transfer", "money", "asset", "what may be withdrawn"),
    Column("bonus", "bonus", "money", "asset", "given by the venue"),
)

POSITIONS: Final = (
    _MARKET,
    Column("position_id", "position_id", "count", "-", "the venue's id", True),
    Column("side", "side", "word", "`long` or `short`", "of the position"),
    Column("position_type", "type", "word", "`isolated` or `cross`", "how its margin is kept"),
    Column("quantity", "amount", "money", "base", "how much is held; contracts, if the market counts these"),
    Column("quantity_closable", "close_left", "money", "base", "of that, not yet offered to be closed"),
    Column("open_price", "open_price", "money", "quote", "mean price at which it was opened"),
    Column("open_value", "open_val", "money", "quote", "value at which it was opened"),
    Column("open_margin_rate", "open_margin", "money", "fraction", "margin by open value"),
    Column("margin", "margin_amount", "money", "quote", "the margin that it holds"),
    _LEVERAGE,
    Column("profit_unrealised", "profit_unreal", "money", "quote", "at the mark price"),
    Column("profit_realised", "profit_real", "money", "quote", "closed profits, fees and funding so far"),
    Column("profit_clearing", "profit_clearing", "money", "quote", "the venue's `profit_clearing`"),
    Column("liquidation_price", "liq_price", "money", "quote", "the mark price at which it is liquidated"),
    Column("bankruptcy_price", "bkr_price", "money", "quote", "where its margin is used up"),
    Column("maintenance_rate", "mainten_margin", "money", "fraction", "least margin by value"),
    Column("maintenance_margin", "mainten_margin_amount", "money", "quote", "least margin"),
    Column("quantity_max", "amount_max", "money", "base", "the most it has held"),
    Column("open_value_max", "open_val_max", "money", "quote", "the most it was worth when opened"),
    Column("fee", "deal_asset_fee", "money", "-", "fees paid in `fee_asset`"),
    Column("fee_asset", "fee_asset", "text", "-", "the currency of these fees"),
    Column("open_margin_rate_implied", "open_margin_imply", "money", "fraction", "of a cross position"),
    Column("liquidation_price_implied", "liq_price_imply", "money", "quote", "of a cross position"),
    Column("bankruptcy_price_implied", "bkr_price_imply", "money", "quote", "of a cross position"),
    Column("liquidation_order_price", "liq_order_price", "money", "quote", "of its liquidation's order"),
    Column("liquidation_quantity", "liq_amount", "money", "base", "liquidated so far"),
    Column("liquidation_profit", "liq_profit", "money", "quote", "made or lost by that"),
    Column("ts_liquidation_order", "liq_order_time", "time", "time, UTC", "of its liquidation's order"),
    Column("ts_liquidation", "liq_time", "time", "time, UTC", "when it was liquidated"),
    Column("adl_rank", "adl_sort", "count", "-", "place, 1 to 5, in the queue of auto-deleveraging"),
    Column("adl_value", "adl_sort_val", "money", "-", "what that place goes by"),
    Column("roe", "roe", "money", "fraction", "unrealised profit by margin"),
    _STOP_LOSS,
    _TAKE_PROFIT,
    Column("finish_type", "finish_type", "count", "-", "the venue's number for how it ended"),
    Column("sys", "sys", "count", "-", "the venue's `sys`"),
    Column("total", "total", "count", "-", "the venue's `total`"),
    _USER,
    _CREATED,
    _UPDATED,
)

ORDERS: Final = (
    _MARKET,
    Column("order_id", "order_id", "count", "-", "the venue's id", True),
    _POSITION,
    Column("order_type", "type", "word", "`limit` or `market`", "kind of order"),
    _SIDE,
    _TYPE,
    Column("status", "status", "word", ORDER_STATUS, "what has become of it"),
    Column("price", "price", "money", "quote", "limit; 0 of a market order"),
    Column("price_mean", "avg_price", "money", "quote", "mean price of what is filled"),
    Column("quantity", "amount", "money", "base", "ordered"),
    Column("quantity_left", "left", "money", "base", "not filled"),
    Column("quantity_filled", "filled", "money", "base", "filled"),
    Column("turnover", "deal_stock", "money", "quote", "value of what is filled"),
    Column("fee", "deal_fee", "money", "quote", "fees paid for that"),
    _LEVERAGE,
    _STOP_LOSS,
    _TAKE_PROFIT,
    Column("client_oid", "client_oid", "text", "-", "the client's own name of it"),
    _CREATED,
    _UPDATED,
)

STOP_ORDERS: Final = (
    _MARKET,
    Column("stop_id", "contract_order_id", "text", "-", "the venue's id, of 19 digits", True),
    Column("order_id", "order_id", "count", "-", "the order that it became; 0: none yet"),
    _POSITION,
    Column("stop_type", "contract_order_type", "count", "-", "the venue's number of its kind"),
    Column("trigger_price_type", "trigger_type", "word", "`last`, `index` or `mark`", "the price it watches"),
    Column("trigger_price", "trigger_price", "money", "quote", "the price it waits for"),
    Column("price", "order_price", "money", "quote", "limit of its order; 0: at the market's"),
    Column("quantity", "size", "money", "base", "to be ordered"),
    Column("price_when_placed", "cut_price", "money", "quote", "last price when it was placed"),
    Column("status", "status", "word", STOP_STATUS, "what has become of it"),
    _SIDE,
    _TYPE,
    _LEVERAGE,
    Column("entrust_id", "entrust_id", "text", "-", "the venue's `entrust_id`"),
    Column("ts_created", "order_time", "time", "time, UTC", "when it was placed, by the venue"),
    _UPDATED,
)

FILLS: Final = (
    _MARKET,
    Column("order_id", "order_id", "count", "-", "of which order", True),
    Column("price", "price", "money", "quote", "price", True),
    Column("quantity", "amount", "money", "base", "quantity", True),
    _SIDE,
    Column("role", "role", "word", "`maker` or `taker`", "whether it rested in the book"),
    _TYPE,
    _LEVERAGE,
    Column("fee", "deal_fee", "money", "quote", "fee paid"),
    Column("turnover", "deal_stock", "money", "quote", "its value"),
    Column("profit", "deal_profit", "money", "quote", "profit of what it closed"),
    Column("filled_type", "filled_type", "count", "-", "the venue's `filled_type`"),
    Column("trade_type", "trade_type", "count", "-", "the venue's `trade_type`"),
    _USER,
)

LEDGER: Final = (
    Column("ledger_id", "id", "count", "-", "the venue's id", True),
    Column("asset", "asset", "text", "-", "the currency", True),
    Column("business", "business", "text", "-", "the venue's word for why"),
    Column("change", "change", "money", "asset", "by how much the balance changed"),
    Column("balance", "balance", "money", "asset", "the balance after it"),
    _USER,
)

LEVERAGE: Final = (
    _MARKET,
    Column("position_id", "position_id", "count", "-", "the position whose margin is told; null: setting"),
    Column("leverage", "leverage", "money", "-", "of positions opened from now on, or of that position"),
    Column(
        "position_type", "position_type", "word", "`isolated` or `cross`", "of positions opened from now on"
    ),
    Column("quantity", "amount", "money", "base", "what the position holds"),
    Column("margin", "margin_amount", "money", "quote", "the margin it holds"),
    Column("margin_addable", "available", "money", "quote", "what can be put in"),
    Column("margin_removable", "max_removable_margin", "money", "quote", "what can be taken out"),
)

ANSWERS: Final = (
    Column("call", "call", "text", "-", "the question, like `position_pending`", True),
    Column("market", "market", "text", "-", "of which market; null: of all"),
    Column("page", "page", "count", "-", "which page of a list; null where there are none"),
    Column("records", "records", "count", "-", "how many records it held; 0: there was nothing", True),
    Column("ts_from", "start_s", "time", "time, UTC", "the history from when on; null: all of it"),
    Column("ts_until", "end_s", "time", "time, UTC", "the history up to when, by the venue's clock"),
)

COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "account_assets": ASSETS,
    "account_positions": POSITIONS,
    "account_orders": ORDERS,
    "account_stop_orders": STOP_ORDERS,
    "account_fills": FILLS,
    "account_ledger": LEDGER,
    "account_leverage": LEVERAGE,
    "account_answers": ANSWERS,
}
"""By table: the columns that are fields of a record. Beside them stand those that say when, how and where it
was received."""
ACCOUNT_PREFIX: Final = "account_"
"""How the names of an account's tables begin; nobody else reads their directories."""
