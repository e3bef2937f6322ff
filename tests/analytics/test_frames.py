"""The figures that Polars makes are those of the views."""

import itertools
import math
import subprocess
import sys

import polars as pl
import pytest
from asked_lakes import fill, gap, graded, lake_at, rows_as
from hypothesis import given
from hypothesis import strategies as st
from lakedays import DAY_US, MINUTE_US, SECOND_US, book, trade

from analytics import frames, open_lake
from analytics.lazy import buckets, levels, standing, trading
from analytics.scan import scan_files
from recorder.lake.days.standing import STALE_AFTER_S
from recorder.lake.store import minutes
from recorder.lake.store.tables import TABLES

GRAINS = {"1m": "minute", "1h": "hour", "1d": "day"}
LAKES = {"open": (1, 2), "late": (3,), "compacted": (4, 5)}
"""Seeds of their days, one after the other."""


class Asked:
    """A lake by its views, and its tables as LazyFrames."""

    def __init__(self, data_dir):
        self.lake = open_lake(data_dir)
        for name in TABLES:
            paths = [data_dir / "lake" / file.path for file in self.lake.files() if file.table == name]
            setattr(self, name, scan_files(paths, name))
        self.books = frames.books(self.depth, self.gaps)

    def figures(self, name, every):
        """What should equal the view `name`, or some of its columns."""
        made = {
            "spread": lambda: self.graded(frames.spread(self.books, every), every),
            "liquidity": lambda: self.graded(frames.liquidity(self.books, every), every),
            "basis": lambda: self.graded(frames.basis(self.books, every), every),
            "volume": lambda: self.graded(frames.bars(self.trades, every), every, "trade"),
            "open_interest": lambda: self.graded(
                frames.open_interest(self.state, every, self.books), every, "state"
            ),
        }
        return made[name]().collect()

    def graded(self, frame, every, stream=None):
        return frames.with_coverage(frame, self.coverage, every, stream)

    def view(self, name):
        return self.lake.sql(f"SELECT * FROM {name}").pl()


@pytest.fixture(scope="module", params=LAKES)
def asked(request, tmp_path_factory):
    """Days that are open; one that a late row opened again; days of which the first is compacted."""
    made = tmp_path_factory.mktemp(request.param)
    with lake_at(made) as day:
        for later, seed in enumerate(LAKES[request.param]):
            missing = fill(day, seed, books=700 if later == 0 else 100, trades=150, later=later)
            if later == 0 and request.param != "open":
                day.compact(missing)
        if request.param == "late":
            day.add("depth", book(5 * SECOND_US, market="AAA", seq=9_999))
    return Asked(made)


def assert_same(ours, theirs, keys):
    """Same rows by `keys`, and in every column that both have the same values; none of ours is left out."""
    names = [name for name in ours.columns if name in theirs.columns]
    assert ours.select(names).schema == theirs.select(names).schema
    pairs = zip(ours.sort(keys).to_dicts(), theirs.select(names).sort(keys).to_dicts(), strict=True)
    differing = [
        (name, one[name], other[name])
        for one, other in pairs
        for name in names
        if not same(one[name], other[name])
    ]
    assert differing[:3] == []


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-11, abs_tol=1e-10)
    return one == other


@pytest.mark.parametrize("every", GRAINS)
@pytest.mark.parametrize("name", ["spread", "liquidity", "basis", "volume", "open_interest"])
def test_a_frame_has_the_rows_of_its_view(asked, name, every):
    ours, theirs = asked.figures(name, every), asked.view(f"{name}_{every}")
    costs = {"effective_spread_bps", "realised_spread_bps", "impact_bps"}
    assert [column for column in theirs.columns if column not in costs] == ours.columns
    assert_same(ours, theirs, buckets.bucket(every).keys)
    told_by_none = {"candle_volume", "candle_turnover", "change"}
    assert all(ours[column].count() for column in ours.columns if column not in told_by_none)


