"""The chaos run in its short form; and that each of its claims fails where what it claims is not so."""

import json
from collections import Counter
from itertools import pairwise

import chaos
import chaos_check as check
import chaos_loss as loss
import chaos_minutes as minutes
import chaos_script as script
import pytest
from chaos_check import Evidence
from chaos_lake import Found, Gap
from chaos_record import OURS, Book, Call, Sent, State, Told, Trade, read_record
from chaos_stage import Done

from recorder.simulator.faults import load_faults

NS, US = 10**9, 10**6
MINUTE_S = 1_795_392_000
"""The minute that the example is about; all of it happens within, by every clock."""
ORDINARY = 60
"""How many trades the example has, one a second."""


# --- the run ---


@pytest.mark.long
def test_the_short_form_finds_nothing_against_the_recorder(tmp_path, capsys):
    code = chaos.main(["--short", "--seed", "11", "--keep", str(tmp_path)])
    told = capsys.readouterr().out
    assert code == 0, told
    for event in (
        "kill ",
        "term ",
        "abort",
        "silence",
        "lose",
        "duplicates",
        "status=429",
        "kill lake",
        "compact",
    ):
        assert event in told


# --- the script ---


def test_the_same_seed_makes_the_same_script_and_another_one_another():
    assert script.long(5, 10, 8) == script.long(5, 10, 8) != script.long(6, 10, 8)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_script_has_its_kills_and_the_exchange_takes_its_faults(seed, tmp_path):
    plan = script.long(seed, 100, 10)
    kills = [event.at for event in plan.events if event.kind == "kill"]
    pauses = [after - before for before, after in pairwise(kills[:100])]
    assert all(0.02 <= pause <= 3.6 + script.COMPACTED_S for pause in pauses)
    assert sum(pause <= 0.3 for pause in pauses) >= 5
    path = tmp_path / "faults.jsonl"
    path.write_text(script.faults_of(plan))
    faults = load_faults(path)
    assert len({fault.kind for fault in faults}) >= 8
    assert len(faults) + sum(event.kind in script.DONE_TO_IT for event in plan.events) == len(plan.events)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_stopped_goes_on_what_is_filled_is_freed_and_the_clock_is_right_in_the_end(seed):
    plan = script.long(seed, 3, 10)
    kinds = Counter(event.kind for event in plan.events)
    assert kinds["stop"] == kinds["go on"]
    assert kinds["fill"] == kinds["free"]
    steps = [event.detail["offset"] for event in plan.events if event.kind == "step"]
    assert steps[-1] == 0.0
    skews = [event.detail["seconds"] for event in plan.events if event.kind == "skew"]
    assert sum(skews) == pytest.approx(0)


@pytest.mark.parametrize("seed", range(20))
def test_in_a_long_script_compactions_of_the_day_that_ended_are_killed_before_one_may_finish(seed):
    asked = [event for event in script.long(seed, 100, 10).events if "compact" in event.kind]
    finished = next(at for at, event in enumerate(asked) if event.kind == "compact")
    assert asked[0].at > script.MIDNIGHT_S
    assert finished >= 5


# --- the record ---


def test_the_record_is_read_in_the_lakes_terms(tmp_path):
    deal = {
        "amount": "2.5",
        "id": 7,
        "market": "AAA",
        "price": "0.10",
        "time": 1795392000.123456,
        "type": "buy",
    }
    book = {
        "asks": [["2", "1"]], "bids": [["1", "3.5"], ["0.5", "4"]], "last": "1", "index_price": "1.1",
        "market": "AAA", "sign_price": "1.2", "time": 1_795_392_000_123,
    }  # fmt: skip

    def push(stream, result, **more):
        return {"t": 5, "conn": 1, "frame": {"method": f"update.{stream}", "result": result}, **more}

    call = {"t": 9, "rest": "/open/api/v2/market/list", "query": {}, "status": 200, "code": 0}
    lines = [
        {"t": 1, "conn": 1, "event": "open"},
        push("trade", {**deal, "id": 6}, conn=0, lost=True, by="lose"),
        push("trade", deal),
        push("depth", book),
        {"t": 7, "fault": "skew", "seconds": 2},
        {"t": 8, "conn": 1, "text": "\u00ff"},
        call,
        {**call, "query": OURS},
        {"t": 10, "conn": 1, "event": "close"},
    ]
    path = tmp_path / "record"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = read_record(path)
    assert told.trades["AAA", 7] == (1_795_392_000_123_456, "buy", 0.1, 2.5)
    assert set(told.trades) == {("AAA", 6), ("AAA", 7)}
    assert told.pushed == {("AAA", 7)}
    assert told.withheld == {("trade", "lose"): 1}
    assert list(told.books) == [
        ("AAA", 1_795_392_000_123_000, ((1.0, 3.5), (0.5, 4.0)), ((2.0, 1.0),), 1.0, 1.1, 1.2)
    ]
    assert told.calls == [Call(9, "market/list", 200, 0)]
    assert told.garbage == {"\\xff", "base64:/w=="}
    assert (told.opened, told.closed) == ({1: 1}, {1: 10})
    assert [told.happened_at(t_ns) for t_ns in (3, 3 * NS)] == [3, NS]


