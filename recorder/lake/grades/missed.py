"""Rows of `gaps` that no record of the journal tells: what the witnesses of a minute show to be missing.

A push that was lost while its stream went on, a market that fell silent while others spoke: watching alone
cannot tell them from quiet. The minute's candle, and the trades that an answer brought, can.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.gaps.files import MISSED
from recorder.lake.gaps.state import IN_FLIGHT_US, MINUTE_PERIOD
from recorder.lake.units import MINUTE_US

NOBODY: Final = ""
"""The recorder of a gap that none has told."""
ORDER: Final = [("market", "ascending"), ("minute", "ascending")]
_READ: Final = ["market", "minute", "missed", "reason", "due_from", "due_until"]


def missed_rows(coverage: pa.Table) -> Iterator[dict[str, Any]]:
    """The gaps of an hour's minutes, neighbours of one kind joined; times in the recorder's clock."""
    runs: dict[tuple[str, str, str], tuple[int, dict[str, Any]]] = {}
    lost = coverage.filter(pc.not_equal(coverage["missed"], "")).sort_by(ORDER)
    for name in ("minute", "due_from", "due_until"):
        lost = lost.set_column(lost.schema.get_field_index(name), name, lost[name].cast(pa.int64()))
    for row in lost.select(_READ).to_pylist():
        for part in row["missed"].split(","):
            stream, _, repaired = part.partition("=")
            kind = (row["market"], stream, repaired)
            last, run = runs.get(kind, (0, None))
            if run is not None and last + MINUTE_US == row["minute"]:
                _extend(run, row["due_until"])
            else:
                if run is not None:
                    yield run
                run = _row(row, stream, repaired)
            runs[kind] = row["minute"], run
    yield from (run for _, run in runs.values())


def _extend(run: dict[str, Any], until_us: int) -> None:
    run["ts_end"] = max(run["ts_end"], until_us)
    if run["remains_end"] is not None:
        run["remains_end"] = run["ts_end"]


def _row(minute: dict[str, Any], stream: str, repaired: str) -> dict[str, Any]:
    span = minute["due_from"] - IN_FLIGHT_US, minute["due_until"]
    remains = (None, None) if repaired == "fully" else span
    return {
        "stream": stream,
        "market": minute["market"],
        "ts_start": span[0],
        "ts_end": span[1],
        "reason": MISSED,
        "repaired": repaired,
        "detail": f"by the minute's witnesses: {minute['reason']}",
        "period": MINUTE_PERIOD if stream == "kline" else None,
        "remains_start": remains[0],
        "remains_end": remains[1],
        "recorder": NOBODY,
        "minute": minute["minute"],
    }