@pytest.mark.parametrize("every", GRAINS)
def test_what_trading_cost_is_what_the_view_says(asked, every):
    keys = buckets.bucket(every).keys
    ours = frames.effective_spread(asked.trades, asked.books, every).collect()
    theirs = asked.view(f"spread_{every}")
    assert_same(ours, theirs.join(ours.select(keys), on=keys, how="semi"), keys)
    others = theirs.join(ours.select(keys), on=keys, how="anti")
    assert others["effective_spread_bps"].null_count() == others.height
    assert ours["realised_spread_bps"].count() > 0


def test_books_are_those_of_the_view_to_the_last_bit(asked):
    keys = ("market", "ts_event", "seq")
    ours, theirs = asked.books.collect().sort(keys), asked.view("books").sort(keys)
    assert ours.columns == theirs.columns
    assert ours.equals(theirs)


def test_stored_times_are_those_that_gaps_and_books_give(tmp_path):
    with lake_at(tmp_path) as day:
        missing = fill(day, 6, books=60)
        open_day = Asked(tmp_path).books.collect()
        day.compact(missing)
        stored = frames.books(Asked(tmp_path).depth).collect()
    keys = ("market", "ts_event", "seq")
    assert open_day.sort(keys).equals(stored.sort(keys))


def test_without_gaps_an_open_day_is_not_observed():
    depth = frame("depth", [book(0), book(SECOND_US, seq=1)])
    [row] = frames.spread(frames.books(depth)).collect().to_dicts()
    assert (row["snapshots"], row["observed_seconds"], row["spread"]) == (2, 0.0, None)


def frame(name, rows):
    """Rows of a table as a LazyFrame, with their day."""
    made = pl.from_arrow(rows_as(name, rows))
    return made.lazy().with_columns(pl.col(TABLES[name].time).dt.date().alias("date"))


def test_figures_do_not_depend_on_the_order_of_rows(asked):
    def shuffled(lazy):
        return lazy.collect().sample(fraction=1, shuffle=True, seed=1).lazy()

    books = frames.books(shuffled(asked.depth), shuffled(asked.gaps))
    trades, state = shuffled(asked.trades), shuffled(asked.state)
    keys = buckets.bucket("5m").keys
    for ours, theirs in (
        (frames.spread(books, "5m"), frames.spread(asked.books, "5m")),
        (frames.bars(trades, "5m"), frames.bars(asked.trades, "5m")),
        (
            frames.effective_spread(trades, books, "5m"),
            frames.effective_spread(asked.trades, asked.books, "5m"),
        ),
        (frames.open_interest(state, "5m"), frames.open_interest(asked.state, "5m")),
    ):
        assert_same(ours.collect(), theirs.collect(), keys)


def test_tables_without_rows_give_frames_without_rows(tmp_path):
    with lake_at(tmp_path):
        asked = Asked(tmp_path)
    for name in ("spread", "liquidity", "basis", "volume", "open_interest"):
        ours = asked.figures(name, "1h")
        theirs = asked.view(f"{name}_1h")
        assert ours.is_empty()
        assert ours.schema == theirs.select(ours.columns).schema
    assert frames.effective_spread(asked.trades, asked.books).collect().is_empty()


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


def test_a_level_exactly_at_the_edge_is_near():
    mid = 1_000.0
    depth = frame("depth", [book(0, bids=((999.0, 2.0), (998.9, 5.0)), asks=((1_001.0, 3.0),))])
    [row] = frames.liquidity(frames.books(depth, frame("gaps", []))).collect().to_dicts()
    assert mid * levels.NEAR_BPS / 1e4 == 1
    assert (row["bid_depth"], row["ask_depth"]) == (1_998, 3_003)


def test_the_constants_are_those_of_the_stored_minutes():
    assert (levels.NEAR_BPS, levels.TAKEN_QUOTE) == (minutes.NEAR_BPS, minutes.TAKEN_QUOTE)
    assert (trading.AFTER_S, standing.STALE_AFTER_S) == (minutes.AFTER_S, STALE_AFTER_S)


@pytest.mark.parametrize(
    "every", ["", "1", "m", "0m", "7m", "2d", "1.5h", "-1m", "1 m", "1w", "1m1s", "\u0661m"]
)
def test_a_bucket_is_a_span_that_divides_a_day(every):
    with pytest.raises(ValueError, match="divides a day"):
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


def test_the_lake_opens_without_polars():
    code = "import analytics, sys; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
