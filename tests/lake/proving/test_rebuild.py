"""A lake is what its journal makes, and can be made again from it: whatever is not so is found and named."""

import shutil
import stat
import threading
import time
from datetime import timedelta

import pyarrow as pa
import pytest
from journals import Lake, Recorder, book, state, trade
from tapes import DAY_NS, SECOND_NS, Story, Tape, at

from recorder.journal.reader import segments
from recorder.lake.gaps.state import IN_FLIGHT_US
from recorder.lake.proving import rebuild as rebuilding
from recorder.lake.proving.rebuild import rebuild, verify
from recorder.lake.proving.snapshot import SCRATCH, scratch
from recorder.lake.publishing.follow import catch_up, follow, publish_once
from recorder.lake.publishing.publisher import LakeError, Publisher
from recorder.lake.store import manifest as manifests
from recorder.lake.store.files import MERGED_COMPRESSION_LEVEL, in_order, read_file, write_file
from recorder.lake.store.manifest import Commit, Manifest, read_files
from recorder.lake.store.tables import TABLES
from recorder.lake.units import DAY_US

EVENING = at("2026-11-22T23:50")


def quiet(_):
    """Tell nobody."""


def proof_of(data_dir):
    return verify(data_dir, quiet)


def test_what_is_made_meanwhile_is_its_owners_alone(data_dir):
    data_dir.mkdir(exist_ok=True)
    with scratch(data_dir) as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def differences(proof):
    return {table.table: table.first for table in proof.tables if table.first is not None}


def rows_compared(proof):
    return {table.table: table.rows for table in proof.tables}


def alter(data_dir, name, change):
    """Put other rows into the first file of a table, behind the back of the journal."""
    with Manifest(data_dir) as manifest:
        file = next(file for file in manifest.files(name) if file.rows)
        table = TABLES[name]
        rows = in_order(change(read_file(manifest.lake / file.path, table)), table)
        written = write_file(manifest.work / "altered.parquet", table, rows, MERGED_COMPRESSION_LEVEL)
        values = {field: getattr(file, field) for field in file.__slots__} | {"rows": written.rows}
        manifest.commit(Commit([("altered.parquet", type(file)(**values))]))


def with_value(rows, column, place, value):
    values = rows[column].to_pylist()
    values[place] = value
    at_column = rows.schema.get_field_index(column)
    return rows.set_column(at_column, rows.schema.field(column), pa.array(values, rows[column].type))


def without(rows, place):
    return pa.concat_tables([rows.slice(0, place), rows.slice(place + 1)])


