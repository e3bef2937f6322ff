"""The premium that funding is made of, from books whose impact prices follow by hand, and its rate."""

import math

import pytest
from asked_lakes import lake_at
from funding_lakes import HOUR_S, LATER, NEW, OLD, add_states, around, found, seconds
from lakedays import MINUTE_US, SECOND_US, book

from analytics import open_lake
from analytics.questions import Grain, question

INDEX = 100.0
TAKEN = 10_000.0


def ladder(mid, market="AAA", at_us=0, seq=0, quantity=60.0, index=INDEX):
    """A book of three levels a side, 0.1, 0.2 and 0.3 from its mid, each of so much."""
    bids = [(round(mid - 0.1 * rank, 6), quantity) for rank in (1, 2, 3)]
    asks = [(round(mid + 0.1 * rank, 6), quantity) for rank in (1, 2, 3)]
    prices = {"index_price": index, "mark_price": INDEX}
    return book(at_us, market=market, seq=seq, bids=bids, asks=asks, **prices)


def impact(levels):
    """The mean price of 10,000 quote units, level by level."""
    left, quantity = TAKEN, 0.0
    for price, available in levels:
        value = min(left, price * available)
        left, quantity = left - value, quantity + value / price
    return TAKEN / quantity


def premium(mid):
    """Of such a book."""
    row = ladder(mid)
    bid, ask = impact(row["bids"]), impact(row["asks"])
    return (max(0.0, bid - INDEX) - max(0.0, INDEX - ask)) / INDEX


MIDS = (100.05, 100.5, 99.4, 100.0, 103.0)


@pytest.fixture(scope="module")
def minutes(tmp_path_factory):
    """A minute of each mid; then a thin book, one without an index, and one that stood 5 s."""
    made = tmp_path_factory.mktemp("lake")
    books = [ladder(mid, at_us=at * MINUTE_US) for at, mid in enumerate(MIDS)]
    books += [ladder(100.5, at_us=5 * MINUTE_US, quantity=30.0)]
    books += [ladder(100.5, at_us=6 * MINUTE_US, index=None)]
    books += [book(7 * MINUTE_US, bids=(), asks=()), ladder(100.5, at_us=8 * MINUTE_US - 5 * SECOND_US)]
    books += [book(8 * MINUTE_US, bids=(), asks=())]
    with lake_at(made) as day:
        day.add("depth", *books)
        opened = open_lake(made)
        query = "SELECT premium, impact_bid, impact_ask, coverage FROM premium_index_1m ORDER BY minute"
        before = [tuple(row.values()) for row in found(opened, query)]
        day.compact()
        after = [tuple(row.values()) for row in found(opened, query)]
    return before, after


class TestPremium:
    def test_is_that_of_the_impact_prices_while_a_book_stands(self, minutes):
        for mid, (found_premium, bid, ask, coverage) in zip(MIDS, minutes[0], strict=False):
            row = ladder(mid)
            assert found_premium == pytest.approx(premium(mid), abs=1e-12)
            assert (bid, ask) == pytest.approx((impact(row["bids"]), impact(row["asks"])))
            assert coverage == pytest.approx(1)
        assert [math.copysign(1, premium(mid)) for mid in MIDS[1:3]] == [1, -1]
        assert premium(MIDS[0]) == 0

    @pytest.mark.parametrize(("minute", "why"), [(5, "thin"), (6, "no index"), (7, "hardly observed")])
    def test_is_null_where_it_is_not_known(self, minutes, minute, why):
        assert minutes[0][minute][0] is None, why

    def test_is_the_same_when_the_day_is_compacted(self, minutes):
        before, after = minutes
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert list(one) == [each and pytest.approx(each, rel=1e-12, abs=1e-12) for each in other]


@pytest.mark.parametrize("compacted", [False, True], ids=["open", "compacted"])
class TestPremiumOfChangingBooks:
    @pytest.fixture
    def lake(self, tmp_path, compacted):
        """A minute of two books and 20 s without an index; one that is thin for 31 s; one of one book."""
        books = [ladder(100.5), ladder(99.4, at_us=15 * SECOND_US)]
        books += [ladder(100.0, at_us=40 * SECOND_US, index=None)]
        books += [
            ladder(100.5, at_us=MINUTE_US),
            ladder(99.4, at_us=MINUTE_US + 29 * SECOND_US, quantity=30.0),
        ]
        books += [ladder(103.0, at_us=2 * MINUTE_US), book(3 * MINUTE_US, bids=(), asks=())]
        with lake_at(tmp_path) as day:
            day.add("depth", *books)
            if compacted:
                day.compact()
        return open_lake(tmp_path)

    def test_it_is_the_mean_of_the_books_premiums_by_how_long_they_stood(self, lake):
        [row, *_] = found(lake, "SELECT premium, premium_seconds FROM premium_index_1m ORDER BY minute")
        mean = (15 * premium(100.5) + 25 * premium(99.4)) / 40
        assert row == {"premium": pytest.approx(mean, abs=1e-12), "premium_seconds": 40}

    def test_it_is_null_where_both_sides_were_deep_for_less_than_half_of_the_time(self, lake):
        [_, row, *_] = found(lake, "SELECT premium, premium_seconds FROM premium_index_1m ORDER BY minute")
        assert row == {"premium": None, "premium_seconds": 29}

    def test_of_more_minutes_it_is_the_mean_of_all_their_books(self, lake):
        lake.sql("SELECT 1 FROM premium_index_1m")  # makes what it reads
        [row] = found(lake, question("premium_index_1m").at_grain("five", Grain("bucket", 300)).sql)
        sums = 15 * premium(100.5) + 25 * premium(99.4) + 29 * premium(100.5) + 60 * premium(103.0)
        assert row["premium"] == pytest.approx(sums / 129, abs=1e-12)


