"""Pauses grow, are capped, differ, and start anew only after a healthy minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.client.backoff import FIRST_DELAY_S, HEALTHY_AFTER_S, MAX_DELAY_S, Backoff


def test_pauses_double_up_to_the_cap_each_in_the_upper_half_of_its_range():
    backoff = Backoff()
    full_s = FIRST_DELAY_S
    for _ in range(20):
        assert full_s / 2 <= backoff.next_delay_s() <= full_s
        full_s = min(full_s * 2, MAX_DELAY_S)
    assert full_s == MAX_DELAY_S


def test_two_that_fail_together_do_not_march_in_step():
    delays = {round(Backoff(10, 10).next_delay_s(), 6) for _ in range(20)}
    assert len(delays) > 15


@pytest.mark.parametrize(
    ("healthy_s", "anew"), [(0, False), (HEALTHY_AFTER_S - 1, False), (HEALTHY_AFTER_S, True)]
)
def test_only_a_healthy_minute_starts_anew(healthy_s, anew):
    backoff = Backoff()
    for _ in range(8):
        backoff.next_delay_s()
    backoff.healthy_for(healthy_s)
    assert (backoff.next_delay_s() <= FIRST_DELAY_S) is anew


@given(st.lists(st.sampled_from([0.0, 59.9]), min_size=100, max_size=100))
def test_short_lives_never_make_a_storm(lives):
    """A hundred connections that die young take at least twelve minutes."""
    backoff = Backoff()
    waited_s = 0.0
    for life_s in lives:
        backoff.healthy_for(life_s)
        waited_s += backoff.next_delay_s()
    assert waited_s > 700