class Live:
    """A story that is published in many small steps, now by one publisher and now by the next."""

    def __init__(self, data_dir, seed, **options):
        self.data_dir = data_dir
        self.story = Story(data_dir, seed, EVENING, **options)
        self.draw = self.story.draw
        self.publisher = Publisher(data_dir)

    def go_on(self, steps):
        for _ in range(steps):
            self.story.step()
            if self.draw.random() < 0.5:
                self.publisher.read()
            if self.draw.random() < 0.4:
                self.publisher.publish()
                self.publisher.settle(self.draw.choice((1, 60)))
            if self.draw.random() < 0.05:
                self.publisher.__exit__()
                self.publisher = Publisher(self.data_dir)
        return self

    def leave(self):
        """The publisher goes, the recorder stays."""
        self.publisher.__exit__()
        return self

    def end(self):
        self.story.tape.kill()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A story in four segments that has ended, published."""
    data_dir = tmp_path_factory.mktemp("finished")
    live = Live(data_dir, 8)
    for _ in range(4):
        live.go_on(12).story.tape.rotate()
    live.leave().story.tape.end()
    publish_once(data_dir)
    return data_dir


@pytest.fixture
def published(finished, data_dir):
    """A copy of it."""
    shutil.copytree(finished, data_dir, dirs_exist_ok=True)
    return data_dir


def everything(data_dir):
    """The rows of all tables, in any order, through the manifest."""
    found = {name: [] for name in TABLES}
    for file in read_files(data_dir):
        rows = read_file(data_dir / "lake" / file.path, TABLES[file.table]).to_pylist()
        found[file.table] += map(str, rows)
    return {name: sorted(rows) for name, rows in found.items()}


class TestProof:
    def test_a_lake_whose_days_were_compacted_now_and_then_is_too_with_all_that_was_derived(self, data_dir):
        live = Live(data_dir, 1)
        for _ in range(3):
            live.go_on(25).publisher.work_off(0.0)
        live.leave()
        with Publisher(data_dir) as publisher:
            catch_up(publisher)
            publisher.work_off(0.0)
        proof = proof_of(data_dir)
        assert differences(proof) == {}
        assert rows_compared(proof)["minutes"] > 0
        assert proof.left_out == ()
        live.end()

    def test_what_is_made_of_a_days_rows_is_left_out_while_others_wait_to_be_compacted(self, data_dir):
        live = Live(data_dir, 1)
        live.go_on(25).publisher.work_off(0.0)
        live.go_on(25).leave()
        proof = proof_of(data_dir)
        assert differences(proof) == {}
        told = "1 days that not both lakes have compacted with all their rows"
        assert {f"{name}: {told}" for name in ("minutes", "funding_told")} <= set(proof.left_out)
        live.end()

    @pytest.mark.parametrize(
        ("gone", "late", "closed"),
        [
            ("state", "trade", True),
            ("state", "book", False),
            ("depth", "state", True),
            ("depth", "trade", False),
        ],
    )
    def test_a_lake_of_which_retention_removed_rows_is_what_is_left_of_its_journals(
        self, data_dir, gone, late, closed
    ):
        tape = Tape(data_dir, EVENING).session(("AAA",))
        frames = {
            "trade": lambda number, ms: trade("AAA", number, time_s=ms / 1000),
            "book": lambda _, ms: book("AAA", ms),
            "state": lambda *_: state("AAA"),
        }

        def record(number, *kinds):
            tape.pass_time(7)
            tape.frames(*(frames[kind](number, tape.now_ns // 1_000_000 - 100) for kind in kinds)).flush()

        for number in range(1, 9):
            record(number, "trade", "book", "state")
        with Publisher(data_dir) as publisher:
            catch_up(publisher)
            if closed:
                publisher.work_off(0.0)
            assert publisher.retire({gone: timedelta(days=2)}, EVENING // 1_000 + 4 * DAY_US)
            record(100, late)
            catch_up(publisher)
            publisher.work_off(0.0)
        proof = proof_of(data_dir)
        tape.kill()
        assert differences(proof) == {}
        assert f"{gone}: 1 days that retention removed" in proof.left_out

    @pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
    def test_a_lake_published_in_many_small_steps_is_what_its_journal_makes_at_once(self, data_dir, seed):
        live = Live(data_dir, seed).go_on(50).leave()
        proof = proof_of(data_dir)
        assert differences(proof) == {}
        assert (proof.equal, proof.since, proof.damage) == (True, None, ())
        assert all(rows_compared(proof)[name] for name in ("trades", "depth", "klines", "state", "coverage"))
        live.end()
        assert proof_of(data_dir).equal  # its gap by the kill, too

    def test_it_changes_nothing_and_leaves_nothing_behind(self, published):
        before = {path: path.read_bytes() for path in published.rglob("*.parquet")}
        assert proof_of(published).equal
        assert {path: path.read_bytes() for path in published.rglob("*.parquet")} == before
        assert not (published / SCRATCH).exists()

    def test_what_no_publisher_has_published_is_published_first(self, data_dir):
        recorder = Recorder(data_dir)
        recorder.session(("trade", "AAA")).frames(trade("AAA", 1)).stop()
        assert rows_compared(proof_of(data_dir))["trades"] == 1

    def test_without_a_journal_there_is_nothing_to_prove(self, data_dir):
        with pytest.raises(LakeError, match="no journal"):
            proof_of(data_dir)

    def test_without_room_for_a_second_lake_it_is_refused(self, published, monkeypatch):
        monkeypatch.setattr(rebuilding, "SPACE_LEFT_BYTES", 2**60)
        with pytest.raises(LakeError, match="make room first"):
            proof_of(published)


VALUES = {
    "depth": ("bids", [{"price": 1.0, "quantity": 1.0}]),
    "state": ("insurance", None),
    "gaps": ("detail", "anything"),
    "coverage": ("grade", "A+"),
}


@pytest.fixture(scope="module")
def found(finished, tmp_path_factory):
    """A proof of a lake in which one row of each of these tables is not right."""
    data_dir = tmp_path_factory.mktemp("altered")
    shutil.copytree(finished, data_dir, dirs_exist_ok=True)
    alter(data_dir, "trades", lambda rows: without(rows, 3))
    alter(data_dir, "klines", lambda rows: pa.concat_tables([rows, rows.slice(2, 1)]))
    for table, (column, value) in VALUES.items():
        # The first gap is one that records tell: those made from grades are made again with every publish.
        halves = 0 if table == "gaps" else 1
        alter(
            data_dir,
            table,
            lambda rows, c=column, v=value, n=halves: with_value(rows, c, n * rows.num_rows // 2, v),
        )
    return differences(proof_of(data_dir))


class TestDifferences:
    @pytest.mark.parametrize("table", VALUES)
    def test_a_changed_value_is_named(self, found, table):
        column, value = VALUES[table]
        assert (found[table].columns, found[table].date) == ((column,), "2026-11-22")
        assert found[table].live[column] == value
        assert (found[table].only_live, found[table].only_fresh) == (1, 1)

    def test_a_missing_row_is_named(self, found):
        first = found["trades"]
        assert (first.live, first.only_live, first.only_fresh) == (None, 0, 1)
        assert first.fresh["trade_id"] > 0

    def test_a_doubled_row_is_named(self, found):
        assert (found["klines"].copies, found["klines"].only_live) == ((2, 1), 1)

    def test_nothing_else_is(self, found):
        assert set(found) == {"trades", "klines", *VALUES}


class TestClocks:
    @pytest.mark.parametrize("pace", [0.5, 20])
    def test_clocks_that_drift_apart_change_nothing_however_often_it_was_published(self, data_dir, pace):
        """The venue's clock, two years behind, goes at a pace of its own; each publish sees a bit of it."""
        recorder = Recorder(data_dir)
        begun_s, venue_s = recorder.now_ns / 1e9, recorder.now_ns / 1e9 - 2 * 365 * 86_400
        recorder.session(("trade", "AAA"), ("depth", "AAA"), ("state",), ("kline", "AAA", "1min"))
        with Publisher(data_dir) as publisher:
            for number in range(1, 90):
                recorder.at(0.7)
                then_s = venue_s + pace * (recorder.now_ns / 1e9 - begun_s) + number * 1e-3
                frames = [trade("AAA", number, time_s=then_s), book("AAA", int(then_s * 1e3)), state("AAA")]
                recorder.frames(*frames)
                if number % 20 == 0:
                    recorder.candles("AAA", int(then_s) - 600, int(then_s))
                if number % 7 == 0:
                    recorder.writer.wait_flushed(5)
                    catch_up(publisher)
            recorder.stop()
            catch_up(publisher)
        proof = proof_of(data_dir)
        assert differences(proof) == {}
        assert rows_compared(proof)["state"] == 89


