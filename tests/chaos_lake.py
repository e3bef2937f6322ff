"""What the lake of a chaos run holds, read as any DuckDB user would, and what it says it has not."""

from dataclasses import dataclass, field
from decimal import Decimal

from chaos_record import STATE_COLUMNS, Book, State, Trade
from journals import Lake

from recorder.lake.days.compact import is_due
from recorder.lake.store.files import day_of
from recorder.lake.store.manifest import read_files

ALL = None
"""A stream or market of a gap that stands for every one."""


@dataclass(frozen=True)
class Gap:
    """A row of `gaps`, times in us by the recorder's clock."""

    stream: str | None
    market: str | None
    start: int
    end: int | None
    reason: str
    repaired: str = "none"
    period: str | None = None
    remains: tuple = (None, None)

    def speaks_of(self, stream, market):
        """Whether it is about this stream and market."""
        return self.stream in (ALL, stream) and self.market in (ALL, market) and self.period in (None, "1min")

    def holds(self, moment_us):
        """Whether the moment lies in it."""
        return self.start <= moment_us and (self.end is None or moment_us <= self.end)

    def touches(self, start_us, end_us):
        """Whether any of a span lies in it."""
        return self.start <= end_us and (self.end is None or start_us <= self.end)


@dataclass
class Found:
    """The rows of the lake: what stands more than once is counted under `twice`."""

    trades: dict = field(default_factory=dict)
    """(market, id) -> (Trade, source)."""
    books: dict = field(default_factory=dict)
    """Book -> how often it is there."""
    states: dict = field(default_factory=dict)
    """State -> the receive times (us) of its pushes."""
    rest_states: int = 0
    candles: dict = field(default_factory=dict)
    """(market, open in s) -> the six figures of a minute's candle."""
    coverage: dict = field(default_factory=dict)
    """(market, minute in s) -> (grade, reason)."""
    gaps: list = field(default_factory=list)
    rejects: list = field(default_factory=list)
    """(reason, frame)."""
    twice: list = field(default_factory=list)
    """Keys that have more than one row, with their table."""

    def gap(self, stream, market, moment_us):
        """A gap of the stream and market that holds the moment, or None."""
        speaking = (gap for gap in self.gaps if gap.speaks_of(stream, market))
        return next((gap for gap in speaking if gap.holds(moment_us)), None)


def read_lake(data_dir):
    """Everything."""
    lake = Lake(data_dir)
    found = Found()
    _trades(lake, found)
    _books(lake, found)
    _states(lake, found)
    _minutes(lake, found)
    columns = "stream, market, epoch_us(ts_start), epoch_us(ts_end), reason, repaired, period"
    remains = "epoch_us(remains_start), epoch_us(remains_end)"
    found.gaps = [Gap(*row[:7], row[7:]) for row in lake.rows("gaps", f"{columns}, {remains}")]
    found.rejects = lake.rows("rejects", "reason, frame")
    return found


def read_closed_days(data_dir, now_ns):
    """By table and day that is over: its files, and how many of them are still to be compacted."""
    today = day_of(now_ns // 1000)
    days = {}
    for file in read_files(data_dir):
        if file.rows and file.date < today:
            files, due = days.get((file.table, file.date), (0, 0))
            days[file.table, file.date] = (files + 1, due + is_due(file))
    return days


def _once(found, table, rows, key, value):
    """Rows by key; a key that comes again is told."""
    by_key = {}
    for row in rows:
        if key(row) in by_key:
            found.twice.append((table, key(row)))
        by_key[key(row)] = value(row)
    return by_key


def _trades(lake, found):
    rows = lake.rows("trades", "market, trade_id, epoch_us(ts_event), side, price, quantity, source")
    found.trades = _once(
        found, "trades", rows, lambda row: (row[0], row[1]), lambda row: (Trade(*row[2:6]), row[6])
    )


def _books(lake, found):
    columns = "market, epoch_us(ts_event), bids, asks, last, index_price, mark_price"
    rows = [Book(*row[:2], _levels(row[2]), _levels(row[3]), *row[4:]) for row in lake.rows("depth", columns)]
    found.books = _once(found, "depth", rows, lambda book: book, lambda _: 1)


def _levels(side):
    return tuple((level["price"], level["quantity"]) for level in side)


def _states(lake, found):
    columns = ["market", "insurance", "funding_minutes", "source", "epoch_us(ts_recv)", *STATE_COLUMNS]
    for market, insurance, minutes, source, recv_us, *decimals in lake.rows("state", ", ".join(columns)):
        if source == "rest":
            found.rest_states += 1
            continue
        state = State(market, tuple(decimals), Decimal(insurance), minutes)
        found.states.setdefault(state, []).append(recv_us)


def _minutes(lake, found):
    columns = "market, epoch(ts_open)::BIGINT, open, high, low, close, volume, turnover"
    rows = lake.rows("klines", columns, "WHERE period = '1min'")
    found.candles = _once(found, "klines", rows, lambda row: row[:2], lambda row: row[2:])
    rows = lake.rows("coverage", "market, epoch(minute)::BIGINT, grade, reason")
    found.coverage = _once(found, "coverage", rows, lambda row: row[:2], lambda row: row[2:])
