"""A table's files as a polars.LazyFrame that reads no more of them than a question needs.

What Polars is told, and why:

- `schema`: the catalogue's. Otherwise the footer of the first file is read at once and kept until the frame
  is collected: a file that was replaced meanwhile would be read by the footer of the one before it. A list of
  no files is an empty table.
- `glob=False`: a path is a path, whatever characters are in it.
- `hive_schema`: the partition's type. A folder above the lake that is named like a partition (`env=prod`) is
  refused then, and without it would hide the column of that name: such files are read day by day.

Days are chosen by the files' folders, before anything is opened. Inside the files the conditions on market
and time skip row groups by their statistics: rows are sorted by both.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import polars as pl

from analytics.opened import LASTING
from analytics.spans import Moment, moment
from recorder.lake.store.tables import TABLES

_DATE: Final = "date"


def scan_files(
    paths: Sequence[Path],
    table: str,
    market: str | Sequence[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
) -> pl.LazyFrame:
    """The rows of files of one table, with its columns and `date`, in no order that can be relied upon.

    `market` is one or several. Rows are from `start` up to, not including, `end`, by the table's own time; of
    `gaps` those that reach into that span, also those of all markets, and of `markets` those told before its
    end. Raises ValueError for a market where the table has none, for a table that there is not, and for what
    is no time.
    """
    if table not in TABLES:
        raise ValueError(f"table={table!r}: one of {', '.join(TABLES)} is meant")
    first, last = (None if each is None else moment(each).astimezone(UTC) for each in (start, end))
    wanted = [path for path in paths if _may_hold(path, table, first, last)]
    conditions = [*_of_markets(table, market), *_of_span(table, first, last)]
    frame = _by_day(wanted, table) if any(map(_is_ambiguous, wanted)) else _at_once(wanted, table)
    return frame.filter(*conditions) if conditions else frame


def _at_once(paths: list[Path], table: str) -> pl.LazyFrame:
    return pl.scan_parquet(
        paths, schema=schema_of(table), glob=False, hive_partitioning=True, hive_schema={_DATE: pl.Date}
    )


def _by_day(paths: list[Path], table: str) -> pl.LazyFrame:
    days = groupby(sorted(paths, key=_day), key=_day)
    return pl.concat(
        pl.scan_parquet(
            list(files), schema=schema_of(table), glob=False, hive_partitioning=False
        ).with_columns(pl.lit(day, pl.Date).alias(_DATE))
        for day, files in days
    )


def schema_of(table: str) -> pl.Schema:
    """The columns of a table's files, as Polars' types."""
    return pl.Schema(TABLES[table].schema)


def _day(path: Path) -> date:
    """The partition that a file is in."""
    return date.fromisoformat(path.parent.name.removeprefix(f"{_DATE}="))


def _is_ambiguous(path: Path) -> bool:
    """Whether another folder than the partition's is named like one."""
    return any("=" in folder for folder in path.parts[:-2])


def _may_hold(path: Path, table: str, start: datetime | None, end: datetime | None) -> bool:
    day = _day(path)
    is_early = start is not None and day < start.date() and table not in LASTING
    return not is_early and (end is None or datetime(day.year, day.month, day.day, tzinfo=UTC) < end)


def _of_markets(table: str, market: str | Sequence[str] | None) -> Iterable[pl.Expr]:
    if market is None:
        return
    if "market" not in TABLES[table].schema.names:
        raise ValueError(f"market={market!r}: the rows of {table} are of no market")
    names = [market] if isinstance(market, str) else list(market)
    is_wanted = pl.col("market").is_in(names)
    yield is_wanted | pl.col("market").is_null() if table == "gaps" else is_wanted


def _of_span(table: str, start: datetime | None, end: datetime | None) -> Iterable[pl.Expr]:
    time = pl.col(TABLES[table].time)
    if end is not None:
        yield time < end
    if start is not None and table == "gaps":
        yield pl.col("ts_end").is_null() | (pl.col("ts_end") > start)
    elif start is not None and table not in LASTING:
        yield time >= start
