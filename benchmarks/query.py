"""Questions to a day of the lake through `analytics.open_lake`, against what they would cost without it.

The day is made once (`day.py`) and kept below `build/`. Each question is asked beside the query that answers
it from the rows alone: a full scan of the same columns, the `lead()` window over all books, the ASOF JOIN of
trades with books. Answers must be equal, else the benchmark is invalid. The bars are for the whole day of 50
million books: what a view costs hardly falls with the rows it was made of, so a tenth of them has no bars.
"""

import math
import shutil
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from day import Size, make_day
from daymarket import DAY_START_US
from report import InvalidError, Row, against, cpu_s

from analytics import open_lake
from analytics.lake import Lake
from recorder.lake.store.files import day_of
from recorder.lake.store.minutes import STALE_AFTER_S
from recorder.lake.units import DAY_US, HOUR_US, SECOND_US

DAYS: Final = {"tenth": Size().part(10), "full": Size()}
ROOM: Final = Path(__file__).resolve().parents[1] / "build"
STILL_OPEN: Final = Size(markets=4, books=200_000, trades=48_000, levels=20)
"""A day that still runs, with books as deep as the venue's."""
SECONDLY: Final = Size(markets=20, books=200_000, trades=48_000, states_a_minute=60)
"""A day whose states come every second, as a venue pushes them."""
OPEN_REPEATS: Final = 3
SHORT_S: Final = 0.5
SHORT_ASKS: Final = 7
"""What takes a few hundredths of a second is asked so often in each round, or for so long."""
LEAD_REL: Final = 1e-12
ASOF_REL: Final = 1e-11
"""A day's sum over trades that is added up in another order."""

_DATE: Final = day_of(DAY_START_US)
_HOUR: Final = 13
_TOUCH: Final = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")

ONE_HOUR: Final = f"""
    SELECT ts_event, {", ".join(_TOUCH)} FROM depth
    WHERE market = '{{market}}' AND date = DATE '{_DATE}'
        AND ts_event BETWEEN TIMESTAMPTZ '{_DATE} {_HOUR}:00:00' AND TIMESTAMPTZ '{_DATE} {_HOUR}:59:59.999'
"""  # noqa: S608  # our own words, here and below
SCAN: Final = f"SELECT max(market), max(ts_event), {', '.join(f'sum({name})' for name in _TOUCH)} FROM depth"  # noqa: S608
HOURLY: Final = "SELECT market, hour, relative_spread_bps FROM spread_1h"
LEAD: Final = f"""
    WITH followed AS (
        SELECT market, epoch_us(ts_event) AS us,
            2e4 * (ask_price - bid_price) / (ask_price + bid_price) AS bps,
            lead(epoch_us(ts_event)) OVER (PARTITION BY market ORDER BY ts_event) AS next_us
        FROM depth
    ),
    stood AS (
        SELECT market, us // {HOUR_US} AS hour, {HOUR_US} - us % {HOUR_US} AS left_us, bps,
            least(coalesce(next_us, {DAY_START_US + DAY_US}) - us, {STALE_AFTER_S * SECOND_US}) AS stood_us
        FROM followed
    ),
    sums AS (
        SELECT market, hour,
            sum(least(stood_us, left_us)) AS here, sum(bps * least(stood_us, left_us)) AS weighted,
            sum(greatest(stood_us - left_us, 0)) AS beyond,
            sum(bps * greatest(stood_us - left_us, 0)) AS weighted_beyond
        FROM stood GROUP BY ALL
    ),
    parts AS (
        SELECT market, hour, here, weighted FROM sums
        UNION ALL
        SELECT market, hour + 1, beyond, weighted_beyond FROM sums WHERE beyond > 0
    )
    SELECT market, make_timestamptz(hour * {HOUR_US}) AS hour, sum(weighted) / sum(here)
    FROM parts GROUP BY ALL
"""  # noqa: S608
"""The spread of each hour, weighted by time: a book may reach into the next hour."""
_COST: Final = """
    sum(CASE side WHEN 'buy' THEN 2e4 ELSE -2e4 END * (price - mid) / mid * price * quantity)
        / sum(price * quantity)
"""
EFFECTIVE: Final = "SELECT market, effective_spread_bps FROM spread_1d"
BY_TRADE: Final = f"""
    SELECT market, {_COST.replace("mid", "mid_before")}
    FROM trades WHERE mid_before IS NOT NULL GROUP BY market
"""  # noqa: S608
ASOF: Final = f"""
    WITH joined AS (
        SELECT trades.market, side, price, quantity, (bid_price + ask_price) / 2 AS mid
        FROM trades
        ASOF JOIN depth ON depth.market = trades.market AND depth.ts_event < trades.ts_event
        WHERE epoch_us(trades.ts_event) - epoch_us(depth.ts_event) <= {STALE_AFTER_S * SECOND_US}
    )
    SELECT market, {_COST} FROM joined GROUP BY market
"""  # noqa: S608
SETTLEMENTS: Final = "SELECT * FROM funding_settlements"
OPEN_QUESTIONS: Final = ("spread_1h", "volume_1h", "liquidity_1h")


