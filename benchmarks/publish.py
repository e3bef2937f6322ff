"""Journal -> Parquet, against `json.loads` of the same frames: CPU a frame, all threads.

Ours reads and verifies the journal, decodes every field, removes duplicates, sorts, writes and commits.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from corpus import FEED_RATE, Frame
from report import Row, against, cpu_s, us
from stored import check_rows, publish, write_journal

REPLAY_BAR: Final = 400.0


def measure(plain: Sequence[Frame], mixed: Sequence[Frame], repeats: int) -> list[Row]:
    """With state pushes, where the bar is, and without."""
    with_state, spent = _compare("journal -> Parquet", mixed, repeats, bar=1.0)
    without, _ = _compare("journal -> Parquet, no state", plain, repeats, bar=None)
    rate = len(mixed) / sorted(spent)[len(spent) // 2]
    replay = Row(
        f"replay, x real time of {FEED_RATE}/s",
        f"{rate:,.0f} frames/s a core",
        "",
        rate / FEED_RATE,
        bar=REPLAY_BAR,
        at_least=True,
    )
    return [with_state, without, replay]


def _compare(what: str, frames: Sequence[Frame], repeats: int, bar: float | None) -> tuple[Row, list[float]]:
    ours: list[float] = []
    parsing: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journalled"
        write_journal(frames, journal)
        for number in range(repeats):
            ours.append(_publish(journal, Path(scratch) / f"run{number}", frames))
            parsing.append(_parse(frames))
    row = Row(
        what,
        us(ours, len(frames)),
        f"json.loads {us(parsing, len(frames))}",
        against(ours, parsing),
        bar=bar,
    )
    return row, ours


def publish_us(frames: Sequence[Frame]) -> float:
    """CPU a frame from the journal to Parquet, in microseconds; the first run warms up."""
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journalled"
        write_journal(frames, journal)
        _publish(journal, Path(scratch) / "warm", frames)
        return _publish(journal, Path(scratch) / "run", frames) / len(frames) * 1e6


def _publish(journal: Path, data_dir: Path, frames: Sequence[Frame]) -> float:
    """CPU seconds of publishing a copy of the journal."""
    shutil.copytree(journal, data_dir)
    before = cpu_s()
    gained = publish(data_dir)
    spent = cpu_s() - before
    check_rows(gained, frames)
    shutil.rmtree(data_dir)
    return spent


def _parse(frames: Sequence[Frame]) -> float:
    before = cpu_s()
    for frame in frames:
        json.loads(frame.payload)
    return cpu_s() - before
