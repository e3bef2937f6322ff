"""Questions by name: what a span, a market and a bucket choose, and what is said of those that are none."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from asked_lakes import two_days
from lakedays import DATE

import analytics
from analytics import (
    BucketError,
    EmptyRangeError,
    LakeNotFoundError,
    MomentError,
    UnknownNameError,
    open_lake,
)
from analytics.questions import questions, whole_reach
from analytics.reach import Reach

NEXT = "2026-11-23"
SQL = Path(analytics.__file__).parent / "sql"
WRITTEN = [each for each in questions() if (SQL / f"{each.name}.sql").is_file()]
"""The questions but for the longer grains of another one, which are asked by its text."""


def reaches(asked):
    """Whether it needs other days' rows, which a span might cut off."""
    return whole_reach(asked) != Reach()


TIMES = ("minute", "hour", "day", "bucket", "ts_settled", "ts_open", "ts_event", "ts_start", "ts_recv")


def assert_same(ours, theirs):
    """Rows in any order, whose floats were added up in another order."""
    assert len(ours) == len(theirs)
    for one, other in zip(sorted(ours, key=roughly), sorted(theirs, key=roughly), strict=True):
        assert words_of(one) == words_of(other)
        floats = [[value for value in row if isinstance(value, float)] for row in (one, other)]
        assert floats[0] == pytest.approx(floats[1], rel=1e-9, abs=1e-9, nan_ok=True)


def roughly(row):
    """A row in words, its floats to five digits."""
    return str([f"{value:.4e}" if isinstance(value, float) else value for value in row])


def words_of(row):
    """What of a row is no float, and where its floats are."""
    return str(["float" if isinstance(value, float) else value for value in row])


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return open_lake(two_days(tmp_path_factory))


def view(lake, name, where="true"):
    return lake.sql(f"SELECT * FROM {name} WHERE {where} ORDER BY market, 3").pl()


class TestSpans:
    def test_without_any_it_is_the_whole_view(self, lake):
        assert_same(lake.spread().rows(), view(lake, "spread_1m").rows())

    def test_a_part_of_the_lake_answers_as_the_whole_does(self, lake):
        part = lake.volume(["AAA", "CCC"], start=f"{NEXT}T00:10", end=f"{NEXT}T12:00", every="1h")
        hours = f"hour >= TIMESTAMPTZ '{NEXT} 00:10Z' AND hour < TIMESTAMPTZ '{NEXT} 12:00Z'"
        assert_same(part.rows(), view(lake, "volume_1h", f"market IN ('AAA', 'CCC') AND {hours}").rows())

    def test_a_change_over_midnight_looks_at_the_day_before(self, lake):
        part = lake.open_interest("BBB", start=NEXT, every="1h")
        whole = view(lake, "open_interest_1h", f"market = 'BBB' AND date = DATE '{NEXT}'")
        assert_same(part.rows(), whole.rows())

    def test_a_table_is_asked_in_the_same_way(self, lake):
        rows = lake.ask("trades", "AAA", start=NEXT).pl()
        assert rows.height == 120
        assert rows["ts_event"].is_sorted()

    @pytest.mark.parametrize(
        "start",
        [NEXT, date(2026, 11, 23), datetime(2026, 11, 23, tzinfo=UTC),
         datetime(2026, 11, 23, 2, tzinfo=timezone(timedelta(hours=2))), f"{NEXT}T02:00+02:00"],
        ids=["text", "day", "time", "time of a zone", "text of a zone"],
    )  # fmt: skip
    def test_a_time_may_be_written_in_many_ways(self, lake, start):
        assert lake.basis("AAA", start=start).equals(lake.basis("AAA", start=f"{NEXT}T00:00Z"))

    def test_a_quiet_span_within_the_record_is_an_answer_without_rows(self, lake):
        rows = lake.ask("trades", start=f"{DATE}T16:00", end=f"{DATE}T16:00:00.000001")
        assert rows.shape[0] == 0

    @pytest.mark.parametrize(
        ("span", "said"),
        [
            (
                {"start": "2027-01-01"},
                r"recorded from 2027-01-01 to now\. The lake has 2026-11-22",
            ),
            (
                {"end": "2020-01-01"},
                r"recorded from ever to 2020-01-01\. The lake has 2026-11-22",
            ),
            ({"start": NEXT, "end": DATE}, r"ends before it begins\. The lake has 2026-11-22"),
        ],
        ids=["after", "before", "backwards"],
    )
    def test_a_span_without_anything_is_refused_with_what_there_is(self, lake, span, said):
        with pytest.raises(EmptyRangeError, match=said):
            lake.spread("AAA", **span)

    def test_a_text_that_is_no_time_is_refused_with_how_one_is_written(self, lake):
        with pytest.raises(MomentError, match="'yesterday' is no time: write 2026-11-22"):
            lake.spread("AAA", start="yesterday")

    @pytest.mark.parametrize(
        "asked",
        [
            pytest.param(each, id=each.name, marks=() if reaches(each) else pytest.mark.long)
            for each in WRITTEN
        ],
    )
    def test_every_view_answers_of_its_last_day_as_the_whole_lake_does(self, lake, asked):
        whole = lake.ask(asked.name)
        own = [name for name in TIMES if name in whole.columns]
        if not own:
            with pytest.raises(MomentError, match="no time of their own: ask without"):
                lake.ask(asked.name, start=NEXT)
            return
        place = whole.columns.index(own[0])
        expected = [row for row in whole.fetchall() if str(row[place]) >= NEXT]
        assert_same(lake.ask(asked.name, start=NEXT).fetchall(), expected)

    @pytest.mark.parametrize("name", [each.name for each in WRITTEN if whole_reach(each).all_markets])
    def test_what_follows_from_all_markets_answers_of_one_as_the_whole_lake_does(self, lake, name):
        """The ledger names no market: whose a line is follows from what was held in the others."""
        whole = lake.ask(name)
        place = whole.columns.index("market")
        expected = [row for row in whole.fetchall() if row[place] == "AAA"]
        assert_same(lake.ask(name, "AAA").fetchall(), expected)


