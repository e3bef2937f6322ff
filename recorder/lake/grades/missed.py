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

NOBODY: Final = ""
"""The recorder of a gap that none has told."""
_READ: Final = ["market", "minute", "missed", "reason", "due_from", "due_until"]


def missed_rows(coverage: pa.Table) -> Iterator[dict[str, Any]]:
    """The gaps of an hour's minutes, one a minute and stream; times in the recorder's clock."""
    lost = coverage.filter(pc.not_equal(coverage["missed"], ""))
    for name in ("minute", "due_from", "due_until"):
        lost = lost.set_column(lost.schema.get_field_index(name), name, lost[name].cast(pa.int64()))
    for row in lost.select(_READ).to_pylist():
        for part in row["missed"].split(","):
            stream, _, repaired = part.partition("=")
            yield _row(row, stream, repaired)


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
        "lag_low_us": None,
        "lag_high_us": None,
    }