class TestBesideARecorder:
    def test_while_a_writer_writes_and_a_publisher_publishes(self, data_dir):
        recorder = Recorder(data_dir, segment_s=0.3)
        recorder.session(("trade", "AAA"), ("depth", "AAA"), ("state",))
        stop, done = threading.Event(), threading.Event()

        def write():
            number = 0
            while not done.is_set():
                number += 1
                ms = time.time_ns() // 1_000_000
                frames = [trade("AAA", number, time_s=ms / 1000), book("AAA", ms), state("AAA")]
                recorder.at(0.005).frames(*frames)
                time.sleep(0.002)

        writing = threading.Thread(target=write)
        publishing = threading.Thread(target=follow, args=(data_dir, 0.05, stop))
        writing.start()
        publishing.start()
        proofs = []
        try:
            while not any(file.table == "trades" and file.rows for file in read_files(data_dir) or ()):
                time.sleep(0.05)
            for _ in range(3):
                time.sleep(0.4)
                proofs.append(proof_of(data_dir))
        finally:
            done.set()
            writing.join()
            recorder.stop()
            publishing.join()
        assert [differences(proof) for proof in proofs] == [{}, {}, {}]
        counts = [rows_compared(proof)["trades"] for proof in proofs]
        assert 0 < counts[0] < counts[1] < counts[2]

    def test_a_dead_recorder_is_dead_where_the_lake_knew_it_and_lives_where_not(self, data_dir):
        tape = Tape(data_dir, EVENING).session(("AAA",))
        tape.frames(trade("AAA", 1), book("AAA", 1), state("AAA")).flush()
        with Publisher(data_dir) as publisher:
            publisher.read()
            publisher.publish()
            tape.kill()  # unknown to what was published, and this publisher goes on being the one
            proof = proof_of(data_dir)
            assert differences(proof) == {}
            alive = rows_compared(proof)["gaps"]
            publisher.read()
            publisher.publish()
            assert differences(proof_of(data_dir)) == {}
        assert rows_compared(proof_of(data_dir))["gaps"] > alive

    def test_a_recorder_lived_until_its_last_check_line_however_it_was_read(self, data_dir, lake):
        tape = Tape(data_dir, EVENING).session(("AAA",)).frames(trade("AAA", 1), state("AAA")).flush()
        with Publisher(data_dir) as publisher:
            for _ in range(5):
                publisher.read()
                tape.pass_time(1).flush()
            publisher.read()
            publisher.publish()
            last_us = tape.now_ns // 1000
            tape.kill()
            publisher.read()
            publisher.publish()
        assert proof_of(data_dir).equal
        starts = lake.rows("gaps", "DISTINCT epoch_us(ts_start)", "WHERE reason = 'crash'")
        assert starts == [(last_us - IN_FLIGHT_US,)]

    def test_minutes_that_are_still_to_be_judged_are_left_out_and_counted(self, data_dir):
        live = Live(data_dir, 3).go_on(40)
        live.publisher.settle()
        live.publisher.read()
        live.publisher.publish()
        proof = proof_of(data_dir)
        assert differences(proof) == {}
        assert any(text.startswith("coverage: ") and "to be judged" in text for text in proof.left_out)
        live.leave().end()


