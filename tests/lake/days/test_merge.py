"""Files stay few, merges change no row, and a reader of the lake sees neither half of a swap."""

import threading
import time

import pyarrow.parquet as pq
import pytest
from journals import Recorder, book, state, trade

from analytics.lake import open_lake
from recorder.lake.days import merge as merging
from recorder.lake.days.merge import FAN_IN, WHOLE_HOUR, MergeStoppedError, merge_files
from recorder.lake.publishing import publisher as publishing
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.store.files import MERGED_COMPRESSION_LEVEL, PART_COMPRESSION_LEVEL

MARKETS = ("AAA", "BBB", "CCC")


def fill(data_dir, publisher, recorder, parts, *, first=0):
    """Publish `parts` times; each part holds a trade, a book and a state of every market."""
    for number in range(first, first + parts):
        frames = [trade(market, number, time_s=1_723_161_255 + number / 1000) for market in MARKETS]
        frames += [book(market, 1_723_161_255_000 + number) for market in MARKETS]
        before = sum(len(source.rows["state"]) for source in publisher.sources())
        recorder.at(0.01).frames(*frames, state(*MARKETS))
        deadline = time.monotonic() + 5
        while sum(len(source.rows["state"]) for source in publisher.sources()) == before:
            assert time.monotonic() < deadline
            publisher.read()
        publisher.publish()


def merge_all(publisher):
    merges = 0
    while (job := publisher.due_job(None)) is not None:
        publisher.finish(job.run(lambda: False))
        merges += 1
    return merges


@pytest.fixture
def recorder(data_dir):
    recorder = Recorder(data_dir)
    recorder.session(*(("trade", market) for market in MARKETS))
    yield recorder
    recorder.stop()


def everything(lake):
    return {name: sorted(map(str, lake.rows(name))) for name in ("trades", "depth", "state")}


class TestBudget:
    def test_a_merge_is_due_when_enough_parts_of_an_hour_have_gathered(self, data_dir, lake, recorder):
        with Publisher(data_dir) as publisher:
            fill(data_dir, publisher, recorder, FAN_IN - 1)
            assert merge_all(publisher) == 0
            fill(data_dir, publisher, recorder, 1, first=FAN_IN)
            before = everything(lake)
            assert merge_all(publisher) == 3
            assert everything(lake) == before
        assert {name: len(lake.files(name)) for name in before} == dict.fromkeys(before, 1)

    def test_an_hour_that_is_over_becomes_one_file(self, data_dir, lake, recorder, monkeypatch):
        with Publisher(data_dir) as publisher:
            fill(data_dir, publisher, recorder, 3)
            before = everything(lake)
            later = time.time() + 3600
            monkeypatch.setattr(publishing.time, "time", lambda: later)
            assert merge_all(publisher) == 3
            assert merge_all(publisher) == 0
            assert everything(lake) == before
        assert [len(lake.files(name)) for name in before] == [1, 1, 1]
        [info] = [file for file in open_lake(data_dir).files() if file.table == "trades" and file.rows]
        assert (info.level, info.rows) == (WHOLE_HOUR, 9)

    def test_at_any_number_of_publishes_an_hour_has_few_files(self, data_dir, lake, recorder):
        with Publisher(data_dir) as publisher:
            most = 0
            for number in range(FAN_IN * 4):
                fill(data_dir, publisher, recorder, 1, first=number)
                merge_all(publisher)
                most = max(most, len(lake.files("trades")))
        assert most < 2 * FAN_IN


class TestContent:
    def test_a_merged_file_is_sorted_by_market_and_time(self, data_dir, lake, recorder):
        with Publisher(data_dir) as publisher:
            fill(data_dir, publisher, recorder, FAN_IN)
            merge_all(publisher)
        [path] = lake.files("depth")
        rows = pq.ParquetFile(path).read(columns=["market", "ts_event"]).to_pylist()
        assert rows == sorted(rows, key=lambda row: (row["market"], row["ts_event"]))
        assert len(rows) == FAN_IN * len(MARKETS)

    def test_a_stopped_merge_changes_nothing(self, data_dir, lake, recorder):
        with Publisher(data_dir) as publisher:
            fill(data_dir, publisher, recorder, FAN_IN)
            before = everything(lake)
            job = publisher.due_job(None)
            with pytest.raises(MergeStoppedError):
                job.run(lambda: True)
            assert everything(lake) == before
            assert merge_all(publisher) == 3
            assert everything(lake) == before

    def test_merged_files_are_smaller_than_their_parts(self, data_dir, lake, recorder):
        with Publisher(data_dir) as publisher:
            fill(data_dir, publisher, recorder, FAN_IN)
            parts = sum(path.stat().st_size for path in lake.files("depth"))
            merge_all(publisher)
        assert sum(path.stat().st_size for path in lake.files("depth")) < parts
        assert MERGED_COMPRESSION_LEVEL > PART_COMPRESSION_LEVEL


def test_a_reader_of_the_lake_sees_every_row_once_while_files_are_swapped(data_dir, recorder):
    """Counts run without pause during publishes and merges: never a duplicate, a hole or an error."""
    counts = []
    failures = []
    done = threading.Event()

    def count():
        reader = open_lake(data_dir)
        while not done.is_set():
            try:
                [row] = reader.sql(
                    "SELECT count(*), count(DISTINCT (market, trade_id)) FROM trades"
                ).fetchall()
            except Exception as error:  # noqa: BLE001  # whatever it is, the reader failed
                failures.append(error)
                return
            counts.append(row)

    with Publisher(data_dir) as publisher:
        thread = threading.Thread(target=count)
        thread.start()
        for number in range(3 * FAN_IN):
            fill(data_dir, publisher, recorder, 1, first=number)
            merge_all(publisher)
        done.set()
        thread.join()
    assert failures == []
    assert len(counts) > 5
    assert all(total == distinct for total, distinct in counts)
    assert [total for total, _ in counts] == sorted(total for total, _ in counts)


def test_merge_files_needs_no_more_than_one_market_at_a_time(data_dir, lake, recorder, tmp_path, monkeypatch):
    """The rows held at once are those of one market and of one row group, whatever the files hold."""
    with Publisher(data_dir) as publisher:
        fill(data_dir, publisher, recorder, FAN_IN)
        files = [file for file in publisher._manifest.files("trades") if file.rows]
    held = []
    original = merging.in_order
    monkeypatch.setattr(
        merging, "in_order", lambda rows, table: held.append(rows.num_rows) or original(rows, table)
    )
    info = merge_files(data_dir / "lake", files, tmp_path / "m1.parquet", files[0].hour, lambda: False)
    assert held == [FAN_IN] * len(MARKETS)
    assert info.rows == sum(file.rows for file in files)
