"""The weighted mid by minute, and what a market's books make of their imbalance."""

import itertools
import random
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from asked_lakes import lake_at
from book_twins import alike, rows, standing, stays, two_days
from lakedays import MINUTE_US, SECOND_US, book

from analytics import open_lake
from analytics.microprice import COLUMNS, Books, estimate, of_books

TICK = 0.25


# --- microprice_1m ---------------------------------------------------------------------------------


def test_every_minute_is_what_the_definition_says(tmp_path):
    lake = two_days(tmp_path, 31)
    sums = defaultdict(lambda: np.zeros(4))
    for (market, _), books in standing(lake).items():
        for one in books:
            if one["mid"] is None:
                continue
            bid, ask = one["bid_quantity"], one["ask_quantity"]
            weighted = (bid * one["ask_price"] + ask * one["bid_price"]) / (bid + ask)
            away = 1e4 * (weighted - one["mid"]) / one["mid"]
            for minute, us in stays(one, MINUTE_US):
                sums[market, minute] += us / 1e6 * np.array([1, weighted, away, abs(away)])
    found = rows(lake, "SELECT *, unix_micros(minute) AS us FROM microprice_1m WHERE observed_seconds > 0")
    assert {(row["market"], row["us"]) for row in found} == set(sums)
    for row in found:
        seconds, *others = sums[row["market"], row["us"]].tolist()
        assert alike([row["observed_seconds"], row["coverage"]], [seconds, seconds / 60])
        figures = [row[name] for name in ("weighted_mid", "weighted_mid_bps", "weighted_mid_abs_bps")]
        assert alike(figures, [each / seconds for each in others] if seconds >= 6 else [None] * 3)


def test_three_quarters_of_the_quantity_at_the_bid_put_the_weighted_mid_three_quarters_up(tmp_path):
    """And three quarters at the ask put it three quarters down: together they are nowhere, but 50 bps off."""
    with lake_at(tmp_path) as day:
        up = book(0, bids=[(99.0, 3.0)], asks=[(101.0, 1.0)])
        down = book(30 * SECOND_US, bids=[(99.0, 1.0)], asks=[(101.0, 3.0)])
        day.add("depth", up, down, book(MINUTE_US))
        [row] = rows(open_lake(tmp_path), "SELECT * FROM microprice_1m ORDER BY minute LIMIT 1")
    assert row["weighted_mid"] == pytest.approx((100.5 + 99.5) / 2)
    assert row["weighted_mid_bps"] == pytest.approx(0.0, abs=1e-9)
    assert row["weighted_mid_abs_bps"] == pytest.approx(50.0)


def test_a_book_without_quantities_is_not_observed(tmp_path):
    with lake_at(tmp_path) as day:
        day.add(
            "depth", book(0, bids=[(99.0, 0.0)], asks=[(101.0, 0.0)]), book(30 * SECOND_US), book(MINUTE_US)
        )
        [row] = rows(open_lake(tmp_path), "SELECT * FROM microprice_1m ORDER BY minute LIMIT 1")
    assert (row["coverage"], row["weighted_mid"]) == (0.5, pytest.approx(100.5))


# --- the micro-price of Stoikov (2018) -------------------------------------------------------------


def books_of(states, tick=TICK, imbalances=(0.25, 0.5, 0.75)):
    """Books of (bid in ticks, spread in ticks, level of the imbalance)."""
    bids, spreads, levels = (np.array(column, float) for column in zip(*states, strict=True))
    shares = np.array(imbalances)[levels.astype(int)]
    return Books(bids * tick, 4 * shares, (bids + spreads) * tick, 4 * (1 - shares))


def learned(states, follows=None, **options):
    books = books_of(states)
    follows = np.ones(len(states) - 1, bool) if follows is None else follows
    return estimate(books, follows, TICK, **({"imbalances": 3, "spreads": 2, "min_pairs": 1} | options))


def a_walk(count=6_000, seed=5):
    """Bids and spreads in ticks, levels of the imbalance from 0 to 2; the spread changes with the mid."""
    chance = random.Random(seed)
    bid, spread, level = 10_000, 1, 1
    for _ in range(count):
        yield bid, spread, level
        up = chance.random() < 0.2 + 0.3 * level
        if chance.random() < 0.4:
            both = spread == 1 and chance.random() < 0.7
            if both:
                bid += 1 if up else -1
            elif spread == 1:
                bid, spread = bid if up else bid - 1, 2
            else:
                bid, spread = bid + 1 if up else bid, 1
        if chance.random() < 0.5:
            level = chance.choice([0, 1, 2, 2 if up else 0])


