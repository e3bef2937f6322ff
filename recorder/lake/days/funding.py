"""What a market's states told of funding on a day that is over: rows of `funding_told`. Arrow in, Arrow out.

States are gathered by minute and settlement told, and of these rows those are kept from which everything
follows that asks when funding settled, at what rate, and what was told how long before. The others repeat
what is around them: the same settlement, no minute without a state, the same fields known. The number of
their states is added to the row after them, and the last one's receipt is kept there, so that a row knows
that nothing was missed before it. Where funding settles every eight hours a twentieth of the rows is left.
"""

from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.store.columns import over
from recorder.lake.store.tables import FUNDING_TOLD
from recorder.lake.units import HOUR_US, MINUTE_US

RATES: Final = ("funding_rate_last", "funding_rate_next", "funding_rate_predict")
PRICES: Final = ("mark_price", "index_price")
LEADS_MIN: Final = (1, 5, 15, 30, 60, 120, 240, 480)
"""So long before a settlement it is asked what was told of it (`funding_predictions`)."""
OFF_US: Final = 2 * MINUTE_US
"""`ts_funding` is off by no more: within it of a whole hour that hour is told."""
SURE_US: Final = 30_000_000
"""Rates told later than this before the instant told may be those of the next interval, by a slow clock."""
NEAR_ROWS: Final = 6
"""So many rows around a pause may tell the rates before and after it."""
AFTER_US: Final = 16 * MINUTE_US
"""The charged rate is looked up at the end of the 10 minutes after a settlement, and after them."""
_NONE: Final = -1
"""Stands for no time."""
_VALUES: Final = (*RATES, *PRICES)
_Row: TypeAlias = dict[str, Any]


