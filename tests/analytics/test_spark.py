"""The same questions, in the same words, on Spark and on DuckDB: on a cluster of two workers of their own.

Runs where PySpark and Java are, by `make test-spark`, which installs PySpark.
"""

import math
import shutil

import pytest
from asked_lakes import described, fill, lake_at, rows_as
from lakedays import DAY_US, MINUTE_US

from analytics import open_lake
from analytics.bars import bars_sql
from analytics.opened import closed_days, files_of_part
from analytics.questions import PARTS, questions
from recorder.lake.store.manifest import read_files
from recorder.lake.store.tables import TABLES

pyspark = pytest.importorskip("pyspark", reason="make test-spark installs PySpark")
pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """One day that is compacted and another that is not; one of the markets turns out to count contracts."""
    made = tmp_path_factory.mktemp("lake")
    with lake_at(made) as day:
        inverse = described("CCC") | {"type": "inverse", "ts_recv": DAY_US + MINUTE_US}
        day.add("markets", rows_as("markets", [inverse]))
        day.compact(fill(day, 11))
        fill(day, 12, later=1)
    return made


@pytest.fixture(scope="module")
def spark(data_dir):
    from pyspark.sql import SparkSession  # noqa: PLC0415

    session = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    files = read_files(data_dir)
    parts = {name: (name, [file for file in files if file.table == name]) for name in TABLES}
    for name, part in PARTS.items():
        parts[name] = part.table, files_of_part(files, part, closed_days(files, part.made, ()))
    for name, (table, held) in parts.items():
        paths = [str(data_dir / "lake" / file.path) for file in held]
        base = str(data_dir / "lake" / table)
        session.read.option("basePath", base).parquet(*paths).createOrReplaceTempView(name)
    for question in questions():
        session.sql(question.sql).createOrReplaceTempView(question.name)
    yield session
    session.stop()


NAMES = {question.name for question in questions()}
ASKED = sorted(name for name in NAMES if not (name.endswith("_1h") and f"{name[:-3]}_1m" in NAMES))
"""The hour is asked by the text of the minute, as the day is."""


@pytest.mark.parametrize("name", ASKED)
def test_spark_and_duckdb_answer_alike(name, data_dir, spark):
    relation = open_lake(data_dir).sql(f"SELECT * FROM {name}")
    frame = spark.sql(f"SELECT * FROM {name}")
    assert relation.columns == frame.columns
    ours = sorted((plain(row) for row in relation.fetchall()), key=str)
    theirs = sorted((plain(row) for row in frame.collect()), key=str)
    assert len(ours) == len(theirs)
    differing = [pair for pair in zip(ours, theirs, strict=True) if not same(*pair)]
    assert differing[:3] == []


@pytest.mark.parametrize("every_us", [250_000, 45_000_000])
def test_spark_and_duckdb_make_the_same_bars(every_us, data_dir, spark):
    relation = open_lake(data_dir).sql(bars_sql(every_us))
    frame = spark.sql(bars_sql(every_us))
    assert relation.columns == frame.columns
    ours = sorted((plain(row) for row in relation.fetchall()), key=str)
    theirs = sorted((plain(row) for row in frame.collect()), key=str)
    assert len(ours) == len(theirs) > 0
    assert all(same(*pair) for pair in zip(ours, theirs, strict=True))


def plain(value):
    """A row as plain values: times without zones, rounded numbers come later."""
    if isinstance(value, (list, tuple)):
        return tuple(plain(each) for each in value)
    if isinstance(value, dict):
        return tuple(plain(each) for each in value.values())
    if hasattr(value, "tzinfo"):
        return value.replace(tzinfo=None)
    return value


def same(one, other):
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return one == other
