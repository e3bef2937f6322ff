"""A closed day becomes one file a table: the same rows, whatever they lay in, and never half done."""

import itertools
import random
import shutil
import threading
import time

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from lakedays import DATE, DAY_US, HOUR_US, MINUTE_US, SECOND_US, Day, book, rows_of, state, trade

from analytics.lake import open_lake
from recorder.lake.days import compact, merge
from recorder.lake.days.compact import CompactionError, due_days, is_due, missing_books
from recorder.lake.days.merge import MergeStoppedError, due_merge
from recorder.lake.gaps.files import gap_table
from recorder.lake.gaps.missing import EVER
from recorder.lake.store import files, manifest
from recorder.lake.store.files import EMPTY_DATE, EMPTY_FILE, write_file
from recorder.lake.store.manifest import FORMAT, FORMAT_STATE, WHOLE_DAY, Commit, FileInfo, Manifest
from recorder.lake.store.tables import COVERAGE, DEPTH, GAPS, KLINES, MARKETS, STATE, TABLES, TRADES

NEXT = "2026-11-23"
MARKETS_OF_TEST = ("AAA", "BBB", "CCC")


@pytest.fixture
def day(tmp_path):
    with Manifest(tmp_path) as opened:
        yield Day(opened)


def candle(ts, *, market="AAA", close=1.0, seq=1):
    row = dict.fromkeys(KLINES.schema.names, 1.0)
    row |= {"market": market, "period": "1min", "ts_open": DAY_US + ts, "close": close, "source": "ws"}
    return row | {"ts_recv": DAY_US + ts, "seq": seq, "column_order": "ohlc"}


def reject(ts, frame):
    return {"ts_recv": DAY_US + ts, "connection": 1, "reason": "not JSON", "frame": frame}


def gap(start, end, *, stream="depth", market="AAA", remains=True):
    row = dict.fromkeys(GAPS.schema.names, "") | {"stream": stream, "market": market, "period": None}
    row |= {"ts_start": DAY_US + start, "ts_end": end and DAY_US + end, "minute": None}
    left = (row["ts_start"], row["ts_end"]) if remains else (None, None)
    return row | {"remains_start": left[0], "remains_end": left[1], "lag_low_us": 0, "lag_high_us": 0}


def some_rows(*, count=60, start=0):
    """Trades, books and states of three markets, their times in no order, some equal."""
    chance = random.Random(1)
    rows = {"trades": [], "depth": [], "state": []}
    for number in range(count):
        market, ts = chance.choice(MARKETS_OF_TEST), start + chance.randrange(600) * SECOND_US // 2
        level = 100 + chance.randrange(50) / 10
        bids, asks = [(level, 1.1)], [(level + 0.1, 0.3), (level + 7, 900.0)]
        amount = chance.choice([0.1, 2.5])
        rows["trades"].append(trade(ts, number, level, amount, market=market, seq=number))
        rows["depth"].append(book(ts, market=market, bids=bids, asks=asks, seq=number))
        rows["state"].append(state(ts, level, market=market, seq=number))
    return rows


def content(day):
    """Every table's rows, in the order of its files."""
    return {name: day.read(name).to_pylist() for name in TABLES}


def derived_away(rows):
    names = {"dt", "mid_before"}
    return sorted(str({name: value for name, value in row.items() if name not in names}) for row in rows)


