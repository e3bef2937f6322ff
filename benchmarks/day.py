"""A generated day of the lake, compacted by the product: 300 markets, 50 million books, 12 million trades.

Mids walk at random in ticks, books and trades come in bursts, quantities and levels stay for a while, as they
do in a feed; activity falls with a market's rank. Now and then a market is silent for longer than a book is
believed in, and trades fall on the very millisecond of a book. Nothing is missing: the gaps are of candles,
so that a query that knows nothing of gaps finds the same as the product.

A book has LEVELS levels a side where the venue's has 20: what is measured on this day reads the best prices,
and 20 levels would be two thousand million rows of what it does not read. Ask for more with `--levels`.

Markets are made one after the other, so that memory does not grow with their number. Rows are written with
the product's writer as one merged file a table; its compaction makes the day of them. `--open` leaves that
out: the day is then one that still runs.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from compact import compact_all
from daymarket import DAY_START_US, Coverage, MarketRows
from report import cpu_s

from recorder.lake.days.merge import WHOLE_HOUR
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.store.files import PART_COMPRESSION_LEVEL, ParquetFile, day_of
from recorder.lake.store.manifest import Commit, FileInfo, Manifest
from recorder.lake.store.table import Table
from recorder.lake.store.tables import COVERAGE, DEPTH, GAPS, KLINES, MARKETS, STATE, TRADES
from recorder.lake.units import HOUR_US
from recorder.simulator.catalogue import MarketSpec, catalogue

LEVELS: Final = 2
SEED: Final = 1
_FLATTER: Final = 30
"""Ranks ahead of the first: of 300 markets the liveliest has a seventieth of all books, the quietest a tenth
of that."""
_BLOCK_ROWS: Final = 131_072


@dataclass(frozen=True, slots=True)
class Size:
    """How large a day is, but for rounding. Each market-minute has a candle and a grade besides."""

    markets: int = 300
    books: int = 50_000_000
    trades: int = 12_000_000
    levels: int = LEVELS
    states_a_minute: int = 1

    def part(self, by: int) -> "Size":
        """A day of as many markets with fewer rows."""
        return Size(self.markets, self.books // by, self.trades // by, self.levels)


def make_day(data_dir: Path, size: Size, *, closed: bool = True) -> None:
    """Make a lake of one day below a directory where there is none."""
    with Publisher(data_dir):
        pass  # it gives every table its file without rows
    with Manifest(data_dir) as manifest:
        manifest.commit(_written(manifest, size))
    if closed:
        compact_all(data_dir)


def _written(manifest: Manifest, size: Size) -> Commit:
    """Every row of the day as a file a table, below the work directory."""
    specs = sorted(catalogue(size.markets, SEED), key=lambda spec: spec.name)
    weights = np.array([1 / (_FLATTER + spec.rank) for spec in specs])
    shares = weights / weights.sum()
    with ExitStack() as stack:
        files = {
            table.name: stack.enter_context(_Draft(manifest.work, table))
            for table in (TRADES, DEPTH, KLINES, STATE, MARKETS, GAPS, COVERAGE)
        }
        for spec, share in zip(specs, shares.tolist(), strict=True):
            _write_market(files, spec, size, share)
        files[GAPS.name].write(_gaps([spec.name for spec in specs]))
    return Commit([draft.added for draft in files.values() if draft.rows])


def _write_market(files: dict[str, "_Draft"], spec: MarketSpec, size: Size, share: float) -> None:
    """Add all rows of one market."""
    chance = np.random.default_rng([SEED, spec.rank])
    market = MarketRows(spec, chance, (size.books + size.trades) / 24 / HOUR_US)
    books = market.books(max(1, round(size.books * share)), size.levels)
    for start in range(0, books.num_rows, _BLOCK_ROWS):
        files[DEPTH.name].write(books.slice(start, _BLOCK_ROWS))
    trades = market.trades(max(1, round(size.trades * share)))
    files[TRADES.name].write(trades)
    coverage = Coverage(spec, chance, trades)
    files[KLINES.name].write(coverage.candles())
    files[COVERAGE.name].write(coverage.grades(market.books_a_minute))
    files[STATE.name].write(market.states(size.states_a_minute))
    files[MARKETS.name].write(market.described())


def _gaps(markets: list[str]) -> pa.Table:
    """An hour without candles of every tenth market."""
    rows: list[dict[str, Any]] = [
        dict.fromkeys(GAPS.schema.names, "")
        | {"stream": "kline", "market": market, "period": "1min", "reason": "disconnect", "repaired": "fully"}
        | {"ts_start": DAY_START_US + HOUR_US, "ts_end": DAY_START_US + 2 * HOUR_US, "recorder": "main"}
        | dict.fromkeys(("remains_start", "remains_end", "minute"))
        | {"lag_low_us": 0, "lag_high_us": 0}
        for market in markets[::10]
    ]
    return pa.Table.from_pylist(rows, schema=GAPS.schema)


class _Draft:
    """One table's file in the making, below the work directory."""

    def __init__(self, work: Path, table: Table) -> None:
        self._table = table
        self._path = work / f"made-{table.name}.parquet"
        self._file = ParquetFile(self._path, table, PART_COMPRESSION_LEVEL)
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes = self._file.close()

    def write(self, rows: pa.Table) -> None:
        self._file.write(rows)

    @property
    def rows(self) -> int:
        return self._file.rows

    @property
    def added(self) -> tuple[str, FileInfo]:
        """What a commit takes; once it is closed."""
        file, date = self._file, day_of(DAY_START_US)
        name = "00" if self._table.style == "replace" else "00-000000001"
        path = f"{self._table.name}/date={date}/{name}.parquet"
        hour = DAY_START_US // HOUR_US
        info = FileInfo(
            path, self._table.name, date, hour, WHOLE_HOUR, file.rows, self._bytes, file.min_us, file.max_us
        )
        return self._path.name, info


def _main() -> int:
    parser = argparse.ArgumentParser(description="Make a lake of one day.")
    parser.add_argument("data_dir", type=Path)
    whole = Size()
    for name in ("markets", "books", "trades", "levels"):
        parser.add_argument(f"--{name}", type=int, default=getattr(whole, name), help="default %(default)s")
    parser.add_argument("--open", action="store_true", help="leave it as a day that still runs")
    given = parser.parse_args()
    if given.data_dir.exists():
        print(f"{given.data_dir} is there already", file=sys.stderr)
        return 1
    began = time.monotonic()
    size = Size(given.markets, given.books, given.trades, given.levels)
    make_day(given.data_dir, size, closed=not given.open)
    total = sum(path.stat().st_size for path in given.data_dir.rglob("*.parquet"))
    print(f"{total / 1e6:,.0f} MB in {time.monotonic() - began:.0f} s, {cpu_s():.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
