"""Every query of the recipes runs, word for word, and answers something."""

import re
from pathlib import Path

import pytest
from asked_lakes import two_days

from analytics import open_lake

TEXT = (Path(__file__).parents[1] / "docs/recipes.md").read_text()
RECIPES = re.findall(r"^## (\d+\. .*?)\n.*?^```sql\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return open_lake(two_days(tmp_path_factory))


def test_there_are_at_least_ten():
    assert len(RECIPES) >= 10
    assert len(RECIPES) == TEXT.count("```sql")


@pytest.mark.parametrize("query", [query for _, query in RECIPES], ids=[title for title, _ in RECIPES])
def test_a_recipe_answers(query, lake):
    assert lake.sql(query).fetchall()