def test_it_is_that_of_the_authors_own_code():
    """The published notebook's functions over the same books, its percentiles put where our buckets end, gave
    these: G1, and the sum of B^k G1 over 500 terms, in ticks, by imbalance and spread."""
    found = learned(list(a_walk()))
    first = [[-0.3393675527039413, -0.18866571018651368], [0, 0], [0.3393675527039413, 0.18866571018651368]]
    total = [[-0.513813343109601, -0.3854923423389719], [0, 0], [0.513813343109601, 0.3854923423389719]]
    np.testing.assert_allclose(found.first_move, first, atol=1e-12)
    np.testing.assert_allclose(found.adjustment, total, atol=1e-8)
    assert found.pairs.tolist() == [[3408, 1112], [2256, 702], [3408, 1112]]


def two_states(stay, turn, up_stay, up_turn, down_stay, down_turn):
    """Pairs of books that leave the state where more is bid so often each way; the mirror does the rest."""
    counts = (stay, turn, up_stay, up_turn, down_stay, down_turn)
    ways = zip(counts, (0, 0, 1, 1, -1, -1), (1, 0) * 3, strict=True)
    pairs = [((100, 1, 1), (100 + move, 1, level)) for count, move, level in ways for _ in range(count)]
    states = [state for pair in pairs for state in pair]
    follows = np.arange(len(states) - 1) % 2 == 0
    books = books_of(states, imbalances=(0.25, 0.75))
    return estimate(books, follows, TICK, imbalances=2, spreads=1, min_pairs=1)


def test_two_states_solved_by_hand():
    """Of ten pairs the mid stays in six, in four of them the state, too; it goes up in three, down in one.

    The first move is g where more is bid and -g in the mirror: g = 0.2 + 0.4 g - 0.2 g, so 0.25. Where moves
    lead to the same state as often as to the mirror, nothing more is expected after the first. Where they do
    so with 0.3 and 0.1, each term t follows from the one before, s: t = 0.3 s - 0.1 s + 0.4 t - 0.2 t, which
    is s / 4: in all 0.25 / (1 - 1 / 4).
    """
    even = two_states(4, 2, 1, 2, 1, 0)
    assert even.first_move.tolist() == [[pytest.approx(-0.25)], [pytest.approx(0.25)]]
    assert even.adjustment.tolist() == [[pytest.approx(-0.25)], [pytest.approx(0.25)]]
    lasting = two_states(4, 2, 2, 1, 1, 0)
    assert lasting.adjustment.tolist() == [[pytest.approx(-1 / 3)], [pytest.approx(1 / 3)]]


def test_it_is_the_sum_of_all_expected_moves_pair_by_pair():
    """Another way there, without absorption: h = r + P h over all pairs, staying or not, and h odd."""
    states = list(a_walk(3_000, 8))
    number = {state: at for at, state in enumerate(itertools.product(range(3), (1, 2)))}
    counts, moved = np.zeros((6, 6)), np.zeros(6)
    for (bid, spread, level), (next_bid, next_spread, next_level) in itertools.pairwise(states):
        move = next_bid + next_spread / 2 - bid - spread / 2
        for start, end, way in ((level, next_level, move), (2 - level, 2 - next_level, -move)):
            counts[number[start, spread], number[end, next_spread]] += 1
            moved[number[start, spread]] += way
    left = counts.sum(axis=1)
    system = np.eye(6) - counts / left[:, np.newaxis]
    odd = np.eye(6)[[0, 1]] - np.eye(6)[[4, 5]]  # h of more offered = -h of more bid, and 0 between
    h = odd.T @ np.linalg.lstsq(system @ odd.T, moved / left, rcond=None)[0]
    np.testing.assert_allclose(learned(states).adjustment.ravel(), h, atol=1e-8)


class TestWhatIsNotKnown:
    def test_a_sum_that_does_not_end_is_no_figure(self):
        """Every move leads into the mirrored state: the next one is expected to take it back, and so on."""
        found = two_states(0, 0, 0, 1, 0, 0)
        assert found.first_move.tolist() == [[-1.0], [1.0]]
        assert found.terms is None
        assert np.isnan(found.adjustment).all()

    def test_a_state_that_was_left_too_seldom_has_none(self):
        found = learned(list(a_walk()), min_pairs=1_000)
        assert np.isnan(found.adjustment).tolist() == [[False, False], [False, True], [False, False]]

    def test_a_state_that_never_led_to_a_move_has_none(self):
        """An even book was followed by even books at the same mid, and nothing else."""
        others = [state for state in a_walk(500) if state[2] != 1]
        found = learned([(100, 1, 1)] * 5 + others, follows=np.arange(len(others) + 4) != 4)
        assert np.isnan(found.adjustment).tolist() == [[False, False], [True, True], [False, False]]
        assert found.pairs[1].tolist() == [2 * 4, 0]

    def test_a_state_that_led_to_a_move_through_another_one_has_one(self):
        """An even book never moved itself, but turned into one that did; to either side, by the mirror."""
        others = [state for state in a_walk(500) if state[2] != 1]
        found = learned([(100, 1, 1), (100, 1, 2), *others], follows=np.arange(len(others) + 1) != 1)
        assert found.adjustment[1, 0] == pytest.approx(0.0)

    def test_no_books_teach_nothing(self):
        found = estimate(Books(*np.empty((4, 0))), np.empty(0, bool), TICK)
        assert found.pairs.sum() == 0
        assert np.isnan(found.adjustment).all()

    def test_pairs_across_a_break_do_not_count(self):
        states = list(a_walk(1_000))
        jumped = states + [(bid + 5_000, spread, level) for bid, spread, level in states]
        follows = np.arange(len(jumped) - 1) != len(states) - 1
        once, twice = learned(states), learned(jumped, follows)
        np.testing.assert_allclose(twice.adjustment, once.adjustment)
        assert (twice.pairs == 2 * once.pairs).all()

    def test_books_without_a_side_or_a_spread_are_in_no_state(self):
        nan = np.nan
        books = Books(
            np.array([99.0, nan, 100, 101]), np.array([1.0, nan, 1, 1]),
            np.array([99.25, 99.25, 100, 100]), np.array([1.0, 1, 1, 1]),
        )  # fmt: skip
        assert np.isnan(learned(list(a_walk())).of(books)).tolist() == [False, True, True, True]