class TestDue:
    def test_the_days_before_the_limit_with_rows_that_are_not_compacted(self, day):
        day.add("trades", trade(0, 1), date=NEXT).add("trades", trade(0, 1))
        assert due_days(day.manifest, DATE) == []
        assert due_days(day.manifest, NEXT) == [DATE]
        day.compact()
        assert due_days(day.manifest, NEXT) == []
        assert due_days(day.manifest, "2026-11-24") == [NEXT]

    def test_a_day_is_due_again_when_late_rows_have_come(self, day):
        day.add("trades", trade(0, 1)).compact()
        assert due_days(day.manifest, NEXT) == []
        day.add("trades", trade(0, 2))
        assert due_days(day.manifest, NEXT) == [DATE]

    def test_files_without_rows_and_gaps_make_no_day_due(self, day):
        path = f"trades/{EMPTY_FILE}"
        write_file(day.manifest.work / "empty", TRADES, TRADES.schema.empty_table(), 1)
        info = FileInfo(path, "trades", EMPTY_DATE, 0, 0, 0, 0, 0, -1)
        day.manifest.commit(Commit([("empty", info)]))
        day.add("gaps", gap_table([gap(0, 1)]), file="gaps")
        assert due_days(day.manifest, NEXT) == []

    def test_the_days_file_is_no_part_of_an_hours_merge(self, day):
        day.add("trades", trade(0, 1)).compact()
        [info] = day.manifest.files("trades")
        day.add("trades", trade(0, 2), hour=info.hour)
        assert due_merge(day.manifest, 10**7) == []


def compacted_and_retired(day, *names):
    """Compact a day and remove tables of it; what it had before."""
    for table, rows in some_rows().items():
        day.add(table, *rows)
    day.compact()
    before = {table: day.read(table) for table in TABLES}
    day.retire(*names)
    return before


def add_late(day, count):
    """Rows of all kinds that come late, each of another second."""
    seconds = [MINUTE_US + number * 1_000_000 for number in range(count)]
    day.add("trades", *(trade(at, 10**6 + at) for at in seconds))
    day.add("depth", *(book(at) for at in seconds))
    day.add("state", *(state(at) for at in seconds))


