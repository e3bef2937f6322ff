"""Journals written by the real writer, and lakes read back by DuckDB."""

import json
import time
from pathlib import Path

import duckdb

from recorder.journal.writer import JournalWriter

START_NS = 1_723_161_254_000_000_000
STATE = {
    "last": "100", "open": "99", "high": "101", "low": "98", "change": "0.0101010101", "period": 86400,
    "volume": "12.5", "amount": "1250", "funding_time": 5, "position_amount": "7",
    "funding_rate_last": "0.0001", "funding_rate_next": "0.0002", "funding_rate_predict": "-0.0003",
    "insurance": "10500.45426906585552617850", "sign_price": "100.1", "index_price": "100.2",
    "sell_total": "3", "buy_total": "4",
}  # fmt: skip


def push(stream, result):
    return json.dumps(
        {"id": 0, "method": f"update.{stream}", "result": result, "error": None}, separators=(",", ":")
    ).encode()


def trade(market, trade_id, *, price="100.5", amount="2", side="buy", time_s=1_723_161_255.342):
    fields = {
        "amount": amount,
        "id": trade_id,
        "market": market,
        "price": price,
        "time": time_s,
        "type": side,
    }
    return push("trade", fields)


def book(market, time_ms, *, bid="100", ask="101"):
    sides = {"asks": [[ask, "1"], ["102", "2"]], "bids": [[bid, "3"], ["99", "4"]]}
    prices = {"last": "100.5", "index_price": "100.4", "sign_price": "100.6"}
    return push("depth", {**sides, **prices, "market": market, "time": time_ms})


def candle(market, open_s, close, *, period="1min"):
    row = [open_s, "100", "110", "90", close, "5", "500", market]
    return push("kline", {"data": [row], "market": market, "period": period})


def state(*markets):
    return push("state", {market: {"market": market, **STATE} for market in markets})


class Recorder:
    """Plays the part of capture: appends events and frames with times of its own."""

    def __init__(self, data_dir, name="main", **limits):
        self.directory = Path(data_dir) / "journal" / name
        self.writer = JournalWriter(self.directory, name, "session", "0", flush_s=0.01, **limits)
        self.now_ns = time.time_ns()
        self.ids = 0

    def at(self, seconds):
        """Move the recorder's clock forward."""
        self.now_ns += int(seconds * 1e9)
        return self

    def event(self, kind, connection=None, **fields):
        self.writer.append_event(kind, fields, connection, self.now_ns)
        return self

    def frames(self, *frames, connection=1):
        self.writer.append_frames(self.now_ns, connection, list(frames))
        return self

    def answer(self, call, data, *, asked_ago_s=0.01, **params):
        """An answer by REST, received now."""
        body = json.dumps({"code": 0, "msg": "success", "data": data}).encode()
        asked_ns = self.now_ns - int(asked_ago_s * 1e9)
        self.writer.append_rest(call, params, 200, body, t_ns=self.now_ns, asked_ns=asked_ns)
        return self

    def deals(self, market, *trades):
        """The deals endpoint's answer: (id, seconds, price, amount, side), the newest first."""
        names = ("id", "time", "price", "amount", "type")
        return self.answer(
            "market_deals", [dict(zip(names, row, strict=True)) for row in trades], market=market
        )

    def candles(self, market, from_s, to_s, *rows, period="1min"):
        """The kline endpoint's answer: (open time, open, high, low, close, volume, amount) a row."""
        bounds = {"start_time": str(from_s), "end_time": str(to_s)}
        return self.answer(
            "market_kline", [[*row, market] for row in rows], market=market, type=period, **bounds
        )

    def topics(self, *topics):
        rows = []
        for topic in topics:
            self.ids += 1
            rows.append([self.ids, *topic])
        return rows

    def session(self, *topics, markets=("AAA", "BBB"), connection=1):
        """A start, the market list, a connection that asks for the topics and has them confirmed."""
        rows = self.topics(*topics)
        self.event("start", recorder="main").event("markets", listed=list(markets), delisted=[])
        self.at(0.1).event("up", connection, url="ws://x").event("subscribe", connection, topics=rows)
        return self.at(0.1).event("confirmed", connection, topics=rows)

    def flushed(self):
        """Everything so far can be read by others."""
        assert self.writer.wait_flushed(5)
        return self

    def stop(self):
        self.event("stop", reason="SIGTERM")
        self.writer.close()


class Lake:
    """Reads a lake as any DuckDB user would: a plain glob."""

    def __init__(self, data_dir):
        self.data_dir = Path(data_dir)
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone='UTC'")

    def rows(self, table, columns="*", rest=""):
        files = f"read_parquet('{self.data_dir}/lake/{table}/**/*.parquet', hive_partitioning=true)"
        return self.connection.sql(f"SELECT {columns} FROM {files} {rest}").fetchall()

    def files(self, table):
        return [
            path
            for path in (self.data_dir / "lake" / table).rglob("*.parquet")
            if path.name != "empty.parquet"
        ]
