"""Files of a table as one LazyFrame."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from recorder.lake.store.tables import TABLES


def scan_files(
    paths: list[Path],
    table: str,
    market: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pl.LazyFrame:
    """Rows of these files, of some markets and a span of the table's own time."""
    frame = pl.scan_parquet(paths, hive_partitioning=True)
    own = pl.col(TABLES[table].time)
    if market:
        frame = frame.filter(pl.col("market").is_in(list(market)))
    if start is not None:
        frame = frame.filter(own >= start)
    return frame if end is None else frame.filter(own < end)
