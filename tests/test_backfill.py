"""Asking for candles comes to an end, covers what is wanted, and goes on where it stopped."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.backfill import REFUSED_FOR_S, ROWS_AN_ANSWER, CandlePlan, Left, lookback
from recorder.exchange.endpoints import PERIOD_SECONDS
from recorder.lake.asked import SETTLE_US
from recorder.lake.grades.wanted import Wanted
from recorder.lake.units import SECOND_US

NOW_US = 1_800_000_000 * SECOND_US
MINUTE_US = 60 * SECOND_US


def spans(*minutes):
    return tuple((NOW_US - start * MINUTE_US, NOW_US - end * MINUTE_US) for start, end in minutes)


def opens(question):
    """The opens that a question asks for."""
    oldest = -(-question.from_s // 60) * 60
    return list(range(oldest, question.to_s + 1, 60))


def newest(rows, cap):
    return sorted(rows)[-cap:]


def oldest(rows, cap):
    return sorted(rows)[:cap]


def first(plan, now_us=NOW_US):
    """What is asked first after a survey."""
    survey(plan, now_us)
    return plan.next(now_us)


def survey(plan, now_us=NOW_US):
    for _ in plan.survey(now_us):
        pass


def answer_all(plan, venue, *, limit=10_000, asked=None):
    """Ask until there is nothing left; returns the questions."""
    questions = []
    survey(plan)
    while (question := plan.next(NOW_US)) is not None:
        questions.append(question)
        assert len(questions) <= limit, "it asks for ever"
        plan.answered(question, NOW_US, venue(opens(question)))
        if asked is not None:
            asked.update(opens(question))
    return questions


@given(
    st.sets(st.integers(1, 400), max_size=300), st.integers(1, 60), st.sampled_from([newest, oldest]),
    st.sets(st.integers(1, 400), max_size=50), st.integers(1, 400),
)  # fmt: skip
def test_whatever_the_venue_withholds_every_candle_it_has_is_got_and_asking_ends(has, cap, keep, extra, back):
    """It has only some candles, gives so many an answer from either end, and rows that were not asked for."""
    held = {NOW_US // SECOND_US - minute * 60 for minute in has}
    noise = [NOW_US // SECOND_US - minute * 60 for minute in extra]
    got = set()

    def venue(asked):
        rows = keep(held & set(asked), cap)
        got.update(rows)
        return [*rows, *(row for row in noise if row not in asked)]

    plan = CandlePlan()
    plan.want({"AAA 1min": spans((back, 0))})
    settled = NOW_US - SETTLE_US - MINUTE_US
    wanted = {s for s in held if NOW_US - back * MINUTE_US <= s * SECOND_US <= settled}
    answer_all(plan, venue, limit=len(wanted) + 2 * (len(held) // cap + 2) + 5)
    survey(plan)
    assert wanted <= got
    assert plan.left == Left(0, 0)
    assert plan.given == len(wanted)


def test_a_venue_that_clamps_the_start_is_paged_backwards_without_waste():
    plan = CandlePlan()
    plan.want({"AAA 1min": spans((1_440, 0))})
    questions = answer_all(plan, lambda asked: newest(asked, 1_000))
    assert len(questions) == 2
    assert questions[1].to_s < questions[0].to_s - 999 * 60


def test_what_the_venue_does_not_give_is_counted():
    plan = CandlePlan()
    plan.want({"AAA 1min": spans((100, 0))})
    answer_all(plan, lambda asked: [open_s for open_s in asked if open_s % 120])
    assert (plan.given, plan.not_given) == (49, 50)


def test_a_running_candle_is_not_asked_for():
    plan = CandlePlan()
    plan.want({"AAA 1min": ((NOW_US - 3 * MINUTE_US, NOW_US + MINUTE_US),)})
    question = first(plan)
    assert opens(question)[-1] * SECOND_US + MINUTE_US + SETTLE_US <= NOW_US


def test_repairs_come_before_a_long_backfill_at_every_request():
    plan = CandlePlan()
    plan.want({f"M{n} 1min": spans((1_440, 0)) for n in range(50)})
    assert not first(plan).urgent
    plan.heed(Wanted(repairs={"ZZZ 1min": spans((30, 20))}))
    second = first(plan)
    assert (second.market, second.urgent) == ("ZZZ", True)
    plan.answered(second, NOW_US, opens(second))
    assert not plan.next(NOW_US).urgent


def test_markets_take_turns():
    plan = CandlePlan()
    plan.want({f"{name} 1min": spans((5_000, 0)) for name in ("AAA", "BBB", "CCC")})
    survey(plan)
    asked = []
    for _ in range(6):
        question = plan.next(NOW_US)
        asked.append(question.market)
        plan.answered(question, NOW_US, newest(opens(question), 1_000))
    assert asked == ["AAA", "BBB", "CCC"] * 2


def test_markets_take_turns_however_often_candles_close_and_the_plan_is_made_anew():
    """At a request a second 150 markets take longer than a candle: the first waits for the last."""
    plan = CandlePlan()
    names = [f"M{number:03}" for number in range(150)]
    asked = []
    for second in range(300):
        now_us = NOW_US + second * SECOND_US
        plan.want(lookback(names, ["1min"], timedelta(hours=1), now_us))
        question = first(plan, now_us)
        if question is not None:
            asked.append(question.market)
            plan.answered(question, now_us, opens(question))
    assert asked == names * 2


def test_a_survey_of_thousands_lets_others_go_on_meanwhile():
    plan = CandlePlan()
    plan.want(lookback([f"M{n}" for n in range(300)], PERIOD_SECONDS, timedelta(hours=12), NOW_US))
    assert sum(1 for _ in plan.survey(NOW_US)) >= 50


def test_what_the_lake_knows_to_be_answered_is_not_asked_again():
    plan = CandlePlan()
    plan.want({"AAA 1min": spans((100, 0))})
    plan.heed(Wanted(answered={"AAA 1min": spans((100, 10))}))
    question = first(plan)
    assert opens(question)[0] * SECOND_US == NOW_US - 10 * MINUTE_US


def test_a_question_that_failed_is_asked_again_after_the_others():
    plan = CandlePlan()
    plan.want({"AAA 1min": spans((10, 0)), "BBB 1min": spans((10, 0))})
    survey(plan)
    assert [plan.next(NOW_US).market for _ in range(3)] == ["AAA", "BBB", "AAA"]


def test_a_market_that_the_venue_refuses_is_left_alone_for_an_hour():
    plan = CandlePlan()
    plan.want({"AAA 1min": spans((10, 0))})
    plan.refused(first(plan), NOW_US)
    assert plan.next(NOW_US) is None
    assert first(plan) is None
    assert first(plan, NOW_US + int(REFUSED_FOR_S * SECOND_US) + 1) is not None


def test_the_estimate_is_honest_before_and_after_the_venues_cap_is_known():
    """300 markets by 10 periods take an hour at a request a second."""
    plan = CandlePlan()
    periods = ("1min", "5min", "15min", "30min", "1hour", "4hour", "6hour", "12hour", "1day", "1week")
    day = timedelta(hours=12)
    plan.want(lookback([f"M{n}" for n in range(300)], periods, day, NOW_US))
    question = first(plan)
    assert 2_900 <= plan.left.requests <= 3_000
    assert plan.left.candles > 300 * 710
    plan.answered(question, NOW_US, newest(opens(question), 100))
    assert ROWS_AN_ANSWER > 100
    survey(plan)
    assert plan.left.requests > 300 * 7


def test_the_venues_clock_decides_what_is_closed():
    plan = CandlePlan()
    plan.heed(Wanted(offset_us=3_600 * SECOND_US))
    plan.want({"AAA 1min": spans((120, 0))})
    assert first(plan).to_s * SECOND_US <= NOW_US - 3_600 * SECOND_US


@pytest.mark.parametrize(("period", "candles"), [("1min", 60), ("1hour", 2), ("1week", 2)])
def test_the_lookback_holds_at_least_the_last_candle_that_closed(period, candles):
    [((start, end),)] = lookback(["AAA"], [period], timedelta(hours=1), NOW_US).values()
    width = {"1min": 60, "1hour": 3_600, "1week": 604_800}[period] * SECOND_US
    assert NOW_US - start >= candles * width
    assert end > NOW_US


def test_no_lookback_wants_nothing():
    assert lookback(["AAA"], ["1min"], timedelta(0), NOW_US) == {}
