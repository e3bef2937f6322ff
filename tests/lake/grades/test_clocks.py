"""The map between our time and the venue's follows from what was pushed, however it is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.lake.grades.clocks import SILENCES, WINDOW_US, Clocks

S = 1_000_000
MINUTE = 60 * S
NOW = 1_800_000_000 * S
"""A whole window, and a whole minute."""


def learned(*pushes, before=None):
    """The map that pushes tell of: (received, lag) in seconds after NOW."""
    received = np.array([NOW + round(at * S) for at, _ in pushes], np.int64)
    lags = np.array([round(lag * S) for _, lag in pushes], np.int64)
    return (before or Clocks({})).learn(received, received - lags)


def venue_s(clocks, at_s):
    return (clocks.venue(NOW + round(at_s * S)) - NOW) / S


def ours_s(clocks, at_s):
    return (clocks.ours(NOW + round(at_s * S)) - NOW) / S


def test_clocks_of_which_nothing_was_heard_agree():
    assert Clocks({}).venue(NOW) == Clocks({}).ours(NOW) == NOW


def test_clocks_that_differ_by_some_seconds_agree():
    clocks = learned((0, 0.1), (2, 25), (4, -25))
    assert [venue_s(clocks, at) for at in (-100, 1, 2.5, 5, 100)] == [-100, 1, 2.5, 5, 100]


def test_a_machine_with_the_wrong_time_is_found_out_in_whole_minutes():
    clocks = learned((0, 3_600.2), (2, 3_600.9), (4, 3_601.5))
    assert [venue_s(clocks, at) for at in (-50, 0, 3, 500)] == [-3_650, -3_600, -3_597, -3_100]
    assert [ours_s(clocks, at) for at in (-3_650, -3_597, -3_100)] == [-50, 3, 500]


def test_a_push_that_comes_late_says_nothing_of_the_clocks():
    assert venue_s(learned((0, 0.2), (0.5, 900), (1.9, -900)), 1) == 1


def test_a_moment_in_which_all_pushes_were_old_says_nothing_either():
    clocks = learned((0, 0.1), (2, 7_200), (4, 0.1))
    assert [venue_s(clocks, at) for at in (1, 3, 5)] == [1, 3, 5]


def test_a_clock_that_is_put_right_is_followed_from_then_on():
    """Five minutes slow, then right: our time jumps, the venue's goes on."""
    clocks = learned(*((at, -299.9) for at in range(0, 60, 2)), *((at, 0.1) for at in range(360, 420, 2)))
    assert venue_s(clocks, 30) == 330
    assert venue_s(clocks, 400) == 400
    assert 358 <= venue_s(clocks, 200) <= 360


def test_a_clock_that_is_set_back_shows_a_time_twice_and_the_nearer_meaning_counts():
    clocks = learned(*((at, 299.9) for at in range(0, 600, 2)), *((at, 0.1) for at in range(300, 900, 2)))
    assert venue_s(clocks, 100) == -200
    assert venue_s(clocks, 700) == 700
    assert ours_s(clocks, -200) == 100
    assert ours_s(clocks, 700) == 700


def test_what_a_span_of_ours_was_to_the_venue_leaves_a_leap_out():
    """A session of today, then a replay of 1000 hours ago."""
    clocks = learned(*((at, 0.1) for at in range(0, 60, 2)), *((at, 3.6e6) for at in range(100, 160, 2)))
    images = clocks.images(NOW + 10 * S, NOW + 130 * S)
    assert [tuple((us - NOW) / S for us in span) for span in images] == [
        (-3_600_000 + 100, -3_600_000 + 130), (10, pytest.approx(100)),
    ]  # fmt: skip
    assert ours_s(clocks, 50) == 50
    assert ours_s(clocks, -3_600_000 + 120) == 120


def test_a_replay_at_twenty_times_its_pace_is_followed_within_a_minute():
    clocks = learned(*((at / 4, 1e6 - 19 * at / 4) for at in range(400)))
    off = [venue_s(clocks, at) - (at - 1e6 + 19 * at) for at in range(5, 95)]
    assert max(map(abs, off)) < 75


_PUSHES = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from([0, 29, -29, 31, 61, -61, 300, 3_600])), max_size=60
)


@given(_PUSHES, st.randoms(use_true_random=False), st.integers(1, 60))
def test_it_follows_from_the_pushes_whatever_their_order_and_however_they_are_parted(pushes, chance, size):
    shuffled = list(pushes)
    chance.shuffle(shuffled)
    parted = Clocks({})
    for at in range(0, len(shuffled), size):
        parted = learned(*shuffled[at : at + size], before=parted)
    whole = learned(*pushes) if pushes else Clocks({})
    assert parted.heard == whole.heard
    assert [parted.venue(NOW + at * S) for at in range(130)] == [
        whole.venue(NOW + at * S) for at in range(130)
    ]


@given(_PUSHES, _PUSHES)
def test_two_maps_differ_where_they_say_so_and_nowhere_else(one, two):
    before, after = (learned(*pushes) if pushes else Clocks({}) for pushes in (one, two))
    apart = before.differ(after)
    for us in range(NOW - 10 * S, NOW + 140 * S, 250_000):
        inside = any(start <= us < end for start, end in apart)
        assert inside or before.venue(us) == after.venue(us)
    assert before.differ(before) == ()


@given(_PUSHES)
def test_the_way_back_ends_where_it_began(pushes):
    clocks = learned(*pushes) if pushes else Clocks({})
    for at in range(0, 120, 7):
        venue_us = clocks.venue(NOW + at * S)
        assert abs(clocks.venue(clocks.ours(venue_us)) - venue_us) <= abs(
            clocks.venue(clocks.ours(venue_us) + 1) - clocks.venue(clocks.ours(venue_us) - 1)
        )


@given(_PUSHES, st.integers(-4_000, 4_000), st.integers(1, 300))
def test_when_the_venues_clock_showed_a_span_is_found_wholly_and_nothing_beside(pushes, start_s, width_s):
    clocks = learned(*pushes) if pushes else Clocks({})
    start, end = NOW + start_s * S, NOW + (start_s + width_s) * S
    found = clocks.origins(start, end)
    for us in range(NOW - 10 * S, NOW + 140 * S, 250_000):
        inside = any(low <= us < high for low, high in found)
        shown = clocks.venue(us)
        assert inside or not start <= shown < end
        assert (
            not inside
            or start - S <= shown <= end + S
            or abs(clocks.venue(us + 2) - clocks.venue(us - 2)) > S
        )


def test_what_is_remembered_of_a_market_that_is_hardly_traded_does_not_grow():
    clocks = Clocks({})
    for hour in range(4):
        clocks = learned(*((hour * 4_000 + at * 4, 0.1) for at in range(1_000)), before=clocks)
    assert sum(map(len, clocks.heard.values())) <= SILENCES
    assert clocks.heard[0][0][0] == NOW
    assert clocks.heard[0][-1][1] == NOW + (3 * 4_000 + 3_996) * S + WINDOW_US