class TestBuckets:
    def test_any_part_of_a_day_adds_up_like_the_hours_in_it(self, lake):
        by_hour = lake.volume("AAA", every="1h").group_by("date").agg(pl.col("trades").sum()).sort("date")
        by_four = lake.volume("AAA", every="4h").group_by("date").agg(pl.col("trades").sum()).sort("date")
        assert by_four.equals(by_hour)

    def test_another_span_than_the_named_ones_is_called_a_bucket(self, lake):
        assert lake.spread("AAA", every="15m").columns[:3] == ["market", "date", "bucket"]
        starts = lake.spread("AAA", every="15m")["bucket"].dt.minute().unique().to_list()
        assert set(starts) <= {0, 15, 30, 45}

    @pytest.mark.parametrize(
        ("every", "said"),
        [
            ("7m", "'7m' is no bucket: write a part of a day"),
            ("0m", "'0m' is no bucket"),
            ("2d", "'2d' is no bucket"),
            ("30s", "'30s' is no whole number of minutes"),
        ],
    )
    def test_what_is_no_bucket_is_refused_with_what_is(self, lake, every, said):
        with pytest.raises(BucketError, match=said):
            lake.basis(every=every)

    @pytest.mark.parametrize(
        ("every", "length_s", "since_s"),
        [
            ("7m", 420, 0),
            ("90m", 5_400, 0),
            ("36h", 129_600, 0),
            ("2d", 172_800, 0),
            ("1w", 604_800, 345_600),
        ],
    )
    def test_bars_are_of_any_number_of_minutes(self, lake, every, length_s, since_s):
        """As the trades have them, whole also where a bar lies in two days. Weeks begin on Mondays."""
        bars = lake.volume("AAA", every=every).sort("bucket")
        since_us, length_us = since_s * 1_000_000, length_s * 1_000_000
        us = pl.col("ts_event").dt.epoch("us") - since_us
        trades = lake.scan("trades", "AAA").sort("ts_event", "trade_id").collect()
        expected = (
            trades.group_by((us - us % length_us + since_us).alias("start"))
            .agg(
                pl.len().alias("trades"),
                pl.col("price").max().alias("high"),
                pl.col("price").min().alias("low"),
            )
            .sort("start")
        )
        seen = bars.filter(pl.col("trades") > 0)
        assert seen["bucket"].dt.epoch("us").to_list() == expected["start"].to_list()
        assert seen["date"].to_list() == seen["bucket"].dt.date().to_list()
        assert seen["trades"].to_list() == expected["trades"].to_list()
        told = seen["high"].is_not_null().to_list()
        for name in ("high", "low"):
            assert seen[name].drop_nulls().to_list() == expected[name].filter(pl.Series(told)).to_list()
        assert bars["bucket"].is_unique().all()

    def test_a_bar_that_begins_a_day_before_is_whole_in_a_part_of_the_lake(self, lake):
        whole = lake.volume("AAA", every="36h").sort("bucket")
        part = lake.volume("AAA", every="36h", start=whole["bucket"][-1]).sort("bucket")
        assert_same(part.rows(), whole.tail(1).rows())

    @pytest.mark.parametrize("every", ["90s", "0m", "7y", "7", "400d", "7s5"])
    def test_what_is_no_bar_is_refused_with_what_is(self, lake, every):
        with pytest.raises(BucketError, match="like 7m, 4h, 2d or 1w"):
            lake.volume(every=every)

    def test_volume_is_asked_by_seconds_too(self, lake):
        bars = lake.volume("AAA", every="10s")
        assert bars.columns == ["bucket" if each == "minute" else each for each in lake.volume().columns]
        assert bars["trades"].sum() == lake.volume("AAA")["trades"].sum()
        assert bars["bucket"].dt.second().unique().sort().to_list() == [0, 10, 20, 30, 40, 50]

    def test_a_question_that_is_not_asked_by_the_minute_says_by_what_it_is(self, lake):
        with pytest.raises(BucketError, match="quality cannot be asked by 1m: there is 1d"):
            lake.quality(every="1m")


