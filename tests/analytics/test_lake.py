"""The lake opened with SQL."""

import re

import duckdb
import lakedays
import pytest
from asked_lakes import lake_at
from journals import Recorder, book, state, trade

from analytics import LakeNotFoundError, open_lake
from analytics.questions import MIN_COVERAGE, MIN_COVERAGE_OF_SUMS, questions
from analytics.views import question_views, write_views
from recorder.lake.publishing.follow import publish_once
from recorder.lake.store.manifest import FORMAT_STATE, Commit, Manifest
from recorder.lake.store.tables import TABLES


@pytest.fixture
def data_dir(tmp_path):
    recorder = Recorder(tmp_path)
    recorder.session(("trade", "AAA"), ("depth", "AAA"), ("state",))
    recorder.frames(
        trade("AAA", 1, price="100", amount="2", side="buy"),
        trade("AAA", 2, price="110", amount="1", side="sell"),
        book("AAA", 1_723_161_255_000, bid="99.9", ask="100.1"),
        book("AAA", 1_723_161_256_000, bid="99.8", ask="100.2"),
        state("AAA"),
    ).stop()
    publish_once(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def relations(tmp_path_factory):
    """Every view of a lake, by name."""
    with lake_at(tmp_path_factory.mktemp("lake")) as day:
        day.add("trades", lakedays.trade(0, 1))
        lake = open_lake(day.manifest.lake.parent)
        return {asked.name: lake.sql(f"FROM {asked.name}") for asked in questions()}


def rows(data_dir, query):
    return open_lake(data_dir).sql(query).fetchall()


def rows_by_views_sql(data_dir, query):
    """As any DuckDB client has them after `duckdb -init views.sql`."""
    client = duckdb.connect()
    client.execute(write_views(data_dir).read_text())
    return client.sql(query).fetchall()


def test_every_table_is_a_view(data_dir):
    names = {row[0] for row in rows(data_dir, "SHOW TABLES")}
    assert names >= set(TABLES)


def test_no_lake_is_said_with_what_makes_one(tmp_path):
    with pytest.raises(LakeNotFoundError, match="recorder run"):
        open_lake(tmp_path)


def test_a_mistake_in_the_query_is_duckdbs_error(data_dir):
    with pytest.raises(duckdb.Error, match="nothing_like_it"):
        open_lake(data_dir).sql("SELECT * FROM nothing_like_it")


def test_a_statement_without_a_result_has_no_rows(data_dir):
    assert open_lake(data_dir).sql("SET threads = 1").fetchall() == []


def test_an_open_lake_sees_what_is_published_later(data_dir):
    lake = open_lake(data_dir)
    assert lake.sql("SELECT count(*) FROM trades").fetchall() == [(2,)]
    recorder = Recorder(data_dir)
    recorder.session(("trade", "AAA")).frames(trade("AAA", 3)).stop()
    publish_once(data_dir)
    assert lake.sql("SELECT count(*) FROM trades").fetchall() == [(3,)]


def test_a_file_that_is_moved_into_place_just_after_it_was_missed_is_read(data_dir, monkeypatch):
    """As a commit does in the instant between its record and its moves."""
    lake = open_lake(data_dir)
    [path] = [data_dir / "lake" / file.path for file in lake.files() if file.table == "trades" and file.rows]
    away = path.with_suffix(".moving")
    path.rename(away)
    monkeypatch.setattr("analytics.reader.time.sleep", lambda _: away.rename(path))
    assert lake.sql("SELECT count(*) FROM trades").fetchall() == [(2,)]


def test_a_file_that_is_replaced_between_its_footer_and_its_rows_is_read_again(data_dir, monkeypatch):
    """DuckDB opens a file twice for a query; where the second is another it finds no Thrift in it."""
    lake = open_lake(data_dir)
    [path] = [data_dir / "lake" / file.path for file in lake.files() if file.table == "trades" and file.rows]
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little")
    other = path.with_suffix(".other")
    other.write_bytes(whole[: -8 - footer] + b"\x0d" * footer + whole[-8:])
    other.replace(path)
    with pytest.raises(duckdb.Error) as raised:
        duckdb.sql(f"FROM '{path}'").fetchall()
    assert raised.type is duckdb.Error  # of no class that would tell it from others
    monkeypatch.setattr("analytics.reader.time.sleep", lambda _: path.write_bytes(whole))
    assert lake.sql("SELECT count(*) FROM trades").fetchall() == [(2,)]


def test_a_file_that_stays_away_is_an_error(data_dir):
    lake = open_lake(data_dir)
    for file in lake.files():
        if file.table == "trades" and file.rows:
            (data_dir / "lake" / file.path).write_bytes(b"no Parquet")
    with pytest.raises(duckdb.Error):
        lake.sql("SELECT count(*) FROM trades")


def test_a_view_of_the_users_own_sees_a_day_that_opens(tmp_path):
    """It reads views that were made while there was none, and names them in no query."""
    with lake_at(tmp_path) as day:
        day.add("trades", lakedays.trade(0, 1))
        day.compact()
        lake = open_lake(tmp_path)
        lake.sql("CREATE VIEW traded AS SELECT sum(trades) AS trades FROM volume_1h")
        assert lake.sql("FROM traded").fetchall() == [(1,)]
        day.add("trades", lakedays.trade(1, 2))
        assert lake.sql("FROM traded").fetchall() == [(2,)]


def test_the_view_questions_tells_of_every_view(data_dir):
    told = rows(data_dir, "SELECT view, subject, question FROM questions")
    assert {view for view, _, _ in told} == {asked.name for asked in questions()}
    assert ("spread_1h", "Spread and liquidity") in {row[:2] for row in told}


def test_the_view_meanings_tells_of_every_column_of_every_view_and_table(data_dir, relations):
    told = set(rows(data_dir, "SELECT view, column_name FROM meanings"))
    shown = {view: relation.columns for view, relation in relations.items()}
    shown |= {table.name: table.schema.names for table in TABLES.values()}
    assert told == {(view, column) for view, columns in shown.items() for column in columns}
    [unit] = rows(data_dir, "SELECT unit FROM meanings WHERE view = 'spread_1h' AND column_name = 'spread'")
    assert unit == ("quote",)


def test_times_are_utc(data_dir):
    assert rows(data_dir, "SELECT current_setting('TimeZone')") == [("UTC",)]


@pytest.mark.parametrize("ask", [rows, rows_by_views_sql], ids=["open_lake", "views.sql"])
def test_queries_are_planned_for_as_many_rows_as_there_are(data_dir, ask):
    """The file without rows that every table has would make it none, and an ASOF JOIN a loop in a loop."""
    [(_, plan)] = ask(data_dir, "EXPLAIN SELECT * FROM trades ASOF JOIN depth USING (market, ts_event)")
    assert "~0 rows" not in plan


class TestQuestions:
    def test_each_file_is_one_statement_with_question_grain_units_and_source(self):
        views = question_views()
        assert views
        for view in views:
            head = [line for line in view.splitlines() if line.startswith("--")]
            code = [line for line in view.splitlines() if not line.startswith("--")]
            assert [
                word
                for word in ("Question", "Grain", "Units", "Source")
                if f"-- {word}:" not in "\n".join(head)
            ] == []
            assert "\n".join(code).count(";") == 1

    def test_the_share_below_which_a_figure_is_null_is_the_documented_one(self):
        compared = r"(?:coverage(?:, 1e0\))?|_seconds) >= ([0-9.]+)e0"
        shares = {share for view in question_views() for share in re.findall(compared, view)}
        assert shares == {str(MIN_COVERAGE)}

    def test_the_share_below_which_a_sum_is_null_is_the_documented_one(self):
        compared = r"greatest\(([0-9.]+)e0 \* (?:\w+\.)?judged"
        shares = {share for view in question_views() for share in re.findall(compared, view)}
        assert shares == {str(MIN_COVERAGE_OF_SUMS)}

    def test_volume_by_market(self, data_dir):
        query = "SELECT trades, volume, turnover, buy_share, vwap, low, high FROM volume_by_market"
        assert rows(data_dir, query) == [(2, 3.0, 310.0, 2 / 3, 310 / 3, 100.0, 110.0)]

    def test_spread_by_market(self, data_dir):
        columns = "snapshots, spread_mean, spread_min, spread_max, relative_spread_bps_mean"
        [row] = rows(data_dir, f"SELECT {columns} FROM spread_by_market")
        assert row[0] == 2
        assert row[1:] == pytest.approx((0.3, 0.2, 0.4, 30.0))


def test_a_lake_of_another_version_is_refused_with_what_to_do(data_dir):
    with Manifest(data_dir) as manifest:
        manifest.commit(Commit(state={FORMAT_STATE: b"1"}))
    with pytest.raises(LakeNotFoundError, match="another version: `recorder publish` says what to do"):
        open_lake(data_dir)


def test_a_buckets_start_is_a_time_with_its_zone_in_every_view(relations):
    """Or views cannot be joined by it in Polars, nor in DuckDB under another zone."""
    starts, dates = set(), set()
    for relation in relations.values():
        types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        starts |= {types[name] for name in ("minute", "hour", "day", "bucket") if name in types}
        dates |= {types[name] for name in ("date",) if name in types}
    assert starts == {"TIMESTAMP WITH TIME ZONE"}
    assert dates == {"DATE"}
