"""The lake's process: publishes on its interval while a recorder lives, and the rest when it is gone."""

import threading
import time

from journals import Recorder, trade

from recorder.lake.publishing import publisher as publish
from recorder.lake.publishing.follow import follow, open_publisher


def wait(condition, deadline_s=10.0):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.01)


def start(data_dir, interval_s, stop):
    reports = []
    thread = threading.Thread(target=follow, args=(data_dir, interval_s, stop, reports.append))
    thread.start()
    return thread, reports


def test_rows_are_published_while_the_recorder_lives(data_dir, lake):
    recorder = Recorder(data_dir)
    recorder.session(("trade", "AAA")).frames(trade("AAA", 1))
    stop = threading.Event()
    thread, _ = start(data_dir, 0.5, stop)
    wait(lambda: lake.files("trades"))
    assert thread.is_alive()
    recorder.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_it_publishes_the_rest_and_ends_when_the_recorder_is_gone(data_dir, lake):
    recorder = Recorder(data_dir)
    recorder.session(("trade", "AAA"))
    thread, reports = start(data_dir, 3_600, threading.Event())
    recorder.frames(trade("AAA", 1), trade("AAA", 2)).stop()
    thread.join(10)
    assert not thread.is_alive()
    assert [report["trades"] for report in reports] == [2]
    assert len(lake.rows("trades")) == 2


def test_a_full_buffer_is_published_before_its_time_and_nothing_is_lost(data_dir, lake, monkeypatch):
    monkeypatch.setattr(publish, "BUFFER_BYTES", 50_000)
    recorder = Recorder(data_dir)
    recorder.session(("trade", "AAA"))
    for number in range(40):
        recorder.frames(*(trade("AAA", 1_000 * number + k) for k in range(1_000)))
    recorder.stop()
    thread, reports = start(data_dir, 3_600, threading.Event())
    thread.join(30)
    assert sum(report["trades"] for report in reports) == 40_000
    assert len(reports) > 1
    assert lake.rows("trades", "count(DISTINCT trade_id)") == [(40_000,)]


def test_the_next_publisher_waits_for_the_one_before_it(data_dir):
    first = open_publisher(data_dir)
    waiting = threading.Thread(target=lambda: open_publisher(data_dir, wait_s=20).__exit__())
    waiting.start()
    first.__exit__()
    waiting.join(10)
    assert not waiting.is_alive()


def test_two_recorders_share_a_lake(data_dir, lake):
    for name in ("one", "two"):
        recorder = Recorder(data_dir, name)
        recorder.session(("trade", "AAA")).frames(
            trade("AAA", 1), trade("AAA", 2 if name == "one" else 3)
        ).stop()
    follow(data_dir, 3_600, threading.Event(), lambda _: None)
    assert lake.rows("trades", "trade_id", "ORDER BY ALL") == [(1,), (2,), (3,)]