class TestFiles:
    def test_a_day_becomes_one_file_a_table_with_its_minutes_and_what_was_told_of_funding(self, day):
        for name, rows in some_rows().items():
            day.add(name, *rows[:20]).add(name, *rows[20:])
        day.compact()
        files = day.files()
        assert sorted(file.table for file in files) == [
            *("depth", "funding_told", "minutes", "state", "trades")
        ]
        assert {file.level for file in files} == {WHOLE_DAY}
        assert {file.hour for file in files} == {DAY_US // HOUR_US}
        assert [file.path for file in files if file.table == "minutes"] == [
            f"minutes/date={DATE}/day.parquet"
        ]
        on_disk = {str(path.relative_to(day.manifest.lake)) for path in day.manifest.lake.rglob("*.parquet")}
        assert on_disk == {file.path for file in files}

    @pytest.mark.parametrize("late", [1, 2_000])
    @pytest.mark.parametrize("name", ["trades", "depth", "state"])
    def test_what_was_made_of_rows_stays_when_they_are_retired_however_many_come_late(self, day, name, late):
        before = compacted_and_retired(day, name)
        add_late(day, late)
        states = day.read("state").num_rows
        day.compact()
        assert day.read("minutes").equals(before["minutes"])
        told = pc.sum(day.read("funding_told")["states"]).as_py()
        assert told == (pc.sum(before["funding_told"]["states"]).as_py() if name == "state" else states)
        assert [file for file in day.files() if is_due(file)] == []

    @pytest.mark.parametrize("names", [("depth",), ("depth", "minutes"), ("state",), ("state", "minutes")])
    def test_the_mids_of_trades_stay_when_what_they_follow_from_is_retired(self, day, names):
        mids = pc.count(compacted_and_retired(day, *names)["trades"]["mid_before"]).as_py()
        add_late(day, 1)
        day.compact()
        assert pc.count(day.read("trades")["mid_before"]).as_py() >= mids > 0

    def test_no_row_is_lost_added_or_changed_but_for_the_derived_columns(self, day):
        for name, rows in some_rows().items():
            day.add(name, *rows[:7]).add(name, *rows[7:])
        before = content(day)
        day.compact()
        after = content(day)
        for name in ("trades", "depth", "state"):
            assert derived_away(after[name]) == derived_away(before[name])

    def test_rows_are_in_the_tables_order(self, day):
        for name, rows in some_rows().items():
            day.add(name, *rows[:30]).add(name, *rows[30:])
        day.compact()
        for table in (TRADES, DEPTH, STATE):
            rows = day.read(table.name)
            assert rows.equals(rows.sort_by([(name, "ascending") for name in table.order]))

    def test_what_the_manifest_says_of_a_file_is_true(self, day):
        day.add("trades", trade(5, 1), trade(9, 2)).add("trades", trade(7, 3)).compact()
        [info] = day.manifest.files("trades")
        path = day.manifest.lake / info.path
        assert (info.rows, info.min_us, info.max_us) == (3, DAY_US + 5, DAY_US + 9)
        assert info.bytes == path.stat().st_size
        assert pq.ParquetFile(path).metadata.num_rows == 3

    def test_tables_whose_rows_are_replaced_keep_the_name_by_which_they_are_found(self, day):
        day.add("klines", candle(0), candle(MINUTE_US), file="00").add("klines", candle(HOUR_US), file="01")
        day.compact()
        assert [file.path for file in day.files()] == [f"klines/date={DATE}/day.parquet"]
        day.add("klines", candle(0, close=2.0), candle(HOUR_US), file="day")
        assert due_days(day.manifest, NEXT) == [DATE]
        day.compact()
        assert [row["close"] for row in day.read("klines").to_pylist()] == [2.0, 1.0]
        assert [(file.path, file.level) for file in day.files()] == [
            (f"klines/date={DATE}/day.parquet", WHOLE_DAY)
        ]

    def test_two_rows_with_one_key_in_a_table_that_has_one_are_an_error_and_nothing_is_left(self, day):
        day.add("klines", candle(0), file="00").add("klines", candle(0, close=2.0), file="01")
        with pytest.raises(CompactionError, match=f"klines of {DATE} holds two rows with one key"):
            day.plan()
        assert list(day.manifest.work.iterdir()) == []

    def test_a_file_ends_with_a_market_when_it_is_long_enough(self, day, monkeypatch):
        monkeypatch.setattr(compact, "FILE_ROWS", 3)
        rows = [trade(ts, ts, market=market) for market in MARKETS_OF_TEST for ts in range(2)]
        day.add("trades", *rows).compact()
        paths = [day.manifest.lake / file.path for file in day.manifest.files("trades")]
        markets = [pq.read_table(path, partitioning=None)["market"].to_pylist() for path in paths]
        assert markets == [["CCC", "CCC"], ["AAA", "AAA", "BBB", "BBB"]]  # by path: -2 comes before the first
        assert day.plan().added == []

    def test_rows_without_a_market_and_rows_with_lists_are_joined_too(self, day):
        listing = dict.fromkeys(MARKETS.schema.names, "x") | {
            "tick_size": None, "amount_min": None, "leverages": [3.0], "limits": [], "available": True,
            "precisions": {"base": 1, "quote": 2, "amount": 3, "fee": 4}, "ts_recv": DAY_US,
        }  # fmt: skip
        day.add("markets", pa.Table.from_pylist([listing], MARKETS.schema))
        frames = [reject(1, "b"), reject(1, "a"), reject(0, "c")]
        day.add("rejects", *frames[:1]).add("rejects", *frames[1:]).compact()
        assert day.read("rejects")["frame"].to_pylist() == ["c", "a", "b"]
        assert day.read("markets").to_pylist()[0]["leverages"] == [3.0]

    def test_coverage_becomes_one_file_and_gaps_are_left_alone(self, day):
        def minute(ts):
            row = {field.name: None if field.nullable else 0 for field in COVERAGE.schema}
            texts = {field.name: "" for field in COVERAGE.schema if pa.types.is_string(field.type)}
            return pa.Table.from_pylist([row | texts | {"minute": DAY_US + ts}], COVERAGE.schema)

        day.add("coverage", minute(0), file="00").add("coverage", minute(HOUR_US), file="01")
        day.add("gaps", gap_table([gap(0, 1)]), file="gaps").compact()
        assert [(file.path, file.level) for file in day.files()] == [
            (f"gaps/date={DATE}/gaps.parquet", 0),
            (f"coverage/date={DATE}/day.parquet", WHOLE_DAY),
        ]


parts = st.lists(st.lists(st.integers(0, 3), min_size=60, max_size=60), min_size=3, max_size=3)


class TestSameRows:
    """The content is a function of the rows."""

    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(parts=parts, held=st.sampled_from([2, 9, 10_000]))
    def test_whatever_files_the_rows_lay_in(self, tmp_path_factory, parts, held):
        rows = some_rows()
        made = []
        with pytest.MonkeyPatch.context() as patch:
            for spread in (None, parts):
                with Manifest(tmp_path_factory.mktemp("day")) as opened:
                    day = Day(opened)
                    for (name, found), places in zip(rows.items(), parts, strict=True):
                        for part in range(4) if spread else [None]:
                            chosen = [
                                row for row, at in zip(found, places, strict=True) if part in (None, at)
                            ]
                            if chosen:
                                day.add(name, *chosen)
                    day.compact()
                    made.append(content(day))
                patch.setattr(merge, "HELD_ROWS", held)
        assert made[0] == made[1]

    def test_rows_of_one_instant_are_in_order_across_blocks_and_files(self, day, monkeypatch):
        monkeypatch.setattr(merge, "READ_ROWS", 1)
        for part in range(3):
            day.add("trades", *(trade(7, at, seq=at) for at in range(4 * part, 4 * part + 4)))
        day.compact()
        assert day.read("trades")["seq"].to_pylist() == list(range(12))

    def test_rows_that_their_order_does_not_tell_apart_stand_in_one_order_all_the_same(self):
        rows = [trade(0, number, price, seq=1) for number, price in ((3, 1.0), (1, 2.0), (2, 2.0))]
        orders = [rows_of(TRADES, [rows[at] for at in order]) for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2))]
        assert [table["trade_id"].to_pylist() for table in orders] == [[1, 2, 3]] * 3

    def test_compacting_twice_changes_nothing(self, day):
        for name, rows in some_rows().items():
            day.add(name, *rows)
        day.compact()
        commit = day.plan()
        assert (commit.added, commit.removed) == ([], [])

    def test_late_rows_are_taken_in_by_a_later_run_as_if_they_had_been_there(self, day, tmp_path_factory):
        rows = some_rows()
        for name, found in rows.items():
            day.add(name, *found[:40])
        day.compact()
        for name, found in rows.items():
            day.add(name, *found[40:])
        day.compact()
        with Manifest(tmp_path_factory.mktemp("once")) as opened:
            once = Day(opened)
            for name, found in rows.items():
                once.add(name, *found)
            once.compact()
            assert content(day) == content(once)

    def test_late_trades_leave_the_states_file_alone_and_late_states_the_others(self, day):
        for name, rows in some_rows().items():
            day.add(name, *rows)
        day.compact()
        before = {file.table: file.path for file in day.files()}
        day.add("trades", trade(0, 1_000)).compact()
        after = {file.table: file.path for file in day.files()}
        assert {name for name in after if after[name] != before[name]} == {"trades", "depth"}
        day.add("state", state(0, 5.0)).compact()
        last = {file.table: file.path for file in day.files()}
        assert {name for name in last if last[name] != after[name]} == {"state"}
        assert pc.sum(day.read("minutes")["state_rows"]).as_py() == len(day.read("state"))
        assert pc.sum(day.read("minutes")["trades"]).as_py() == len(day.read("trades"))


