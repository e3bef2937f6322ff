"""What answers of the deals endpoint prove: whole back to the last trade that was there, and no further."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.lake.asked import Deals
from recorder.lake.gaps import repair
from recorder.lake.gaps.repair import MARGIN_US, Missing, mend, repair_of

S = 1_000_000


def deals(asked_s, *trades):
    """An answer asked at so many seconds; trades are (id, seconds)."""
    ids = [number for number, _ in trades]
    oldest = min((int(s * S) for _, s in trades), default=None)
    return Deals("AAA", int(asked_s * S), frozenset(ids), max(ids, default=None), oldest)


@pytest.fixture(autouse=True, scope="module")
def _short_answers():
    """The answers of these tests are shorter than the venue's: two trades say that there may be more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repair, "DEALS_AT_LEAST", 1)
        yield


def missing(start_s, end_s=None, anchor=7):
    return Missing(start_s * S, "disconnect", "", None if end_s is None else end_s * S, anchor)


def test_one_that_reaches_back_to_the_last_trade_before_it_repairs_it_fully():
    gap = missing(10, 20)
    assert mend(gap, deals(21, (7, 9), (8, 12), (9, 19)), 0)
    result = repair_of(gap)
    assert (result.repaired, result.remains) == ("fully", None)
    assert "back to the last trade before it" in result.by


def test_one_that_does_not_reach_back_leaves_what_was_before_its_oldest_trade():
    gap = missing(10, 20)
    assert mend(gap, deals(21, (30, 14), (31, 19)), 0)
    result = repair_of(gap)
    assert (result.repaired, result.remains) == ("partly", (10 * S, 14 * S + MARGIN_US))
    assert "does not join" in result.by


def test_one_whose_oldest_trade_is_newer_than_the_gap_repairs_nothing():
    gap = missing(10, 20)
    assert mend(gap, deals(31, (30, 25), (31, 30)), 0)
    result = repair_of(gap)
    assert (result.repaired, result.remains) == ("none", (10 * S, 20 * S))
    assert "only" in result.by


def test_where_no_trade_was_known_before_it_is_never_fully_repaired():
    gap = missing(10, 20, anchor=None)
    assert mend(gap, deals(21, (30, 5), (31, 19)), 0)
    assert (repair_of(gap).repaired, repair_of(gap).remains) == ("partly", None)


def test_an_answer_of_all_that_the_market_ever_traded_leaves_nothing(monkeypatch):
    monkeypatch.setattr(repair, "DEALS_AT_LEAST", 50)
    gap = missing(10, 20, anchor=None)
    assert mend(gap, deals(21, (30, 14), (31, 19)), 0)
    assert (repair_of(gap).repaired, repair_of(gap).remains) == ("partly", None)
    assert "ever traded" in repair_of(gap).by


def test_an_answer_asked_for_before_the_end_does_not_settle_it():
    gap = missing(10, 20)
    assert not mend(gap, deals(15, (7, 9), (8, 12)), 0)
    assert (repair_of(gap).repaired, repair_of(gap).remains) == ("partly", (15 * S, 20 * S))


def test_answers_that_overlap_repair_an_outage_of_any_length():
    gap = missing(10)
    for number in range(8, 100):
        assert not mend(gap, deals(10 + number, (number - 1, 9 + number), (number, 10 + number)), 0)
    assert repair_of(gap).remains == (109 * S, None)
    gap.end = 110 * S
    assert mend(gap, deals(111, (99, 109), (100, 110)), 0)
    assert repair_of(gap).repaired == "fully"


def test_a_hole_between_two_answers_remains_and_is_counted():
    gap = missing(10, 60)
    mend(gap, deals(20, (20, 15), (21, 19)), 0)
    mend(gap, deals(40, (30, 35), (31, 39)), 0)
    assert mend(gap, deals(61, (31, 39), (40, 60)), 0)
    result = repair_of(gap)
    assert (result.repaired, result.remains) == ("partly", (10 * S, 35 * S + MARGIN_US))
    assert "2 holes" in result.by


def test_an_answer_asked_for_before_the_gap_says_nothing_of_it():
    gap = missing(10, 20)
    assert not mend(gap, deals(9, (1, 1)), 0)
    assert repair_of(gap).repaired == "none"
    assert mend(gap, deals(21, (7, 9), (9, 19)), 0)
    assert repair_of(gap).repaired == "fully"


def test_the_lag_between_the_clocks_moves_the_hole_into_ours():
    gap = missing(1010, 1020)
    mend(gap, deals(1021, (30, 14), (31, 19)), 1000 * S)
    assert repair_of(gap).remains == (1010 * S, 1014 * S + MARGIN_US)


def test_where_a_clock_was_set_in_the_gap_the_lag_counts_that_leaves_more_missing():
    for before, after in ((0, -2), (-2, 0)):
        gap = missing(1010, 1020)
        gap.lag_us = before * S
        mend(gap, deals(1021, (30, 1014), (31, 1019)), after * S)
        assert repair_of(gap).remains == (1010 * S, 1014 * S + MARGIN_US)


trades = st.lists(st.integers(0, 100), min_size=1, max_size=60).map(sorted)


@given(
    trades,
    st.integers(1, 98),
    st.integers(1, 30),
    st.lists(st.integers(1, 120), max_size=6),
    st.integers(1, 8),
)
def test_every_trade_that_no_answer_held_lies_in_what_remains(times, start, width, polls, cap):
    """Whatever is polled when: a trade of the gap is in an answer, or in the span that remains."""
    end = start + width
    history = list(enumerate(times))
    before = [(number, s) for number, s in history if s < start]
    gap = missing(start, end, anchor=before[-1][0] if before else None)
    held = set()
    for asked in sorted({poll for poll in polls if poll >= start} | {end + 1}):
        answer = [(number, s) for number, s in history if s <= asked][-cap:]
        held |= {number for number, _ in answer}
        if mend(gap, deals(asked, *answer), 0):
            break
    remains = repair_of(gap).remains
    for number, s in history:
        if start <= s < end and number not in held:
            assert remains is not None
            assert remains[0] <= s * S < remains[1]
    if repair_of(gap).repaired == "fully":
        assert {number for number, s in history if start <= s < end} <= held


def test_a_row_that_comes_hours_late_says_nothing_of_the_clocks():
    gap = missing(10, 20)
    gap.lag_us, gap.lag_after_us = 0, 7_000 * S
    assert gap.lags_us == (0, 0)
    gap.lag_us = 6_990 * S
    assert gap.lags_us == (6_990 * S, 7_000 * S)