class TestJournal:
    def damage(self, data_dir, number=1):
        """Flip a bit in the middle of a segment."""
        path = segments(data_dir / "journal" / "main")[number].path
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)

    def test_damage_that_the_lake_has_met_is_told_and_both_are_equal(self, published):
        self.damage(published)
        shutil.rmtree(published / "lake")
        (published / "manifest.sqlite").unlink()
        publish_once(published)
        proof = proof_of(published)
        assert differences(proof) == {}
        assert "main: journal damage: " in proof.damage[0]

    def test_damage_that_came_later_makes_differences_and_is_told(self, published):
        self.damage(published)
        proof = proof_of(published)
        assert not proof.equal
        assert "main: journal damage: " in proof.damage[0]

    def test_a_journal_cut_off_before_what_was_published_is_told(self, published):
        segments(published / "journal" / "main")[-1].path.unlink()
        proof = proof_of(published)
        assert not proof.equal
        assert "main: the journal is gone from" in "".join(proof.damage)


@pytest.fixture(scope="module", params=[True, False], ids=["remembered", "not remembered"])
def days(request, tmp_path_factory):
    """A lake of four nights, 20 to 23, and what is left of its journal: from the second night on.

    Published night by night, or at once at the end, when nothing is remembered of the nights before.
    """
    data_dir = tmp_path_factory.mktemp("days")
    story = Story(data_dir, 4, at("2026-11-20T23:00"), markets=("AAA",))
    for night in range(4):
        if night:
            story.tape.event("markets", listed=[], delisted=["AAA"]).end()
            story.tape.pass_time(DAY_NS / SECOND_NS).session(("AAA",))
        for _ in range(8):
            story.step()
        if request.param:
            publish_once(data_dir)
    story.tape.end()
    publish_once(data_dir)
    for segment in segments(data_dir / "journal" / "main"):
        if segment.created_ns < at("2026-11-21T20:00"):
            segment.path.unlink()
    return data_dir, request.param