class TestDerived:
    def test_books_of_different_files_end_each_other(self, day):
        day.add("depth", book(0), book(4 * SECOND_US)).add("depth", book(SECOND_US)).compact()
        assert day.read("depth")["dt"].to_pylist() == [1.0, 3.0, 60.0]

    def test_books_of_different_blocks_end_each_other(self, day, monkeypatch):
        monkeypatch.setattr(merge, "READ_ROWS", 2)
        day.add("depth", *(book(at * SECOND_US) for at in range(7))).compact()
        assert day.read("depth")["dt"].to_pylist() == [1.0] * 6 + [60.0]

    def test_a_trade_has_the_mid_of_its_own_market(self, day):
        day.add("depth", book(0, market="AAA"), book(0, market="BBB", bids=[(7.0, 1.0)], asks=[(9.0, 1.0)]))
        day.add("trades", *(trade(1, number, market=name) for number, name in enumerate(MARKETS_OF_TEST)))
        day.compact()
        assert day.read("trades")["mid_before"].to_pylist() == [100.5, 8.0, None]

    @pytest.mark.parametrize(
        ("gap_row", "dt"),
        [
            (gap(2 * SECOND_US, 9 * SECOND_US), 2.0),
            (gap(2 * SECOND_US, None), 2.0),
            (gap(2 * SECOND_US, 9 * SECOND_US, market=None), 2.0),
            (gap(2 * SECOND_US, 9 * SECOND_US, stream=None, market=None), 2.0),
            (gap(2 * SECOND_US, 9 * SECOND_US, stream="trade"), 10.0),
            (gap(2 * SECOND_US, 9 * SECOND_US, market="BBB"), 10.0),
            (gap(2 * SECOND_US, 9 * SECOND_US, remains=False), 10.0),
        ],
    )
    def test_gaps_of_books_end_them_and_others_do_not(self, day, gap_row, dt):
        day.add("depth", book(0), book(10 * SECOND_US))
        day.compact(missing_books(gap_table([gap_row]), {"": {"depth AAA": EVER, "depth BBB": EVER}}))
        assert day.read("depth")["dt"].to_pylist()[0] == dt