def test_the_micro_price_of_a_book_is_its_mid_and_the_adjustment_of_its_state():
    found = learned(list(a_walk()))
    prices = found.of(books_of([(400, 1, 0), (400, 1, 1), (400, 9, 2)]))
    [[low, _], _, [_, wide]] = found.adjustment.tolist()
    assert prices.tolist() == pytest.approx([100.125 + 0.25 * low, 100.125, 101.125 + 0.25 * wide])


def test_a_book_and_its_mirror_are_equally_far_from_the_mid():
    """Whatever the quantities: also at the edge of two buckets, and with nothing at one side."""
    found = learned(list(a_walk()), imbalances=3)
    chance = np.random.default_rng(1)
    bid, ask = chance.integers(0, 7, (2, 500)).astype(float)
    price = np.full(500, 100.0)
    one, other = (
        found.of(Books(price, bid, price + TICK, ask)),
        found.of(Books(price, ask, price + TICK, bid)),
    )
    there = bid + ask > 0
    np.testing.assert_allclose(one[there] + other[there], 2 * (100.0 + TICK / 2))
    assert np.isnan(one[~there]).all()


# --- from the view `books` -------------------------------------------------------------------------


@pytest.fixture
def lake(tmp_path):
    """A walk, a book a second, whose 500th book came three minutes late; and another market."""
    with lake_at(tmp_path) as day:
        added = []
        for at, (bid, spread, level) in enumerate(a_walk(1_000)):
            sides = {"bids": [(bid * TICK, 1.0 + level)], "asks": [((bid + spread) * TICK, 3.0 - level)]}
            added.append(book((at + (180 if at >= 500 else 0)) * SECOND_US, seq=at, **sides))
        day.add("depth", *added, book(0, market="BBB"))
        yield open_lake(tmp_path)


OPTIONS = {"imbalances": 3, "spreads": 2, "min_pairs": 1}


@pytest.mark.parametrize("kind", ["relation", "polars", "arrow"])
def test_it_is_learned_from_rows_of_books_but_not_across_a_break(lake, kind):
    relation = lake.sql("SELECT * FROM books WHERE market = 'AAA' ORDER BY hash(seq)")
    given = {"relation": lambda: relation, "polars": relation.pl, "arrow": lambda: pa.table(relation)}[kind]()
    expected = learned(list(a_walk(1_000)), np.arange(999) != 499)
    found = of_books(given, TICK, **OPTIONS)
    assert found.pairs.tolist() == expected.pairs.tolist()
    np.testing.assert_allclose(found.adjustment, expected.adjustment)


def test_of_books_of_one_instant_the_last_one_counts(tmp_path):
    """Even, then for no time at all tilted, then even again, and up: two pairs, none of the tilted book."""
    with lake_at(tmp_path) as day:
        tilted = book(SECOND_US, seq=1, bids=[(100.0, 3.0)], asks=[(100.25, 1.0)])
        even = [
            book(at * SECOND_US, seq=2, bids=[(100.0 + up, 2.0)], asks=[(100.25 + up, 2.0)])
            for at, up in enumerate((0, 0, 0.25))
        ]
        day.add("depth", tilted, *even)
        found = of_books(open_lake(tmp_path).sql("SELECT * FROM books"), TICK, **OPTIONS)
    assert found.pairs.tolist() == [[0, 0], [4, 0], [0, 0]]


def test_books_of_several_markets_are_refused(lake):
    with pytest.raises(ValueError, match="several markets"):
        of_books(lake.sql("SELECT * FROM books"), TICK)


def test_the_columns_that_are_needed_are_enough(lake):
    given = lake.sql(f"SELECT {', '.join(COLUMNS)} FROM books WHERE market = 'AAA'")
    assert of_books(given, TICK, **OPTIONS).pairs.sum() == 2 * 998
