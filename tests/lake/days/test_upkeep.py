"""Merges and compactions as jobs beside the publishing: when they are due, and when what they made counts."""

import threading
import time

import pyarrow.parquet as pq
from journals import Lake, book, candle, state, trade
from tapes import SECOND_NS, Tape, at

from recorder.lake.publishing.follow import catch_up, follow
from recorder.lake.publishing.housekeeper import request_of
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.store.manifest import WHOLE_DAY
from recorder.lake.store.tables import TABLES

NOON = at("2026-11-22T12:00")
DATE = "2026-11-22"
ALL = ("trades", "depth", "state", "klines", "coverage", "minutes", "funding_told")


def recorded(data_dir, minutes=3):
    """A tape of some minutes at noon, that goes on."""
    tape = Tape(data_dir, NOON).session(("AAA",))
    add(tape, minutes)
    return tape


def add(tape, minutes):
    for _ in range(minutes * 6):
        tape.ids += 1
        seconds = tape.now_ns / SECOND_NS
        tape.frames(
            trade("AAA", tape.ids, time_s=seconds),
            book("AAA", tape.now_ns // 1_000_000),
            state("AAA"),
            candle("AAA", int(seconds // 60 * 60), "100.5"),
        )
        tape.flush()
        tape.pass_time(10)


def levels(publisher, *tables):
    return {file.level for name in tables for file in publisher._manifest.files(name, DATE) if file.rows}


class TestDue:
    def test_a_day_that_is_over_is_compacted_and_then_nothing_is_due(self, data_dir):
        recorded(data_dir).end()
        with Publisher(data_dir) as publisher:
            catch_up(publisher)
            publisher.work_off(0.0)
            assert levels(publisher, *ALL) == {WHOLE_DAY}
            assert publisher.due_job(0.0) is None

    def test_a_day_is_left_alone_while_rows_of_it_come(self, data_dir):
        recorded(data_dir).end()
        with Publisher(data_dir) as publisher:
            catch_up(publisher)
            publisher.work_off(None)
            assert publisher.due_job(60.0) is None
            assert publisher.due_job(0.0).name == f"compaction of {DATE}"
        with Publisher(data_dir) as publisher:
            assert publisher.due_job(60.0) is None, "it is forgotten at a restart"

    def test_the_running_day_is_never_compacted(self, data_dir):
        tape = Tape(data_dir, time.time_ns() - 200 * SECOND_NS).session(("AAA",))
        add(tape, 3)
        tape.end()
        with Publisher(data_dir) as publisher:
            catch_up(publisher)
            publisher.work_off(0.0)
            today = time.strftime("%Y-%m-%d", time.gmtime())
            assert WHOLE_DAY not in {file.level for file in publisher._manifest.files("trades", today)}


class TestMeanwhile:
    def test_what_was_made_of_a_file_that_was_replaced_is_thrown_away_and_made_again(self, data_dir):
        tape = recorded(data_dir)
        with Publisher(data_dir) as publisher:
            catch_up(publisher)
            job = publisher.due_job(0.0)
            while "compaction" not in job.name:
                publisher.finish(job.run(lambda: False))
                job = publisher.due_job(0.0)
            made = job.run(lambda: False)
            add(tape, 3)
            catch_up(publisher)
            before = candles(publisher)
            publisher.finish(made)
            assert candles(publisher) == before
            assert list(publisher._manifest.work.iterdir()) == []
            publisher.work_off(0.0)
            assert candles(publisher) == before
            assert levels(publisher, *ALL) == {WHOLE_DAY}
        tape.end()

    def test_a_gap_that_is_known_later_cuts_the_durations_of_its_books(self, data_dir):
        tape = recorded(data_dir)
        with Publisher(data_dir) as publisher:
            catch_up(publisher)
            publisher.work_off(0.0)
            before = durations(publisher)
            last_ns = tape.now_ns - 5 * SECOND_NS
            tape.event("down", 1, reason="reset", last=last_ns).flush()
            tape.pass_time(100)
            tape.flush()
            catch_up(publisher)
            publisher.work_off(0.0)
            after = durations(publisher)
        assert (before[:-1], len(before)) == (after[:-1], len(after))
        assert after[-1] < before[-1]
        tape.end()


def candles(publisher):
    return read(publisher, "klines", "volume")


def durations(publisher):
    return read(publisher, "depth", "dt")


def read(publisher, table, column):
    files = [file for file in publisher._manifest.files(table, DATE) if file.rows]
    rows = [pq.ParquetFile(publisher._manifest.lake / file.path).read() for file in files]
    time_of = TABLES[table].time
    found = [(row[time_of], row[column]) for each in rows for row in each.to_pylist()]
    return [value for _, value in sorted(found)]


class TestBesideARecorder:
    def test_whoever_asks_has_closed_days_compacted_at_once(self, data_dir):
        tape = recorded(data_dir)
        stop = threading.Event()
        following = threading.Thread(target=follow, args=(data_dir, 0.5, stop))
        following.start()
        try:
            deadline = time.monotonic() + 20
            while not list((data_dir / "lake" / "depth").glob(f"date={DATE}/*")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            request_of(data_dir).touch()
            while request_of(data_dir).exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            tape.end()
            stop.set()
            following.join()
        assert Lake(data_dir).rows("minutes", "count(*)") == [(4,)]  # the last book stood into the fourth