@pytest.fixture
def beheaded(days, data_dir):
    shutil.copytree(days[0], data_dir, dirs_exist_ok=True)
    return data_dir


@pytest.mark.long
class TestJournalWithoutItsBeginning:
    def test_the_days_that_follow_are_proven(self, beheaded, days):
        remembered = days[1]
        alter(beheaded, "trades", lambda rows: without(rows, 0))  # on the first day: nothing proves it now
        proof = proof_of(beheaded)
        assert differences(proof) == {}
        assert proof.since == "2026-11-22"
        rows = rows_compared(proof)
        assert rows["trades"]
        assert rows["depth"]
        gone = {text.partition(":")[0] for text in proof.left_out if "gone with the journal" in text}
        if remembered:
            assert gone == set()
            assert rows["coverage"]
            assert rows["gaps"]
        else:
            assert gone == {"gaps", "coverage", "markets"}

    def test_making_the_lake_again_is_refused_with_the_day(self, beheaded):
        before = everything(beheaded)
        with pytest.raises(LakeError, match="older than 2026-11-22 cannot be made again"):
            rebuild(beheaded, quiet)
        assert everything(beheaded) == before

    def test_partly_the_days_since_are_made_again_and_those_before_stay(self, beheaded):
        before = everything(beheaded)
        alter(beheaded, "depth", lambda rows: without(rows, 0))
        first = everything(beheaded)
        rebuild(beheaded, quiet, partial=True)
        assert everything(beheaded) == first
        with Manifest(beheaded) as manifest:  # and now on a day that is made
            days = [file.date for file in manifest.files("depth") if file.rows]
            manifest.commit(Commit(removed=[manifest.files("depth", max(days))[0].path]))
        rebuild(beheaded, quiet, partial=True)
        assert everything(beheaded) == first != before
        Tape(beheaded, at("2026-11-24T00:10")).session(("AAA",)).end()
        publish_once(beheaded)
        assert proof_of(beheaded).equal


