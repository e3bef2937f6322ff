"""Journal to lake: whole, once, in order, readable, whatever happens in between."""

import json
import shutil
import time
from decimal import Decimal

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from journals import STATE, Recorder, book, candle, state, trade

from analytics.views import write_views
from recorder.lake.publishing.follow import publish_once
from recorder.lake.publishing.publisher import LakeError, Publisher
from recorder.lake.store import manifest
from recorder.lake.store.manifest import Commit, Manifest
from recorder.lake.store.tables import TABLES


def record(data_dir, *frames):
    recorder = Recorder(data_dir)
    recorder.session(("trade", "AAA"), ("depth", "AAA")).frames(*frames)
    return recorder


class TestRows:
    def test_a_trade_is_a_row_with_every_field_of_the_contract(self, data_dir, lake):
        recorder = record(data_dir, trade("AAA", 7, price="61837.63", amount="0.02", side="sell"))
        recv_us = recorder.now_ns // 1000
        recorder.stop()
        publish_once(data_dir)
        columns = "market, trade_id, epoch_us(ts_event), epoch_us(ts_recv), side, price, quantity, source"
        expected = ("AAA", 7, 1_723_161_255_342_000, recv_us, "sell", 61837.63, 0.02, "ws")
        assert lake.rows("trades", columns) == [expected]

    def test_a_book_keeps_all_levels_and_its_best(self, data_dir, lake):
        record(data_dir, book("AAA", 1_723_161_255_123)).stop()
        publish_once(data_dir)
        columns = (
            "bid_price, bid_quantity, ask_price, ask_quantity, bids, asks, last, index_price, mark_price"
        )
        [row] = lake.rows("depth", columns)
        levels = [[(level["price"], level["quantity"]) for level in side] for side in row[4:6]]
        assert row[:4] == (100.0, 3.0, 101.0, 1.0)
        assert levels == [[(100.0, 3.0), (99.0, 4.0)], [(101.0, 1.0), (102.0, 2.0)]]
        assert row[6:] == (100.5, 100.4, 100.6)

    def test_the_insurance_fund_keeps_all_its_digits(self, data_dir, lake):
        record(data_dir, state("AAA")).stop()
        publish_once(data_dir)
        assert lake.rows("state", "insurance") == [(Decimal(STATE["insurance"]),)]

    def test_a_candle_is_one_row_with_its_last_version_across_publishes(self, data_dir, lake):
        recorder = record(data_dir, candle("AAA", 1_723_161_240, "101"))
        with Publisher(data_dir) as publisher:
            wait_for(publisher, "klines")
            publisher.publish()
            recorder.at(1).frames(candle("AAA", 1_723_161_240, "102"), candle("AAA", 1_723_161_300, "103"))
            recorder.stop()
            publisher.read()
            publisher.publish()
        rows = lake.rows("klines", "epoch(ts_open)::BIGINT, close, period", "ORDER BY ts_open")
        assert rows == [(1_723_161_240, 102.0, "1min"), (1_723_161_300, 103.0, "1min")]

    def test_the_last_version_of_a_candle_is_the_last_to_arrive_also_after_the_clock_was_set_back(
        self, data_dir, lake
    ):
        recorder = record(data_dir, candle("AAA", 1_723_161_240, "101"))
        recorder.at(-3_600).frames(candle("AAA", 1_723_161_240, "102")).stop()
        publish_once(data_dir)
        assert lake.rows("klines", "close") == [(102.0,)]

    def test_what_cannot_be_decoded_is_kept_with_its_reason(self, data_dir, lake):
        record(data_dir, b"not json", trade("AAA", 1, price="abc"), trade("AAA", 2)).stop()
        publish_once(data_dir)
        reasons = dict(lake.rows("rejects", "reason, frame"))
        assert set(reasons) == {"not JSON", "trade.price is not a decimal"}
        assert reasons["not JSON"] == "not json"
        assert len(lake.rows("trades")) == 1

    def test_rows_of_a_file_are_in_the_order_of_market_and_time(self, data_dir, lake):
        late = trade("AAA", 1, time_s=1_723_161_251.0)
        record(data_dir, trade("BBB", 5), trade("AAA", 2, time_s=1_723_161_259.0), late).stop()
        publish_once(data_dir)
        [path] = lake.files("trades")
        rows = pq.ParquetFile(path).read().to_pylist()
        assert [(row["market"], row["trade_id"]) for row in rows] == [("AAA", 1), ("AAA", 2), ("BBB", 5)]

    def test_the_partition_is_the_utc_day_of_the_row(self, data_dir, lake):
        night = [trade("AAA", 1, time_s=1_723_161_599.999), trade("AAA", 2, time_s=1_723_161_600.0)]
        record(data_dir, *night).stop()
        publish_once(data_dir)
        rows = lake.rows("trades", "trade_id, date::VARCHAR", "ORDER BY ALL")
        assert rows == [(1, "2024-08-08"), (2, "2024-08-09")]


