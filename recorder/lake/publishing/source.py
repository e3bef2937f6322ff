"""One recorder's journal as the lake reads it: rows in waiting, its gaps, its markets, its position."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from recorder.exchange.answers import Market, parse_market_list
from recorder.exchange.endpoints import MARKET_LIST
from recorder.exchange.fields import ProtocolError
from recorder.journal.reader import Block, Damage, JournalReader, Position, segments, writer_alive
from recorder.lake.asked import Candles
from recorder.lake.decoding.decoder import Decoder, Record
from recorder.lake.gaps.held import Held
from recorder.lake.gaps.machine import GapMachine
from recorder.lake.gaps.pushes import NO_PUSHES, BlockPushes
from recorder.lake.gaps.state import Gap
from recorder.lake.publishing.fills import Fills, LastPage
from recorder.lake.store.account_tables import ACCOUNT, ACCOUNT_FILLS
from recorder.lake.store.table import Table
from recorder.lake.store.tables import DEPTH, KLINES, MARKETS, REJECTS, STATE, TABLES, TRADES

_PUBLIC: Final = (TRADES, DEPTH, KLINES, STATE, REJECTS)
BUFFERED: Final = (*_PUBLIC, *ACCOUNT)
_TORN: Final = "torn tail"
"""How the journal calls an end that was being written when the recorder was killed."""
_KINDS: Final = {1: "linear", None: "unknown"}
"""The venue's market types; any other number is an inverse market."""


class _Saved(msgspec.Struct):
    """What a commit remembers of one recorder."""

    position: tuple[int, int, int, int]
    gaps: bytes
    markets: dict[str, bytes]
    held: list[tuple[int, bytes]]
    fills: LastPage | None = None