def fill(day):
    for name, rows in some_rows().items():
        day.add(name, *rows[:30]).add(name, *rows[30:])
    return day.add("klines", candle(0), file="00").add("klines", candle(HOUR_US), file="01")


def dies_at(step, call):
    """The same call, but for the one that kills."""
    numbers = itertools.count(1)

    def counted(path):
        if next(numbers) == step:
            raise Killed
        call(path)

    return counted


class Killed(BaseException):
    pass


class TestKilled:
    """A compaction is one commit: ended anywhere, the lake has the rows once, and the next run finds them."""

    def test_at_every_step_of_the_commit(self, tmp_path, monkeypatch):
        clean, data_dir = tmp_path / "clean", tmp_path / "killed"
        with Manifest(clean) as opened:
            before = content(fill(Day(opened)))
        shutil.copytree(clean, tmp_path / "whole")
        with Manifest(tmp_path / "whole") as opened:
            day = Day(opened)
            day.compact()
            after = content(day)
        for step in itertools.count(1):
            shutil.rmtree(data_dir, ignore_errors=True)
            shutil.copytree(clean, data_dir)
            with Manifest(data_dir) as opened, monkeypatch.context() as patch:
                patch.setattr(manifest, "_fsync", dies_at(step, manifest._fsync))
                try:
                    Day(opened).compact()
                except Killed:
                    pass
                else:
                    break
            with Manifest(data_dir) as opened:
                assert list(opened.work.iterdir()) == []
                day = Day(opened)
                assert content(day) in (before, after), f"after a kill at step {step}"
                day.compact()
                assert content(day) == after, f"after a kill at step {step}"
        assert step > 10

    def test_when_it_is_asked_to_stop_nothing_is_left_of_it(self, day):
        fill(day)
        calls = iter(range(4))
        with pytest.raises(MergeStoppedError):
            day.plan(stopped=lambda: next(calls, None) is None)
        assert list(day.manifest.work.iterdir()) == []


DAYS = 8
DAY_LENGTH_US = 24 * HOUR_US
COUNT = """
    SELECT (SELECT (count(*), count(DISTINCT (market, date, trade_id))) FROM trades),
           (SELECT count(*) FROM depth), (SELECT count(*) FROM klines)
"""


