"""The venue's clock, known from answers whose delays are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.exchange.clock import VenueClock, told_time

delays = st.floats(0.001, 3.0)
answers = st.lists(st.tuples(delays, delays, st.floats(0.1, 40.0), st.sampled_from([1.0, 1e-3])), min_size=1)


def after(offset_s, told, began_s=1.8e9):
    """A clock that saw answers, each (way there, way back, pause before, step)."""
    clock, now_s = VenueClock(), began_s
    for there_s, back_s, pause_s, step_s in told:
        now_s += pause_s
        written_s = now_s + there_s + offset_s
        clock.saw(written_s // step_s * step_s, step_s, now_s, now_s + there_s + back_s)
        now_s += there_s + back_s
    return clock, now_s


@given(st.floats(-1e5, 1e5), answers)
def test_the_offset_is_never_further_off_than_it_says(offset_s, told):
    clock, _ = after(offset_s, told)
    assert clock.known
    assert abs(clock.offset_s - offset_s) <= clock.uncertainty_s + 1e-5


@given(st.floats(-1e5, 1e5), answers)
def test_it_is_as_sure_as_the_surest_answer(offset_s, told):
    clock, _ = after(offset_s, told)
    aging = 2e-4 * sum(there + back + pause for there, back, pause, _ in told)
    best = min((there + back + step) / 2 for there, back, _, step in told)
    assert clock.uncertainty_s <= best + aging + 1e-5


@given(st.floats(-1e5, 1e5), answers)
def test_a_signature_has_the_venues_second_to_that_uncertainty(offset_s, told):
    clock, now_s = after(offset_s, told)
    assert abs(clock.ts(now_s) + 0.5 - (now_s + offset_s)) <= clock.uncertainty_s + 0.5 + 1e-5


def test_whole_seconds_tell_the_offset_ever_finer():
    clock, _ = after(0.37, [(0.01, 0.01, 1.03 + 0.1 * number, 1.0) for number in range(30)])
    assert clock.offset_s == pytest.approx(0.37, abs=0.1)


@pytest.mark.parametrize("jump_s", [-30.0, 30.0])
def test_a_clock_that_was_set_is_believed_at_once(jump_s):
    clock, now_s = after(2.0, [(0.1, 0.1, 1.0, 1e-3)] * 5)
    clock.saw(now_s + 1 + 2.0 + jump_s, 1e-3, now_s + 1, now_s + 1.2)
    assert clock.offset_s == pytest.approx(2.0 + jump_s, abs=0.2)


def test_before_any_answer_the_clocks_are_taken_to_agree():
    clock = VenueClock()
    assert (clock.known, clock.offset_s, clock.uncertainty_s) == (False, 0.0, None)
    assert clock.ts(1_697_619_536.9) == 1_697_619_536


@pytest.mark.parametrize(
    ("told", "date", "found"),
    [
        (1_697_619_536.25, None, (1_697_619_536.25, 1e-3)),
        (1_697_619_536.0, "Wed, 18 Oct 2023 08:00:00 GMT", (1_697_619_536.0, 1.0)),
        (None, "Wed, 18 Oct 2023 08:58:56 GMT", (1_697_619_536.0, 1.0)),
        (None, "yesterday", None),
        (None, None, None),
    ],
    ids=["time", "whole time", "Date", "no date", "nothing"],
)
def test_the_time_is_the_answers_own_or_its_date(told, date, found):
    assert told_time(told, date) == found