class _Running(msgspec.Struct):
    """Of what `GapMachine` saves, whether the recorder was taken to live."""

    running: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a journal was read for a commit, and whether it was known by then that its recorder is gone."""

    until: Position
    ended: bool


def reach_of(saved: bytes) -> Reach:
    """What a commit knew of a recorder, from what it saved.

    That a recorder is gone does not stand in the journal: its lock tells, when it is looked at. What follows
    from it does stand in what was saved: nothing is awaited from it any more.
    """
    state = msgspec.msgpack.decode(saved, type=_Saved)
    running = msgspec.msgpack.decode(state.gaps, type=_Running).running
    return Reach(Position(*state.position), not running and not state.held)


class Source:
    """Follows one journal directory. `read` fills `rows`; `taken` empties them after a commit.

    With a `reach` it reads as far as an earlier commit did, and knows of the recorder's life what that knew.
    """

    def __init__(self, directory: Path, saved: bytes | None, reach: Reach | None = None) -> None:
        self.directory = directory
        self.rows: dict[str, list[pa.Table]] = {table.name: [] for table in BUFFERED}
        self.buffered_bytes = 0
        """Of the rows in waiting; counted as they come, for there may be many small blocks."""
        self.market_rows: list[dict[str, Any]] = []
        self.candles: list[Candles] = []
        """What answers of the kline endpoint were asked for since the last commit."""
        self.notices: Counter[str] = Counter()
        state = msgspec.msgpack.decode(saved, type=_Saved) if saved else None
        self._reach = reach
        start, until = Position(*state.position) if state else None, reach.until if reach else None
        self._reader = JournalReader(directory, start, until=until)
        self._gaps = GapMachine(state.gaps if state else None)
        self._markets: dict[str, bytes] = state.markets if state else {}
        self._held = Held(state.held if state else ())
        self._fills = Fills(state.fills if state else None)
        self._decoder = Decoder()
        self._reading: Iterator[None] | None = None
        self._lost_end: tuple[int, str] | None = None

    def save(self) -> bytes:
        position = self._reader.position
        saved = _Saved(
            (position.segment, position.offset, position.seq, position.at),
            self._gaps.save(),
            self._markets,
            self._held.save(),
            self._fills.last,
        )
        return msgspec.msgpack.encode(saved)

    @property
    def seen_until_ns(self) -> int:
        """The time of the last check line read: what arrived before it has been read."""
        return self._reader.position.at

    def taken(self) -> None:
        """The buffered rows are committed."""
        for tables in self.rows.values():
            tables.clear()
        self.buffered_bytes = 0
        self.market_rows.clear()
        self.candles.clear()
        self._gaps.closed.clear()
        self.notices.clear()

    def gaps(self) -> tuple[list[Gap], list[Gap]]:
        """(rows that ended, or were repaired, since the last commit; rows still open)."""
        return self._gaps.closed, self._gaps.open

    @property
    def recorded(self) -> dict[str, list[tuple[int, int | None]]]:
        """When each "stream market" was meant to be recorded, in us; end None: it still is."""
        return self._gaps.recorded

    def alive(self) -> bool:
        """Whether a recorder writes this journal now."""
        return writer_alive(self.directory) if self._reach is None else not self._reach.ended

    @property
    def position(self) -> Position:
        """How far it was read."""
        return self._reader.position

    def read(self, full: Callable[[], bool]) -> None:
        """Take everything the journal has by now, or until `full` says that the rows must be committed.

        Reading that was broken off for a commit is taken up where it stood.
        """
        if self._reading is None:
            alive = self.alive()  # asked first: what a writer wrote before it went is read below
            self._reading = self._everything(final=not alive)
        for _ in self._reading:
            if full():
                return
        self._reading = None

    def _everything(self, *, final: bool) -> Iterator[None]:
        for item in self._reader.read(final=final):
            if isinstance(item, Damage):
                self._damaged(item)
            else:
                self._take(item)
            yield
        self._lived(self._reader.position.at)
        if final and not self.alive():  # still: a new recorder may have come while this was read
            self._gaps.crashed()
            self._release(self._held.all())

    def _take(self, block: Block) -> None:
        if self._lost_end is not None:  # the end of a segment is lost: until the next one begins
            start_us, detail = self._lost_end
            self._lost_end = None
            self._gaps.damaged(start_us, int(block.data[5 : block.data.index(b",")]) // 1000, detail)
        self._lived(block.after.at)
        decoded = self._decoder.decode(block.data, block.first_seq)
        for name, rows in decoded.account.items():
            is_fills = name == ACCOUNT_FILLS.name
            self._buffer(TABLES[name], self._fills.counted(rows, decoded.records) if is_fills else rows)
        for table in _PUBLIC:
            rows = getattr(decoded, table.name)
            if table is TRADES:
                self._release(self._held.among(rows, decoded.deals, decoded.records, block.end.at // 1000))
            else:
                self._buffer(table, rows)
        self.notices.update(decoded.notices)
        for record in decoded.records:
            if record.kind == "rest" and record.fields.get("call") == MARKET_LIST.name:
                self._list_markets(record)
            elif isinstance(record.answer, Candles):
                self.candles.append(record.answer)
        end_seq = block.first_seq + block.records
        self._gaps.follow(decoded.records, BlockPushes(decoded), end_seq, block.end.at // 1000)

    def _lived(self, at_ns: int) -> None:
        """The recorder lived then: a check line says so, also one that is no block's end."""
        if at_ns:
            self._gaps.follow((), NO_PUSHES, 0, at_ns // 1000)

    def _release(self, trades: Iterable[pa.Table]) -> None:
        for rows in trades:
            self._buffer(TRADES, rows)

    def _buffer(self, table: Table, rows: pa.Table) -> None:
        if rows.num_rows:
            self.rows[table.name].append(rows)
            self.buffered_bytes += rows.nbytes

    def _damaged(self, damage: Damage) -> None:
        self.notices[f"journal damage: {damage.reason}"] += 1
        detail = f"journal segment {damage.segment}: {damage.reason}"
        start_us = (damage.after.at or self._created_ns(damage.segment)) // 1000
        if damage.at_next is not None:
            self._gaps.damaged(start_us, damage.at_next // 1000, detail)
        elif damage.reason != _TORN:  # a torn tail is a killed recorder's: that has its own gap
            self._lost_end = (start_us, detail)

    def _created_ns(self, ordinal: int) -> int:
        return next((s.created_ns for s in segments(self.directory) if s.ordinal == ordinal), 0)

    def _list_markets(self, record: Record) -> None:
        """A market list answer: a row for each description that is new or changed."""
        body = record.fields.get("body")
        if record.fields.get("status") != 200 or not isinstance(body, dict) or body.get("code") != 0:
            return
        try:
            markets, faults = parse_market_list(body.get("data"))
        except ProtocolError as error:
            markets, faults = (), (str(error),)
        for fault in faults:
            self.notices[f"market list: {fault}"] += 1
        listed = {market.name: market for market in markets}
        for name in self._markets.keys() - listed.keys():
            if listed:  # gone from the list: its last description, no longer available
                old = msgspec.msgpack.decode(self._markets[name], type=Market)
                listed[name] = dataclasses.replace(old, available=False)
        for name, market in listed.items():
            description = msgspec.msgpack.encode(market)
            if self._markets.get(name) != description:
                self._markets[name] = description
                self.market_rows.append(market_row(market, record.t // 1000))


def market_row(market: Market, recv_us: int) -> dict[str, Any]:
    """One row of `markets`: the venue's words become the field's."""

    def number(text: str | None) -> float | None:
        return float(text) if text is not None else None

    return {
        "market": market.name,
        "base": market.stock,
        "quote": market.money,
        "type": _KINDS.get(market.type, "inverse"),
        "tick_size": number(market.tick_size),
        "amount_min": number(market.amount_min),
        "precisions": {
            "base": market.stock_prec,
            "quote": market.money_prec,
            "amount": market.amount_prec,
            "fee": market.fee_prec,
        },
        "leverages": [float(value) for value in market.leverages],
        "limits": [
            {"amount_max": float(amount), "leverage_max": float(leverage), "maintenance_rate": float(rate)}
            for amount, leverage, rate in market.limits
        ],
        "available": market.available,
        "ts_recv": recv_us,
    }


def market_table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=MARKETS.schema)