def test_a_reader_of_the_lake_sees_every_row_once_while_days_are_compacted(tmp_path):
    """Counts run without pause: never a duplicate, a hole or an error."""
    counts, failures, done = [], [], threading.Event()

    def count():
        try:
            reader = open_lake(tmp_path)
            while not done.is_set():
                counts.append(reader.sql(COUNT).fetchall())
        except Exception as error:  # noqa: BLE001  # whatever it is, the reader failed
            failures.append(error)

    with Manifest(tmp_path) as opened:
        opened.commit(Commit(state={FORMAT_STATE: FORMAT}))
        day = Day(opened)
        for table in TABLES.values():
            day.add(table.name, table.schema.empty_table(), date=EMPTY_DATE, file="empty")
        for back in range(DAYS):
            start, date = -back * DAY_LENGTH_US, f"2026-11-{22 - back}"
            for name, found in some_rows(count=300, start=start).items():
                day.add(name, *found[:100], date=date).add(name, *found[100:], date=date)
            day.add("klines", candle(start), file="00", date=date)
        thread = threading.Thread(target=count)
        thread.start()
        while not counts and thread.is_alive():
            time.sleep(0.001)
        while (dates := due_days(opened, NEXT)) and thread.is_alive():
            seen = len(counts)
            day.compact(date=dates[0])
            while len(counts) == seen and thread.is_alive():
                time.sleep(0.001)
        done.set()
        thread.join()
    assert failures == []
    assert len(counts) >= DAYS
    total = 300 * DAYS
    assert {str(found) for found in counts} == {str([((total, total), total, DAYS)])}


class TestBounds:
    def test_little_more_than_one_block_of_each_file_is_held_however_long_a_market_is(self, day, monkeypatch):
        monkeypatch.setattr(merge, "READ_ROWS", 8)
        held = []
        original = merge._Run.take
        monkeypatch.setattr(
            merge._Run,
            "take",
            lambda run, until: held.append(sum(len(times) for times, _ in run._held)) or original(run, until),
        )
        rows = [trade(at, at) for at in range(400)]
        for part in range(3):
            day.add("trades", *rows[part:200:3])
        day.add("trades", *rows[200:300]).add("trades", *rows[300:])
        day.compact()
        assert day.read("trades")["trade_id"].to_pylist() == list(range(400))
        assert max(held) <= 2 * merge.READ_ROWS

    def test_rows_of_many_files_together_are_bounded(self, day, monkeypatch):
        monkeypatch.setattr(merge, "HELD_ROWS", 40)
        sizes = []
        original = merge._Run._cut

        def cut(run, path, block_rows):
            sizes.append(block_rows)
            return original(run, path, block_rows)

        monkeypatch.setattr(merge._Run, "_cut", cut)
        for part in range(10):
            day.add("trades", trade(part, part))
        day.compact()
        assert sizes == [4] * 10

    def test_one_market_of_one_hour_is_found_by_statistics(self, day, monkeypatch):
        """Those that hold it, and the two at the market's edges, which hold other markets too."""
        monkeypatch.setattr(files, "DAY_ROW_GROUP_ROWS", 64)
        every = range(0, 24 * HOUR_US, HOUR_US // 50)
        day.add("trades", *(trade(ts, ts, market=name) for name in MARKETS_OF_TEST for ts in every)).compact()
        [info] = day.manifest.files("trades")
        metadata = pq.ParquetFile(day.manifest.lake / info.path).metadata
        places = [TRADES.schema.get_field_index(name) for name in ("market", "ts_event")]
        start = DAY_US + 13 * HOUR_US
        read = 0
        for group in range(metadata.num_row_groups):
            market, time = (metadata.row_group(group).column(place).statistics for place in places)
            low, high = (int(bound.timestamp() * 1e6) for bound in (time.min, time.max))
            read += market.min <= "BBB" <= market.max and low < start + HOUR_US and high >= start
        assert metadata.num_row_groups > 50
        assert read <= 4
