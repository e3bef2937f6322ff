"""`recorder compact` and `recorder rebuild`, as a user types them."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from commands import recorder, recorder_here
from journals import Lake
from rich.console import Console
from tapes import Story, at

import analytics.lake
from recorder.lake.publishing.follow import catch_up, publish_once
from recorder.lake.publishing.housekeeper import request_of
from recorder.lake.publishing.publisher import LakeError, Publisher
from recorder.lake.store.files import EMPTY_FILE
from recorder.lake.store.tables import TABLES
from recorder.maintenance import compact


@pytest.fixture
def past(tmp_path):
    """A data directory whose recorder ended days ago."""
    story = Story(tmp_path, 4, at("2026-11-20T23:50"))
    for _ in range(60):
        story.step()
    story.tape.end()
    return tmp_path


def empty(data_dir, table):
    """Somebody has taken the rows out of a table's files."""
    for path in (data_dir / "lake" / table).glob("date=2026*/*.parquet"):
        path.write_bytes((data_dir / "lake" / table / EMPTY_FILE).read_bytes())


def test_compact_says_what_became_of_the_closed_days_and_then_that_nothing_is_left(past):
    first = recorder_here("compact", "--data-dir", past)
    assert (first.returncode, first.stdout.partition(":")[0]) == (0, "Compacted")
    assert Lake(past).rows("minutes", "count(*) > 0") == [(True,)]
    again = recorder_here("compact", "--data-dir", past)
    assert again.stdout.startswith("Nothing to compact: the closed days are ")


@pytest.mark.long
@pytest.mark.parametrize("drafts", [1, 5])
def test_a_sigkill_in_the_middle_of_a_compaction_costs_nothing_and_the_next_run_finishes(past, drafts):
    publish_once(past)
    before = rows_of(past)
    asked = [sys.executable, "-m", "recorder", "compact", "--data-dir", str(past)]
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list((past / "work").glob("*.parquet"))) < drafts:
        time.sleep(0.0005)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was over before it could be killed"
    assert rows_of(past) == before
    done = recorder("compact", "--data-dir", past)
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "Compacted")
    assert rows_of(past) == before
    assert recorder("rebuild", "--verify", "--data-dir", past).returncode == 0


def rows_of(data_dir):
    """What a reader finds: rows, and how many are told apart."""
    lake = analytics.lake.Lake(data_dir)
    keys = {"trades": "market, trade_id", "depth": "market, ts_event, seq", "state": "market, ts_recv, seq"}
    query = ", ".join(
        f"(SELECT (count(*), count(DISTINCT ({key}))) FROM {name})" for name, key in keys.items()
    )
    return lake.sql(f"SELECT {query}").fetchall()


def test_verify_names_each_table_and_says_that_the_lake_is_proven(past):
    publish_once(past)
    shown = recorder_here("rebuild", "--verify", "--data-dir", past)
    assert shown.returncode == 0
    assert shown.stdout.endswith("The lake is what its journal makes.\n")
    assert shown.stdout.count("equal") == len(TABLES) - 1  # what was removed, no journal tells


def test_verify_fails_and_names_the_row_where_the_lake_was_tampered_with(past):
    publish_once(past)
    empty(past, "state")
    shown = recorder_here("rebuild", "--verify", "--data-dir", past)
    assert shown.returncode == 1
    assert "state differs on " in shown.stdout
    assert "recorder rebuild" in shown.stderr


def test_rebuild_puts_back_what_was_taken_away(past):
    publish_once(past)
    before = Lake(past).rows("trades", "count(*), sum(trade_id)")
    empty(past, "trades")
    shown = recorder_here("rebuild", "--data-dir", past)
    assert (shown.returncode, shown.stdout[:10]) == (0, "Made again")
    assert Lake(past).rows("trades", "count(*), sum(trade_id)") == before


@pytest.mark.parametrize("command", ["compact", "rebuild"])
def test_without_a_journal_there_is_a_message(tmp_path, command):
    shown = recorder_here(command, "--data-dir", tmp_path)
    assert (shown.returncode, "no journal" in shown.stderr, "Traceback" in shown.stderr) == (1, True, False)


def test_a_day_that_the_recorder_gives_up_on_does_not_look_compacted(past):
    with Publisher(past) as publisher, ThreadPoolExecutor(1) as pool:
        catch_up(publisher)
        asked = pool.submit(compact, past, Console(stderr=True))
        while not request_of(past).exists():
            assert not asked.done()
            time.sleep(0.01)
        request_of(past).unlink()  # as after a job that failed
        with pytest.raises(LakeError, match="the recorder has left 2026-11-2"):
            asked.result(10)