LISTED = {
    "name": "AAA", "type": 1, "stock": "A", "money": "USDT", "tick_size": "0.01", "stock_prec": 8,
    "money_prec": 2, "amount_prec": 4, "fee_prec": 5, "amount_min": "0.0001", "available": True,
    "leverages": ["3", "5"], "limits": [["100.5", "3", "0.15"]], "sort": 1,
}  # fmt: skip


class TestMarkets:
    def answer(self, recorder, *markets):
        body = json.dumps({"code": 0, "msg": "success", "data": list(markets)}).encode()
        recorder.writer.append_rest("market_list", {}, 200, body, t_ns=recorder.at(30).now_ns)

    def test_a_row_is_written_only_when_a_description_is_new_or_changed(self, data_dir, lake):
        recorder = record(data_dir)
        self.answer(recorder, LISTED)
        self.answer(recorder, LISTED)
        self.answer(recorder, {**LISTED, "tick_size": "0.1"})
        recorder.stop()
        publish_once(data_dir)
        rows = lake.rows(
            "markets", "market, base, quote, type, tick_size, precisions.amount", "ORDER BY ts_recv"
        )
        assert rows == [("AAA", "A", "USDT", "linear", 0.01, 4), ("AAA", "A", "USDT", "linear", 0.1, 4)]

    def test_a_market_that_left_the_list_is_no_longer_available(self, data_dir, lake):
        recorder = record(data_dir)
        self.answer(recorder, LISTED, {**LISTED, "name": "BBB"})
        self.answer(recorder, LISTED)
        recorder.stop()
        publish_once(data_dir)
        assert lake.rows("markets", "available", "WHERE market = 'BBB' ORDER BY ts_recv") == [
            (True,),
            (False,),
        ]


class TestOnce:
    def test_publishing_twice_changes_nothing(self, data_dir):
        record(data_dir, trade("AAA", 1), book("AAA", 1_723_161_255_000), state("AAA")).stop()
        publish_once(data_dir)
        before = {path: path.read_bytes() for path in (data_dir / "lake").rglob("*.parquet")}
        assert sum(publish_once(data_dir).values()) == 0
        assert {path: path.read_bytes() for path in (data_dir / "lake").rglob("*.parquet")} == before

    def test_a_trade_pushed_again_is_one_row_also_across_publishes_and_restarts(self, data_dir, lake):
        record(data_dir, trade("AAA", 1), trade("AAA", 2), trade("AAA", 1)).stop()
        publish_once(data_dir)
        record(data_dir, trade("AAA", 2), trade("AAA", 3), trade("BBB", 2)).stop()
        publish_once(data_dir)
        rows = lake.rows("trades", "market, trade_id", "ORDER BY ALL")
        assert rows == [("AAA", 1), ("AAA", 2), ("AAA", 3), ("BBB", 2)]

    def test_a_late_trade_with_a_lower_id_is_kept(self, data_dir, lake):
        record(data_dir, trade("AAA", 10)).stop()
        publish_once(data_dir)
        record(data_dir, trade("AAA", 9)).stop()
        publish_once(data_dir)
        assert lake.rows("trades", "trade_id", "ORDER BY ALL") == [(9,), (10,)]

    def test_a_trade_id_taken_by_another_trade_goes_to_rejects(self, data_dir, lake):
        record(data_dir, trade("AAA", 1, price="100")).stop()
        publish_once(data_dir)
        record(data_dir, trade("AAA", 1, price="200")).stop()
        publish_once(data_dir)
        assert lake.rows("trades", "price") == [(100.0,)]
        assert lake.rows("rejects", "reason") == [("trade id seen before with other content",)]

    def test_the_same_book_pushed_again_is_one_row_and_another_of_the_same_instant_is_two(
        self, data_dir, lake
    ):
        ms = 1_723_161_255_000
        record(data_dir, book("AAA", ms), book("AAA", ms), book("AAA", ms, bid="99.5")).stop()
        publish_once(data_dir)
        record(data_dir, book("AAA", ms), book("AAA", ms - 100)).stop()
        publish_once(data_dir)
        rows = lake.rows("depth", "epoch_ms(ts_event), bid_price", "ORDER BY ALL")
        assert rows == [(ms - 100, 100.0), (ms, 99.5), (ms, 100.0)]

    def test_a_second_publisher_is_refused(self, data_dir):
        with Publisher(data_dir), pytest.raises(LakeError, match="another process publishes"):
            Publisher(data_dir)

    def test_a_lake_without_its_manifest_is_refused_instead_of_doubled(self, data_dir):
        record(data_dir, trade("AAA", 1)).stop()
        publish_once(data_dir)
        for path in data_dir.glob("manifest.sqlite*"):
            path.unlink()
        with pytest.raises(LakeError, match="made again from the journal"):
            publish_once(data_dir)


