"""What every column of every table says: its unit, its meaning, and where it comes from.

The data dictionary in docs/ is made of this and of the heads of `analytics/sql`. A unit of `-` is a name, a
count or a plain ratio. Venue's words are those of the exchange's own document.
"""

from typing import Final, NamedTuple

from recorder.lake.store import account
from recorder.lake.store.minutes import COLUMNS


class Said(NamedTuple):
    """A column's unit and meaning."""

    unit: str
    text: str


_MARKET: Final = Said("-", "the venue's name of the market")
_EVENT: Final = Said("time, UTC", "when it happened, by the venue's clock")
_RECV: Final = Said(
    "time, UTC", "when it was received, by the recorder's clock, taken right after the receive"
)
_SOURCE: Final = Said("-", "`ws` if it was pushed, `rest` if it was asked for")
_SEQ: Final = Said("-", "number of the record in its recorder's journal; orders rows of equal time")
_PER_INTERVAL: Final = "fraction an interval"

TRADES: Final = {
    "market": _MARKET,
    "trade_id": Said("-", "the venue's id, by market"),
    "ts_event": _EVENT,
    "ts_recv": _RECV,
    "side": Said(
        "`buy` or `sell`", "the venue's word, written as the taker's side; `quality.side_is` checks it"
    ),
    "price": Said("quote", "price"),
    "quantity": Said("base", "quantity; contracts, where the market counts in these"),
    "source": _SOURCE,
    "seq": _SEQ,
    "mid_before": Said(
        "quote", "mid of the last book before the trade, if it still stood; of compacted days"
    ),
}
DEPTH: Final = {
    "market": _MARKET,
    "ts_event": _EVENT,
    "ts_recv": _RECV,
    "bid_price": Said("quote", "best bid; null when that side is empty"),
    "bid_quantity": Said("base", "quantity at the best bid"),
    "ask_price": Said("quote", "best ask; null when that side is empty"),
    "ask_quantity": Said("base", "quantity at the best ask"),
    "bids": Said("list of (quote, base)", "the visible bids, best first"),
    "asks": Said("list of (quote, base)", "the visible asks, best first"),
    "last": Said("quote", "last trade's price, as told with the book"),
    "index_price": Said("quote", "index price, as told with the book"),
    "mark_price": Said("quote", "mark price (venue: `sign_price`), as told with the book"),
    "source": _SOURCE,
    "seq": _SEQ,
    "dt": Said(
        "s",
        "how long the book stood: until the next one, at most 60 s, not past the end of the UTC day, nor into a "
        "gap of books; of compacted days",
    ),
}
KLINES: Final = {
    "market": _MARKET,
    "period": Said("-", "length of the candle, in the venue's words: `1min` to `1week`"),
    "ts_open": Said("time, UTC", "when the candle begins, by the venue's clock"),
    "open": Said("quote", "first price; some venues open at the close before"),
    "high": Said("quote", "highest price"),
    "low": Said("quote", "lowest price"),
    "close": Said("quote", "last price"),
    "volume": Said("base", "quantity traded"),
    "turnover": Said("quote", "value traded (venue: `amount`)"),
    "ts_recv": Said("time, UTC", "when the version that is kept was received, by the recorder's clock"),
    "source": _SOURCE,
    "seq": _SEQ,
    "column_order": Said("`ohlc`, `ochl`, `flat` or `named`", "how the row's columns were told apart"),
}
STATE: Final = {
    "market": _MARKET,
    "ts_recv": _RECV,
    "last": Said("quote", "last price"),
    "open": Said("quote", "price 24 h ago"),
    "high": Said("quote", "highest price of 24 h"),
    "low": Said("quote", "lowest price of 24 h"),
    "change": Said("fraction", "(last - open) / open"),
    "volume": Said("base", "quantity traded in 24 h"),
    "turnover": Said("quote", "value traded in 24 h (venue: `amount`)"),
    "mark_price": Said("quote", "mark price (venue: `sign_price`)"),
    "index_price": Said("quote", "index price"),
    "open_interest": Said("base", "open interest (venue: `position_amount`)"),
    "funding_rate_last": Said(_PER_INTERVAL, "charged at the last settlement"),
    "funding_rate_next": Said(_PER_INTERVAL, "what the next settlement will charge"),
    "funding_rate_predict": Said(_PER_INTERVAL, "estimate for the settlement after the next"),
    "funding_minutes": Said("minutes", "to the next settlement, rounded down (venue: `funding_time`)"),
    "ts_funding": Said(
        "time, UTC",
        "that instant: ts_recv rounded up to a minute, plus funding_minutes; a minute late where a state was received just after a full minute: `funding_settlements` has the instants right",
    ),
    "insurance": Said("quote, exact decimal", "the insurance fund"),
    "sell_total": Said("base", "quantity sold within the last 1,000 trades"),
    "buy_total": Said("base", "quantity bought within the last 1,000 trades"),
    "source": _SOURCE,
    "seq": _SEQ,
}
MARKETS: Final = {
    "market": _MARKET,
    "base": Said("-", "what is traded (venue: `stock`)"),
    "quote": Said("-", "what it is priced in (venue: `money`)"),
    "type": Said("`linear`, `inverse` or `unknown`", "linear counts in base, inverse in contracts"),
    "tick_size": Said("quote", "smallest step of a price"),
    "amount_min": Said("base", "smallest order"),
    "precisions": Said("decimal places", "of base, quote, amount and fee"),
    "leverages": Said("-", "leverages that may be chosen"),
    "limits": Said("-", "steps of greatest amount, greatest leverage and maintenance rate"),
    "available": Said("-", "whether it can be traded; false when it has gone from the list"),
    "ts_recv": Said("time, UTC", "when this description was first received"),
}
GAPS: Final = {
    "stream": Said("`trade`, `depth`, `kline`, `state`, `account`", "what was missed; null: all"),
    "market": Said("-", "of which market; null: of all"),
    "ts_start": Said("time, UTC", "the first instant that may be missing, by the recorder's clock"),
    "ts_end": Said("time, UTC", "the first instant received again; null: still missing"),
    "reason": Said(
        "-", "`start`, `disconnect`, `silence`, `overflow`, `crash`, `stop`, `damage` or `missed`"
    ),
    "repaired": Said("`none`, `partly`, `fully`", "how much of it answers by REST gave back"),
    "detail": Said("-", "what happened, and what was repaired by what, in words"),
    "period": Said("-", "of candles: which"),
    "remains_start": Said("time, UTC", "of what is still missing the first instant; null: nothing is"),
    "remains_end": Said("time, UTC", "of what is still missing the end; null: nothing is, or it goes on"),
    "recorder": Said("-", "which recorder missed it; another one may have received it"),
    "minute": Said(
        "time, UTC", "of a `missed` gap: the minute whose witnesses tell of it, by the venue's clock"
    ),
    "lag_low_us": Said("us", "least lag (receive minus event time) around the gap"),
    "lag_high_us": Said("us", "greatest lag around the gap"),
}
REJECTS: Final = {
    "ts_recv": _RECV,
    "connection": Said("-", "number of the connection it came by"),
    "reason": Said("-", "why it could not be decoded"),
    "frame": Said("-", "the frame, verbatim"),
}
_BY_TRADES: Final = "by the trades"
_BY_CANDLE: Final = "by the venue's 1min candle; null without one"
COVERAGE: Final = {
    "market": _MARKET,
    "minute": Said("time, UTC", "the minute's start, by the venue's clock"),
    "grade": Said("`A` to `D`", "A whole, B whole after a repair, C one witness only, D not proven"),
    "reason": Said("-", "why it is not A"),
    "trades": Said("-", "trades recorded"),
    "rest_trades": Said("-", "of these, those that an answer by REST gave"),
    "volume": Said("base", f"volume {_BY_TRADES}"),
    "turnover": Said("quote", f"turnover {_BY_TRADES}"),
    **{
        name: Said("quote", f"{name} {_BY_TRADES}; null without one")
        for name in ("open", "high", "low", "close")
    },
    **{f"candle_{name}": Said("quote", f"{name} {_BY_CANDLE}") for name in ("open", "high", "low", "close")},
    "candle_volume": Said("base", f"volume {_BY_CANDLE}"),
    "candle_turnover": Said("quote", f"turnover {_BY_CANDLE}"),
    "candle_source": Said("-", "`ws` if the candle was pushed, `rest` if it was asked for"),
    "gap_seconds": Said("s", "in which anything is missing that no repair gave back"),
    **{
        f"{stream}_gap_seconds": Said("s", f"in which {rows} are missing that no repair gave back")
        for stream, rows in (
            ("trade", "trades"),
            ("depth", "books"),
            ("kline", "candles"),
            ("state", "states"),
        )
    },
    **{
        f"{stream}_seconds": Said(
            "s", f"in which {rows} were recorded, with nothing missing; 60 if always{more}"
        )
        for stream, rows, more in (
            (
                "trade",
                "trades",
                ", or if the candle agrees with them; 0 if it shows others (`missed`) and no gap says when",
            ),
            ("depth", "books", ""),
            ("kline", "candles", ""),
            ("state", "states", ""),
        )
    },
    "depth_rows": Said("-", "books recorded"),
    "state_rows": Said("-", "states recorded"),
    "sides_compared": Said("-", "trades off the mid of the book before them"),
    "sides_agreed": Said("-", "of these, those whose side is the taker's"),
    "missed": Said(
        "-", "streams of which the witnesses show more to be absent than gaps tell, `stream=repaired`"
    ),
    "due_from": Said("time, UTC", "from when the minute could be received, by the recorder's clock"),
    "due_until": Said("time, UTC", "until when"),
}
MINUTES: Final = {
    "market": _MARKET,
    "minute": Said("time, UTC", "the minute's start, by the venue's clock (of states, the recorder's)"),
    **{name: Said(column.unit, column.text) for name, column in COLUMNS.items()},
}
FUNDING_TOLD: Final = {
    "market": _MARKET,
    "minute": Said("time, UTC", "the minute's start, by the recorder's clock"),
    "ts_told": Said(
        "time, UTC",
        "the coming settlement: the whole hour where `ts_funding` is within 2 min of it, else `ts_funding`",
    ),
    "ts_first": Said("time, UTC", "when the first such state of the minute was received"),
    "ts_last": Said("time, UTC", "the last one"),
    "ts_counting": Said("time, UTC", "the last one whose countdown was a minute or more"),
    "ts_left_out": Said("time, UTC", "the last state of the minutes left out before this one; null: none is"),
    "states": Said("-", "how many there were, with those of the minutes left out"),
    "funding_rate_last": Said(
        _PER_INTERVAL, "charged at the last settlement, as told last, 30 s or more before `ts_told`"
    ),
    "funding_rate_next": Said(_PER_INTERVAL, "what the coming settlement will charge, likewise"),
    "funding_rate_predict": Said(_PER_INTERVAL, "estimate for the one after, likewise"),
    "mark_price": Said("quote", "mark price, as told last in the minute"),
    "index_price": Said("quote", "likewise"),
}
REMOVED: Final = {
    "removed": Said("-", "a table, or a file of the journal as `journal/<recorder>/<file>`"),
    "day": Said("time, UTC", "the day that was removed of the table"),
    "rows": Said("-", "how many rows; null for a file of the journal"),
    "bytes": Said("bytes", "how much room it took"),
    "ts_removed": Said("time, UTC", "when it was removed"),
}
_CHANGED: Final = Said(
    "time, UTC",
    "when this version came to be, by the venue: `ts_updated`, else `ts_created`, else when it was received",
)


