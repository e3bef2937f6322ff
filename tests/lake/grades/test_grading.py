"""The grade of a minute: A only where both witnesses were received and agree exactly."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.lake.grades.grading import Observed, Precision, Told, Traded, disagreement, judge

TRADED = Traded(3, 0, 1.5, 150.25, 0.015, 100.0, 101.0, 99.5, 100.5)
QUIET = Traded(0, 0, 0.0, 0.0, 0.0, math.nan, math.nan, math.nan, math.nan)
TOLD = Told(100.0, 101.0, 99.5, 100.5, 1.5, 150.25, "ws")
FLAT = Told(100.5, 100.5, 100.5, 100.5, 0.0, 0.0, "ws")
WATCHED = Observed(60.0, 0.0, False, True, False, False, False)
PRECISION = Precision(0.0001, 0.01, 1e-8)


def grade(traded=TRADED, told=TOLD, observed=WATCHED, precision=PRECISION):
    return judge(traded, told, observed, precision)


def seen(**changes):
    return replace(WATCHED, **changes)


class TestA:
    def test_trades_and_candle_that_agree(self):
        assert grade() == judge(TRADED, TOLD, WATCHED, PRECISION)
        assert (grade().grade, grade().reason, grade().missed) == ("A", "", "")

    @pytest.mark.parametrize("source", ["ws", "rest"])
    def test_a_flat_candle_and_no_trade_are_a_proven_quiet_minute_whichever_way_it_came(self, source):
        verdict = grade(QUIET, replace(FLAT, source=source))
        assert (verdict.grade, verdict.missed) == ("A", "")

    def test_a_candle_without_turnover_is_judged_by_the_rest(self):
        assert grade(told=replace(TOLD, turnover=None)).grade == "A"


class TestB:
    def test_trades_by_rest(self):
        verdict = grade(replace(TRADED, rest=2), observed=seen(trades_touched=True))
        assert (verdict.grade, verdict.reason) == ("B", "agrees after repair: 2 trades by REST")

    def test_a_candle_by_rest(self):
        assert grade(told=replace(TOLD, source="rest")).grade == "B"

    def test_a_gap_in_which_no_trade_was_missed(self):
        assert grade(observed=seen(trades_touched=True)).grade == "B"

    def test_a_gap_at_the_candles_end_that_an_answer_closed(self):
        assert grade(observed=seen(candle_touched=True)).grade == "B"


class TestC:
    def test_a_candle_where_trades_were_not_recorded(self):
        verdict = grade(QUIET, TOLD, seen(recorded_s=0.0, trades_touched=True))
        assert (verdict.grade, verdict.reason) == ("C", "candle only")

    def test_a_candle_where_a_gap_covers_the_whole_minute(self):
        assert grade(QUIET, TOLD, seen(unseen_s=60.0, trades_touched=True)).grade == "C"

    def test_trades_without_a_candle(self):
        verdict = grade(TRADED, None)
        assert (verdict.grade, verdict.reason, verdict.missed) == ("C", "trades only", "kline=none")

    def test_a_quiet_minute_where_candles_are_not_recorded(self):
        verdict = grade(QUIET, None, seen(candle_recorded=False))
        assert (verdict.grade, verdict.missed) == ("C", "")


class TestD:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("volume", 1.6), ("turnover", 151.0), ("high", 101.01), ("low", 99.4), ("close", 100.4)],
    )
    def test_each_of_the_five_witnesses_counts(self, name, value):
        verdict = grade(told=replace(TOLD, **{name: value}))
        assert verdict.grade == "D"
        assert verdict.reason.startswith(name)

    def test_the_open_is_no_witness(self):
        assert grade(told=replace(TOLD, open=1.0)).grade == "A"

    def test_a_gap_in_trades_even_where_all_agrees(self):
        assert grade(observed=seen(unseen_s=0.5, trades_touched=True)).grade == "D"

    def test_a_candle_whose_last_version_may_be_missing(self):
        assert grade(observed=seen(candle_touched=True, candle_unproven=True)).grade == "D"
        assert grade(QUIET, TOLD, seen(recorded_s=0.0, candle_unproven=True)).grade == "D"

    def test_a_hole(self):
        verdict = grade(QUIET, None)
        assert (verdict.grade, verdict.reason) == ("D", "no candle and no trade")

    def test_trades_where_the_candle_says_there_were_none(self):
        assert grade(TRADED, FLAT).grade == "D"


class TestMissed:
    def test_fewer_trades_than_the_candle_counts_are_missed_trades(self):
        assert grade(told=replace(TOLD, volume=2.0)).missed == "trade=none"

    def test_a_candle_that_counts_less_than_the_trades_is_a_missed_candle(self):
        assert grade(told=replace(TOLD, volume=1.0)).missed == "kline=none"

    def test_trades_that_only_rest_brought_were_missed_and_are_repaired(self):
        assert grade(replace(TRADED, rest=1)).missed == "trade=fully"

    def test_a_candle_that_only_rest_brought_was_missed_and_is_repaired(self):
        assert grade(told=replace(TOLD, source="rest")).missed == "kline=fully"

    def test_a_hole_is_missed_in_every_stream_that_is_silent(self):
        assert grade(QUIET, None, seen(depth_lost=True)).missed == "trade=none,kline=none,depth=none"

    def test_trades_that_a_known_gap_may_not_account_for_are_missed(self):
        """A gap and a lost push may lie in one minute, and the candle tells of their sum alone."""
        for observed in (seen(unseen_s=1.0, trades_touched=True), seen(recorded_s=30.0, trades_touched=True)):
            assert grade(told=replace(TOLD, volume=2.0), observed=observed).missed == "trade=none"

    def test_a_candle_that_lies_in_a_known_gap_is_not_told_again(self):
        observed = seen(trades_touched=True, candle_touched=True)
        assert grade(told=replace(TOLD, volume=1.0), observed=observed).missed == ""

    def test_what_was_not_recorded_is_not_missed(self):
        observed = seen(recorded_s=0.0, trades_touched=True, candle_recorded=False)
        assert grade(told=replace(TOLD, volume=2.0), observed=observed).missed == ""


class TestTolerance:
    def test_volume_agrees_to_half_a_unit_of_the_last_place_and_no_further(self):
        assert disagreement(TRADED, replace(TOLD, volume=1.50004), PRECISION) == ""
        assert disagreement(TRADED, replace(TOLD, volume=1.50006), PRECISION).startswith("volume")

    def test_turnover_agrees_to_half_a_unit_a_trade_and_no_further(self):
        assert disagreement(TRADED, replace(TOLD, turnover=150.269), PRECISION) == ""
        assert disagreement(TRADED, replace(TOLD, turnover=150.271), PRECISION).startswith("turnover")

    def test_without_a_known_precision_only_what_doubles_cannot_tell_is_granted(self):
        assert disagreement(TRADED, replace(TOLD, volume=1.5 + 4e-16), Precision()) == ""
        assert disagreement(TRADED, replace(TOLD, volume=1.5 + 1e-12), Precision()).startswith("volume")

    def test_an_inverse_markets_turnover_is_contracts_by_price_times_their_value(self):
        traded = Traded(1, 0, 4.0, 4 * 61804.8, 4 / 61804.8, *([61804.8] * 4))
        told = Told(*([61804.8] * 4), 4.0, 0.006471989230609920265, "ws")
        assert disagreement(traded, told, Precision(1.0, 0.1, 1e-8)) == ""
        assert disagreement(traded, replace(told, turnover=0.0065), Precision(1.0, 0.1, 1e-8)) != ""


@given(
    st.floats(0.1, 10), st.booleans(), st.sampled_from(["ws", "rest"]), st.integers(0, 3),
    st.floats(0, 60), st.floats(0, 60), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_is_given_only_where_everything_speaks_for_it(  # noqa: PLR0917  # what hypothesis makes up
    volume, there, source, rest, recorded, unseen, touched, candle_touched, unproven, equal
):
    traded = replace(TRADED, rest=rest)
    told = replace(TOLD, source=source, volume=1.5 if equal else volume) if there else None
    observed = Observed(
        recorded, min(unseen, recorded), touched or recorded < 60, True, candle_touched or unproven,
        unproven, False,
    )  # fmt: skip
    if grade(traded, told, observed).grade == "A":
        assert there
        assert source == "ws"
        assert rest == 0
        assert not touched
        assert not candle_touched
        assert not unproven
        assert recorded >= 60
        assert min(unseen, recorded) == 0
        assert abs(told.volume - traded.volume) <= 0.00005 + 1e-12
