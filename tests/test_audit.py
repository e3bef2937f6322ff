"""`recorder audit`: grades by market and day, the worst minutes, and an exit code for machines."""

import json
import time

import pytest
from commands import recorder_here
from journals import Recorder, push, trade

from recorder.lake.publishing.follow import publish_once

START_S = int(time.time()) // 60 * 60 - 3_600


def candle(open_s, volume):
    row = [open_s, *["100.5"] * 4, volume, "0", "AAA"]
    return push("kline", {"data": [row], "market": "AAA", "period": "1min"})


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """An hour ago: three whole minutes, and one in which the candle counts more than the trades."""
    path = tmp_path_factory.mktemp("data")
    session = Recorder(path)
    session.now_ns = (START_S - 5) * 10**9
    session.session(("trade", "AAA"), ("kline", "AAA", "1min"), markets=("AAA",))
    for minute in range(4):
        happened = START_S + 60 * minute + 30
        session.now_ns = int((happened + 0.01) * 1e9)
        session.frames(trade("AAA", minute, amount="0", time_s=happened))
        session.now_ns = int((START_S + 60 * minute + 60.3) * 1e9)
        session.frames(candle(START_S + 60 * minute, "5" if minute == 2 else "0"))
    session.at(5).stop()
    publish_once(path)
    return path


def audit(data_dir, *arguments):
    until = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(START_S + 240))
    return recorder_here("audit", "--data-dir", data_dir, "--end", until, *arguments)


def test_it_shows_grades_by_market_and_day_and_why_the_worst_are_bad(data_dir):
    done = audit(data_dir)
    assert done.returncode == 0
    assert "4 market-minutes: 3 A, 1 D" in done.stdout
    assert "volume 0 by trades, 5 by candle" in done.stdout


def test_a_minute_below_the_least_grade_is_exit_code_1(data_dir):
    done = audit(data_dir, "--min-grade", "C")
    assert done.returncode == 1
    assert "1 market-minutes are worse than C" in done.stderr


def test_a_span_of_good_minutes_passes(data_dir):
    until = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(START_S + 120))
    done = recorder_here(
        "audit", "--data-dir", data_dir, "--end", until, "--min-grade", "A", "--market", "AAA"
    )
    assert done.returncode == 0


def test_a_machine_gets_json(data_dir):
    report = json.loads(audit(data_dir, "--json").stdout)
    assert report["minutes"] == {"A": 3, "B": 0, "C": 0, "D": 1}
    assert [row["grade"] for row in report["worst"]] == ["D"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--market", "AAB"], "no minute of a market 'AAB' is judged; there is AAA"),
        (["--start", "2031-01-01"], "no minute of that span is judged: there are"),
    ],
)
def test_nothing_to_audit_is_said_with_what_there_is(data_dir, arguments, words):
    done = recorder_here("audit", "--data-dir", data_dir, *arguments)
    assert done.returncode == 1
    assert words in done.stderr


def test_a_time_that_is_none_is_wrong_usage(data_dir):
    done = recorder_here("audit", "--data-dir", data_dir, "--start", "yesterday")
    assert done.returncode == 2
    assert "write 2026-11-22" in done.stderr