class FundingTold:
    """One market's day, while its states are added in order."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], _Row] = {}

    def add(self, states: pa.Table) -> None:
        """Add states, in order."""
        if not states.num_rows:
            return
        recv = _times(states["ts_recv"])
        place = recv * 1024 + np.asarray(states["seq"].to_numpy()) % 1024
        if np.any(np.diff(place) < 0):  # of one instant; the views have room for no more of a number
            states = states.take(pa.array(np.argsort(place, kind="stable")))
            recv = _times(states["ts_recv"])
        told, ahead = _told(recv, _times(states["ts_funding"]))
        minute = recv - recv % MINUTE_US
        changes = (np.diff(minute) != 0) | (np.diff(told) != 0)
        begins = np.flatnonzero(np.append(True, changes))
        ends = np.append(begins[1:], len(recv)) - 1
        rows: list[_Row] = [
            {"first": first, "last": last, "states": states_there, "counting": counting}
            for first, last, states_there, counting in zip(
                recv[begins].tolist(),
                recv[ends].tolist(),
                (ends - begins + 1).tolist(),
                _last_of(recv, (told != _NONE) & (ahead >= MINUTE_US), begins, _NONE),
                strict=True,
            )
        ]
        is_sure = (told == _NONE) | (recv < told - SURE_US)
        for name in _VALUES:
            values = states[name].to_numpy(zero_copy_only=False)
            known = ~np.isnan(values) & (is_sure | (name in PRICES))
            for row, value in zip(rows, _last_of(values, known, begins, None), strict=True):
                row[name] = value
        keys = zip(minute[begins].tolist(), told[begins].tolist(), strict=True)
        for key, row in zip(keys, rows, strict=True):
            self._put(key, row)

    def _put(self, key: tuple[int, int], row: _Row) -> None:
        """Add what a run of states told to what others told in the same minute of the same settlement."""
        there = self._rows.setdefault(key, row)
        if there is not row:
            there["states"] += row["states"]
            there["last"] = row["last"]
            there["counting"] = max(there["counting"], row["counting"])
            there |= {name: row[name] for name in _VALUES if row[name] is not None}

    def table(self, market: str) -> pa.Table:
        """The rows that matter, in order."""
        ordered = sorted(self._rows.items(), key=lambda item: (item[0][0], item[1]["first"], item[0][1]))
        minute, told = (np.array([key[part] for key, _ in ordered], np.int64) for part in (0, 1))
        rows = [row for _, row in ordered]
        first, last, counting, states = (
            np.array([row[name] for row in rows], np.int64)
            for name in ("first", "last", "counting", "states")
        )
        known = np.array([[row[name] is not None for name in _VALUES] for row in rows], np.bool_)
        known = np.column_stack((known.reshape(len(rows), len(_VALUES)), counting != _NONE))
        kept = np.flatnonzero(_matters(minute, told, first, last, known))
        left_out = np.where(np.diff(kept, prepend=_NONE) > 1, last[kept - 1], _NONE)
        times = (minute[kept], told[kept], first[kept], last[kept], counting[kept], left_out)
        columns = [
            pa.repeat(market, len(kept)),
            *(over(values, FUNDING_TOLD.schema.field(1).type, values != _NONE) for values in times),
            over(np.diff(np.cumsum(states)[kept], prepend=0), pa.int64()),
            *(pa.array([rows[at][name] for at in kept], pa.float64()) for name in _VALUES),
        ]
        return pa.Table.from_arrays(columns, schema=FUNDING_TOLD.schema)


def _times(column: pa.ChunkedArray) -> Ints:
    """Microseconds since the epoch; _NONE for null."""
    times: Ints = pc.fill_null(column.cast(pa.int64()), _NONE).to_numpy()
    return times


def _told(recv: Ints, funding: Ints) -> tuple[Ints, Ints]:
    """Which settlement each state told as the coming one, and how far ahead `ts_funding` was."""
    past, ahead = (funding + OFF_US) % HOUR_US, funding - recv
    is_on_hour = past <= 2 * OFF_US
    told = np.where(is_on_hour, funding + OFF_US - past, funding)
    return np.where((funding != _NONE) & (is_on_hour | (ahead >= MINUTE_US)), told, _NONE), ahead


def _last_of(values: Ints | Floats, known: Bools, begins: Ints, missing: int | None) -> list[Any]:
    """Of each run of rows the last value that is known."""
    at = np.maximum.reduceat(np.where(known, np.arange(len(known)), -1), begins)
    found = values[at].tolist()
    return [value if place >= 0 else missing for value, place in zip(found, at.tolist(), strict=True)]


def _matters(minute: Ints, told: Ints, first: Ints, last: Ints, known: Bools) -> Bools:
    """Which rows are kept: those that differ from a neighbour, and those at which something is looked up.

    `known` says by row which of its columns are not null.
    """
    steps = np.diff(minute) != MINUTE_US  # a minute without a state, or two rows of one minute
    steps |= np.diff(told) != 0
    steps |= np.any(known[1:] != known[:-1], axis=1)
    edges = np.concatenate(([True], steps, [True]))
    kept: Bools = edges[1:] | edges[:-1]
    for settlement in np.unique(told):
        at = np.flatnonzero(told == settlement)
        kept[at[_is_near_pause(minute[at], first[at], last[at])]] = True
    return kept | _is_looked_up(minute, told)


def _is_near_pause(minute: Ints, first: Ints, last: Ints) -> Bools:
    """Of the rows that tell one settlement: those just before a pause of them, and those for a while after.

    A settlement may have passed in it, or at midnight; what was told before and after is then around it only.
    It is a pause of these rows: there may be others, that tell no settlement.
    """
    count = len(minute)
    stops = np.concatenate(([True], first[1:] - last[:-1] > OFF_US, [True]))
    resumed = np.maximum.accumulate(np.where(stops[:-1], minute, _NONE))
    near: Bools = minute - resumed < AFTER_US
    for away in range(min(NEAR_ROWS, count)):
        near[: count - away] |= stops[1 + away :]
        near[away:] |= stops[: count - away]
    return near


def _is_looked_up(minute: Ints, told: Ints) -> Bools:
    """The last minutes before a settlement, that of each lead before it, and those at which a charge is
    looked up after a settlement: after any that was told, for several may be.

    Off the hour a settlement is known to 2 minutes only.
    """
    found = np.zeros(len(minute), np.bool_)
    left_min = (told - minute) // MINUTE_US
    for is_meant, off in ((told % HOUR_US == 0, 0), (told % HOUR_US != 0, 2)):
        for lead_min in (*range(-2, 4), *(lead_min + 1 for lead_min in LEADS_MIN)):
            found |= is_meant & (np.abs(left_min - lead_min) <= off)
        settled = np.unique(told[is_meant] - told[is_meant] % MINUTE_US)
        for since_min in (*range(-1 - off, 3 + off), *range(8 - off, 12 + off)):
            found |= np.isin(minute - since_min * MINUTE_US, settled)
    return found
