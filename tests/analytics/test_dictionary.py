"""The data dictionary says what the code says, of every column that there is."""

import itertools
from pathlib import Path

import pytest
from asked_lakes import lake_at

from analytics import open_lake
from analytics.dictionary import FILE, dictionary
from analytics.questions import COMMON, PARTS, questions
from recorder.lake.store.dictionary import TOLD
from recorder.lake.store.tables import TABLES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("lake")
    with lake_at(data_dir):
        pass
    return open_lake(data_dir)


def test_the_file_is_the_one_that_the_code_makes():
    assert (ROOT / FILE).read_text() == dictionary(), "run `make docs`"


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_is_told_in_its_order(table):
    assert list(TOLD[table][1]) == TABLES[table].schema.names


@pytest.mark.parametrize("asked", questions(), ids=lambda asked: asked.name)
def test_every_column_of_a_view_is_told_and_no_other(asked, lake):
    there = lake.sql(f"SELECT * FROM {asked.name} LIMIT 0").columns
    assert [column for column in there if column not in asked.columns and column not in COMMON] == []
    assert [column for column in asked.columns if column not in there] == []


@pytest.mark.parametrize("asked", questions(), ids=lambda asked: asked.name)
def test_a_view_reads_what_its_head_names(asked):
    code = "\n".join(line for line in asked.sql.splitlines() if not line.startswith("--"))
    names = {each.name for each in questions()} | {*TABLES, *PARTS}
    words = code.replace("\n", " ").split()
    read = {word for before, word in itertools.pairwise(words) if before in {"FROM", "JOIN"}}
    own = {words[at] for at, word in enumerate(words[1:]) if word == "AS" and words[at + 2] == "("}
    assert {name.rstrip(";)") for name in read} & names - own == set(asked.source)
