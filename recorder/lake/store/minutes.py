"""What a row of `minutes` says: each column's kind, and its meaning with its unit.

Counts and sums add up over any longer bucket, of `spread_min` the least and of `high` and `spread_max` the
greatest is the bucket's, and `open`, `close` and the open interests are those of the bucket's first and last
minute. A mean over time is a `*_seconds` sum by the seconds it was summed over: `observed_seconds` if nothing
else is named. Amounts are in the market's quantity unit, prices in its quote unit, bps are 1e-4 of the mid.
"""

from typing import Final, Literal, NamedTuple

MADE_OF: Final[dict[str, tuple[str, ...]]] = {
    "minutes": ("trades", "depth", "state"),
    "funding_told": ("state",),
}
"""The tables that compaction makes of all rows that a day has of others."""
SUMMED_TABLES: Final = MADE_OF["minutes"]
NEAR_BPS: Final = 10.0
"""Levels no further than this from the mid count as depth."""
TAKEN_QUOTE: Final = 10_000.0
"""The amount, in quote units, whose cost is measured."""
STALE_AFTER_S: Final = 60
"""A book older than this says nothing any more."""
AFTER_S: Final = 5
"""How long after a trade the mid is looked at again."""

Kind = Literal["count", "sum", "value", "time"]
"""`value` and `time` are null where there is none; the others are zero then."""


class Column(NamedTuple):
    """One column of `minutes`."""

    kind: Kind
    unit: str
    text: str


_MID_AFTER: Final = f"the mid {AFTER_S} s after the trade"

COLUMNS: Final[dict[str, Column]] = {
    "trades": Column("count", "-", "trades, by ts_event"),
    "volume": Column("sum", "base", "their quantity"),
    "turnover": Column("sum", "quote", "their price x quantity"),
    "buy_trades": Column("count", "-", "trades of side buy"),
    "buy_volume": Column("sum", "base", "their quantity"),
    "buy_turnover": Column("sum", "quote", "their price x quantity"),
    "open": Column("value", "quote", "price of the first trade, by ts_event and trade_id"),
    "high": Column("value", "quote", "highest price of a trade"),
    "low": Column("value", "quote", "lowest price of a trade"),
    "close": Column("value", "quote", "price of the last trade, by ts_event and trade_id"),
    "ts_first": Column("time", "time, UTC", "ts_event of the first trade"),
    "ts_last": Column("time", "time, UTC", "ts_event of the last trade"),
    "effective_trades": Column("count", "-", "trades with mid_before"),
    "effective_bps": Column(
        "sum", "bps", "over these: twice the way from the mid to the price, + against the taker"
    ),
    "effective_turnover": Column("sum", "quote", "over these: price x quantity"),
    "effective_bps_turnover": Column("sum", "bps x quote", "over these: the bps x price x quantity"),
    "realised_trades": Column("count", "-", f"trades with mid_before, and a book standing {AFTER_S} s later"),
    "realised_bps": Column(
        "sum", "bps", f"over these: twice the way from {_MID_AFTER} to the price, in bps of mid_before"
    ),
    "realised_turnover": Column("sum", "quote", "over these: price x quantity"),
    "realised_bps_turnover": Column("sum", "bps x quote", "over these: the realised bps x price x quantity"),
    "impact_bps": Column(
        "sum", "bps", f"over these: twice the way from mid_before to {_MID_AFTER}; effective - realised"
    ),
    "impact_bps_turnover": Column("sum", "bps x quote", "over these: the impact bps x price x quantity"),
    "snapshots": Column("count", "-", "books, by ts_event"),
    "observed_seconds": Column("sum", "s", "seconds in which a book with both sides stood"),
    "spread_seconds": Column("sum", "quote x s", "best ask - best bid"),
    "relative_spread_bps_seconds": Column("sum", "bps x s", "the spread in bps of the mid"),
    "mid_seconds": Column("sum", "quote x s", "half of best bid + best ask"),
    "bid_quantity_seconds": Column("sum", "base x s", "quantity at the best bid"),
    "ask_quantity_seconds": Column("sum", "base x s", "quantity at the best ask"),
    "imbalance_seconds": Column("sum", "s", "(bid - ask) / (bid + ask) of the best quantities, -1 to 1"),
    "bid_depth_seconds": Column(
        "sum", "quote x s", f"price x quantity of the bids within {NEAR_BPS:g} bps of the mid"
    ),
    "ask_depth_seconds": Column(
        "sum", "quote x s", f"price x quantity of the asks within {NEAR_BPS:g} bps of the mid"
    ),
    "cost_buy_seconds": Column(
        "sum", "s", f"seconds in which the visible asks held {TAKEN_QUOTE:,.0f} quote units"
    ),
    "cost_buy_bps_seconds": Column(
        "sum", "bps x s", "over these: bps above the mid paid for taking that much"
    ),
    "cost_sell_seconds": Column(
        "sum", "s", f"seconds in which the visible bids held {TAKEN_QUOTE:,.0f} quote units"
    ),
    "cost_sell_bps_seconds": Column(
        "sum", "bps x s", "over these: bps below the mid got for selling that much"
    ),
    "spread_min": Column("value", "quote", "narrowest spread of a book that stood for any time"),
    "spread_max": Column("value", "quote", "widest spread of a book that stood for any time"),
    "basis_seconds": Column(
        "sum", "s", "seconds in which the standing book's index and mark price were known"
    ),
    "index_price_seconds": Column("sum", "quote x s", "over these: the index price"),
    "mark_price_seconds": Column("sum", "quote x s", "over these: the mark price"),
    "basis_bps_seconds": Column("sum", "bps x s", "over these: mark / index - 1 in bps"),
    "mid_basis_seconds": Column(
        "sum", "s", "seconds in which a book with both sides and an index price stood"
    ),
    "mid_basis_bps_seconds": Column("sum", "bps x s", "over these: mid / index - 1 in bps"),
    "premium_seconds": Column(
        "sum",
        "s",
        f"seconds in which both sides held {TAKEN_QUOTE:,.0f} quote units, and the index was known",
    ),
    "premium_bps_seconds": Column(
        "sum",
        "bps x s",
        "over these: (max(0, bid - index) - max(0, index - ask)) / index in bps, "
        "of the prices got and paid for that much",
    ),
    "last_basis_seconds": Column(
        "sum", "s", "seconds in which the standing book's index and last price were known"
    ),
    "last_price_seconds": Column("sum", "quote x s", "over these: the last price, as told with the book"),
    "last_basis_bps_seconds": Column("sum", "bps x s", "over these: last / index - 1 in bps"),
    "state_rows": Column("count", "-", "rows of state, by ts_recv"),
    "open_interest_first": Column("value", "base", "the first open interest known, by ts_recv and seq"),
    "open_interest_last": Column("value", "base", "the last open interest known, by ts_recv and seq"),
    "ts_state_last": Column("time", "time, UTC", "ts_recv of the last row of state"),
}
"""Every column but the key, in the order of the table."""
