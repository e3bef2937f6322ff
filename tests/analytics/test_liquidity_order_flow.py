"""Order-flow imbalance of Cont, Kukanov and Stoikov (2014): the paper's definition, and cases by hand."""

import itertools
from collections import defaultdict

import pytest
from asked_lakes import described, gap, graded, lake_at, rows_as
from book_twins import alike, rows, standing, stays, two_days
from lakedays import HOUR_US, MINUTE_US, SECOND_US, book

from analytics import open_lake

FIGURES = (
    "order_flow_imbalance", "touch_depth", "normalised_imbalance", "mid_change", "mid_change_bps",
    "mid_change_ticks",
)  # fmt: skip


def flow(before, after):
    """e_n of the paper: what an event adds to demand at the bid, less what it adds to supply at the ask."""
    total = 0.0
    if after["bid_price"] >= before["bid_price"]:
        total += after["bid_quantity"]
    if after["bid_price"] <= before["bid_price"]:
        total -= before["bid_quantity"]
    if after["ask_price"] <= before["ask_price"]:
        total -= after["ask_quantity"]
    if after["ask_price"] >= before["ask_price"]:
        total += before["ask_quantity"]
    return total


def pairs_of(books):
    """Successive books, the earlier of which still stood when the later came."""
    stood = [one for one in books if one["stood"] > 0]
    for before, after in itertools.pairwise(stood):
        lasted = before["us"] + before["stood"] == after["us"]
        if lasted and before["mid"] is not None and after["mid"] is not None:
            yield before, after


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return two_days(tmp_path_factory.mktemp("lake"), 51)


