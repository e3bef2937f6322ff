"""The figures that Polars makes, where they are few enough to be worked out by hand."""

import itertools

import polars as pl
import pytest
from asked_lakes import gap, graded, rows_as
from hypothesis import example, given
from hypothesis import strategies as st
from lakedays import DAY_US, MINUTE_US, SECOND_US, book, trade

from analytics import frames
from analytics.lazy import buckets, standing
from recorder.lake.store.minutes import NEAR_BPS, STALE_AFTER_S
from recorder.lake.store.tables import TABLES


def frame(name, rows):
    """Rows of a table as a LazyFrame, with their day."""
    made = pl.from_arrow(rows_as(name, rows))
    return made.lazy().with_columns(pl.col(TABLES[name].time).dt.date().alias("date"))


def test_without_gaps_an_open_day_is_not_observed():
    depth = frame("depth", [book(0), book(SECOND_US, seq=1)])
    [row] = frames.spread(frames.books(depth)).collect().to_dicts()
    assert (row["snapshots"], row["observed_seconds"], row["spread"]) == (2, 0.0, None)


def test_a_book_that_stands_across_an_edge_counts_on_both_sides_of_it():
    depth = frame("depth", [book(55 * SECOND_US, asks=((102.0, 1.0),)), book(75 * SECOND_US, seq=1)])
    found = frames.spread(frames.books(depth, frame("gaps", [])), "10s").collect()
    assert found["observed_seconds"].to_list() == [5, 10, 10, 10, 10, 10, 10, 10, 5]
    assert found["snapshots"].to_list() == [1, 0, 1, 0, 0, 0, 0, 0, 0]
    assert found["spread"].to_list() == [2, 2, 1.5, 1, 1, 1, 1, 1, 1]


def test_the_cost_of_taking_an_amount_is_that_of_the_levels_it_takes():
    """5,000 at 100 and the rest at 110; half as much on the other side, which is not enough."""
    asks, bids = ((100.0, 50.0), (110.0, 90.0), (120.0, 1.0)), ((98.0, 51.0),)
    depth = frame("depth", [book(0, bids=bids, asks=asks)])
    [row] = frames.liquidity(frames.books(depth, frame("gaps", [])), "1m").collect().to_dicts()
    assert row["cost_bps_buy"] == pytest.approx(1e4 * (10_000 / (50 + 5_000 / 110) / 99 - 1))
    assert (row["cost_bps_sell"], row["cost_seconds_sell"], row["coverage"]) == (None, 0, 1)
    assert (row["bid_depth"], row["ask_depth"]) == (0, 0)


def test_any_amount_has_its_cost():
    """100 of 3,000 at the best ask; 6,000 take half at the next one; 20,000 are not there."""
    asks, bids = ((100.0, 30.0), (110.0, 90.0)), ((98.0, 51.0),)
    books = frames.books(frame("depth", [book(0, bids=bids, asks=asks)]), frame("gaps", []))
    few, many, none = frames.costs(books, (100, 6_000, 20_000), "1m").collect().to_dicts()
    assert few["cost_bps_buy"] == pytest.approx(1e4 * (100 / 99 - 1))
    assert many["cost_bps_buy"] == pytest.approx(1e4 * (6_000 / (30 + 3_000 / 110) / 99 - 1))
    assert (none["cost_bps_buy"], none["deep_share_buy"], many["deep_share_sell"]) == (None, 0, 0)


def test_a_level_exactly_at_the_edge_is_near():
    mid = 1_000.0
    depth = frame("depth", [book(0, bids=((999.0, 2.0), (998.9, 5.0)), asks=((1_001.0, 3.0),))])
    [row] = frames.liquidity(frames.books(depth, frame("gaps", []))).collect().to_dicts()
    assert mid * NEAR_BPS / 1e4 == 1
    assert (row["bid_depth"], row["ask_depth"]) == (1_998, 3_003)


def test_the_mid_after_a_trade_is_that_of_a_book_of_that_very_instant():
    """Bought at 102 against a mid of 100.5, which was 101.5 five seconds later."""
    made = [book(0), book(6 * SECOND_US, bids=((101.0, 1.0),), asks=((102.0, 1.0),), seq=1)]
    books = frames.books(frame("depth", made), frame("gaps", []))
    [row] = frames.effective_spread(frame("trades", [trade(SECOND_US, 1, 102.0)]), books).collect().to_dicts()
    assert row["effective_spread_bps"] == pytest.approx(2e4 * 1.5 / 100.5)
    assert row["realised_spread_bps"] == pytest.approx(2e4 * 0.5 / 100.5)
    assert row["impact_bps"] == pytest.approx(2e4 * 1 / 100.5)