class TestReadable:
    def test_every_table_is_readable_before_anything_was_recorded(self, data_dir, lake):
        with Publisher(data_dir):
            pass
        assert [lake.rows(name) for name in TABLES] == [[]] * len(TABLES)

    def test_polars_reads_the_same_rows(self, data_dir):
        record(data_dir, trade("AAA", 1), trade("BBB", 1)).stop()
        publish_once(data_dir)
        frame = pl.read_parquet(data_dir / "lake" / "trades" / "**/*.parquet", hive_partitioning=True)
        assert sorted(frame["market"].to_list()) == ["AAA", "BBB"]

    def test_nothing_but_tables_lies_below_the_lake(self, data_dir):
        record(data_dir, trade("AAA", 1)).stop()
        publish_once(data_dir)
        names = {path.relative_to(data_dir / "lake").parts[0] for path in (data_dir / "lake").rglob("*")}
        assert names == set(TABLES)
        assert not list((data_dir / "work").iterdir())

    @pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
    def test_columns_on_disk_are_the_catalogues(self, data_dir, table):
        with Publisher(data_dir):
            pass
        [path] = (data_dir / "lake" / table.name).rglob("*.parquet")
        assert pq.ParquetFile(path).schema_arrow.equals(table.schema)


def wait_for(publisher, table, deadline_s=5.0):
    """Read until the running writer's rows have arrived."""
    end = time.monotonic() + deadline_s
    while not any(source.rows[table] for source in publisher.sources()):
        assert time.monotonic() < end, "nothing arrived"
        publisher.read()


class TestCrash:
    """Killed between any two steps of a commit, the next opening completes or forgets it; never half."""

    FRAMES = (
        trade("AAA", 1),
        trade("AAA", 2, time_s=1_723_161_600.5),
        book("AAA", 1_723_161_255_000),
        state("AAA"),
    )

    def lake_rows(self, lake):
        return {name: sorted(map(str, lake.rows(name, "* EXCLUDE (date)"))) for name in TABLES}

    @pytest.mark.long
    def test_at_every_step_of_a_commit(self, data_dir, lake, monkeypatch, tmp_path_factory):
        record(data_dir, *self.FRAMES, candle("AAA", 1_723_161_240, "101"), b"garbage").stop()
        clean = tmp_path_factory.mktemp("clean")
        shutil.copytree(data_dir / "journal", clean / "journal")
        publish_once(clean)
        expected = self.lake_rows(type(lake)(clean))

        class Killed(BaseException):
            pass

        calls = {"count": 0, "die_at": None}
        original = manifest._fsync

        def fsync(path):
            calls["count"] += 1
            if calls["count"] == calls["die_at"]:
                raise Killed
            original(path)

        monkeypatch.setattr(manifest, "_fsync", fsync)
        steps = 0
        while True:
            for name in ("lake", "work"):
                shutil.rmtree(data_dir / name, ignore_errors=True)
            for path in data_dir.glob("manifest.sqlite*"):
                path.unlink()
            steps += 1
            calls.update(count=0, die_at=steps)
            try:
                publish_once(data_dir)
            except Killed:
                pass
            else:
                break
            calls["die_at"] = None
            publish_once(data_dir)
            assert self.lake_rows(lake) == expected, f"after a kill at step {steps}"
        assert steps > 10

    def test_moves_that_were_recorded_but_not_made_are_made_at_the_next_opening(
        self, data_dir, lake, monkeypatch
    ):
        record(data_dir, *self.FRAMES).stop()
        with Publisher(data_dir) as publisher:
            publisher.read()
            with monkeypatch.context() as patch:
                patch.setattr(Manifest, "_make_moves", lambda _: None)
                publisher.publish()
        assert lake.rows("trades") == []
        with Publisher(data_dir):
            pass
        assert len(lake.rows("trades")) == 2


def test_views_file_serves_any_duckdb_client(data_dir):
    record(data_dir, trade("AAA", 1)).stop()
    publish_once(data_dir)
    write_views(data_dir)
    client = duckdb.connect()
    client.execute((data_dir / "views.sql").read_text())
    assert client.sql("SELECT count(*) FROM trades").fetchall() == [(1,)]
    assert client.sql("SELECT market, trades FROM volume_by_market").fetchall() == [("AAA", 1)]


def test_a_lake_of_another_version_is_refused_and_the_message_says_what_to_do(data_dir):
    recorder = Recorder(data_dir)
    recorder.session(("trade", "AAA")).frames(trade("AAA", 1)).stop()
    publish_once(data_dir)
    with Manifest(data_dir) as manifest:
        manifest.commit(Commit(state={"format": b"1"}))
    with pytest.raises(
        LakeError, match=r"lake was made by another version: move it and .*manifest.sqlite away"
    ):
        publish_once(data_dir)
    shutil.rmtree(data_dir / "lake")
    (data_dir / "manifest.sqlite").unlink()
    assert publish_once(data_dir)["trades"] == 1