# --- the claims ---


def trade(second):
    return Trade((MINUTE_S + second) * US, "buy", 100.0 + second, 0.5)


def moment(second):
    """When the exchange did what happened in a second of the minute."""
    return (MINUTE_S + second) * NS + 10_000_000


def book(second, market="AAA"):
    return Book(market, (MINUTE_S + second) * US, ((1.0, 2.0),), ((3.0, 4.0),), 1.0, 2.0, 3.0)


def state(second):
    return State("AAA", (float(second),), 1, 5)


def whole():
    """Evidence of a minute of one market that was recorded without a flaw, and of the end after it."""
    told, found = Told(), Found()
    told.opened[1] = (MINUTE_S - 5) * NS
    told.closed[1] = (MINUTE_S + 90) * NS
    for second in range(ORDINARY):
        key, t_ns = ("AAA", second), moment(second)
        told.trades[key], told.happened[key] = trade(second), t_ns
        told.pushed.add(key)
        told.books[book(second)].append(t_ns)
        told.states[state(second)].append(t_ns)
        told.sent[1] += [
            Sent(t_ns, "trade", key), Sent(t_ns, "depth", book(second)), Sent(t_ns, "state", state(second))
        ]  # fmt: skip
        found.trades[key] = (trade(second), "ws")
        found.books[book(second)] = 1
        found.states[state(second)] = [t_ns // 1000 + 200]
    figures = (100.0, 159.0, 100.0, 159.0, 30.0, 3885.0)
    told.candles["AAA", MINUTE_S] = found.candles["AAA", MINUTE_S] = figures
    told.calls = [Call(moment(second), "market/kline", 200, 0) for second in (1, 3)]
    told.garbage = {"x"}
    found.rejects = [("not JSON", "x")]
    found.coverage["AAA", MINUTE_S] = ("A", "")
    done = Done(begun_ns=(MINUTE_S - 10) * NS, stopped_ns=(MINUTE_S + 80) * NS)
    done.terms, done.codes = [(MINUTE_S + 80) * NS], [0]
    done.kills = [moment(59) + 20_000_000]
    return Evidence(
        told, found, done, started_ns=(MINUTE_S - 9) * NS, rounds=5, segments=2, damage=[(1, "torn tail")],
        publish=(0, "Nothing new: the lake has all."), verify=(0, "equal"),
        closed_days={("trades", "2026-11-22"): (1, 0)},
    )  # fmt: skip


def gap(stream, start_s, end_s, **more):
    """A gap of the example's market between two seconds of its minute; `end_s` None: it is open."""
    start, end = ((MINUTE_S + second) * US if second is not None else None for second in (start_s, end_s))
    return Gap(stream, "AAA", start, end, **{"reason": "crash", "remains": (start, end), **more})


def failing(evidence):
    """The claims that do not hold."""
    return {claim.__name__ for claim in chaos.CLAIMS if claim(evidence).offenders}


def test_every_claim_holds_of_a_flawless_recording():
    assert failing(whole()) == set()


BREAKS = []


def breaks(*claims):
    """Of a function that breaks a flawless recording: which claims do not hold then, and no others."""

    def register(break_it):
        BREAKS.append((break_it, {claim.__name__ for claim in claims}))
        return break_it

    return register


TRADES = check.every_trade_is_in_the_lake_as_sent_or_in_a_gap
BOOKS = check.every_book_sent_is_in_the_lake_or_in_a_gap
STATES = check.every_state_sent_is_in_the_lake_or_in_a_gap
STRANGE = check.nothing_is_in_the_lake_that_was_not_sent_or_answered
CANDLES = minutes.every_closed_candle_is_the_venues_or_in_a_gap
GRADE_A = minutes.a_minute_of_grade_a_was_received_whole_by_push
GRADE_B = minutes.a_minute_of_grade_b_has_every_trade
UNGRADED = minutes.undisturbed_minutes_that_were_delivered_whole_are_graded_a
REPAIRED = check.what_a_gap_calls_repaired_is_there
SIGKILL = loss.a_sigkill_costs_a_tenth_of_a_second_at_most


@breaks(TRADES, GRADE_A)
def a_trade_is_missing(evidence):
    del evidence.found.trades["AAA", 30]


@breaks(GRADE_A)
def a_trade_is_missing_in_a_gap(evidence):
    a_trade_is_missing(evidence)
    evidence.found.gaps = [gap("trade", 20, 40)]


@breaks(TRADES, GRADE_A)
def a_trade_is_missing_beside_a_gap_and_in_those_of_others(evidence):
    a_trade_is_missing(evidence)
    evidence.found.gaps = [gap("trade", 20, 30), gap("trade", 31, None), gap("depth", 20, 40)]
    evidence.found.gaps.append(Gap("trade", "BBB", (MINUTE_S + 20) * US, None, "crash"))


@breaks(TRADES, GRADE_A)
def a_trade_is_missing_in_a_gap_of_another_clock(evidence):
    a_trade_is_missing_in_a_gap(evidence)
    evidence.done.steps.append((moment(10), 25 * NS))


@breaks(GRADE_A, REPAIRED)
def a_trade_is_missing_in_a_gap_that_is_said_to_be_repaired(evidence):
    a_trade_is_missing(evidence)
    evidence.found.gaps = [gap("trade", 20, 40, repaired="fully", remains=(None, None))]


@breaks(TRADES, GRADE_A, STRANGE)
def a_trade_has_another_price(evidence):
    evidence.found.trades["AAA", 30] = (trade(30)._replace(price=1.0), "ws")


@breaks(GRADE_A)
def a_trade_came_by_rest(evidence):
    evidence.found.trades["AAA", 30] = (trade(30), "rest")


@breaks(GRADE_B, TRADES)
def a_trade_of_a_minute_of_grade_b_is_missing(evidence):
    a_trade_is_missing(evidence)
    evidence.found.coverage["AAA", MINUTE_S] = ("B", "agrees after repair")


@breaks(BOOKS)
def a_book_is_missing(evidence):
    del evidence.found.books[book(30)]


@breaks(STATES)
def a_state_is_missing(evidence):
    del evidence.found.states[state(30)]


@breaks(STATES)
def one_of_two_equal_states_is_missing(evidence):
    evidence.told.states[state(30)].append(moment(31))


@breaks(STRANGE)
def a_state_is_there_more_often_than_it_was_sent(evidence):
    evidence.found.states[state(30)].append(5)


@breaks(STRANGE)
def a_trade_is_there_that_never_happened(evidence):
    evidence.found.trades["AAA", 1_000] = (trade(30), "ws")


@breaks(STRANGE)
def a_book_is_there_that_never_was(evidence):
    evidence.found.books[book(30, "BBB")] = 1


@breaks(STRANGE)
def something_was_rejected_that_was_no_garbage(evidence):
    evidence.found.rejects.append(("not JSON", "y"))


@breaks(STRANGE)
def there_are_more_states_by_rest_than_answers(evidence):
    evidence.found.rest_states = 1


@breaks(check.nothing_is_there_twice)
def a_row_is_there_twice(evidence):
    evidence.found.twice.append(("trades", ("AAA", 30)))


@breaks(CANDLES, GRADE_A)
def a_candle_is_not_the_venues(evidence):
    evidence.found.candles["AAA", MINUTE_S] = (1.0,) * 6


@breaks(CANDLES, GRADE_A)
def a_candle_is_absent_and_a_gap_that_was_over_before_its_close_does_not_explain_it(evidence):
    del evidence.found.candles["AAA", MINUTE_S]
    evidence.found.gaps = [gap("kline", 20, 59)]


@breaks(GRADE_A)
def a_candle_is_absent_in_a_gap(evidence):
    del evidence.found.candles["AAA", MINUTE_S]
    evidence.found.gaps = [gap("kline", 59, 61)]


@breaks(CANDLES)
def a_candle_is_none_of_the_venues(evidence):
    evidence.found.candles["AAA", MINUTE_S - 60] = (1.0,) * 6


@breaks(UNGRADED)
def a_whole_minute_has_grade_d(evidence):
    evidence.found.coverage["AAA", MINUTE_S] = ("D", "for no reason")


@breaks()
def a_whole_minute_near_a_disturbance_has_grade_d(evidence):
    evidence.done.disturbed.append((moment(100), moment(101)))
    a_whole_minute_has_grade_d(evidence)


@breaks(check.the_venues_limits_were_kept)
def two_calls_came_too_soon_after_each_other(evidence):
    evidence.told.calls.append(Call(moment(3) + NS - 1, "market/kline", 200, 0))


@breaks(check.readers_saw_a_whole_lake_at_all_times)
def a_reader_complained(evidence):
    evidence.complaints.append((moment(3), "trades went down"))


@breaks(check.readers_saw_a_whole_lake_at_all_times)
def no_reader_was_ever_answered(evidence):
    evidence.rounds = 0


@breaks(check.the_journal_is_whole_but_for_torn_tails)
def the_journal_is_damaged(evidence):
    evidence.damage.append((2, "crc does not match"))


@breaks(check.the_recorder_ended_only_when_it_was_told_to)
def the_recorder_died(evidence):
    evidence.deaths.append("ended with 1")


@breaks(check.the_recorder_ended_only_when_it_was_told_to)
def a_sigterm_was_answered_with_an_error(evidence):
    evidence.done.codes.append(1)


@breaks(loss.a_sigterm_costs_nothing)
def a_book_was_lost_at_the_stop(evidence):
    evidence.done.terms = [moment(59)]
    del evidence.found.books[book(59)]
    evidence.found.gaps = [gap(None, 58, None)]


@breaks()
def what_was_lost_at_the_kill_was_just_sent(evidence):
    del evidence.found.books[book(59)]
    del evidence.found.states[state(59)]
    evidence.found.gaps = [gap(None, 58, None)]


@breaks(SIGKILL)
def what_was_lost_at_the_kill_was_old(evidence):
    evidence.done.kills = [moment(59) + 101_000_000]
    what_was_lost_at_the_kill_was_just_sent(evidence)


@breaks()
def what_was_lost_at_the_kill_was_old_and_the_disk_was_full(evidence):
    what_was_lost_at_the_kill_was_old(evidence)
    evidence.done.full.append((moment(50), 0))


@breaks(check.publish_has_nothing_left)
def something_was_left_to_publish(evidence):
    evidence.publish = (0, "Published 3 trades.")


@breaks(check.closed_days_are_compacted)
def a_closed_day_is_not_compacted(evidence):
    evidence.closed_days["depth", "2026-11-22"] = (3, 2)


@breaks(check.closed_days_are_compacted)
def the_day_never_ended(evidence):
    evidence.closed_days.clear()


@breaks(check.closed_days_are_compacted)
def compacting_failed(evidence):
    evidence.compact = (1, "no space left")


@breaks(check.the_lake_is_what_the_journal_makes)
def the_lake_is_not_what_the_journal_makes(evidence):
    evidence.verify = (1, "trades differ")


@pytest.mark.parametrize(("break_it", "claims"), BREAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_recording_breaks_the_claims_it_should_and_no_others(break_it, claims):
    evidence = whole()
    break_it(evidence)
    assert failing(evidence) == claims


def test_every_claim_is_broken_by_something():
    broken = set().union(*(claims for _, claims in BREAKS))
    assert broken == {claim.__name__ for claim in chaos.CLAIMS}
