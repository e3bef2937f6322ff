"""A gap in candles is repaired when the venue was asked for each candle that closed in it."""

import pytest

from recorder.lake.grades.mend import mended, needed

S = 1_000_000
MINUTE = 60 * S


def row(start_s, end_s, *, period="1min", detail="reset", lags_s=(0, 0)):
    return {
        "stream": "kline", "market": "AAA", "period": period, "reason": "disconnect", "detail": detail,
        "ts_start": start_s * S, "ts_end": None if end_s is None else end_s * S, "repaired": "none",
        "remains_start": start_s * S, "remains_end": None if end_s is None else end_s * S, "recorder": "main",
        "lag_low_us": lags_s[0] * S, "lag_high_us": lags_s[1] * S,
    }  # fmt: skip


def repair(gap, answered=(), given_opens=(), *, first_s=0):
    spans = tuple((start * S, end * S) for start, end in answered)
    better = mended(gap, spans, frozenset(s * S for s in given_opens), first_s * S)
    remains = (better["remains_start"], better["remains_end"])
    return better["repaired"], tuple(us if us is None else us / S for us in remains), better["detail"]


def test_a_gap_in_which_no_candle_closed_lost_nothing_that_the_next_push_does_not_bring():
    assert repair(row(610, 630)) == ("fully", (None, None), "reset; by candles: none closed in it")


def test_until_the_venue_was_asked_it_remains_whole():
    assert repair(row(610, 730)) == ("none", (610, 730), "reset")


def test_all_asked_and_given_is_fully():
    result = repair(row(610, 730), [(600, 720)], [600, 660])
    assert result == ("fully", (None, None), "reset; by candles: 2 of 2 by REST")


def test_what_was_not_asked_for_yet_remains():
    result = repair(row(610, 730), [(600, 660)], [600])
    assert result == ("partly", (660, 720), "reset; by candles: 1 of 2 by REST")


def test_what_the_venue_did_not_give_remains_and_is_counted():
    result = repair(row(610, 790), [(600, 840)], [600, 720])
    assert result == ("partly", (660, 720), "reset; by candles: 2 of 3 by REST, 1 not given by the venue")


def test_where_it_gave_nothing_nothing_is_repaired():
    assert repair(row(610, 730), [(600, 840)])[0] == "none"
    assert "gave none of 2" in repair(row(610, 730), [(600, 840)])[2]


def test_before_the_markets_first_candle_there_is_nothing_to_give():
    assert repair(row(610, 790), [(600, 840)], [720], first_s=720)[0] == "fully"


def test_a_candle_that_closed_just_before_the_gap_may_have_lost_its_last_push():
    assert needed(row(661, 670), 670 * S)[0] <= 600 * S
    assert repair(row(661, 670))[0] == "none"
    assert repair(row(663, 670))[0] == "fully"


def test_an_open_gap_is_not_repaired_yet():
    assert repair(row(610, None), [(0, 10_000)], range(0, 6000, 60)) == ("none", (610, None), "reset")


def test_the_text_is_not_told_twice():
    once = mended(row(610, 730), ((600 * S, 720 * S),), frozenset({600 * S, 660 * S}), 0)
    assert mended(once, ((600 * S, 720 * S),), frozenset({600 * S, 660 * S}), 0) == once


def test_gaps_speak_in_our_clock_and_candles_in_the_venues():
    result = repair(row(3_610, 3_730, lags_s=(3_000, 3_000)), [(600, 720)], [600, 660])
    assert result[0] == "fully"
    result = repair(row(3_610, 3_730, lags_s=(3_000, 3_000)), [(600, 660)], [600])
    assert result[:2] == ("partly", (3_660, 3_720))


def test_where_our_clock_is_some_seconds_ahead_the_candle_that_closed_by_the_venues_counts():
    assert repair(row(668, 672))[2] == "reset; by candles: none closed in it"
    assert repair(row(668, 672, lags_s=(10, 10)))[0] == "none"


def test_where_a_clock_was_set_in_the_gap_every_candle_counts_that_may_have_closed():
    assert repair(row(668, 672, lags_s=(0, 10)))[0] == "none"


@pytest.mark.parametrize("period", ["1day", "1week"])
def test_long_candles_close_seldom(period):
    assert repair(row(610, 730, period=period))[0] == "fully"


def test_a_period_that_the_venue_does_not_document_is_left_alone():
    assert repair(row(610, 730, period="7min"))[0] == "none"
