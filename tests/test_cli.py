"""The commands as a user types them: their words and their exit codes."""

import csv
import json
import socket

import pytest
from commands import recorder, recorder_here
from journals import Recorder, book, state, trade
from typer.testing import CliRunner

from recorder.cli import app
from recorder.lake.publishing.follow import publish_once

COMMANDS = (
    *("run", "demo", "simulate", "publish", "compact", "rebuild", "backfill"),
    *("audit", "report", "status", "sql", "account"),
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    session = Recorder(path)
    session.session(("trade", "AAA"), ("depth", "AAA"), ("state",))
    session.frames(
        trade("AAA", 1, price="100.5"), trade("BBB", 2), book("AAA", 1_723_161_255_000), state("AAA")
    )
    session.stop()
    publish_once(path)
    return path


class TestHelp:
    def test_the_program_names_every_command(self):
        shown = recorder("--help")
        assert shown.returncode == 0
        assert [command for command in COMMANDS if command not in shown.stdout] == []

    @pytest.mark.parametrize("command", COMMANDS)
    def test_each_command_teaches_by_example_and_takes_data_dir_and_config(self, command):
        shown = CliRunner(env={"COLUMNS": "160"}).invoke(app, [command, "--help"], prog_name="recorder")
        assert shown.exit_code == 0
        assert "Example" in shown.stdout
        assert f"recorder {command}" in shown.stdout
        assert "--data-dir" in shown.stdout
        assert "--config" in shown.stdout


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "environment", "words"),
        [
            (["run"], {}, "RECORDER_WS_URL is not set"),
            (["run"], {"RECORDER_STREAMS": "trade,books"}, "RECORDER_STREAMS"),
            (["run", "--publish-interval", "0.01"], {}, "--publish-interval"),
            (["sql", "SELECT 1", "--config", "nowhere.toml"], {}, "nowhere.toml"),
            (["nonsense"], {}, "nonsense"),
        ],
    )
    def test_it_is_exit_code_2_with_the_culprit_named(self, tmp_path, arguments, environment, words):
        done = recorder_here(*arguments, cwd=tmp_path, **environment)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr


