"""The lake as SQL: its tables as views, and every question of `sql/` as a view over them."""

from pathlib import Path
from typing import Final

from recorder.lake.store.tables import TABLES

VIEWS_FILE: Final = "views.sql"
_QUESTIONS: Final = Path(__file__).parent / "sql"


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def table_view(name: str, files: str) -> str:
    """One table as a view; `files` is the SQL of what is read: a glob, or a list of files."""
    columns = ", ".join((*TABLES[name].schema.names, "date"))
    return (
        f"CREATE OR REPLACE VIEW {name} AS\n  SELECT {columns}\n"  # noqa: S608  # our own names
        f"  FROM read_parquet({files}, hive_partitioning = true, hive_types = {{'date': DATE}});"
    )


MACROS: Final = ("CREATE OR REPLACE MACRO unix_micros(ts) AS epoch_us(ts);",)
"""What other engines call otherwise: the questions are written in words that most of them know."""


def question_views() -> list[str]:
    """Every file of `sql/` as a view of the file's name, in an order in which each can be made."""
    return [
        f"CREATE OR REPLACE VIEW {path.stem} AS\n{path.read_text().strip()}"
        for path in sorted(_QUESTIONS.glob("*.sql"))
    ]


def write_views(data_dir: Path) -> Path:
    """Write `views.sql` beside the lake, whole or not at all. Its paths are absolute."""
    lake = (data_dir / "lake").resolve()
    statements = [
        "-- The lake as views. Use: duckdb -init views.sql. Written by the recorder at every start.",
        "SET TimeZone = 'UTC';",
        *(table_view(name, quoted(f"{lake}/{name}/**/*.parquet")) for name in TABLES),
        *MACROS,
        *question_views(),
    ]
    target = data_dir / VIEWS_FILE
    draft = target.with_suffix(".sql.new")
    draft.write_text("\n\n".join(statements) + "\n")
    return draft.replace(target)
