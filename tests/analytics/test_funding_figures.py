"""The figures of a settlement beside its rate, and what a simulated exchange charged."""

import random

import pytest
from asked_lakes import graded, lake_at, rows_as
from funding_lakes import HOUR_S, LATER, NEW, OLD, a_state, add_states, around, found, seconds, state

from analytics import open_lake
from recorder.simulator.catalogue import market_spec
from recorder.simulator.figures import Figures


def settlements(data_dir, states, columns, grades=()):
    with lake_at(data_dir) as day:
        add_states(day, states)
        day.add("coverage", rows_as("coverage", list(grades)))
    query = f"SELECT {columns} FROM funding_settlements ORDER BY market, ts_settled"
    return [tuple(row.values()) for row in found(open_lake(data_dir), query)]


def test_each_figure_of_a_settlement(tmp_path):
    states = [
        *around("8:00", "12:00", OLD, NEW, LATER),
        state("11:50", "12:00", NEW, LATER, mark_price=101.0, index_price=99.5),
        state("11:58:30", "12:00", NEW, -2.9e-4, mark_price=100.0, funding_rate_predict=7e-5),
        state("12:00:30", "16:00", LATER, OLD, mark_price=90.0, index_price=90.0),
        state("12:03", "16:00", LATER, OLD),
    ]
    grades = [graded(minute, "A", seconds=60.0) for minute in range(8 * 60, 10 * 60)]
    grades += [graded(minute, "B", seconds=30.0) for minute in range(10 * 60, 12 * 60)]
    grades += [graded(12 * 60, "D", seconds=0.0)]
    columns = (
        "apr, announced_error_bps, mark_price, index_price, rate_predict, before_seconds, after_seconds, "
        "ts_next, hours_to_next, coverage, grade, CAST(date AS VARCHAR)"
    )
    [first, row] = settlements(tmp_path, states, columns, grades)
    assert row[:5] == pytest.approx((-3e-4 * 8760 / 4, 0.1, 100.0, 99.5, 7e-5))
    assert row[5:] == (90, 30, seconds("16:00"), 4, 0.75, "B", "2026-11-22")
    assert first[5:] == (70, 20, seconds("12:00"), 4, None, None, "2026-11-22")


CAPS = {
    "repeated": ([2e-3, 2e-3, 1e-3], [True, True, False]),
    "with either sign": ([2e-3, -2e-3, 1e-4], [True, True, False]),
    "the known one": ([3.75e-3, 1e-3, 1e-3], [True, None, None]),
    "interest alone repeats": ([1e-4, 1e-4, 1e-4], [False, False, False]),
    "seen once": ([2e-3, 1e-3, 5e-4], [None, False, False]),
}


def test_a_cap_is_inferred_from_the_greatest_rate(tmp_path):
    states = []
    for market, (rates, _) in CAPS.items():
        told = [0.0, *rates, 0.0]
        for hour in range(len(rates)):
            settled, following = f"{hour + 8}:00", f"{hour + 9}:00"
            states += around(settled, following, *told[hour : hour + 3], market=market)
    rows = settlements(tmp_path, states, "market, capped")
    assert rows == [(market, capped) for market in sorted(CAPS) for capped in CAPS[market][1]]


def test_what_the_simulated_exchange_charged_is_what_is_answered(tmp_path):
    spec = market_spec(16, 1)
    figures = Figures(spec, random.Random(4), 0)
    states, charged = [], []
    for now in range(4 * HOUR_S + 300):
        figures.step(now, float(figures.index))
        if now and now % HOUR_S == 0:
            charged.append((now, figures.rate_last / 1e8))
        if now % 5 == 2:
            rates = {
                "funding_rate_last": figures.rate_last / 1e8,
                "funding_rate_next": figures.rate_next / 1e8,
            }
            states.append(a_state(now, now + figures.minutes_to_settlement(now) * 60, **rates))
    rows = settlements(tmp_path, states, "ts_settled, funding_rate, interval_hours")
    assert spec.funding_s == HOUR_S
    assert rows == [(*each, hours) for each, hours in zip(charged, [None, 1, 1, 1], strict=True)]