class TestFailure:
    @pytest.mark.parametrize("arguments", [["sql", "SELECT 1"], ["publish"], ["status"]])
    def test_no_data_is_exit_code_1_and_says_where_it_looked(self, tmp_path, arguments):
        done = recorder_here(*arguments, "--data-dir", tmp_path / "none")
        assert done.returncode == 1
        assert str(tmp_path / "none") in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_mistake_in_sql_is_a_message(self, data_dir):
        done = recorder_here("sql", "SELECT wrong FROM trades", "--data-dir", data_dir)
        assert done.returncode == 1
        assert "wrong" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_in_use_is_a_message(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            done = recorder("simulate", "--port", taken.getsockname()[1])
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("recorder:")

    def test_a_replay_has_no_accounts(self, tmp_path):
        (tmp_path / "frames.ndjson").touch()
        done = recorder_here("simulate", "--port", 0, "--replay", tmp_path / "frames.ndjson", "--accounts", 1)
        assert done.returncode == 1
        assert "a replayed recording has none" in done.stderr

    def test_a_fault_script_with_a_mistake_is_a_message(self, tmp_path):
        script = tmp_path / "faults.toml"
        script.write_text('[[fault]]\nat = 1\nkind = "earthquake"\n')
        done = recorder_here("simulate", "--port", 0, "--faults", script)
        assert done.returncode == 1
        assert "earthquake" in done.stderr


class TestSql:
    QUERY = "SELECT market, trade_id, price FROM trades ORDER BY market"

    def test_csv(self, data_dir):
        done = recorder_here("sql", self.QUERY, "--format", "csv", "--data-dir", data_dir)
        assert done.stdout == "market,trade_id,price\nAAA,1,100.5\nBBB,2,100.5\n"

    def test_json_is_one_object_a_line(self, data_dir):
        done = recorder_here("sql", self.QUERY, "--format", "json", "--data-dir", data_dir)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert rows == [
            {"market": "AAA", "trade_id": 1, "price": 100.5},
            {"market": "BBB", "trade_id": 2, "price": 100.5},
        ]

    def test_json_holds_level_lists_and_exact_decimals_too(self, data_dir):
        done = recorder_here(
            "sql", "SELECT bids, insurance FROM depth, state", "--format", "json", "--data-dir", data_dir
        )
        [row] = [json.loads(line) for line in done.stdout.splitlines()]
        assert row["bids"][0] == {"price": 100.0, "quantity": 3.0}
        assert row["insurance"] == "10500.4542690658555261785"

    def test_csv_holds_level_lists_as_json_and_json_has_no_nan(self, data_dir):
        book_row = recorder_here("sql", "SELECT bids FROM depth", "--format", "csv", "--data-dir", data_dir)
        [cell] = list(csv.reader(book_row.stdout.splitlines()))[1]
        assert json.loads(cell)[0] == {"price": 100.0, "quantity": 3.0}
        done = recorder_here("sql", "SELECT 'nan'::DOUBLE AS x", "--format", "json", "--data-dir", data_dir)
        assert done.stdout == '{"x": null}\n'

    def test_a_table_for_a_person(self, data_dir):
        done = recorder("sql", self.QUERY, "--data-dir", data_dir)
        assert done.returncode == 0
        assert [word for word in ("market", "trade_id", "AAA", "100.5") if word not in done.stdout] == []

    def test_a_text_that_begins_with_a_comment_is_no_option(self, data_dir):
        done = recorder_here(
            "sql", "-- how many\nSELECT count(*) AS n FROM trades", "--format", "csv", "--data-dir", data_dir
        )
        assert (done.returncode, done.stdout) == (0, "n\n2\n")

    @pytest.mark.parametrize("by_pipe", [False, True], ids=["argument", "stdin"])
    def test_each_of_several_statements_is_answered(self, data_dir, by_pipe):
        text = "CREATE VIEW one AS SELECT ';' AS a; FROM one; SELECT 2 AS b;"
        given = {"stdin": text} if by_pipe else {}
        asked = ("sql", "--format", "csv", "--data-dir", data_dir, *([] if by_pipe else [text]))
        done = recorder_here(*asked, **given)
        assert (done.returncode, done.stdout) == (0, "a\n;\nb\n2\n")

    def test_statements_from_a_file_go_on_after_a_mistake_and_end_with_1(self, data_dir):
        statements = "SELECT nonsense;\nSELECT count(*) AS n\nFROM trades;\n"
        done = recorder("sql", "--format", "csv", "--data-dir", data_dir, stdin=statements)
        assert done.returncode == 1
        assert "nonsense" in done.stderr
        assert done.stdout == "n\n2\n"


class TestStatus:
    def test_json_tells_tables_gaps_and_disk(self, data_dir):
        report = json.loads(recorder_here("status", "--json", "--data-dir", data_dir).stdout)
        rows = {table["table"]: table["rows"] for table in report["tables"]}
        assert rows["trades"] == 2
        assert rows["state"] == 1
        assert report["recorders"][0]["running"] is False
        assert report["recorders"][0]["journal_bytes"] > 0
        assert {row["reason"] for row in report["gaps"]["open"]} == {"stop"}
        assert report["disk"]["free_bytes"] > 0

    def test_a_person_reads_the_same(self, data_dir):
        shown = recorder_here("status", "--data-dir", data_dir).stdout
        assert [word for word in ("main", "not running", "trades", "Still open") if word not in shown] == []


class TestPublish:
    def test_it_says_what_it_published_and_that_nothing_is_left(self, tmp_path):
        session = Recorder(tmp_path)
        session.session(("trade", "AAA")).frames(trade("AAA", 1)).stop()
        first = recorder_here("publish", "--data-dir", tmp_path)
        second = recorder_here("publish", "--data-dir", tmp_path)
        assert "1 trades" in first.stdout
        assert second.stdout == "Nothing new: the lake has all that the journal holds.\n"
        assert (tmp_path / "views.sql").is_file()


@pytest.mark.long
def test_the_demo_records_answers_and_exits_0(tmp_path):
    done = recorder("demo", "--seconds", 6, "--markets", 4, "--data-dir", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    wanted = ("What was recorded", "Funding now", "Spread by market", "Volume by market", "BTCUSDT")
    assert [word for word in wanted if word not in done.stdout] == []
    [demo] = tmp_path.iterdir()
    counted = recorder(
        "sql",
        "SELECT count(*) > 20, count(DISTINCT market) FROM trades",
        "--format",
        "csv",
        "--data-dir",
        demo,
    )
    assert counted.stdout.splitlines()[1] == "True,4"
