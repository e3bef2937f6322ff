"""What may tell that volume is not organic: each figure by its closed form, each warning at its bound.

Every case is a market of one lake, which is asked once as an open day and once as a compacted one.
"""

import itertools
import math
import random
import statistics

import pytest
from asked_lakes import graded, lake_at, rows_as
from lakedays import HOUR_US, MINUTE_US, SECOND_US, book, state, trade

from analytics import open_lake

BENFORD = {digit: math.log10(1 + 1 / digit) for digit in range(1, 10)}
FIRST_DIGITS_OF_POWERS_OF_TWO = (301, 176, 125, 97, 79, 69, 56, 52, 45)
"""Of 2^0 to 2^999, as printed in texts on the law."""
FOURS = ("buy",) * 4 + ("sell",) * 4
SCALES = (-7, -3, -1, 0, 6, 17)


def sized(quantities, *, gap_us=1000, price=1.0, sides=("buy",)):
    """A trade of each quantity; the sides over and over again."""
    return [
        trade(number * gap_us, number, price, size, sides[number % len(sides)])
        for number, size in enumerate(quantities)
    ]


def conforming(count, seed=1):
    """Quantities over four powers of ten that follow the law, and no two alike."""
    chance = random.Random(seed)
    return [10 ** (4 * (at + chance.random()) / count - 2) for at in range(count)]


def by_the_law(count, seed):
    """Quantities drawn from it."""
    chance = random.Random(seed)
    return [10 ** (4 * chance.random()) for _ in range(count)]


def some_sides(count):
    return random.Random(8).choices(["buy", "sell"], [3, 1], k=count)


