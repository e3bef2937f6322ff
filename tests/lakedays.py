"""Rows of a lake's day, made one by one, and lakes with such rows in as many files as a test likes."""

import datetime as dt
import itertools

import pyarrow as pa
import pyarrow.parquet as pq

from recorder.lake.days import compact
from recorder.lake.store.files import in_order, write_file
from recorder.lake.store.manifest import Commit, FileInfo
from recorder.lake.store.removed import removed_days
from recorder.lake.store.tables import DEPTH, STATE, TABLES, TRADES

DATE = "2026-11-22"
DAY_US = 1_795_305_600_000_000
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US


def book(ts, *, market="AAA", recv=None, bids=((100.0, 1.0),), asks=((101.0, 1.0),), seq=0, **prices):
    """A book at `ts` us after the day's begin; `prices` may be last, index_price, mark_price."""
    best = [side[0] if side else (None, None) for side in (bids, asks)]
    row = dict.fromkeys(DEPTH.schema.names) | prices
    row |= {"bid_price": best[0][0], "bid_quantity": best[0][1]}
    row |= {"ask_price": best[1][0], "ask_quantity": best[1][1], "bids": list(bids), "asks": list(asks)}
    return row | _origin(market, ts, ts if recv is None else recv, seq) | {"ts_event": DAY_US + ts}


def trade(ts, trade_id, price=100.0, quantity=1.0, side="buy", *, market="AAA", seq=0):
    row = dict.fromkeys(TRADES.schema.names)
    row |= {"trade_id": trade_id, "price": price, "quantity": quantity, "side": side}
    return row | _origin(market, ts, ts, seq) | {"ts_event": DAY_US + ts}


def state(ts, open_interest=None, *, market="AAA", seq=0):
    row = dict.fromkeys(STATE.schema.names) | {"open_interest": open_interest}
    return row | _origin(market, ts, ts, seq)


def _origin(market, ts, recv, seq):
    return {"market": market, "ts_recv": DAY_US + recv, "source": "ws", "seq": seq}


def rows_of(table, rows):
    """Rows as an Arrow table, in the table's order."""
    columns = {name: [row[name] for row in rows] for name in table.schema.names}
    for name in ("bids", "asks"):
        if name in columns:
            columns[name] = [
                [dict(zip(("price", "quantity"), level, strict=True)) for level in levels]
                for levels in columns[name]
            ]
    arrays = [pa.array(columns[field.name], field.type) for field in table.schema]
    return in_order(pa.Table.from_arrays(arrays, schema=table.schema), table)


def put(lake, work, name, rows, path, *, hour=0, level=0):
    """Write rows below work/; returns what a commit needs to add them to the lake as `path`."""
    table = TABLES[name]
    draft = path.replace("/", "_")
    file = write_file(work / draft, table, rows, 1)
    size = (work / draft).stat().st_size
    date = path.split("date=")[1][:10]
    info = FileInfo(path, name, date, hour, level, file.rows, size, file.min_us, file.max_us)
    return draft, info


class Day:
    """A lake of one day whose files are put there one by one, with a manifest of its own."""

    def __init__(self, manifest):
        self.manifest = manifest
        self.numbers = itertools.count(1)

    def add(self, name, *rows, date=DATE, file=None, hour=0):
        """A new file of some rows: of the builders above, or an Arrow table."""
        table = rows[0] if isinstance(rows[0], pa.Table) else rows_of(TABLES[name], rows)
        path = f"{name}/date={date}/{file or f'05-{next(self.numbers):09d}'}.parquet"
        added = put(self.manifest.lake, self.manifest.work, name, table, path, hour=hour)
        self.manifest.commit(Commit([added]))
        return self

    def files(self, date=DATE):
        return [file for name in TABLES for file in self.manifest.files(name, date)]

    def plan(self, missing=lambda _: (), stopped=lambda: False, date=DATE):
        """What a compaction would change."""
        manifest, stem = self.manifest, f"{next(self.numbers):09d}"
        removed = removed_days(manifest.lake, manifest.files("removed"))
        gone = frozenset(table for table, day in removed if day == date)
        day = compact.Day(manifest.lake, manifest.work, date, stem, self.files(date), missing, gone=gone)
        return compact.compact_day(day, stopped)

    def retire(self, *names, date=DATE):
        """Remove tables of a day, and tell of it in `removed`."""
        files = [file for file in self.files(date) if file.table in names and file.rows]
        day_us = DAY_US + (dt.date.fromisoformat(date) - dt.date.fromisoformat(DATE)).days * 24 * HOUR_US
        told = [
            {"removed": name, "day": day_us, "rows": 1, "bytes": 1, "ts_removed": day_us}
            for name in sorted({file.table for file in files})
        ]
        rows = pa.Table.from_pylist(told, schema=TABLES["removed"].schema)
        path = f"removed/date={date}/removed-{next(self.numbers)}.parquet"
        added = put(self.manifest.lake, self.manifest.work, "removed", rows, path)
        self.manifest.commit(Commit([added], [file.path for file in files]))
        return self

    def compact(self, missing=lambda _: (), date=DATE):
        commit = self.plan(missing, date=date)
        self.manifest.commit(commit)
        return commit

    def read(self, name, date=DATE):
        """Every row of a table's day, file after file."""
        paths = [self.manifest.lake / file.path for file in self.manifest.files(name, date) if file.rows]
        tables = [pq.ParquetFile(path).read() for path in paths]
        return pa.concat_tables([TABLES[name].schema.empty_table(), *tables]).combine_chunks()
