"""What the exchange says it did, read from its own record, in the lake's terms but by none of its code."""

import json
from base64 import b64encode
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from recorder.exchange.endpoints import API_PREFIX

OURS = {"by": "chaos"}
"""What a call of our own has in its query, and nobody else's."""
STATE_COLUMNS = {
    "last": "last", "open": "open", "high": "high", "low": "low", "change": "change", "volume": "volume",
    "turnover": "amount", "mark_price": "sign_price", "index_price": "index_price",
    "open_interest": "position_amount", "funding_rate_last": "funding_rate_last",
    "funding_rate_next": "funding_rate_next", "funding_rate_predict": "funding_rate_predict",
    "sell_total": "sell_total", "buy_total": "buy_total",
}  # fmt: skip
"""The decimals of a state: the lake's column, and the wire's name."""


class Trade(NamedTuple):
    """A trade as the lake should have it: time in us."""

    ts_event: int
    side: str
    price: float
    quantity: float


class Book(NamedTuple):
    """A book as the lake should have it: time in us, levels (price, quantity)."""

    market: str
    ts_event: int
    bids: tuple
    asks: tuple
    last: float
    index_price: float
    mark_price: float


class State(NamedTuple):
    """A market's state as the lake should have it."""

    market: str
    decimals: tuple
    insurance: Decimal
    funding_minutes: int


class Call(NamedTuple):
    """A REST call by its arrival."""

    t_ns: int
    endpoint: str
    status: int
    code: int | None


class Sent(NamedTuple):
    """A push to a connection: `key` is (market, trade id), a Book or a State."""

    t_ns: int
    stream: str
    key: tuple


@dataclass
class Told:
    """Everything the exchange told. Times are the machine's, in ns, unless a name says otherwise."""

    trades: dict = field(default_factory=dict)
    """(market, id) -> Trade, of every trade that happened."""
    happened: dict = field(default_factory=dict)
    """(market, id) -> when it was sent first, or would have been."""
    pushed: set = field(default_factory=set)
    """(market, id) of trades that a connection was sent."""
    books: dict = field(default_factory=lambda: defaultdict(list))
    """Book -> when it was sent, once a connection."""
    states: dict = field(default_factory=lambda: defaultdict(list))
    """State -> when it was sent, once a connection."""
    withheld: Counter = field(default_factory=Counter)
    """(stream, fault) -> pushes that reached nobody."""
    calls: list = field(default_factory=list)
    opened: dict = field(default_factory=dict)
    closed: dict = field(default_factory=dict)
    sent: dict = field(default_factory=lambda: defaultdict(list))
    """Connection -> what it was sent (candles left out), in order."""
    garbage: set = field(default_factory=set)
    """Everything sent that was no message, in the forms in which the lake may keep it."""
    skews: list = field(default_factory=lambda: [(0, 0)])
    """From when on the venue's clock was off the machine's by how much."""
    candles: dict = field(default_factory=dict)
    """(market, open in s) -> the six figures of each closed minute, as the venue gives them by REST."""

    def happened_at(self, venue_ns):
        """When the venue's clock first showed a time, by the machine's."""
        ends = [since for since, _ in self.skews[1:]] + [2**63]
        for (since, skew_ns), end in zip(self.skews, ends, strict=True):
            if venue_ns - skew_ns < end:
                return max(venue_ns - skew_ns, since)
        raise AssertionError("the last span has no end")


def read_record(path):
    """The whole record."""
    told = Told()
    with path.open() as file:
        for text in file:
            _take(told, json.loads(text))
    return told


def _take(told, line):
    if "frame" in line:
        _push(told, line)
    elif "text" in line:
        payload = line["text"].encode("latin-1")
        told.garbage |= {payload.decode(errors="backslashreplace"), f"base64:{b64encode(payload).decode()}"}
    elif "rest" in line:
        if OURS.items() <= line["query"].items():
            return
        endpoint = line["rest"].removeprefix(f"{API_PREFIX}/")
        told.calls.append(Call(line["t"], endpoint, line["status"], line["code"]))
    elif line.get("fault") == "skew":
        told.skews.append((line["t"], told.skews[-1][1] + int(line["seconds"] * 1e9)))
    elif "event" in line:
        (told.opened if line["event"] == "open" else told.closed)[line["conn"]] = line["t"]


def _push(told, line):
    stream = line["frame"]["method"].removeprefix("update.")
    result, connection = line["frame"]["result"], line["conn"]
    if line.get("lost"):
        told.withheld[stream, line["by"]] += 1
    if stream == "trade":
        key = (result["market"], result["id"])
        told.trades.setdefault(key, trade_of(result))
        told.happened.setdefault(key, line["t"])
        if connection:
            told.pushed.add(key)
            told.sent[connection].append(Sent(line["t"], stream, key))
    elif connection and stream == "depth":
        book = book_of(result)
        told.books[book].append(line["t"])
        told.sent[connection].append(Sent(line["t"], stream, book))
    elif connection and stream == "state":
        for market, fields in result.items():
            state = state_of(market, fields)
            told.states[state].append(line["t"])
            told.sent[connection].append(Sent(line["t"], stream, state))


def trade_of(result):
    """A trade of the wire."""
    ts_event = round(Decimal(str(result["time"])) * 1_000_000)
    return Trade(ts_event, result["type"], float(result["price"]), float(result["amount"]))


def book_of(result):
    """A book of the wire."""
    sides = [tuple((float(price), float(size)) for price, size in result[side]) for side in ("bids", "asks")]
    prices = [float(result[name]) for name in ("last", "index_price", "sign_price")]
    return Book(result["market"], result["time"] * 1_000, *sides, *prices)


def state_of(market, fields):
    """A state of the wire."""
    decimals = tuple(float(fields[wire]) for wire in STATE_COLUMNS.values())
    return State(market, decimals, Decimal(fields["insurance"]), fields["funding_time"])


def candle_of(row):
    """(open in s, (open, high, low, close, volume, turnover)) of a row as the simulated venue orders it."""
    return row[0], tuple(float(value) for value in row[1:7])
