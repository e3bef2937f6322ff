"""The generated day is a lake like a recorded one, and the benchmark of queries refuses what is not equal."""

import sys
from pathlib import Path

import pytest

from analytics import open_lake

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import day
import query
from report import InvalidError

pytestmark = pytest.mark.long
SIZE = day.Size(markets=12, books=48_000, trades=6_000, levels=3)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    made = tmp_path_factory.mktemp("day") / "lake"
    day.make_day(made, SIZE)
    return made


def rows(data_dir, statement):
    return open_lake(data_dir).sql(statement).fetchall()


def test_it_has_about_as_many_rows_as_were_asked_for_all_of_one_day(data_dir):
    for table, wanted in {"depth": SIZE.books, "trades": SIZE.trades, "coverage": 12 * 1440}.items():
        [(count, first, last)] = rows(data_dir, f"SELECT count(*), min(date), max(date) FROM {table}")
        assert count == pytest.approx(wanted, rel=1e-2)
        assert str(first) == str(last) == query._DATE


def test_its_books_are_sound_and_no_two_of_a_market_share_an_instant(data_dir):
    statement = """
        SELECT count(DISTINCT (market, ts_event)) = count(*),
            min(ask_price - bid_price) > 0, min(bid_price) > 0,
            bool_and(bids[1].price = bid_price AND asks[1].quantity = ask_quantity),
            bool_and(bids[1].price > bids[2].price AND asks[2].price < asks[3].price), min(len(bids)), max(dt)
        FROM depth
    """
    assert rows(data_dir, statement) == [(True, True, True, True, True, 3, 60.0)]


def test_trades_fall_on_the_instants_of_books_too(data_dir):
    [(share,)] = rows(
        data_dir, f"SELECT count(*) / {SIZE.trades} FROM trades JOIN depth USING (market, ts_event)"
    )
    assert 0.1 < share < 0.5


def test_the_products_answers_are_those_of_the_plain_queries(data_dir):
    """The hourly spread and the effective spread: they raise where not; a small day has no bars."""
    found = query.closed_day(data_dir, repeats=1)
    assert len(found) == 4
    assert all(row.bar is None and row.value > 0 for row in found)


def test_a_figure_that_differs_makes_the_benchmark_invalid():
    ours, theirs = query._Asked([], [("AAA", 1.0)]), query._Asked([], [("AAA", 1.0 + 1e-9)])
    query._check_equal("it", ours, theirs, 1e-8)
    with pytest.raises(InvalidError, match="it: "):
        query._check_equal("it", ours, theirs, 1e-10)


def test_an_open_day_is_asked_too(tmp_path):
    day.make_day(tmp_path / "lake", day.Size(2, 4_000, 400, 4), closed=False)
    found = query.open_day(tmp_path / "lake", repeats=1)
    assert [row.what.split()[0] for row in found] == list(query.OPEN_QUESTIONS)