def of_one_instant():
    """Two trades of each instant, a bought one before a sold one by their ids, not always by their rows."""
    trades = [
        trade(at // 2 * 1000, at, 1.0, size, ("buy", "sell")[at % 2])
        for at, size in enumerate(conforming(400))
    ]
    return [row | {"seq": -row["trade_id"] if row["trade_id"] % 4 > 1 else 0} for row in trades]


def in_fills(count=200):
    """Orders of 0.6 one way and the other: in three trades, or in two, or in one."""
    fills = [(0.1, 0.2, 0.3), (0.3, 0.3), (0.6,)]
    trades, at_us = [], 0
    for order in range(count):
        for size in fills[order % 3]:
            trades.append(trade(at_us, len(trades), 1.0, size, FOURS[order % 8]))
            at_us += 999
        at_us += 1
    return trades


def in_books(prices, *, narrow=(), offset_us=1):
    """A trade a minute, in books of 100 and 102 at each minute's begin, and of 100 and 100.5 at `narrow`."""
    asks = {at * MINUTE_US: 102.0 for at in range(300)} | dict.fromkeys(narrow, 100.5)
    books = [book(at, seq=at, asks=[(ask, 1.0)]) for at, ask in asks.items()]
    trades = [
        trade(at * MINUTE_US + offset_us, at, price, size)
        for at, (price, size) in enumerate(zip(prices, conforming(len(prices)), strict=True))
    ]
    return {"trades": trades, "depth": books}


def a_day(trades, *, open_interest=3000.0, at_best=300.0, minutes=144):
    """Trades in books of 100 and 100.2, with states and so many graded minutes."""
    levels = {"bids": [(100.0, at_best)], "asks": [(100.2, at_best)]}
    prices = {"mark_price": 100.0, "index_price": 100.0}
    books = [book(at * 30 * SECOND_US - 1, seq=at, **prices, **levels) for at in range(1, 301)]
    states = [state(hour * HOUR_US + 1, open_interest, seq=hour) for hour in (0, 1, 2)]
    coverage = [graded(at) for at in range(minutes)]
    return {"trades": trades, "depth": books, "state": states, "coverage": coverage}


def ordinary():
    """A turnover of 60,000 at the best prices."""
    quantities = conforming(400)
    scale = 600 / sum(quantities)
    trades = sized([size * scale for size in quantities], gap_us=SECOND_US, sides=FOURS)
    return [row | {"price": 100.2 if row["side"] == "buy" else 100.0} for row in trades]


def contrived():
    """Beyond every bound: 28 million by one size in turns, at the mid."""
    return sized([700.0] * 400, gap_us=SECOND_US, price=100.1, sides=("buy", "sell"))


CASES = {
    "powers of two": sized([2.0**power for power in range(1000)]),
    "sevens": sized([0.07] * 200),
    **{f"e{scale}": sized([float(f"{at}e{scale}") for at in range(1, 10)] * 23) for scale in SCALES},
    "drawn": sized(by_the_law(200, seed=45)),
    "round": sized([0.02, 3.0, 500.0, 1e-5, 2e20] * 30 + [0.021, 31.0, 10.5, 1.5e-5, 100.001] * 20),
    "two common": sized([7.5] * 60 + [2.5] * 60 + conforming(120)),
    "one common": sized([7.5] * 81 + conforming(239)),
    "in turns": sized(conforming(400), sides=("buy", "sell")),
    "in fours": sized(conforming(400), sides=FOURS),
    "one side": sized(conforming(400)),
    "one instant": of_one_instant(),
    "some sides": sized(conforming(400), sides=some_sides(400)),
    "in fills": in_fills(),
    "between": in_books([101.0, 101.9, 100.1, 100.0, 102.0, 99.0, 103.0, 102.1] * 25),
    "narrower": in_books([100.3] * 200, narrow=range(30 * SECOND_US, 300 * MINUTE_US, 2 * MINUTE_US)),
    "as books come": in_books([100.9] * 201, narrow=range(0, 300 * MINUTE_US, 2 * MINUTE_US), offset_us=0),
    "few with a mid": in_books([101.0] * 200, offset_us=0),
    "few": sized([7.0] * 199),
    "ordinary": a_day(ordinary()),
    "hardly observed": a_day(contrived(), minutes=143),
    "contrived": a_day(contrived(), open_interest=10_000.0, at_best=9.0),
}
"""By market: its trades, or rows of several tables."""


@pytest.fixture(scope="module", params=["open", "compacted"])
def found(request, tmp_path_factory):
    """The answer about each case; its warnings as a list."""
    data_dir = tmp_path_factory.mktemp("lake")
    tables = {}
    for market, case in CASES.items():
        for name, of_table in (case if isinstance(case, dict) else {"trades": case}).items():
            tables.setdefault(name, []).extend(row | {"market": market} for row in of_table)
    with lake_at(data_dir) as day:
        for name, of_table in tables.items():
            day.add(name, rows_as(name, of_table))
        if request.param == "compacted":
            day.compact()
    relation = open_lake(data_dir).sql("SELECT * FROM organic_1d")
    rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert all(row["warning"] != "" for row in rows)
    return {row["market"]: row | {"warning": (row["warning"] or "").split(", ")} for row in rows}


class TestOrders:
    def test_trades_of_one_side_within_a_millisecond_are_one(self, found):
        row = found["in fills"]
        assert (row["trades"], row["orders"]) == (len(CASES["in fills"]), 200)
        assert (row["commonest_share"], row["round_share"]) == (1, 1)
        assert row["commonest_quantity"] == pytest.approx(0.6, rel=1e-12)

    def test_others_are_as_many_as_trades(self, found):
        """A millisecond apart, or of two sides."""
        alone = [case for case in found if case != "in fills"]
        assert [found[case]["orders"] for case in alone] == [found[case]["trades"] for case in alone]


class TestFirstDigits:
    def test_powers_of_two_have_the_digits_that_are_printed_of_them(self, found):
        row = found["powers of two"]
        away = {digit: FIRST_DIGITS_OF_POWERS_OF_TWO[digit - 1] / 1000 - BENFORD[digit] for digit in BENFORD}
        assert row["benford_mad"] == pytest.approx(statistics.fmean(map(abs, away.values())), rel=1e-9)
        chi_square = sum((1000 * off) ** 2 / (1000 * BENFORD[digit]) for digit, off in away.items())
        assert row["benford_chi_square"] == pytest.approx(chi_square, rel=1e-9)
        assert row["benford_mad"] < 0.006  # "close conformity"
        assert "first digits" not in row["warning"]

    def test_one_digit_alone_is_as_far_off_as_can_be(self, found):
        row = found["sevens"]
        assert row["benford_mad"] == pytest.approx(2 * (1 - BENFORD[7]) / 9, rel=1e-12)
        assert row["benford_chi_square"] == pytest.approx(200 * (1 / BENFORD[7] - 1), rel=1e-12)

    @pytest.mark.parametrize("scale", SCALES)
    def test_the_digit_is_of_the_decimal_that_was_written(self, found, scale):
        row = found[f"e{scale}"]
        expected = statistics.fmean(abs(1 / 9 - share) for share in BENFORD.values())
        assert row["benford_mad"] == pytest.approx(expected, rel=1e-12)
        assert row["round_share"] == 1
        assert "first digits" in row["warning"]

    def test_few_trades_do_not_warn_of_what_may_be_chance(self, found):
        row = found["drawn"]
        assert row["benford_mad"] > 0.03
        assert row["benford_chi_square"] < 26.12
        assert "first digits" not in row["warning"]


class TestSizes:
    def test_round_sizes_have_one_significant_digit(self, found):
        assert found["round"]["round_share"] == 0.6

    def test_the_commonest_size_of_equals_is_the_least(self, found):
        row = found["two common"]
        assert (row["commonest_quantity"], row["commonest_share"]) == (2.5, 0.25)
        assert "one size" not in row["warning"]

    def test_more_than_a_quarter_of_one_size_is_told(self, found):
        row = found["one common"]
        assert (row["commonest_quantity"], row["commonest_share"]) == (7.5, 81 / 320)
        assert "one size" in row["warning"]


class TestSides:
    def test_sides_in_turns_are_minus_one(self, found):
        assert found["in turns"]["side_autocorrelation"] == pytest.approx(-1, rel=1e-12)

    def test_sides_in_fours_stay_in_three_of_four_steps(self, found):
        # Of 399 steps 99 change the side: the mean of products is (300 - 99) / 399, that of signs 0.
        assert found["in fours"]["side_autocorrelation"] == pytest.approx(201 / 399, rel=1e-12)

    def test_trades_of_one_instant_are_in_the_order_of_their_ids(self, found):
        assert found["one instant"]["side_autocorrelation"] == pytest.approx(-1, rel=1e-12)

    def test_one_side_alone_has_none(self, found):
        assert found["one side"]["side_autocorrelation"] is None

    def test_any_sides_by_the_definition(self, found):
        signs = [1 if side == "buy" else -1 for side in some_sides(400)]
        products = [one * other for one, other in itertools.pairwise(signs)]
        mean = statistics.fmean(signs)
        expected = (statistics.fmean(products) - mean**2) / (1 - mean**2)
        assert found["some sides"]["side_autocorrelation"] == pytest.approx(expected, rel=1e-9)


class TestInsideTheSpread:
    def test_it_is_strictly_between_bid_and_ask(self, found):
        assert found["between"]["inside_share"] == 3 / 8

    def test_a_minute_that_had_a_narrower_book_too_proves_less(self, found):
        assert found["narrower"]["inside_share"] == 0.5

    def test_a_trade_at_the_instant_of_a_book_is_held_against_the_book_before(self, found):
        assert found["as books come"]["inside_share"] == 0.5

    def test_too_few_trades_with_a_mid_tell_nothing(self, found):
        """The first of these has no book before it."""
        assert found["few with a mid"]["inside_share"] is None


class TestWarnings:
    def test_an_ordinary_day_has_none(self, found):
        row = found["ordinary"]
        assert (row["judged"], row["warnings"], row["warning"]) == (6, 0, [""])
        assert row["turnover_ratio"] == pytest.approx(60_000 / 300_000, rel=1e-2)
        assert row["turnover_to_depth"] == pytest.approx(60_000 / 144 / 60_000, rel=1e-2)

    def test_one_that_is_beyond_every_bound_has_all_of_them_in_order(self, found):
        row = found["contrived"]
        assert (row["judged"], row["warnings"]) == (6, 6)
        assert row["warning"] == [
            "first digits", "one size", "inside the spread", "sides without memory",
            "turnover to open interest", "turnover to depth",
        ]  # fmt: skip

    @pytest.mark.parametrize("case", ["few", "hardly observed"])
    def test_fewer_than_two_hundred_trades_or_a_tenth_of_the_day_are_not_judged(self, found, case):
        row = found[case]
        assert (row["trades"], row["judged"], row["warnings"]) == (len(trades_of(case)), 0, 0)
        names = (
            "benford_mad", "benford_chi_square", "round_share", "commonest_share", "side_autocorrelation",
            "inside_share", "turnover_ratio", "turnover_to_depth",
        )  # fmt: skip
        assert {name: row[name] for name in names} == dict.fromkeys(names)


def trades_of(case):
    return CASES[case]["trades"] if isinstance(CASES[case], dict) else CASES[case]
