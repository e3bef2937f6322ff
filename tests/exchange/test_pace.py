"""When a stream is silent: learned from its own pauses."""

import random

import pytest

from recorder.exchange.pace import (
    KNOWN_AFTER,
    SILENT_AFTER_MAX_S,
    SILENT_AFTER_MIN_S,
    UNKNOWN_AFTER_S,
    WINDOW_S,
    Pace,
)


def fed(count, every):
    pace = Pace(since=0.0, last=0.0)
    for number in range(1, count + 1):
        pace.saw(number * every, number)
    return pace


@pytest.mark.parametrize(
    ("every", "bound"),
    [(0.5, SILENT_AFTER_MIN_S), (2.0, 8.0), (10.0, 40.0), (90.0, SILENT_AFTER_MAX_S)],
)
def test_a_known_stream_may_pause_four_times_its_longest_pause_within_bounds(every, bound):
    assert fed(2 * KNOWN_AFTER, every).silent_after_s() == pytest.approx(bound)


@pytest.mark.parametrize(
    ("count", "every", "bound"), [(0, 1.0, UNKNOWN_AFTER_S), (10, 1.0, UNKNOWN_AFTER_S), (10, 6.0, 120.0)]
)
def test_a_stream_that_is_not_known_yet_has_a_minute_or_twenty_mean_intervals(count, every, bound):
    assert fed(count, every).silent_after_s() == pytest.approx(bound)


def test_the_time_before_the_first_arrival_is_no_pause():
    pace = Pace(since=0.0, last=0.0)
    for number in range(KNOWN_AFTER + 1):
        pace.saw(1000.0 + number * 0.1, number)
    assert pace.silent_after_s() == SILENT_AFTER_MIN_S


def test_a_new_connection_keeps_what_is_known_and_its_own_start_is_no_pause():
    pace = fed(KNOWN_AFTER, 0.5)
    pace.begin(pace.last + 100.0)
    pace.saw(pace.last + 30.0, 1)
    assert pace.silent_after_s() == SILENT_AFTER_MIN_S


def test_a_silence_does_not_teach_patience():
    pace = fed(KNOWN_AFTER, 0.5)
    pace.silent = True
    pace.saw(pace.last + 200.0, 1)
    assert pace.silent_after_s() == SILENT_AFTER_MIN_S


def test_a_long_pause_is_forgotten_after_two_windows():
    pace = fed(KNOWN_AFTER, 0.5)
    pace.saw(pace.last + 4.0, 1)
    assert pace.silent_after_s() == pytest.approx(16.0)
    for _ in range(int(2.1 * WINDOW_S)):
        pace.saw(pace.last + 1.0, 1)
    assert pace.silent_after_s() == SILENT_AFTER_MIN_S


def test_independent_arrivals_give_no_false_alarm_in_a_day():
    noise = random.Random(7)
    for mean in (0.3, 2.0, 8.0):
        pace, alarms = Pace(since=0.0, last=0.0), 0
        while pace.last < 86_400:
            pause = noise.expovariate(1 / mean)
            alarms += pause > pace.silent_after_s()
            pace.saw(pace.last + pause, 1)
        assert alarms == 0
