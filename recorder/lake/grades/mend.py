"""How far gaps in candles are repaired: by what the venue answered, and what of it the lake has.

A candle is pushed again as a whole each time it changes. So a gap costs only the candles that closed in it,
whose last version never came: it is repaired when the venue has been asked for each of those after its close.
A candle that it did not give, although the market had traded before, remains missing, and so does one that
was not asked for yet. Times of gaps are in the recorder's clock, those of candles in the venue's; the lag of
the pushes around the gap lies between.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from recorder.exchange.endpoints import PERIOD_SECONDS
from recorder.lake.asked import opens_closing_within
from recorder.lake.spans import Span, Spans, clip

CLOSE_SLACK_US: Final = 2_000_000
"""A candle that closed so shortly before the gap may have lost its last push too."""
_REPAIRED_BY: Final = "by candles: "


def period_us(period: str) -> int:
    """The length of a candle; 0 for a period that the venue does not document."""
    return PERIOD_SECONDS.get(period, 0) * 1_000_000


def needed(row: Mapping[str, Any], end_us: int) -> Span:
    """[start, end) of the opens of candles whose last version a gap may have cost that lasted to `end_us`."""
    start, end = row["ts_start"] - row["lag_high_us"], end_us - row["lag_low_us"]
    return opens_closing_within(start, end, period_us(row["period"]), CLOSE_SLACK_US)


def mended(row: Mapping[str, Any], answered: Spans, given: Collection[int], first_us: int) -> dict[str, Any]:
    """A gap row of stream `kline` with its repair. `given`: opens of the candles that the lake has.

    `first_us` is the market's first candle or trade: before it the venue has nothing to give.
    """
    detail = row["detail"].partition(_REPAIRED_BY)[0].removesuffix("; ")
    width = period_us(row["period"])
    if row["ts_end"] is None or not width:
        return _row(row, "none", (row["ts_start"], row["ts_end"]), detail)
    span = needed(row, row["ts_end"])
    opens = [open_us for open_us in _opens(span, width, given) if open_us >= first_us]
    if not opens:
        return _row(row, "fully", (None, None), _told(detail, "none closed in it"))
    asked = [open_us for open_us in opens if clip(answered, open_us, open_us + 1)]
    absent = [open_us for open_us in asked if open_us not in given]
    left = sorted({*opens} - {*asked} | {*absent})
    if len(left) == len(opens):
        told = _told(detail, f"the venue gave none of {len(opens)}") if absent else detail
        return _row(row, "none", (row["ts_start"], row["ts_end"]), told)
    told = f"{len(opens) - len(left)} of {len(opens)} by REST"
    told += f", {len(absent)} not given by the venue" if absent else ""
    if not left:
        return _row(row, "fully", (None, None), _told(detail, told))
    remains = left[0] + row["lag_low_us"], left[-1] + width + row["lag_high_us"]
    return _row(row, "partly", remains, _told(detail, told))


def _opens(span: Span, width: int, given: Collection[int]) -> list[int]:
    """The candles of a span: whole multiples of the period, moved as those that were given are."""
    anchor = next((open_us % width for open_us in given), 0)
    first = -(-(span[0] - anchor) // width) * width + anchor
    return list(range(first, span[1], width))


def _told(detail: str, by: str) -> str:
    return f"{detail}; {_REPAIRED_BY}{by}" if detail else f"{_REPAIRED_BY}{by}"


def _row(
    row: Mapping[str, Any], repaired: str, remains: tuple[int | None, int | None], detail: str
) -> dict[str, Any]:
    fields = {"repaired": repaired, "remains_start": remains[0], "remains_end": remains[1]}
    return {**row, "detail": detail, **fields}
