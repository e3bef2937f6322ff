"""Rows of `gaps` that no record of the journal tells: what the witnesses of a minute show to be missing.

A push that was lost while its stream went on, a market that fell silent while others spoke: watching alone
cannot tell them from quiet. The minute's candle, and the trades that an answer brought, can.
"""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from recorder.lake.clocks import Clocks
from recorder.lake.gapfiles import MISSED
from recorder.lake.gapstate import MINUTE_PERIOD
from recorder.lake.rows import MINUTE_US

NOBODY: Final = ""
"""The recorder of a gap that none has told."""


def missed_rows(coverage: pa.Table, clocks: Clocks) -> Iterator[dict[str, Any]]:
    """The gaps of an hour's minutes, neighbours of one kind joined; times in the recorder's clock."""
    runs: dict[tuple[str, str, str], dict[str, Any]] = {}
    lost = coverage.filter(pa.array([bool(text) for text in coverage["missed"].to_pylist()], pa.bool_()))
    minutes = lost["minute"].cast(pa.int64()).to_pylist()
    told = zip(
        lost["market"].to_pylist(),
        minutes,
        lost["missed"].to_pylist(),
        lost["reason"].to_pylist(),
        strict=True,
    )
    for market, minute, missed, reason in sorted(told):
        for part in missed.split(","):
            stream, _, repaired = part.partition("=")
            start, end = clocks.ours(minute), clocks.ours(minute + MINUTE_US)
            run = runs.get((market, stream, repaired))
            if run is not None and run["ts_end"] == start:
                run["ts_end"] = end
                run["remains_end"] = None if repaired == "fully" else end
                continue
            if run is not None:
                yield run
            runs[market, stream, repaired] = _row(market, stream, repaired, reason, (start, end))
    yield from runs.values()


def _row(market: str, stream: str, repaired: str, reason: str, span: tuple[int, int]) -> dict[str, Any]:
    remains = (None, None) if repaired == "fully" else span
    return {
        "stream": stream,
        "market": market,
        "ts_start": span[0],
        "ts_end": span[1],
        "reason": MISSED,
        "repaired": repaired,
        "detail": f"no gap was known: {reason}",
        "period": MINUTE_PERIOD if stream == "kline" else None,
        "remains_start": remains[0],
        "remains_end": remains[1],
        "recorder": NOBODY,
    }
