"""What is kept of what a day's states told of funding."""

import random
import re

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US, rows_of, state

from analytics.questions import question
from recorder.lake.days.funding import LEADS_MIN, OFF_US, PRICES, RATES, SURE_US, FundingTold
from recorder.lake.store.tables import STATE

VALUES = (*RATES, *PRICES)


def told(*states, cuts=()):
    """The rows of a day of these states, which come in blocks that end at the cuts."""
    rows = rows_of(STATE, states)
    gathered = FundingTold()
    ends = [*sorted(cuts), rows.num_rows]
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        gathered.add(rows.slice(start, end - start).combine_chunks())
    return gathered.table("AAA")


def dicts(table):
    """Rows, with times in microseconds after the day's begin."""
    plain = table.set_column(0, "market", table["market"])
    for at, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            plain = plain.set_column(at, field.name, plain[field.name].cast(pa.int64()))
    return [
        {
            name: value - DAY_US
            if (name.startswith("ts_") or name == "minute") and value is not None
            else value
            for name, value in row.items()
        }
        for row in plain.to_pylist()
    ]


def state_at(at, *, every_us=8 * HOUR_US, seq=0, **fields):
    """A state whose countdown is in whole minutes, rounded down, as `ts_funding` has it."""
    left_us = every_us - at % every_us
    due = at + left_us // MINUTE_US * MINUTE_US
    rates = {"funding_rate_last": 1e-4, "funding_rate_next": 2e-4, "funding_rate_predict": 3e-4}
    prices = {"mark_price": 100.0, "index_price": 99.0}
    due = -(-due // MINUTE_US) * MINUTE_US
    return state(at, seq=seq) | rates | prices | {"ts_funding": DAY_US + due} | fields


@st.composite
def days(draw):
    """States of a day with pauses, missing fields and other settlements than the last one's."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    at, found = chance.randrange(HOUR_US), []
    every_us = chance.choice([HOUR_US, 4 * HOUR_US, 90 * MINUTE_US])
    for seq in range(draw(st.integers(0, 400))):
        at += chance.choice([0, SECOND_US, 20 * SECOND_US, MINUTE_US, MINUTE_US, 4 * MINUTE_US])
        if at >= 24 * HOUR_US:
            break
        fields = {name: None for name in (*VALUES, "ts_funding") if chance.random() < 0.03}
        fields |= {"funding_rate_predict": chance.random()} if chance.random() < 0.9 else {}
        found.append(state_at(at, every_us=every_us, seq=seq, **fields))
    return found


def minutes_of(states):
    """Plainly, state by state: what each minute told of each settlement."""
    found = {}
    for one in states:
        at, due = one["ts_recv"] - DAY_US, one["ts_funding"]
        due = None if due is None else due - DAY_US
        if due is not None:
            hour = round(due / HOUR_US) * HOUR_US
            is_near = abs(due - hour) <= OFF_US
            counts = due - at >= MINUTE_US
            due = hour if is_near else due if counts else None
        key = (at // MINUTE_US * MINUTE_US, due)
        row = found.setdefault(
            key, {"ts_first": at, "ts_counting": None, "states": 0} | dict.fromkeys(VALUES)
        )
        row["ts_last"] = at
        row["states"] += 1
        if due is not None and counts:
            row["ts_counting"] = at
        for name in VALUES:
            if one[name] is not None and (name in PRICES or due is None or at < due - SURE_US):
                row[name] = one[name]
    return found


@given(days())
def test_a_row_is_what_all_states_of_its_minute_told(states):
    expected = minutes_of(states)
    for row in dicts(told(*states)):
        minute = expected[row["minute"], row["ts_told"]]
        names = [name for name in minute if name != "states"]
        assert {name: row[name] for name in names} == {name: minute[name] for name in names}


@given(days())
def test_what_is_left_out_only_repeats_the_row_before_it(states):
    """The same settlement and known fields, minute after minute; its states are counted with the next row."""
    expected = minutes_of(states)
    order = sorted(expected, key=lambda key: (key[0], expected[key]["ts_first"], key[1] or -1))
    kept = {(row["minute"], row["ts_told"]): row for row in dicts(told(*states))}
    left_out = []
    for key in order:
        if key not in kept:
            left_out.append(key)
            continue
        row, between = kept[key], [expected[each] for each in left_out]
        assert row["states"] == expected[key]["states"] + sum(each["states"] for each in between)
        assert row["ts_left_out"] == (between[-1]["ts_last"] if between else None)
        assert {due for _, due in left_out} <= {key[1]}
        assert [minute for minute, _ in left_out] == [
            key[0] - away * MINUTE_US for away in range(len(left_out), 0, -1)
        ]
        known = [{name for name, value in each.items() if value is not None} for each in between]
        assert all(each == {*known[0]} for each in known)
        left_out = []
    assert left_out == []


def test_minutes_at_which_a_charge_is_looked_up_are_kept_where_the_next_settlement_was_told_before():
    """By every other state, as nodes of a venue that disagree do."""
    later = {"ts_funding": DAY_US + 16 * HOUR_US}
    states = [
        state_at(minute * MINUTE_US, seq=minute, **(later if minute > 450 and minute % 2 else {}))
        for minute in range(420, 600)
    ]
    kept = {row["minute"] // MINUTE_US - 480 for row in dicts(told(*states))}
    assert kept >= {-1, 0, 1, 9, 10}
    assert not kept & set(range(15, 50))


@given(days(), st.lists(st.integers(0, 400), max_size=5))
def test_it_is_the_same_however_the_states_are_cut_into_blocks(states, cuts):
    inside = [min(cut, len(states)) for cut in cuts]
    assert told(*states, cuts=inside).equals(told(*states))


def test_of_a_day_that_settles_every_eight_hours_one_minute_in_fifteen_is_left():
    states = [state_at(at, seq=at // SECOND_US) for at in range(0, 24 * HOUR_US, 20 * SECOND_US)]
    rows = dicts(told(*states))
    assert len(rows) <= 24 * 60 / 15
    assert sum(row["states"] for row in rows) == len(states)


def test_rates_of_the_last_half_minute_are_not_heeded_and_prices_are():
    sure = state_at(HOUR_US - 50 * SECOND_US, every_us=HOUR_US)
    late = state_at(HOUR_US - 20 * SECOND_US, every_us=HOUR_US, funding_rate_next=0.5, mark_price=7.0)
    [row] = dicts(told(sure, late))
    assert (row["funding_rate_next"], row["mark_price"], row["states"]) == (2e-4, 7.0, 2)


def test_states_that_tell_no_settlement_are_rows_without_one():
    [row] = dicts(told(state_at(0, ts_funding=None)))
    assert (row["ts_told"], row["ts_counting"], row["funding_rate_last"]) == (None, None, 1e-4)


def test_states_of_one_instant_are_in_the_order_of_the_views():
    """Of their numbers the last ten bits fit beside the time: 1,024 comes before 1,023."""
    [row] = dicts(told(state_at(0, seq=1_023, mark_price=1.0), state_at(0, seq=1_024, mark_price=2.0)))
    assert row["mark_price"] == 1.0


def test_of_no_states_there_is_nothing():
    assert told().num_rows == 0


def test_the_leads_whose_minutes_are_kept_are_those_that_are_asked_for():
    asked = re.findall(r"SELECT (\d+) AS lead_minutes", question("funding_predictions").sql)
    assert tuple(map(int, asked)) == LEADS_MIN
