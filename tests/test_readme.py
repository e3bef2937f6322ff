"""The README's SQL and Python run as they stand."""

import json
import re
from pathlib import Path

import duckdb
import pytest
from journals import book, candle, state, trade
from tapes import SECOND_NS, Tape

from analytics import open_lake
from recorder.config import Settings
from recorder.lake.publishing.follow import publish_once
from recorder.lake.store.tables import TABLES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


DAY_S = 1_795_305_600
"""The first of the days that the README asks about: 2026-11-22."""
STATEMENTS = [part.strip() for block in blocks("sql") for part in block.split(";") if part.strip()]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    tape = Tape(path, DAY_S * SECOND_NS).session(["BTCUSDT"])
    tape.frames(
        trade("BTCUSDT", 1, time_s=DAY_S),
        book("BTCUSDT", DAY_S * 1_000),
        candle("BTCUSDT", DAY_S, "101"),
        state("BTCUSDT"),
    )
    tape.end()
    publish_once(path)
    return path


@pytest.fixture(scope="module")
def lake(data_dir):
    return open_lake(data_dir)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: text.splitlines()[0])
def test_each_statement_runs(lake, statement):
    assert lake.sql(statement).columns


def test_the_python_example_runs(data_dir, tmp_path, monkeypatch):
    [example] = blocks("python")
    [shown] = re.findall(r"export RECORDER_DATA_DIR=(\S+)", README)
    (tmp_path / "data").mkdir()
    (tmp_path / shown).symlink_to(data_dir)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)  # noqa: S102  # the README's own words
    assert names["frame"].rows() == [("BTCUSDT", 1)]
    assert names["spread"]["snapshots"].sum() == 1
    assert names["bars"]["trades"].sum() == 1
    assert names["rows"]["trade_id"].to_list() == [1]


def test_the_journal_is_read_as_its_document_says(data_dir):
    [statement] = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "journal.md").read_text(), re.DOTALL)
    frames = duckdb.sql(statement.replace("data/journal", f"{data_dir}/journal")).fetchall()
    assert [json.loads(frame)["method"] for (frame,) in frames] == [
        "update.trade", "update.depth", "update.kline", "update.state",
    ]  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_schema_names_every_column_in_order(table):
    [row] = re.findall(rf"^\| `{table.name}` \|[^|]*\|([^|]*)\|$", README, re.MULTILINE)
    assert [name.strip() for name in row.split(",")] == table.schema.names


def test_every_setting_is_in_the_table():
    assert [name for name in Settings.model_fields if f"`RECORDER_{name.upper()}`" not in README] == []