def test_prices_and_quantities_of_zero_are_no_figures():
    none, some = ((0.0, 1.0),), ((100.0, 0.0),)
    made = [
        book(0, bids=none, asks=none, index_price=0.0, mark_price=1.0),
        book(MINUTE_US, bids=some, asks=some),
    ]
    books = frames.books(frame("depth", made), frame("gaps", []))
    first, second = frames.liquidity(books).collect().to_dicts()
    assert (first["coverage"], first["imbalance"], second["coverage"], second["imbalance"]) == (0, None, 1, 0)
    first, _ = frames.basis(books).collect().to_dicts()
    assert (first["mark_price"], first["basis_bps"], first["mid"], first["coverage"]) == (None, None, None, 0)


@pytest.mark.parametrize(
    "every", ["", "1", "m", "0m", "7m", "2d", "1.5h", "-1m", "1 m", "1w", "1m1s", "\u0661m"]
)
def test_a_bucket_is_a_span_that_divides_a_day(every):
    with pytest.raises(ValueError, match="is no bucket: write a part of a day"):
        frames.spread(pl.LazyFrame(), every)


def test_a_bucket_is_named_by_its_length():
    names = [buckets.bucket(every).column for every in ("60s", "1m", "60m", "24h", "5m", "10s")]
    assert names == ["minute", "minute", "hour", "day", "bucket", "bucket"]


def test_parts_of_minutes_have_no_grade():
    bars = frames.bars(frame("trades", [trade(0, 1)]), "10s")
    with pytest.raises(ValueError, match="minutes are graded"):
        frames.with_coverage(bars, frame("coverage", []), "10s", "trade")


def test_bars_of_a_bucket_that_was_hardly_recorded_are_null_and_their_number_is_not():
    bars = frames.bars(frame("trades", [trade(0, 1), trade(MINUTE_US, 2)]))
    told = frame("coverage", [graded(0, "D", seconds=5.9), graded(1, "B", seconds=6)])
    found = frames.with_coverage(bars, told, "1m", "trade").collect()
    assert found["trades"].to_list() == [1, 1]
    assert found["vwap"].to_list() == [None, 100]
    assert found["grade"].to_list() == ["D", "B"]


class TestBookGaps:
    """Spans in which no recorder received a market's books."""

    @example([("main", "AAA", 0, 5, True), ("main", "AAA", 5, 3, True)])
    @example([("main", "AAA", 0, 5, True), ("other", None, 5, 3, True), ("other", None, 2, 1, True)])
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["main", "other", "third"]), st.sampled_from(["AAA", None]),
                st.integers(0, 12), st.integers(0, 6), st.booleans(),
            ),
            max_size=8,
        )
    )  # fmt: skip
    def test_an_instant_is_missing_where_every_recorder_that_told_of_a_gap_missed_it(self, told):
        rows = [
            gap(start, start + length, market=market, recorder=name, remains=remains)
            for name, market, start, length, remains in told
        ]
        found = standing.book_gaps(frame("gaps", rows)).collect()
        is_named = any(market == "AAA" for _, market, *_ in told)
        recorders = {name for name, *_ in told}
        missed = {
            name: {
                at
                for who, _, start, length, remains in told
                if who == name and remains
                for at in range(start, start + length)
            }
            for name in recorders
        }
        expected = set.intersection(*missed.values()) if missed else set()
        spans = found.filter(pl.col("market") == ("AAA" if is_named else "")).sort("start_us")
        times = [(start - DAY_US, end - DAY_US) for _, start, end in spans.rows()]
        assert {at for start, end in times for at in range(start, end)} == expected
        assert all(one[1] < other[0] for one, other in itertools.pairwise(times))

    def test_a_gap_of_all_markets_is_one_of_each_though_others_are_named(self):
        gaps = frame("gaps", [gap(10, 20, market=None, stream=None), gap(10, 15, market="BBB")])
        depth = frame("depth", [book(5, market=market) for market in ("AAA", "BBB")])
        found = frames.books(depth, gaps).sort("market").collect()
        assert found["stood_us"].to_list() == [5, 5]

    def test_what_another_recorder_received_is_not_missing_of_a_market_that_it_names(self):
        """The gap of all is one recorder's; the other one told of a gap of this market, elsewhere."""
        gaps = frame("gaps", [gap(10, 20, market=None), gap(40, 50, market="BBB", recorder="other")])
        depth = frame("depth", [book(5, market=market) for market in ("AAA", "BBB")])
        found = frames.books(depth, gaps).sort("market").collect()
        assert found["stood_us"].to_list() == [5, STALE_AFTER_S * SECOND_US]
