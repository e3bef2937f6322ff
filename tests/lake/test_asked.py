"""Every answer about candles shrinks what is left to ask, whatever the venue withholds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.lake.asked import FINAL_US, answer_of, answered_span, has_candle, opens_closing_within
from recorder.lake.units import SECOND_US

MINUTE_US = 60 * SECOND_US
NOW_S = 1_000_000 * 60


def span(bounds_s, opens_s, *, asked_s=NOW_S, offset_us=0):
    answer = answer_of("AAA", "1min", asked_s * SECOND_US, bounds_s, opens_s)
    start, end = answered_span(answer, MINUTE_US, asked_s * SECOND_US - offset_us)
    return start / SECOND_US, end / SECOND_US


def test_it_settles_what_lies_between_its_first_row_and_its_last():
    assert span((0, 6000), [1200, 1260, 1320]) == (1200, 1380)


def test_without_a_row_it_settles_the_whole_question():
    start, end = span((600, 900), [])
    assert (start, end) == pytest.approx((600, 900), abs=1e-5)
    assert end > 900


def test_rows_that_were_not_asked_for_settle_nothing_of_the_question():
    assert span((600, 900), [1200, 1260])[0] == 600


def test_a_candle_that_runs_or_has_just_closed_is_not_settled():
    final_s = FINAL_US // SECOND_US
    opens = [NOW_S - 180, NOW_S - 120, NOW_S - 60, NOW_S]
    assert span((0, NOW_S), opens) == (NOW_S - 180, NOW_S - 60)
    assert span((0, NOW_S), opens, asked_s=NOW_S + final_s) == (NOW_S - 180, NOW_S)


def test_the_venues_clock_decides_what_has_closed():
    year_us = 365 * 86_400 * SECOND_US
    assert span((0, NOW_S), [NOW_S - 60, NOW_S], asked_s=NOW_S + 31_536_000, offset_us=year_us) == (
        NOW_S - 60, NOW_S - 60,
    )  # fmt: skip


def test_candles_that_close_within_a_span_open_a_period_earlier():
    start, end = opens_closing_within(120 * SECOND_US, 180 * SECOND_US, MINUTE_US, 0)
    assert [open_s for open_s in range(0, 300, 60) if start <= open_s * SECOND_US < end] == [120]


@pytest.mark.parametrize(
    ("bounds", "has"), [((0, 1), True), ((1, 60), False), ((59, 61), True), ((60, 60), False)]
)
def test_only_a_span_in_which_a_candle_can_open_is_asked_for(bounds, has):
    assert has_candle(tuple(bound * SECOND_US for bound in bounds), MINUTE_US) is has


def test_where_a_week_opens_is_not_known():
    assert has_candle((5, 6), 7 * 86_400 * SECOND_US)


@given(st.integers(0, 50), st.integers(1, 50), st.sets(st.integers(0, 120)))
def test_an_answer_with_a_candle_that_was_asked_for_settles_at_least_that_candle(first, count, given_rows):
    opens = [minute * 60 for minute in sorted(given_rows)]
    bounds = (first * 60, (first + count) * 60)
    inside = [open_s for open_s in opens if bounds[0] <= open_s <= bounds[1]]
    start, end = span(bounds, opens)
    assert end > start
    assert all(start <= open_s < end for open_s in inside)
