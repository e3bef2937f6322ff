"""What Polars reads of a table's files: the rows asked for, in the types of the views, and little else."""

import datetime as dt

import polars as pl
import pyarrow.parquet as pq
import pytest
from asked_lakes import fill, gap, lake_at, rows_as
from hypothesis import given, settings
from hypothesis import strategies as st
from lakedays import DATE, HOUR_US, trade

from analytics import open_lake
from analytics.scan import scan_files
from recorder.lake.store.files import EMPTY_FILE, ROW_GROUP_ROWS, write_file
from recorder.lake.store.tables import TABLES

NEXT_DAY = "2026-11-23"
KEYS = {"trades": ("market", "trade_id"), "state": ("market", "ts_recv", "seq")}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """By table its files and its view, of one day that is compacted and another that is not."""
    made = tmp_path_factory.mktemp("lake")
    with lake_at(made) as day:
        day.compact(fill(day, 31, books=60, trades=200))
        fill(day, 32, books=60, trades=200, later=1)
    lake = open_lake(made)
    files = {
        name: [made / "lake" / file.path for file in lake.files() if file.table == name] for name in TABLES
    }
    return {name: (paths, lake.sql(f"SELECT * FROM {name}").pl()) for name, paths in files.items()}


def written(path, name, rows):
    """A file of its own, not in any lake."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, TABLES[name], rows_as(name, rows), 1)
    return path


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_columns_the_types_and_the_number_of_rows_of_its_view(name, stored):
    paths, theirs = stored[name]
    ours = scan_files(paths, name)
    assert ours.collect_schema() == theirs.schema
    assert ours.collect().height == theirs.height


@pytest.mark.parametrize("name", TABLES)
def test_no_files_are_a_table_without_rows(name):
    empty = scan_files([], name).collect()
    assert empty.is_empty()
    assert empty.columns == [*TABLES[name].schema.names, "date"]


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(KEYS)),
    markets=st.none() | st.sampled_from(["AAA", "none"]) | st.lists(st.sampled_from(["AAA", "BBB"])),
    data=st.data(),
)
def test_rows_are_those_of_the_markets_from_the_start_up_to_the_end(stored, name, markets, data):
    paths, everything = stored[name]
    times = everything[TABLES[name].time].to_list()
    start, end = (data.draw(st.none() | st.sampled_from(times)) for _ in range(2))
    found = scan_files(paths, name, markets, start, end).collect()
    wanted = [markets] if isinstance(markets, str) else markets
    time = TABLES[name].time
    expected = [
        row
        for row in everything.to_dicts()
        if (wanted is None or row["market"] in wanted)
        and (start is None or row[time] >= start)
        and (end is None or row[time] < end)
    ]
    assert found.sort(KEYS[name]).to_dicts() == sorted(expected, key=lambda row: [row[k] for k in KEYS[name]])


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (DATE, NEXT_DAY),
        (dt.date.fromisoformat(DATE), dt.date.fromisoformat(NEXT_DAY)),
        (f"{DATE}T02:00+02:00", f"{NEXT_DAY} 00:00"),
        (dt.datetime.fromisoformat(DATE), dt.datetime(2026, 11, 23, tzinfo=dt.UTC)),
    ],
    ids=["dates as text", "dates", "times as text", "times"],
)
def test_a_span_is_told_by_dates_and_by_times_as_text_or_not(stored, start, end):
    found = scan_files(stored["trades"][0], "trades", start=start, end=end).collect()
    assert found["date"].unique().to_list() == [dt.date.fromisoformat(DATE)]
    assert found.height == 600


def test_gaps_are_those_that_reach_into_the_span_of_the_markets_and_of_all(tmp_path):
    rows = [
        gap(0, 10), gap(5, None), gap(20, 30), gap(0, 19, market=None, stream=None), gap(0, 19, market="BBB"),
    ]  # fmt: skip
    path = written(tmp_path / f"date={DATE}" / "a.parquet", "gaps", rows)
    start, end = (f"{DATE}T00:00:00.{us:06}" for us in (10, 20))
    found = scan_files([path], "gaps", "AAA", start, end).sort("market").collect()
    assert [(row["market"], row["ts_end"] is None) for row in found.to_dicts()] == [
        (None, False),
        ("AAA", True),
    ]
    assert scan_files([path], "gaps", start=NEXT_DAY).collect().height == 1


def test_of_markets_is_found_what_was_told_before_the_span_ends(stored):
    paths, _ = stored["markets"]
    assert scan_files(paths, "markets", start=NEXT_DAY).collect().height == 3
    assert scan_files(paths, "markets", end=DATE).collect().height == 0


class TestNotRead:
    """What a condition leaves out is never looked at."""

    def test_files_of_other_days(self, stored, tmp_path):
        gone = [tmp_path / f"date={day}" / "gone.parquet" for day in ("2026-11-21", NEXT_DAY)]
        paths = [path for path in stored["trades"][0] if DATE in str(path)]
        found = scan_files([*gone, *paths], "trades", start=DATE, end=NEXT_DAY).collect()
        assert found.height == 600

    def test_files_of_days_that_a_later_condition_leaves_out(self, stored, tmp_path):
        gone = tmp_path / f"date={NEXT_DAY}" / "gone.parquet"
        paths = [path for path in stored["trades"][0] if DATE in str(path)]
        is_of_day = pl.col("date") == dt.date.fromisoformat(DATE)
        assert scan_files([*paths, gone], "trades").filter(is_of_day).collect().height == 600

    @pytest.mark.parametrize("asked", [{"market": "BBB"}, {"market": ["BBB"]}, {"start": f"{DATE}T12:00"}])
    def test_row_groups_of_other_markets_and_hours(self, tmp_path, asked):
        """The first of two row groups is destroyed: only who does not look there can read the other."""
        rows = [
            trade(of * 13 * HOUR_US + at, at + 1, market=market)
            for of, market in enumerate(("AAA", "BBB"))
            for at in range(ROW_GROUP_ROWS)
        ]
        path = written(tmp_path / f"date={DATE}" / "a.parquet", "trades", rows)
        first, second = (pq.read_metadata(path).row_group(number) for number in (0, 1))
        begin, end = (group.column(0).dictionary_page_offset for group in (first, second))
        content = bytearray(path.read_bytes())
        content[begin:end] = bytes(end - begin)
        path.write_bytes(content)
        assert scan_files([path], "trades", **asked).collect().height == ROW_GROUP_ROWS
        with pytest.raises(pl.exceptions.PolarsError):
            scan_files([path], "trades").collect()


class TestPaths:
    """A lake may lie anywhere."""

    @pytest.mark.parametrize(
        "folder", ["a b", "da[t]a*?", "100%20", "market=BBB", "date=old", "env=prod/x=1", "é"]
    )
    def test_the_folders_above_it_say_nothing(self, tmp_path, folder):
        lake = tmp_path / folder / "lake" / "trades"
        paths = [
            written(lake / EMPTY_FILE, "trades", []),
            written(lake / f"date={NEXT_DAY}" / "b.parquet", "trades", [trade(24 * HOUR_US, 2)]),
            written(lake / f"date={DATE}" / "a.parquet", "trades", [trade(0, 1)]),
        ]
        found = scan_files(paths, "trades").sort("trade_id").collect()
        assert found.columns == [*TABLES["trades"].schema.names, "date"]
        assert found["market"].to_list() == ["AAA", "AAA"]
        assert [str(day) for day in found["date"]] == [DATE, NEXT_DAY]

    def test_a_market_of_digits_is_a_text(self, tmp_path):
        path = written(tmp_path / f"date={DATE}" / "a.parquet", "trades", [trade(0, 1, market="1000")])
        assert scan_files([path], "trades", "1000").collect()["market"].to_list() == ["1000"]

    def test_a_file_that_is_replaced_before_it_is_read_is_read_as_it_is_then(self, tmp_path):
        path = written(tmp_path / f"date={DATE}" / "a.parquet", "gaps", [gap(0, 10)])
        lazy = scan_files([path], "gaps")
        lazy.explain()
        written(tmp_path / "new.parquet", "gaps", [gap(at, 2 * at) for at in range(1, 5_000)]).replace(path)
        assert lazy.collect().height == 4_999


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"table": "trade"}, "one of trades"),
        ({"table": "rejects", "market": "AAA"}, "rows of rejects are of no market"),
        ({"start": "yesterday"}, "'yesterday' is no time: write 2026-11-22"),
        ({"end": "2026-13-01"}, "'2026-13-01' is no time"),
    ],
)
def test_a_wrong_question_is_refused_by_what_is_wrong_in_it(asked, message):
    with pytest.raises(ValueError, match=message):
        scan_files([], **({"table": "trades"} | asked))