MARKETS = {"HIGH": 100.4, "LOW": 99.6, "FLAT": 100.0, "WAVE": None, "MOST": 100.4, "SOME": 100.4}
"""The mid of each; WAVE's swings. MOST has 81 % of its minutes, SOME 79 %."""
HOURS = 4
MINUTES = HOURS * 60
KNOWN = {"MOST": 0.81 * MINUTES, "SOME": 0.79 * MINUTES}


def mid_of(market, minute):
    return MARKETS[market] or round(100 + 0.8 * math.sin(minute / 30) + minute / 600, 3)


def clamped(mean, interest):
    return mean + max(-5e-4, min(5e-4, interest - mean))


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    """Rows of the second settlement, at 12:00, by market."""
    made = tmp_path_factory.mktemp("lake")
    states, books = [], []
    for market in MARKETS:
        tells = {"market": market, "funding_rate_predict": 5e-4}
        states += around("8:00", "12:00", **tells) + around("12:00", "16:00", NEW, LATER, OLD, **tells)
        books += [
            ladder(mid_of(market, minute), market, (8 * 60 + minute) * MINUTE_US, minute)
            for minute in range(MINUTES)
            if minute < KNOWN.get(market, MINUTES)
        ]
    with lake_at(made) as day:
        add_states(day, states)
        day.add("depth", *books)
    answered = found(open_lake(made), "SELECT * FROM funding_replica WHERE hour(ts_settled) = 12")
    return {row["market"]: row for row in answered}


@pytest.mark.parametrize("market", ["HIGH", "LOW", "FLAT", "WAVE", "MOST"])
def test_the_replica_is_the_mean_premium_and_the_clamped_interest(replicas, market):
    row = replicas[market]
    known = [minute for minute in range(MINUTES) if minute < KNOWN.get(market, MINUTES)]
    premiums = [premium(mid_of(market, minute)) for minute in known]
    weights = [minute + 1 for minute in known]
    plain = math.fsum(premiums) / len(premiums)
    weighted = math.fsum(map(math.prod, zip(premiums, weights, strict=True))) / sum(weights)
    interest = 1e-4 * HOURS / 8
    rates = (clamped(plain, interest), clamped(weighted, interest), clamped(weighted, 1e-4) * HOURS / 8)
    assert row["ts_settled"] == seconds("12:00") == 12 * HOUR_S
    assert (row["premium_plain"], row["premium_weighted"]) == pytest.approx((plain, weighted), abs=1e-12)
    assert (row["rate_plain"], row["rate_weighted"], row["rate_shared"]) == pytest.approx(rates, abs=1e-12)
    for name, told in (("charged", LATER), ("announced", LATER), ("predict", 5e-4)):
        errors = [row[f"{name}_error_{form}_bps"] for form in ("plain", "weighted", "shared")]
        assert errors == pytest.approx([(rate - told) * 1e4 for rate in rates], abs=1e-8)
    assert (row["minutes"], row["coverage"]) == (len(known), pytest.approx(len(known) / MINUTES))


def test_each_branch_of_the_clamp_is_met(replicas):
    assert replicas["HIGH"]["rate_plain"] == pytest.approx(replicas["HIGH"]["premium_plain"] - 5e-4)
    assert replicas["LOW"]["rate_plain"] == pytest.approx(replicas["LOW"]["premium_plain"] + 5e-4)
    assert replicas["FLAT"]["rate_plain"] == pytest.approx(5e-5)
    assert abs(replicas["WAVE"]["premium_plain"] - replicas["WAVE"]["premium_weighted"]) > 1e-4


def test_the_replica_is_null_where_too_few_minutes_are_known(replicas):
    row = replicas["SOME"]
    assert row["coverage"] == pytest.approx(190 / MINUTES)
    assert (row["premium_plain"], row["rate_plain"], row["rate_weighted"], row["rate_shared"]) == (None,) * 4
    assert row["charged_error_plain_bps"] is None
