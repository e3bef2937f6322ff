"""The lake as SQL: its tables as views, the parts of tables that questions read, and every question."""
# ruff: noqa: S608  # text is put together from our own names

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from analytics.questions import BUILDING_BLOCKS, PARTS, Question, questions
from recorder.lake.store.dictionary import TOLD
from recorder.lake.store.minutes import MADE_OF
from recorder.lake.store.tables import TABLES

VIEWS_FILE: Final = "views.sql"
MACROS: Final = (
    "CREATE OR REPLACE MACRO unix_micros(ts) AS epoch_us(ts);",
    "CREATE OR REPLACE MACRO timestamp_micros(us) AS make_timestamptz(us);",
    "CREATE OR REPLACE MACRO explode(list) AS unnest(list);",
)
"""What other engines call otherwise: the questions are written in words that most of them know."""
_NEWER: Final = (
    " WHERE NOT EXISTS (SELECT 1 FROM {1} AS other WHERE other.market = {0}.market "
    "AND other.period = {0}.period AND other.ts_open = {0}.ts_open AND other.volume {2} {0}.volume)"
)
"""Of the candles of one source those of which the other has none with as much volume, or with more."""
_OPEN_DAYS: Final = """\
-- Days without {made}, or with rows that it is not made of: a compacted day's file is named `day...`.
-- Where rows were removed that it was made of, nothing new can be made of those that came later.
CREATE OR REPLACE VIEW {view} AS
  WITH files AS (
    SELECT split_part(file, '/', -3) AS name, split_part(file, '/', -1) LIKE 'day%' AS whole,
           CAST(substr(split_part(file, '/', -2), 6) AS DATE) AS date
    FROM glob({files})
    WHERE file NOT LIKE '%/empty.parquet'
  )
  SELECT date FROM files GROUP BY date
  HAVING count(*) FILTER (WHERE name = {made}) = 0
         OR (count(*) FILTER (WHERE name IN ({sources}) AND NOT whole) > 0
             AND date NOT IN (SELECT CAST(day AS DATE) FROM removed
                              WHERE day IS NOT NULL AND removed IN ({sources})));"""


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def table_view(
    name: str, files: str, *, table: str | None = None, where: str = "", with_tail: bool = False
) -> str:
    """A view of rows of a table (by default the one of the view's name).

    `files` is the SQL of what is read: a glob, or a list of files. `with_tail` adds the rows of
    `tail_<table>`: of a candle that both have, the version that counts more volume.
    """
    table = table or name
    columns = ", ".join((*TABLES[table].schema.names, "date"))
    source = f"read_parquet({files}, hive_partitioning = true, hive_types = {{'date': DATE}})"
    if with_tail:
        tail = f"SELECT *, CAST({TABLES[table].time} AS DATE) AS date FROM tail_{table}"
        both = f"SELECT {columns} FROM lake{{}} UNION ALL SELECT {columns} FROM tail{{}}"
        newer = (_NEWER.format("lake", "tail", ">="), _NEWER.format("tail", "lake", ">"))
        rows = both.format(*(newer if table == "klines" else ("", "")))
        source = f"(WITH lake AS (SELECT * FROM {source}), tail AS ({tail}) {rows})"
    return (
        f"CREATE OR REPLACE VIEW {name} AS\n  SELECT {columns}\n  FROM {source}"
        f"{f' WHERE {where}' if where else ''};"
    )


def question_view(question: Question) -> str:
    """A question as a view of its name."""
    return f"CREATE OR REPLACE VIEW {question.name} AS\n{question.sql};"


def empty_view(name: str, columns: Mapping[str, str]) -> str:
    """A view of no rows, with columns of these types: nothing is planned for it, and nothing read."""
    nulls = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in columns.items())
    return f"CREATE OR REPLACE VIEW {name} AS SELECT {nulls} WHERE false;"


def refusing_view(name: str, why: str) -> str:
    """A view of a table whose files we may not read: it can be looked at, and says why when it is asked."""
    refusal = f"error({quoted(why)})"
    columns = [f'CAST({refusal} AS {_type(field.type)}) AS "{field.name}"' for field in TABLES[name].schema]
    columns.append(f"CAST({refusal} AS DATE) AS date")
    return f"CREATE OR REPLACE VIEW {name} AS SELECT {', '.join(columns)} WHERE {refusal} IS NULL;"


def _type(kind: pa.DataType) -> str:
    """DuckDB's name of it."""
    return str(duckdb.from_arrow(pa.table({"x": pa.array([], kind)})).types[0])


def catalogue_view() -> str:
    """The view `questions`: every view with its subject, its grain, and the question that it answers."""
    rows = ", ".join(
        f"({quoted(each.subject)}, {quoted(each.name)}, {quoted(each.grain)}, {quoted(each.question)})"
        for each in sorted(
            questions(), key=lambda each: (each.subject == BUILDING_BLOCKS, each.subject, each.name)
        )
    )
    told = f"(VALUES {rows}) AS told (subject, view, grain, question)"
    return f"CREATE OR REPLACE VIEW questions AS SELECT * FROM {told};"


def meanings_view() -> str:
    """The view `meanings`: what the columns of each table and view say, with their units."""
    told = [
        (table, column, *said) for table, (_, of_table) in TOLD.items() for column, said in of_table.items()
    ]
    for each in questions():
        told += [(each.name, column, *said) for column, said in {**each.common, **each.columns}.items()]
    rows = ", ".join(f"({', '.join(map(quoted, row))})" for row in told)
    return (
        "CREATE OR REPLACE VIEW meanings AS "
        f"SELECT * FROM (VALUES {rows}) AS told (view, column_name, unit, meaning);"
    )


def question_views() -> list[str]:
    """Every question, in an order in which each can be made."""
    return [question_view(question) for question in questions()]


def write_views(data_dir: Path) -> Path:
    """Write `views.sql` beside the lake, whole or not at all. Its paths are absolute."""
    lake = (data_dir / "lake").resolve()
    statements = [
        "-- The lake as views. Use: duckdb -init views.sql. Written by the recorder at every start.",
        "SET TimeZone = 'UTC';",
        *(table_view(name, quoted(f"{lake}/{name}/**/*.parquet")) for name in TABLES),
        *MACROS,
        *_parts(lake),
        *question_views(),
        catalogue_view(),
        meanings_view(),
    ]
    target = data_dir / VIEWS_FILE
    draft = target.with_suffix(".sql.new")
    draft.write_text("\n\n".join(statements) + "\n")
    return draft.replace(target)


def _parts(lake: Path) -> Iterable[str]:
    """The parts of tables, by what the names of the files tell of each day at the time of a query."""
    files = quoted(f"{lake}/*/date=*/*.parquet")
    for made, tables in MADE_OF.items():
        sources = ", ".join(map(quoted, tables))
        yield _OPEN_DAYS.format(view=f"open_days_of_{made}", files=files, made=quoted(made), sources=sources)
    for name, part in PARTS.items():
        which = "NOT IN" if part.is_closed else "IN"
        yield (
            f"CREATE OR REPLACE VIEW {name} AS\n"
            f"  SELECT * FROM {part.table} WHERE date {which} (SELECT date FROM open_days_of_{part.made});"
        )