class TestSeveralRecorders:
    def test_which_copy_was_kept_is_left_open_and_said(self, data_dir):
        for name, first in (("one", 1), ("two", 3)):
            tape = Tape(data_dir, EVENING + first * SECOND_NS, name).session(("AAA",))
            tape.frames(*(trade("AAA", n, time_s=EVENING / 1e9 + n) for n in range(1, 6))).flush()
            tape.pass_time(1).frames(book("AAA", EVENING // 1_000_000)).flush().end()
        with Publisher(data_dir) as publisher:  # the second one's first
            one = data_dir / "journal" / "one"
            shutil.move(one, data_dir / "one")
            publisher.read()
            publisher.publish()
            shutil.move(data_dir / "one", one)
        proof = proof_of(data_dir)
        assert differences(proof) == {}
        assert rows_compared(proof)["trades"] == 5
        assert "trades: ts_recv, source, seq, for several recorders" in "\n".join(proof.left_out)
        alter(data_dir, "trades", lambda rows: with_value(rows, "price", 0, 7.5))
        assert differences(proof_of(data_dir))["trades"].columns == ("price",)

    def test_what_only_one_of_them_received_is_compared_whole(self, data_dir):
        Live(data_dir, 2).go_on(25).leave().story.tape.end()
        tape = Tape(data_dir, EVENING, "backfill").begin()
        bounds = {"market": "AAA", "type": "1min", "start_time": "0", "end_time": str(EVENING // SECOND_NS)}
        tape.rest("market_kline", bounds, [[1_795_300_000 // 60 * 60, "1", "1", "1", "1", "5", "5", "AAA"]])
        tape.flush().kill()
        proof = proof_of(data_dir)
        assert differences(proof) == {}
        assert [text for text in proof.left_out if "several" in text] == [
            "klines: ts_recv, seq, for several recorders received the same rows"
        ]


class TestScratch:
    def test_what_a_killed_run_left_is_removed_by_the_next(self, published):
        left = published / SCRATCH / "fresh" / "lake"
        left.mkdir(parents=True)
        (left / "x.parquet").touch()
        assert proof_of(published).equal
        assert not (published / SCRATCH).exists()

    def test_it_is_removed_when_the_user_interrupts(self, published):
        def interrupt(_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verify(published, interrupt)
        assert not (published / SCRATCH).exists()
        assert proof_of(published).equal

    def test_a_second_one_is_refused(self, published):
        with scratch(published), pytest.raises(LakeError, match="another process") as caught:
            proof_of(published)
        assert caught.value.busy


class Steps:
    """Kills at one step of a commit to the lake itself after the other, until there is none left."""

    class Killed(BaseException):
        pass

    def __init__(self, monkeypatch):
        self._patch = monkeypatch
        self._fsync = manifests._fsync
        self._die_at = self._step = 0
        self.done = False

    def _counted(self, path):
        self._step += SCRATCH not in path.parts
        if self._step == self._die_at:
            raise self.Killed
        self._fsync(path)

    def die_at_next(self, call, *arguments):
        self._die_at, self._step = self._die_at + 1, 0
        with self._patch.context() as patch:
            patch.setattr(manifests, "_fsync", self._counted)
            try:
                call(*arguments)
            except self.Killed:
                return
        self.done = True


class TestRebuild:
    def test_a_lake_that_is_wrong_becomes_what_the_journal_makes(self, published):
        before = everything(published)
        alter(published, "trades", lambda rows: with_value(rows, "price", 1, 7.5))
        alter(published, "klines", lambda rows: without(rows, 0))
        rows = rebuild(published, quiet)
        assert everything(published) == before
        assert rows["trades"] == len(before["trades"])
        assert proof_of(published).equal
        files = {file.path for file in read_files(published)}
        there = {
            str(path.relative_to(published / "lake")) for path in (published / "lake").rglob("*.parquet")
        }
        assert there == files
        assert not (published / SCRATCH).exists()

    def test_recording_goes_on_where_it_was(self, published):
        rebuild(published, quiet)
        before = everything(published)
        assert sum(publish_once(published).values()) == 0
        assert everything(published) == before
        tape = Tape(published, EVENING + DAY_NS // 24)
        tape.session(("AAA",)).frames(trade("AAA", 10_000, time_s=tape.now_ns / 1e9)).flush().end()
        assert publish_once(published)["trades"] == 1
        assert proof_of(published).equal

    def test_it_is_refused_while_a_publisher_runs(self, published):
        with Publisher(published), pytest.raises(LakeError) as caught:
            rebuild(published, quiet)
        assert caught.value.busy

    def test_a_lake_without_its_manifest_is_refused(self, published):
        for path in published.glob("manifest.sqlite*"):
            path.unlink()
        with pytest.raises(LakeError, match="move that directory away"):
            rebuild(published, quiet)

    @pytest.mark.long
    def test_killed_at_every_step_the_lake_is_whole(self, data_dir, tmp_path_factory, monkeypatch):
        """Either the old one or the new one, once the next publisher has opened it."""
        tape = Tape(data_dir, EVENING).session(("AAA",))
        tape.frames(trade("AAA", 1), trade("AAA", 2), book("AAA", 1), state("AAA")).flush().end()
        publish_once(data_dir)
        right = everything(data_dir)
        alter(data_dir, "trades", lambda rows: without(rows, 0))
        wrong = everything(data_dir)
        kept = tmp_path_factory.mktemp("kept")
        shutil.copytree(data_dir, kept, dirs_exist_ok=True)

        steps, seen = Steps(monkeypatch), set()
        while not steps.done:
            steps.die_at_next(rebuild, data_dir, quiet)
            if steps.done:
                break
            with Publisher(data_dir):
                pass
            found = everything(data_dir)
            assert found in (right, wrong)
            seen.add(found == right)
            assert publish_once(data_dir)["trades"] == 0
            shutil.rmtree(data_dir)
            shutil.copytree(kept, data_dir)
        assert everything(data_dir) == right
        assert seen == {True, False}
        assert len(Lake(data_dir).rows("trades")) == 2
