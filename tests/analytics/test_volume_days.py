"""Of volume and what goes with it, too, a day that is not compacted yet answers as it will when it is."""

import math

import pytest
from asked_lakes import fill, lake_at

from analytics import open_lake
from analytics.questions import question

VIEWS = (
    "cvd_1m", "cvd_1h", "cvd_1d", "prices_1m", "prices_1h", "prices_1d", "volume_profile_1d",
    "value_area_1d", "trade_sizes_1d", "trade_size_histogram_1d", "turnover_1d", "organic_1d",
    "price_open_interest_1h", "coverage_1m", "coverage_1h", "coverage_1d",
)  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Of each view: its columns, and its rows before and after the compaction of the day."""
    data_dir = tmp_path_factory.mktemp("lake")
    with lake_at(data_dir) as day:
        missing = fill(day, 21)
        lake = open_lake(data_dir)
        before = {name: lake.sql(f"SELECT * FROM {name} ORDER BY ALL") for name in VIEWS}
        before = {name: (relation.columns, relation.fetchall()) for name, relation in before.items()}
        day.compact(missing)
        after = {name: lake.sql(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in VIEWS}
    return {name: (*before[name], after[name]) for name in VIEWS}


def same(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-9)
    return one == other


@pytest.mark.parametrize("name", VIEWS)
def test_every_answer_is_the_same_before_and_after_compaction(answers, name):
    columns, before, after = answers[name]
    assert len(before) == len(after) > 0
    for one, other in zip(before, after, strict=True):
        differing = {
            column: pair for column, *pair in zip(columns, one, other, strict=True) if not same(*pair)
        }
        assert differing == {}


@pytest.mark.parametrize("name", VIEWS)
def test_every_column_is_explained_and_every_explanation_has_its_column(answers, name):
    common = {"market", "date", "minute", "hour", "day", "grade"}
    assert set(answers[name][0]) - common == set(question(name).columns) - common