def _account(name: str, **more: Said) -> dict[str, Said]:
    """A record's columns, `more`, and where the row came from."""
    told = {column.name: Said(column.unit, column.text) for column in account.COLUMNS[name]}
    return {**told, **more, "ts_recv": _RECV, "source": _SOURCE, "seq": _SEQ}


ACCOUNT: Final[dict[str, tuple[str, dict[str, Said]]]] = {
    "account_assets": ("a currency of the account, in each answer and push", _account("account_assets")),
    "account_positions": (
        "a position, in each answer and push",
        _account(
            "account_positions",
            event=Said("-", "the venue's number of what happened to it; null if asked for"),
        ),
    ),
    "account_orders": ("a version of an order, once", _account("account_orders", ts_event=_CHANGED)),
    "account_stop_orders": (
        "a version of a stop order, once",
        _account("account_stop_orders", ts_event=_CHANGED),
    ),
    "account_fills": (
        "an execution of an order, once",
        _account(
            "account_fills",
            ts_event=_EVENT,
            place=Said("-", "1, and 2 and so on of fills that are equal in order, time, price and quantity"),
        ),
    ),
    "account_ledger": ("a change of a balance, once", _account("account_ledger", ts_event=_EVENT)),
    "account_leverage": (
        "how a market's positions are opened, or how much margin of a position can be moved, in each answer",
        _account("account_leverage"),
    ),
    "account_answers": (
        "an answer about the account, also one that held nothing",
        _account("account_answers"),
    ),
}

TOLD: Final[dict[str, tuple[str, dict[str, Said]]]] = {
    "trades": ("a trade, once", TRADES),
    "depth": ("a full book snapshot", DEPTH),
    "klines": ("a candle, its last version", KLINES),
    "state": ("a market's figures at a moment", STATE),
    "markets": ("a market's description, when new or changed", MARKETS),
    "gaps": ("a span in which something is missing, and what was repaired of it", GAPS),
    "rejects": ("a frame that could not be decoded", REJECTS),
    "coverage": ("a market-minute: its witnesses and its grade", COVERAGE),
    "minutes": ("a market-minute of a compacted day, as sums that add up", MINUTES),
    "funding_told": (
        "a market-minute of a compacted day in which states told of funding, where it matters",
        FUNDING_TOLD,
    ),
    "removed": ("what retention removed", REMOVED),
    **ACCOUNT,
}
"""By table: what a row is, and what its columns say, in their order."""
