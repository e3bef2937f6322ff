"""Settlements of venues that were thought up, told in all the ways that venues and recordings have.

The truth is the schedule that made the states, in plain Python. Nothing that is answered may differ from it,
and where states are dense everything must be answered.
"""

import itertools
import math
import random

import pytest
from asked_lakes import lake_at
from funding_lakes import (
    DAY_S,
    HOUR_S,
    ROUNDINGS,
    Habit,
    a_venue,
    add_states,
    found,
    later_than,
    times_of,
    told,
)
from lakedays import DAY_US

from analytics import open_lake
from recorder.lake.days.funding import RATES

KINDS = (20, 60, 600, 0, 20, 60)
"""Seconds between states; 0: a few around each settlement."""
LENGTH_S = 50 * HOUR_S
DENSE_S = {0: 70, 0.2: 25}
"""No longer between two states, by how many fields of them are missing."""
NEAR_S = (200, 700)
"""Before and after a settlement: states as dense as that there prove it and its rate."""


def a_habit(chance):
    return Habit(
        rounding=chance.choice(list(ROUNDINGS)),
        turn_s=chance.choice([0, 0.7, 3]),
        renew_s=chance.choice([0, 1, 5]),
        skew_s=chance.choice([0, 0, -4, 4, -20, 20]),
        stale_s=chance.choice([0, 0, 2]),
        absent=chance.choice([0, 0, 0.2]),
        frozen_s=chance.choice([math.inf] * 5 + [0.8 * LENGTH_S]),
    )


def recorded(chance, count):
    """Markets by name, as (venue, habit, times), and their states."""
    markets, rows = {}, []
    for number in range(count):
        venue, habit = a_venue(chance, LENGTH_S, changes=chance.random() < 0.7), a_habit(chance)
        times = times_of(chance, KINDS[number % len(KINDS)], venue, LENGTH_S)
        markets[f"M{number:02}"] = (venue, habit, times)
        rows += told(venue, times, habit, chance, f"M{number:02}")
    return markets, rows


def differences(row, venue, habit, times):
    """What a settlement's row says that is not so."""
    at = row["ts_settled"]
    happened = {when: rate for when, rate in venue.settled if when <= habit.frozen_s}
    if row["proven"] and at not in happened:
        return ["it did not happen"]
    wrong = []
    if row["funding_rate"] not in (None, happened.get(at)):
        wrong.append("the rate")
    if row["interval_hours"] is not None:
        before = max(when for when in happened if when < at)
        if not math.isclose(row["interval_hours"], (at - before) / HOUR_S):
            wrong.append("the interval")
    shortly = [when for when in times if at - 1_000 <= when < at + 3]
    said = {later_than(venue.announced, when - old) for when in shortly for old in (0, habit.stale_s)}
    if row["proven"] and row["rate_announced"] not in {None, *said}:
        wrong.append("what was announced")
    return wrong


def is_dense(times, habit, begin, end):
    """Whether states came without a longer pause."""
    within = [begin, *(at for at in times if begin <= at <= end), end]
    return max(after - before for before, after in itertools.pairwise(within)) <= DENSE_S[habit.absent]


@pytest.fixture(scope="module", params=[0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def answered(request, tmp_path_factory):
    """Markets, and the rows of funding_settlements by market and instant."""
    made = tmp_path_factory.mktemp("lake")
    markets, rows = recorded(random.Random(request.param), 18)
    with lake_at(made) as day:
        add_states(day, rows)
    answers = found(open_lake(made), "SELECT * FROM funding_settlements")
    return markets, {(row["market"], row["ts_settled"]): row for row in answers}


def test_nothing_that_is_answered_is_wrong(answered):
    markets, answers = answered
    wrong = {key: said for key, row in answers.items() if (said := differences(row, *markets[key[0]]))}
    assert wrong == {}
    assert len(answers) > 100


def test_where_states_are_dense_everything_is_answered(answered):
    markets, answers = answered
    missing, charges, intervals = [], 0, 0
    for market, (venue, habit, times) in markets.items():
        dense_before = None
        for at, rate in venue.settled:
            row = answers.get((market, at), {"funding_rate": None, "interval_hours": None})
            if at > habit.frozen_s - NEAR_S[1]:
                continue
            dense = is_dense(times, habit, at - NEAR_S[0], at + NEAR_S[1])
            charges += dense
            if dense and row["funding_rate"] != rate:
                missing.append((market, at, "rate", habit))
            if dense and dense_before is not None and is_dense(times, habit, dense_before, at):
                intervals += 1
                if row["interval_hours"] is None:
                    missing.append((market, at, "interval", habit))
            dense_before = at if dense else None
    assert missing == []
    assert charges > 60
    assert intervals > 40


def test_sparse_states_prove_most(answered):
    markets, answers = answered
    asked = proven = measured = 0
    for market, (venue, habit, times) in markets.items():
        for at, _ in venue.settled:
            if min(times) < at < min(max(times), habit.frozen_s):
                row = answers.get((market, at))
                asked += 1
                proven += row is not None and row["funding_rate"] is not None
                measured += row is not None and row["interval_hours"] is not None
    assert proven > 0.7 * asked
    assert measured > 0.5 * asked


def with_holes(chance, rows):
    """States without those of some stretches, or without what they told of a settlement or a rate."""
    holes = {}
    for market in sorted({row["market"] for row in rows}):
        starts = [
            chance.choice([0.4, 1, 1, 1.3, 2]) * DAY_S - chance.choice([20, 400, 2_500]) for _ in range(4)
        ]
        holes[market] = [
            (
                start,
                start + chance.choice([25, 130, 400, 2_500, 4_400]),
                chance.choice(["ts_funding", *RATES, ""]),
            )
            for start in starts
        ]
    kept = []
    for row in rows:
        at_s = (row["ts_recv"] - DAY_US) / 1e6
        absent = {name for start, end, name in holes[row["market"]] if start <= at_s < end}
        if "" not in absent:
            kept.append(row | dict.fromkeys(absent))
    return kept


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 13))])
def test_days_answer_the_same_when_they_are_compacted(tmp_path, seed):
    """Of which a few minutes are kept that matter; to the last bit."""
    chance = random.Random(seed)
    _, rows = recorded(chance, 18)
    rows = with_holes(chance, rows)
    with lake_at(tmp_path) as day:
        add_states(day, rows)
        before = answers_of(tmp_path)
        for date in {file.date for file in day.manifest.files("state") if file.rows}:
            day.compact(date=date)
        lake = open_lake(tmp_path)
        assert lake.sql("FROM open_funding_state").fetchall() == []
        assert lake.sql("SELECT sum(states) FROM funding_minutes").fetchall() == [(len(rows),)]
        assert answers_of(tmp_path) == before


def answers_of(data_dir):
    lake = open_lake(data_dir)
    views = ("funding_settlements", "funding_predictions", "funding_now")
    return {view: sorted(map(str, lake.sql(f"FROM {view}").fetchall())) for view in views}