def measure(repeats: int, name: str, room: Path = ROOM) -> list[Row]:
    """Ask the day of a name, made where there is none, and a small day that still runs."""
    data_dir = room / f"day-{name}"
    if not data_dir.exists():
        draft = room / f"day-{name}.new"
        shutil.rmtree(draft, ignore_errors=True)
        room.mkdir(exist_ok=True)
        make_day(draft, DAYS[name])
        draft.rename(data_dir)
    with tempfile.TemporaryDirectory() as scratch:
        make_day(Path(scratch) / "day", STILL_OPEN, closed=False)
        still_open, closed = Path(scratch) / "open", Path(scratch) / "closed"
        make_day(still_open, SECONDLY, closed=False)
        make_day(closed, SECONDLY)
        return [
            *closed_day(data_dir, repeats),
            settlements(closed, still_open, repeats),
            *open_day(Path(scratch) / "day", repeats),
        ]


def closed_day(data_dir: Path, repeats: int) -> list[Row]:
    """The questions of the bars."""
    lake = open_lake(data_dir)
    [(books, market)] = _rows(lake, "SELECT count(*), quantile_disc(market, 0.5) FROM depth")
    queries = (ONE_HOUR.format(market=market), SCAN, HOURLY, LEAD, EFFECTIVE, BY_TRADE, ASOF)
    asked = _interleaved(repeats, *((lake, query) for query in queries))
    one_hour, scan, hourly, lead, effective, by_trade, asof = asked
    if not 0 < len(one_hour.rows) < books / 100:
        raise InvalidError(f"{len(one_hour.rows)} books of one market and hour, of {books}")
    _check_equal("hourly spread", hourly, lead, LEAD_REL)
    _check_equal("effective spread", effective, asof, ASOF_REL)
    _check_equal("effective spread by trade", by_trade, asof, ASOF_REL)
    whole = books > 0.99 * Size().books
    day = f"{books / 1e6:.0f} M books"
    return [
        _row(f"{day}: one market, one hour", one_hour, "full scan", scan, 100 if whole else None),
        _row(f"{day}: hourly spread", hourly, "lead()", lead, 300 if whole else None),
        _row(f"{day}: effective spread, spread_1d", effective, "ASOF JOIN", asof, 30 if whole else None),
        _row(f"{day}: effective spread, mid_before", by_trade, "ASOF JOIN", asof, 30 if whole else None),
    ]


def open_day(data_dir: Path, repeats: int) -> list[Row]:
    """The same of a day that is not compacted: there is nothing stored to answer from."""
    lake = open_lake(data_dir)
    [(books,)] = _rows(lake, "SELECT count(*) FROM depth")
    queries = (*(f"SELECT * FROM {name}" for name in OPEN_QUESTIONS), LEAD)  # noqa: S608
    *asked, lead = _interleaved(min(repeats, OPEN_REPEATS), *((lake, query) for query in queries))
    return [
        Row(
            f"{name} of a day still open, 20 levels",
            f"{statistics.median(of_view.cpu_s) / books * 1e6:.2f} us a book",
            f"lead() {statistics.median(lead.cpu_s) / books * 1e6:.2f} us",
            against(of_view.cpu_s, lead.cpu_s),
        )
        for name, of_view in zip(OPEN_QUESTIONS, asked, strict=True)
    ]


def settlements(closed_dir: Path, open_dir: Path, repeats: int) -> Row:
    """What funding settled, by what compaction kept of the states, against by the states."""
    lakes = open_lake(closed_dir), open_lake(open_dir)
    [(states,)] = _rows(lakes[0], "SELECT count(*) FROM state")
    closed, still_open = _interleaved(repeats, *((lake, SETTLEMENTS) for lake in lakes))
    if not closed.rows or closed.rows != still_open.rows:
        raise InvalidError(f"{len(closed.rows)} settlements against {len(still_open.rows)}, or others")
    return _row(
        f"{states / 1e6:.1f} M states: settlements of funding", closed, "from the states", still_open, None
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a query took in each round, and its rows, in order."""

    cpu_s: list[float]
    rows: list[tuple[Any, ...]]


def _interleaved(repeats: int, *queries: tuple[Lake, str]) -> list[_Asked]:
    """Ask one query after the other, and all of them again; rows are fetched outside the measurement."""
    asked = [_Asked([], []) for _ in queries]
    for _ in range(repeats):
        for (lake, query), found in zip(queries, asked, strict=True):
            taken: list[float] = []
            while sum(taken) < SHORT_S and len(taken) < SHORT_ASKS:
                before = cpu_s()
                relation = lake.sql(query)
                taken.append(cpu_s() - before)
            assert relation is not None
            found.cpu_s.append(statistics.median(taken))
            found.rows[:] = sorted(relation.fetchall(), key=str)
    return asked


def _rows(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    relation = lake.sql(query)
    assert relation is not None
    return relation.fetchall()


def _check_equal(what: str, ours: _Asked, theirs: _Asked, rel: float) -> None:
    """Raises InvalidError unless both have the same keys, and figures that are equal but for rounding."""
    if len(ours.rows) != len(theirs.rows):
        raise InvalidError(f"{what}: {len(ours.rows)} rows against {len(theirs.rows)}")
    for (*key, figure), (*other_key, other) in zip(ours.rows, theirs.rows, strict=True):
        if key != other_key or figure is None or not math.isclose(figure, other, rel_tol=rel):
            raise InvalidError(f"{what}: {key} {figure} against {other_key} {other}")


def _row(what: str, ours: _Asked, reference: str, theirs: _Asked, bar: float | None) -> Row:
    return Row(
        what,
        f"{statistics.median(ours.cpu_s) * 1e3:,.1f} ms",
        f"{reference} {statistics.median(theirs.cpu_s):,.2f} s",
        against(theirs.cpu_s, ours.cpu_s),
        "x less",
        bar,
        at_least=True,
    )
