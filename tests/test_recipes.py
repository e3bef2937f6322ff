"""Every query of the recipes runs, word for word, and answers something."""

import re
from pathlib import Path

import pytest
from asked_lakes import fill, lake_at

from analytics import open_lake

TEXT = (Path(__file__).parents[1] / "docs/recipes.md").read_text()
RECIPES = re.findall(r"^## (\d+\. .*?)\n.*?^```sql\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("lake")
    with lake_at(data_dir) as day:
        day.compact(fill(day, 41, books=150, trades=120))
        fill(day, 42, books=150, trades=120, later=1)
    return open_lake(data_dir)


def test_there_are_at_least_ten():
    assert len(RECIPES) >= 10
    assert len(RECIPES) == TEXT.count("```sql")


@pytest.mark.parametrize("query", [query for _, query in RECIPES], ids=[title for title, _ in RECIPES])
def test_a_recipe_answers(query, lake):
    assert lake.sql(query).fetchall()
