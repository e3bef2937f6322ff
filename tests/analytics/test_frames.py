"""The figures that Polars makes are those of the views."""

import math

import polars as pl
import pytest
from asked_lakes import fill, lake_at
from lakedays import DAY_US, SECOND_US, book

from analytics import frames, open_lake
from analytics.lazy import buckets
from analytics.scan import scan_files
from recorder.lake.store.tables import TABLES

GRAINS = ("1m", "1h", "1d")
LAKES = {"open": (1, 2), "compacted": (4, 5)}
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
    """Two days: both are open, or the first is compacted."""
    made = tmp_path_factory.mktemp(request.param)
    with lake_at(made) as day:
        for later, seed in enumerate(LAKES[request.param]):
            missing = fill(day, seed, books=100 if later else 700, trades=150, later=later)
            if request.param == "compacted" and later == 0:
                day.compact(missing)
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


def test_amounts_cost_what_the_profile_says(asked):
    keys = ("market", "hour", "notional")
    ours = frames.costs(asked.books, (1e3, 1e4, 1e5, 1e6)).collect()
    theirs = asked.view("cost_profile_1h").filter(pl.col("observed_seconds") > 0)
    assert [name for name in theirs.columns if name != "grade"] == ours.columns
    assert_same(ours, theirs, keys)
    assert ours["cost_bps_buy"].count() > 0


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


def test_a_late_row_changes_how_long_the_book_before_it_stood(tmp_path):
    with lake_at(tmp_path) as day:
        day.compact(fill(day, 3, books=60))
        of_market = [row for row in day.read("depth").to_pylist() if row["market"] == "AAA"]
        longest = max(of_market, key=lambda row: row["dt"])["ts_event"]
        after_us = int(longest.timestamp()) * SECOND_US + longest.microsecond - DAY_US + SECOND_US
        day.add("depth", book(after_us, market="AAA", seq=9_999))
    late = Asked(tmp_path)
    found = late.books.filter(pl.col("market") == "AAA", pl.col("ts_event") == longest).collect()
    assert found["stood_us"].max() == SECOND_US
    assert_same(late.figures("spread", "1m"), late.view("spread_1m"), buckets.bucket("1m").keys)


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


def test_both_engines_of_polars_say_the_same(asked):
    for made in (
        frames.effective_spread(asked.trades, asked.books),
        frames.liquidity(asked.books),
        frames.open_interest(asked.state, "1h", asked.books),
        frames.funding_settlements(asked.state, asked.coverage),
    ):
        streamed = made.collect(engine="streaming")
        assert_same(made.collect(engine="in-memory"), streamed, streamed.columns[:3])
        assert streamed.height > 0


def test_tables_without_rows_give_frames_without_rows(tmp_path):
    with lake_at(tmp_path):
        asked = Asked(tmp_path)
    for name in ("spread", "liquidity", "basis", "volume", "open_interest"):
        ours = asked.figures(name, "1h")
        theirs = asked.view(f"{name}_1h")
        assert ours.is_empty()
        assert ours.schema == theirs.select(ours.columns).schema
    assert frames.effective_spread(asked.trades, asked.books).collect().is_empty()
