"""`make bench`: every ratio beside its bar, in one table.

A bar that is missed is shown and changes nothing; a benchmark that is invalid, such as one that lost a
frame, ends with code 1. `--recording FILE` takes the frames from a recording instead.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import compact
import publish
import query
import receive
import rivals
import sizes
from corpus import Frame, describe, recorded, synthetic
from report import InvalidError, Row, machine, render

BLAST_FRAMES: Final = 40_000
PACED_FRAMES: Final = 8_000
FEED_FRAMES: Final = 120_000
"""Ten minutes of the feed. An hour's file has more of each market, and is a little smaller a row."""
RIVAL_FRAMES: Final = 20_000
PARTS: Final = ("receive", "publish", "sizes", "compact", "query", "rivals")


def main() -> int:
    given = _arguments()
    began = time.monotonic()
    print(machine())
    take = _source(given.recording)
    plain, mixed = take(FEED_FRAMES, False), take(FEED_FRAMES, True)
    for frames in (plain, mixed):
        print(describe(frames))
    rows: list[Row] = []
    try:
        for part in given.only or PARTS:
            print(f"{part} ...", file=sys.stderr)
            rows += _measure(part, plain, mixed, given)
    except InvalidError as error:
        print(f"invalid: {error}", file=sys.stderr)
        return 1
    print(render(rows))
    print(f"CPU is user and system, all threads; medians of {given.repeats} interleaved runs; "
          f"{time.monotonic() - began:.0f} s in all")  # fmt: skip
    return 0


def _measure(
    part: str, plain: Sequence[Frame], mixed: Sequence[Frame], given: argparse.Namespace
) -> list[Row]:
    if part == "receive":
        return receive.measure(plain[:BLAST_FRAMES], mixed[:PACED_FRAMES], given.repeats)
    if part == "publish":
        return publish.measure(plain, mixed, given.repeats)
    if part == "sizes":
        return sizes.measure(plain, mixed)
    if part == "compact":
        return compact.measure(mixed)
    if part == "query":
        return query.measure(given.repeats, given.day)
    return rivals.measure(plain[:RIVAL_FRAMES], given.repeats, given.rivals)


def _source(recording: Path | None) -> Callable[[int, bool], list[Frame]]:
    if recording is None:
        return lambda count, state: synthetic(count, state=state)
    return lambda count, state: recorded(recording, count, state=state)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the recorder against the bare limit and rivals.")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved runs of each comparison")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part; may be given again")
    parser.add_argument("--recording", type=Path, help='NDJSON of {"t": ns, "frame": {...}}, .gz or plain')
    parser.add_argument(
        "--day",
        choices=query.DAYS,
        default="tenth",
        help="of which the queries are asked (default %(default)s)",
    )
    parser.add_argument("--rivals", type=Path, default=rivals.ROOM, help="the rivals' environment")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
