"""What is old enough is removed, told, and stays removed; nothing else goes, and nothing goes untold."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from journals import book, candle, state, trade
from tapes import DAY_NS, SECOND_NS, Tape, at

from recorder.journal.reader import segments
from recorder.lake.proving.rebuild import rebuild, verify
from recorder.lake.publishing import retention
from recorder.lake.publishing.follow import publish_once
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.store.manifest import Commit
from recorder.lake.store.tables import TABLES

FIRST = at("2026-11-20T23:50")
NIGHTS = ("2026-11-20", "2026-11-21", "2026-11-22")
NOW_US = at("2026-11-23T00:30") // 1000
DAY, TWO_DAYS = timedelta(days=1), timedelta(days=2)
DAY_US = DAY_NS // 1000


def frames_of(now_ns, number):
    """A trade, a book, a candle and a state of AAA, as they are pushed."""
    seconds = now_ns // SECOND_NS
    return (
        trade("AAA", number, time_s=seconds - 0.5),
        book("AAA", seconds * 1000 - 100),
        candle("AAA", seconds // 60 * 60 - 60, str(100 + number % 5)),
        state("AAA"),
    )


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory):
    """A lake of ten minutes of three nights each, and a journal of three segments."""
    data_dir = tmp_path_factory.mktemp("nights")
    tape = Tape(data_dir, FIRST).session(("AAA",))
    for night in range(len(NIGHTS)):
        tape.now_ns = max(tape.now_ns, FIRST + night * DAY_NS)
        if night:
            tape.rotate().event("markets", listed=["AAA"], delisted=[])
        for minute in range(5):
            number = night * 100 + minute
            tape.pass_time(60).frames(*frames_of(tape.now_ns, number)).flush()
        tape.pass_time(20).event("markets", listed=[], delisted=["AAA"]).flush()
    tape.end()
    publish_once(data_dir)
    return data_dir


@pytest.fixture
def nights(three_nights, data_dir):
    shutil.copytree(three_nights, data_dir, dirs_exist_ok=True)
    return data_dir


def retire(data_dir, now_us=NOW_US, **keep):
    with Publisher(data_dir) as publisher:
        return publisher.retire(keep, now_us)


def dates(lake, table):
    return sorted({str(row[0]) for row in lake.rows(table, "date")})


def names(data_dir):
    return [segment.path.name for segment in segments(data_dir / "journal" / "main")]


class TestLake:
    def test_days_that_ended_long_enough_ago_are_removed_of_the_tables_named_only(self, nights, lake):
        before = {name: lake.rows(name, "count(*)") for name in TABLES}
        retire(nights, depth=TWO_DAYS)  # the 20th ended half an hour before so long ago
        assert dates(lake, "depth") == list(NIGHTS[1:])
        after = {name: lake.rows(name, "count(*)") for name in TABLES}
        assert {name for name in TABLES if after[name] != before[name]} == {"depth", "removed"}

    def test_a_day_goes_as_soon_as_its_end_is_old_enough(self, nights, lake):
        end_us = at("2026-11-21T00:00") // 1000
        assert retire(nights, end_us + 2 * DAY_US - 1, trades=TWO_DAYS) == []
        assert dates(lake, "trades") == list(NIGHTS)
        assert len(retire(nights, end_us + 2 * DAY_US, trades=TWO_DAYS)) == 1
        assert dates(lake, "trades") == list(NIGHTS[1:])

    def test_what_was_removed_is_a_row_of_removed(self, nights, lake):
        rows = lake.rows("depth", "count(*)", "WHERE date = '2026-11-20'")[0][0]
        gone = retire(nights, depth=TWO_DAYS, state=3 * DAY)
        told = lake.rows("removed", "removed, day, rows, bytes > 0, ts_removed", "ORDER BY ALL")
        now = datetime.fromtimestamp(NOW_US / 1e6, UTC)
        days = [datetime.fromisoformat(night).replace(tzinfo=UTC) for night in NIGHTS]
        assert [row[:2] for row in told] == [("depth", days[0])]
        assert told[0][2:] == (rows, True, now)
        assert [(each.removed, each.rows) for each in gone] == [("depth", rows)]
        later = NOW_US + DAY_US
        retire(nights, later, depth=TWO_DAYS)
        told = lake.rows("removed", "removed, day", "ORDER BY ALL")
        assert told == [("depth", days[0]), ("depth", days[1])]

    def test_nothing_old_changes_nothing(self, nights):
        before = {path: path.read_bytes() for path in nights.rglob("*.parquet")}
        assert retire(nights, trades=timedelta(days=90), journal=timedelta(days=90)) == []
        assert {path: path.read_bytes() for path in nights.rglob("*.parquet")} == before

    def test_no_publish_brings_it_back(self, nights, lake):
        retire(nights, trades=TWO_DAYS, klines=TWO_DAYS)
        assert sum(publish_once(nights).values()) == 0
        assert dates(lake, "trades") == dates(lake, "klines") == list(NIGHTS[1:])

    def test_a_merge_that_was_under_way_does_not_bring_it_back(self, nights, lake):
        with Publisher(nights) as publisher:
            files = [file for file in publisher._manifest.files("trades") if file.date == NIGHTS[0]]
            info = files[0].__class__(
                **{name: getattr(files[0], name) for name in files[0].__slots__}
                | {"path": f"trades/date={NIGHTS[0]}/00-m000000099.parquet"}
            )
            work = publisher._manifest.work / "m000000099.parquet"
            shutil.copy(nights / "lake" / files[0].path, work)
            publisher.retire({"trades": TWO_DAYS}, NOW_US)
            publisher.finish(Commit([(work.name, info)], [file.path for file in files]))
            assert not work.exists()
        assert dates(lake, "trades") == list(NIGHTS[1:])


class TestLateRows:
    def late(self, data_dir):
        """A trade of the first night comes two days later, among books that come as they should."""
        tape = Tape(data_dir, NOW_US * 1000).session(("AAA",))
        books = [book("AAA", tape.now_ns // 1_000_000 - ago) for ago in (100, 200)]
        tape.frames(*books, trade("AAA", 7_777, amount="7", time_s=FIRST // SECOND_NS + 90)).flush().end()
        return publish_once(data_dir)["trades"]

    def test_a_late_row_is_kept_until_the_next_retirement_which_tells_of_it(self, nights, lake):
        retire(nights, trades=TWO_DAYS)
        assert self.late(nights) == 1
        assert lake.rows("trades", "trade_id", "WHERE date = '2026-11-20'") == [(7_777,)]
        [gone] = retire(nights, NOW_US + 1, trades=TWO_DAYS)
        assert (gone.removed, gone.rows) == ("trades", 1)
        assert dates(lake, "trades") == list(NIGHTS[1:])
        assert lake.rows("removed", "rows", "ORDER BY ts_removed") == [(5,), (1,)]

    def test_rows_that_are_new_or_known_are_told_apart_as_before(self, nights):
        retire(nights, trades=TWO_DAYS, depth=TWO_DAYS)
        tape = Tape(nights, FIRST + 2 * DAY_NS + 600 * SECOND_NS).session(("AAA",))
        again = frames_of(FIRST + 2 * DAY_NS + 60 * SECOND_NS, 200)
        tape.frames(*again, trade("AAA", 999, time_s=tape.now_ns / 1e9)).flush().end()
        gained = publish_once(nights)
        assert (gained["trades"], gained["depth"]) == (1, 0)


class TestGrades:
    def grades(self, lake):
        return lake.rows("coverage", "market, minute, grade, volume, depth_rows", "ORDER BY ALL")

    @pytest.mark.parametrize("table", ["trades", "depth", "klines", "state"])
    def test_a_minute_whose_rows_were_removed_keeps_its_grade(self, nights, lake, table):
        before = self.grades(lake)
        assert before
        retire(nights, **{table: TWO_DAYS})
        TestLateRows().late(nights)
        later = self.grades(lake)
        assert [row for row in later if row in before] == before
        assert all(row[1] >= datetime(2026, 11, 22, 23, tzinfo=UTC) for row in later if row not in before)

    def test_the_proof_leaves_out_what_was_removed_and_what_came_late_for_it(self, nights):
        retire(nights, trades=TWO_DAYS)
        TestLateRows().late(nights)
        proof = verify(nights, lambda _: None)
        assert proof.equal
        assert "trades: 1 days that retention removed" in proof.left_out
        assert any(text.startswith("coverage: 1 rows") for text in proof.left_out)

    def test_a_lake_made_again_is_without_it_too(self, nights, lake):
        retire(nights, trades=TWO_DAYS)
        rebuild(nights, lambda _: None)
        assert dates(lake, "trades") == list(NIGHTS[1:])
        assert lake.rows("removed", "count(*)") == [(1,)]


class TestJournal:
    def test_segments_whose_records_are_old_enough_are_removed_and_told(self, nights, lake):
        first, *rest = names(nights)
        size = (nights / "journal" / "main" / first).stat().st_size
        [gone] = retire(nights, journal=DAY)
        assert (gone.removed, gone.rows, gone.bytes) == (f"journal/main/{first}", None, size)
        assert names(nights) == rest
        told = lake.rows("removed", "removed, day, rows, bytes")
        assert told == [(f"journal/main/{first}", None, None, size)]

    def test_a_segment_goes_only_when_the_next_one_is_old_enough(self, nights):
        second = segments(nights / "journal" / "main")[1].created_ns // 1000
        assert retire(nights, second + DAY_US - 1, journal=DAY) == []
        assert len(retire(nights, second + DAY_US, journal=DAY)) == 1

    def test_the_newest_segment_stays_however_old_it_is(self, nights):
        last = names(nights)[-1]
        retire(nights, NOW_US + 10**15, journal=DAY)
        assert names(nights) == [last]
        tape = Tape(nights, NOW_US * 1000).session(("AAA",))
        tape.frames(trade("AAA", 999, time_s=tape.now_ns / 1e9)).flush().end()
        assert publish_once(nights)["trades"] == 1

    def test_what_is_not_published_stays_however_old_it_is(self, nights):
        for path in (nights / "lake", nights / "work"):
            shutil.rmtree(path)
        for path in nights.glob("manifest.sqlite*"):
            path.unlink()
        assert retire(nights, NOW_US + 10**15, journal=DAY) == []
        assert len(names(nights)) == len(NIGHTS)

    def test_one_killed_between_telling_and_removing_is_completed_and_told_once(
        self, nights, lake, monkeypatch
    ):
        class Killed(BaseException):
            pass

        def kill(*_, **__):
            raise Killed

        before = names(nights)
        with monkeypatch.context() as patch:
            patch.setattr(retention.Path, "unlink", kill)
            with pytest.raises(Killed):
                retire(nights, journal=DAY)
        assert names(nights) == before
        retire(nights, NOW_US + 1, journal=DAY)
        assert names(nights) == before[1:]
        assert lake.rows("removed", "count(*)") == [(1,)]

    def test_the_days_after_what_is_left_begins_are_still_proven(self, nights):
        retire(nights, NOW_US + DAY_US, journal=DAY)
        proof = verify(nights, lambda _: None)
        assert proof.equal
        assert proof.since is not None