@pytest.mark.parametrize(("column", "length_us"), [("minute", MINUTE_US), ("hour", HOUR_US)])
def test_every_bucket_is_what_the_definition_says(lake, column, length_us):
    pairs, observed = defaultdict(list), defaultdict(int)
    for (market, _), books in standing(lake).items():
        for before, after in pairs_of(books):
            pairs[market, after["us"] // length_us * length_us].append((before, after))
        for one in books:
            if one["mid"] is not None:
                for start, us in stays(one, length_us):
                    observed[market, start] += us
    found = rows(lake, f"SELECT *, unix_micros({column}) AS us FROM order_flow_1{column[0]}")
    assert {(row["market"], row["us"]) for row in found} >= set(pairs) | set(observed)
    for row in found:
        key = (row["market"], row["us"])
        of_bucket, coverage = pairs[key], observed[key] / length_us
        expected = [None] * len(FIGURES)
        if of_bucket and coverage >= 0.1:
            imbalance = sum(flow(*pair) for pair in of_bucket)
            depth = sum((after["bid_quantity"] + after["ask_quantity"]) / 2 for _, after in of_bucket)
            depth /= len(of_bucket)
            change = sum(after["mid"] - before["mid"] for before, after in of_bucket)
            bps = 1e4 * change / of_bucket[0][0]["mid"]
            expected = [imbalance, depth, imbalance / depth, change, bps, change / 0.001]
        assert alike([row[name] for name in FIGURES], expected)
        assert (row["pairs"], alike(row["coverage"], coverage)) == (len(of_bucket), True)
    assert sum(row["order_flow_imbalance"] is not None for row in found) >= {"minute": 100, "hour": 4}[column]


# --- by hand -------------------------------------------------------------------------------------


def minute(data_dir, *books, gaps=(), descriptions=(), coverage=(), query="SELECT * FROM order_flow_1m"):
    """The first row of an answer: of books as (second, best bid, best ask, ...)."""
    with lake_at(data_dir) as day:
        made = [
            book(round(second * SECOND_US), bids=bids, asks=asks, seq=at)
            for at, (second, bids, asks) in enumerate(books)
        ]
        day.add("depth", *made)
        day.add("gaps", rows_as("gaps", gaps))
        day.add("markets", rows_as("markets", descriptions))
        day.add("coverage", rows_as("coverage", coverage))
        return rows(open_lake(data_dir), f"{query} ORDER BY 3")


BID, ASK = [(100.0, 5.0)], [(101.0, 7.0)]


EVENTS = {
    "joined at the bid": ([(100.0, 8.0)], ASK, 3.0),
    "cancelled at the bid": ([(100.0, 1.0)], ASK, -4.0),
    "a better bid": ([(100.5, 2.0)], ASK, 2.0),
    "the bid is gone": ([(99.5, 9.0)], ASK, -5.0),
    "joined at the ask": (BID, [(101.0, 10.0)], -3.0),
    "taken at the ask": (BID, [(101.0, 3.0)], 4.0),
    "a better ask": (BID, [(100.5, 2.0)], -2.0),
    "the ask is gone": (BID, [(101.5, 9.0)], 7.0),
    "nothing": (BID, ASK, 0.0),
    "both up": ([(101.0, 4.0)], [(102.0, 6.0)], 4.0 + 7.0),
}


def test_what_each_kind_of_event_adds(tmp_path):
    """From 5 bid at 100 and 7 offered at 101; each in a market of its own."""
    with lake_at(tmp_path) as day:
        added = []
        for market, (bids, asks, _) in EVENTS.items():
            added.append(book(0, market=market, bids=BID, asks=ASK))
            added.append(book(10 * SECOND_US, market=market, bids=bids, asks=asks))
        day.add("depth", *added)
        found = rows(open_lake(tmp_path), "SELECT * FROM order_flow_1m WHERE pairs > 0")
    flows = {row["market"]: row["order_flow_imbalance"] for row in found}
    assert flows == {market: expected for market, (_, _, expected) in EVENTS.items()}


def test_a_minute_adds_up_over_its_pairs(tmp_path):
    """Flows of +3 and +11, depths at the touch of 7.5 and 5, a mid that goes from 100.5 to 101.5."""
    books = [(0, BID, ASK), (10, [(100.0, 8.0)], ASK), (20, [(101.0, 4.0)], [(102.0, 6.0)])]
    [row, *_] = minute(tmp_path, *books, descriptions=[described("AAA", 0.25)])
    assert [row[name] for name in FIGURES] == pytest.approx([14.0, 6.25, 14.0 / 6.25, 1.0, 1e4 / 100.5, 4.0])


def test_a_pair_belongs_to_the_minute_of_its_later_book(tmp_path):
    found = minute(tmp_path, (50, BID, ASK), (70, [(100.0, 8.0)], ASK))
    assert [(row["pairs"], row["order_flow_imbalance"]) for row in found[:2]] == [(0, None), (1, 3.0)]


@pytest.mark.parametrize(("second", "pairs"), [(60, 1), (60.000001, 0)])
def test_a_book_stands_for_sixty_seconds_as_an_earlier_one(tmp_path, second, pairs):
    found = minute(tmp_path, (0, BID, ASK), (second, [(100.0, 8.0)], ASK))
    assert sum(row["pairs"] for row in found) == pairs


def test_no_pair_reaches_across_a_gap(tmp_path):
    """The bid was 5, then books were missed, then it is 8, and 9: only the last step is known."""
    books = [(0, BID, ASK), (10, [(100.0, 8.0)], ASK), (20, [(100.0, 9.0)], ASK)]
    [row, *_] = minute(tmp_path, *books, gaps=[gap(5 * SECOND_US, 6 * SECOND_US)])
    assert (row["pairs"], row["order_flow_imbalance"]) == (1, pytest.approx(1.0))


def test_no_pair_has_a_book_without_a_side(tmp_path):
    books = [(0, BID, ASK), (10, [], ASK), (20, [(100.0, 8.0)], ASK), (30, [(100.0, 9.0)], ASK)]
    [row, *_] = minute(tmp_path, *books)
    assert (row["pairs"], row["order_flow_imbalance"]) == (1, pytest.approx(1.0))


def test_of_books_of_one_instant_the_last_one_counts(tmp_path):
    books = [(0, BID, ASK), (10, [(100.0, 80.0)], ASK), (10, [(100.0, 8.0)], ASK)]
    [row, *_] = minute(tmp_path, *books)
    assert (row["pairs"], row["order_flow_imbalance"]) == (1, pytest.approx(3.0))


def test_no_pair_reaches_over_the_end_of_a_day(tmp_path):
    with lake_at(tmp_path) as day:
        day.add("depth", book(24 * HOUR_US - 5 * SECOND_US, bids=BID, asks=ASK))
        day.add("depth", book(24 * HOUR_US, bids=[(100.0, 8.0)], asks=ASK), date="2026-11-23")
        found = rows(open_lake(tmp_path), "SELECT pairs FROM order_flow_1d")
    assert [row["pairs"] for row in found] == [0, 0]


def test_the_change_in_ticks_is_null_where_the_tick_is_not_known(tmp_path):
    [row, *_] = minute(tmp_path, (0, BID, ASK), (10, [(100.0, 8.0)], ASK))
    assert (row["mid_change"], row["mid_change_ticks"]) == (0.0, None)


def test_a_graded_minute_without_books_has_no_pairs_and_its_grade(tmp_path):
    found = minute(tmp_path, (0, BID, ASK), coverage=[graded(9, "C")])
    assert [found[-1][name] for name in ("pairs", "order_flow_imbalance", "coverage", "grade")] == [
        0, None, 0.0, "C",
    ]  # fmt: skip
