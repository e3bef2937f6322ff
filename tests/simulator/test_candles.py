import itertools
from decimal import Decimal

import pytest

from recorder.exchange.endpoints import PERIOD_SECONDS
from recorder.simulator.candles import HISTORY_MINUTES, KEPT_MINUTES, CandleSeries
from recorder.simulator.catalogue import market_spec

START_S = 1_795_392_060


def series(rank=0, **options):
    return CandleSeries(market_spec(rank, 1), 1, START_S, **options)


def test_the_past_reaches_two_days_back_without_a_hole_and_ends_at_the_starting_price():
    made = series(2)
    rows = made.rows(60, 0, START_S)
    assert [row.start_s for row in rows] == list(range(START_S - HISTORY_MINUTES * 60, START_S + 1, 60))
    assert rows[-2].close == market_spec(2, 1).start_ticks


@pytest.mark.parametrize("rank", [0, 7, 120, 299])
def test_past_candles_are_possible_and_quiet_minutes_are_flat_at_the_previous_close(rank):
    rows = series(rank).rows(60, 0, START_S)
    for before, row in itertools.pairwise(rows):
        assert row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high
        assert row.low * row.volume <= row.turnover <= row.high * row.volume
        if row.volume == 0:
            assert (row.open, row.high, row.low, row.close) == (before.close,) * 4
    if rank == 299:
        assert any(row.volume == 0 for row in rows)


def test_the_past_is_the_same_for_the_same_seed():
    assert series().rows(60, 0, START_S) == series().rows(60, 0, START_S)


def test_the_past_is_as_lively_as_the_rate_says():
    volumes = [sum(row.volume for row in series(rate=rate).rows(60, 0, START_S)) for rate in (1.0, 0.1)]
    assert 0.08 < volumes[1] / volumes[0] < 0.12


@pytest.mark.parametrize("period", PERIOD_SECONDS)
def test_every_period_is_answered_aligned_to_the_epoch_and_sums_up(period):
    made = series(4)
    seconds = PERIOD_SECONDS[period]
    rows = made.rows(seconds, 0, START_S)
    assert rows
    assert all(row.start_s % seconds == 0 for row in rows)
    assert sum(row.volume for row in rows) == sum(row.volume for row in made.rows(60, 0, START_S))


def test_a_period_skips_quiet_minutes_as_an_engine_that_only_sees_trades():
    made = series(aged=False)
    made.roll(START_S + 60)
    made.add(100, 5)
    made.add(90, 1)
    made.roll(START_S + 180)
    bar = made.bar(START_S // 300 * 300, 300)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.turnover) == (100, 100, 90, 90, 6, 590)


def test_minutes_without_a_trade_are_flat_candles_at_the_previous_close():
    made = series(aged=False)
    made.add(100, 5)
    made.roll(START_S + 180)
    assert [(row.open, row.close, row.volume) for row in made.rows(60, START_S, START_S + 180)] == [
        (100, 100, 5), (100, 100, 0), (100, 100, 0), (100, 100, 0),
    ]  # fmt: skip


def test_a_series_forgets_what_is_older_than_it_keeps():
    made = series()
    made.roll(START_S + 3 * HISTORY_MINUTES * 60)
    rows = made.rows(60, 0, 2**40)
    assert HISTORY_MINUTES <= len(rows) <= KEPT_MINUTES + 1
    assert rows[-1].start_s == START_S + 3 * HISTORY_MINUTES * 60
    assert len({row.start_s for row in rows}) == len(rows)


def test_turnover_is_exact():
    spec = market_spec(0, 1)
    assert Decimal(spec.turnover(970_001 * 12_345)) == Decimal("97000.1") * Decimal("1.2345")