class TestNames:
    @pytest.mark.parametrize(
        ("ask", "said"),
        [
            (lambda lake: lake.spread("AAB"), "'AAB' is no market of this lake: did you mean AAA"),
            (lambda lake: lake.spread(["AAA", "zzz"]), "'zzz' is no market of this lake: there is AAA, BBB"),
            (lambda lake: lake.ask("spred_1m"), "'spred_1m' is no view: did you mean spread_1m"),
            (lambda lake: lake.scan("trade"), "'trade' is no table: did you mean trades"),
        ],
        ids=["market", "one of several", "view", "table"],
    )  # fmt: skip
    def test_a_name_that_is_none_is_refused_with_the_nearest(self, lake, ask, said):
        with pytest.raises(UnknownNameError, match=said):
            ask(lake)

    def test_no_lake_is_said_with_what_makes_one(self, tmp_path):
        with pytest.raises(LakeNotFoundError, match="recorder run"):
            open_lake(tmp_path)

    def test_describe_tells_of_a_tables_columns_too(self, lake):
        told = lake.describe("trades")
        assert told["column"].to_list()[:2] == ["market", "trade_id"]
        assert told.null_count().sum_horizontal().item() == 0

    def test_describe_tells_unit_and_meaning_of_every_column(self, lake):
        told = lake.describe("spread_1h")
        assert told["column"].to_list() == lake.spread(every="1h").columns
        assert told.filter(pl.col("column") == "spread_min")["unit"].to_list() == ["quote"]
        assert told["definition"].str.len_chars().min() > 0


def test_a_scan_has_the_rows_of_the_table_and_nothing_else(lake):
    rows = lake.scan("depth", "BBB", start=NEXT).collect()
    asked = lake.ask("depth", "BBB", start=NEXT).pl()
    assert rows.select(asked.columns).sort("ts_event", "seq").equals(asked.sort("ts_event", "seq"))
