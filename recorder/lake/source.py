"""One recorder's journal as the lake reads it: rows in waiting, its gaps, its markets, its position."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.exchange.answers import Market, parse_market_list
from recorder.exchange.messages import ProtocolError
from recorder.journal.reader import Block, Damage, JournalReader, Position, segments, writer_alive
from recorder.lake.decode import Decoded, Decoder, Record
from recorder.lake.gaps import Gap, GapMachine, Key
from recorder.lake.harvest import PUSH_TABLES
from recorder.lake.tables import DEPTH, KLINES, MARKETS, REJECTS, STATE, TRADES

BUFFERED: Final = (TRADES, DEPTH, KLINES, STATE, REJECTS)
_TORN: Final = "torn tail"
"""How the journal calls an end that was being written when the recorder was killed."""
_KINDS: Final = {1: "linear", None: "unknown"}
"""The venue's market types; any other number is an inverse market."""


class _Saved(msgspec.Struct):
    """What a commit remembers of one recorder."""

    position: tuple[int, int, int, int]
    gaps: bytes
    markets: dict[str, bytes]


class Source:
    """Follows one journal directory. `read` fills `rows`; `taken` empties them after a commit."""

    def __init__(self, directory: Path, saved: bytes | None) -> None:
        self.directory = directory
        self.rows: dict[str, list[pa.Table]] = {table.name: [] for table in BUFFERED}
        self.market_rows: list[dict[str, Any]] = []
        self.notices: Counter[str] = Counter()
        state = msgspec.msgpack.decode(saved, type=_Saved) if saved else None
        self._reader = JournalReader(directory, Position(*state.position) if state else None)
        self._gaps = GapMachine(state.gaps if state else None)
        self._markets: dict[str, bytes] = state.markets if state else {}
        self._decoder = Decoder()
        self._reading: Iterator[None] | None = None
        self._lost_end: tuple[int, str] | None = None

    def save(self) -> bytes:
        position = self._reader.position
        saved = _Saved(
            (position.segment, position.offset, position.seq, position.at), self._gaps.save(), self._markets
        )
        return msgspec.msgpack.encode(saved)

    @property
    def buffered_bytes(self) -> int:
        return sum(table.nbytes for tables in self.rows.values() for table in tables)

    @property
    def seen_until_ns(self) -> int:
        """The time of the last check line read: what arrived before it has been read."""
        return self._reader.position.at

    def taken(self) -> None:
        """The buffered rows are committed."""
        for tables in self.rows.values():
            tables.clear()
        self.market_rows.clear()
        self._gaps.closed.clear()
        self.notices.clear()

    def gaps(self) -> tuple[list[Gap], list[Gap]]:
        """(rows that became final since the last commit, rows still open)."""
        return self._gaps.closed, self._gaps.open

    def alive(self) -> bool:
        """Whether a recorder writes this journal now."""
        return writer_alive(self.directory)

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
        if final and not self.alive():  # still: a new recorder may have come while this was read
            self._gaps.crashed()

    def _take(self, block: Block) -> None:
        if self._lost_end is not None:  # the end of a segment is lost: until the next one begins
            start_us, detail = self._lost_end
            self._lost_end = None
            self._gaps.damaged(start_us, int(block.data[5 : block.data.index(b",")]) // 1000, detail)
        decoded = self._decoder.decode(block.data, block.first_seq)
        for table in BUFFERED:
            rows = getattr(decoded, table.name)
            if rows.num_rows:
                self.rows[table.name].append(rows)
        self.notices.update(decoded.notices)
        for record in decoded.records:
            if record.kind == "rest" and record.fields.get("call") == "market_list":
                self._list_markets(record)
        end_seq = block.first_seq + block.records
        self._gaps.follow(decoded.records, _Firsts(decoded), end_seq, block.end.at // 1000)

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


class _Firsts:
    """Looks up each market's first push of a stream between two sequence numbers of one decoded block."""

    def __init__(self, decoded: Decoded) -> None:
        self._decoded = decoded

    def __call__(self, stream: str, keys: set[Key], from_seq: int, below_seq: int) -> dict[Key, int]:
        if stream not in PUSH_TABLES:
            return {}  # a journal of a version that records more than this one reads
        rows = getattr(self._decoded, PUSH_TABLES[stream].name)
        seqs = np.asarray(rows["seq"].combine_chunks()) if rows.num_rows else np.zeros(0, np.int64)
        start, end = np.searchsorted(seqs, [from_seq, below_seq])
        if start >= end:
            return {}
        rows = rows.slice(int(start), int(end - start))
        if stream == "state":
            return dict.fromkeys(keys, rows["ts_recv"].cast(pa.int64())[0].as_py())
        rows = rows.filter(pc.is_in(rows["market"], pa.array(sorted({key[1] for key in keys}), pa.string())))
        periods = rows["period"].to_pylist() if stream == "kline" else [""] * rows.num_rows
        times = rows["ts_recv"].cast(pa.int64()).to_pylist()
        found: dict[Key, int] = {}
        for market, period, time_us in zip(rows["market"].to_pylist(), periods, times, strict=True):
            key = (stream, market, period)
            if key in keys:
                found.setdefault(key, time_us)
        return found
