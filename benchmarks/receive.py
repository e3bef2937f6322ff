"""Receive and journal, against a bare `websockets` receive loop on the same frames over the same loopback.

Ours is the product's whole path: the tapped connection with its subscriptions and housekeeping, the journal's
lines, checks, compression, writes and syncs, until the journal is closed. The bare loop receives and forgets.
Each run is a process of its own and counts its own CPU, all threads, in the kernel too. A run whose journal
does not hold every frame, in order and byte for byte, is invalid. `receiver.py` is one run.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from corpus import Frame, wire
from feeder import write_frames
from report import InvalidError, Row, against, us

from recorder.journal.reader import Block, JournalReader

HERE: Final = Path(__file__).parent
BLAST_TIMES: Final = 4
PACE: Final = 2_000
RUN_TIMEOUT_S: Final = 120.0
ARMS: Final = ("bare", "ours")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one comparison sends: `frames` of them `times` over, by the feeder's `path`."""

    what: str
    frames: Sequence[Frame]
    path: str
    times: int
    repeats: int
    bar: float
    first_step: float


def measure(plain: Sequence[Frame], mixed: Sequence[Frame], repeats: int) -> list[Row]:
    """Blast `plain` frames, pace `mixed` ones. Raises InvalidError when a frame is lost."""
    plans = (
        Plan(f"receive + journal, paced {PACE:,}/s", mixed, f"/paced/{PACE}", 1, repeats, 0.6, 1.2),
        Plan("receive + journal, blast", plain, f"/blast/{BLAST_TIMES}", BLAST_TIMES, repeats, 0.8, 1.5),
    )
    return [_compare(plan) for plan in plans]


def blast_us(frames: Sequence[Frame]) -> float:
    """CPU a frame of receive + journal in one blast, in microseconds."""
    plan = Plan("", frames, f"/blast/{BLAST_TIMES}", BLAST_TIMES, 1, 0, 0)
    with tempfile.TemporaryDirectory() as scratch, _feeder(Path(scratch), frames) as url:
        return _run("ours", plan, url, Path(scratch)) / (len(frames) * BLAST_TIMES) * 1e6


def _compare(plan: Plan) -> Row:
    spent: dict[str, list[float]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as scratch, _feeder(Path(scratch), plan.frames) as url:
        for _ in range(plan.repeats):
            for arm in ARMS:
                spent[arm].append(_run(arm, plan, url, Path(scratch)))
    count = len(plan.frames) * plan.times
    return Row(
        plan.what,
        us(spent["ours"], count),
        f"bare recv loop {us(spent['bare'], count)}",
        against(spent["ours"], spent["bare"]),
        bar=plan.bar,
        first_step=plan.first_step,
    )


@contextlib.contextmanager
def _feeder(scratch: Path, frames: Sequence[Frame]) -> Iterator[str]:
    """A feeder of these frames; gives its address without a path."""
    path = scratch / "frames"
    write_frames(path, [wire(frame.payload) for frame in frames])
    command = [sys.executable, str(HERE / "feeder.py"), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(RUN_TIMEOUT_S)


def _run(arm: str, plan: Plan, url: str, scratch: Path) -> float:
    """CPU seconds of one run, after checking that it got everything."""
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        command = [sys.executable, str(HERE / "receiver.py"), arm, url + plan.path, directory]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=RUN_TIMEOUT_S, check=True)
        result: Mapping[str, Any] = json.loads(done.stdout)
        if arm == "ours":
            _check(Path(directory), plan)
    if result["frames"] != len(plan.frames) * plan.times:
        raise InvalidError(f"{plan.what}: {arm} got {result['frames']} of {len(plan.frames) * plan.times}")
    return float(result["cpu_s"])


def _check(directory: Path, plan: Plan) -> None:
    """Compare the journal with what was sent. Raises InvalidError."""
    sent = journalled = 0
    for _ in range(plan.times):
        for frame in plan.frames:
            sent = zlib.crc32(frame.payload, sent)
    for item in JournalReader(directory).read(final=True):
        if not isinstance(item, Block):
            raise InvalidError(f"{plan.what}: the journal is damaged: {item}")
        for line in item.data.split(b"\n"):
            at = line.find(b',"f":', 0, 64)
            if at > 0:
                journalled = zlib.crc32(line[at + 5 : -1], journalled)
    if sent != journalled:
        raise InvalidError(f"{plan.what}: the journal does not hold the frames that were sent")
