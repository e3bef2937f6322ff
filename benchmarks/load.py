"""The load test: a simulated exchange of 300 markets at some 5,000 frames a second against `recorder run`.

Real processes, for minutes: frames dropped, memory of the recorder and its lake process together, how late
the event loop ran, and how old each row was when a query could first see it. `python load.py --minutes 10`,
or `make bench-load`.
"""

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from report import InvalidError, Row, machine, render

from recorder.lake.store.manifest import read_files
from recorder.vitals import read_status

MARKETS: Final = 300
RATE: Final = 8.0
"""The simulated exchange's activity that makes some 5,000 frames a second of MARKETS."""
WANTED: Final = 5_000
PUBLISH_INTERVAL_S: Final = 60.0
SAMPLE_S: Final = 0.5
WARM_UP_S: Final = 15.0
STOP_WAIT_S: Final = 120.0
MB: Final = 1_000_000


@dataclass(slots=True)
class Samples:
    """What was seen while it ran. Ages are seconds from receive to visible, one array a new file."""

    memory: list[float] = field(default_factory=list)
    lags_ms: list[float] = field(default_factory=list)
    ages: list[np.ndarray[Any, np.dtype[np.float64]]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    frames_a_second: float = 0.0
    cpu_us: float = 0.0


def measure(minutes: float, rate: float) -> list[Row]:
    """Run it. Raises InvalidError when the load could not be made."""
    with tempfile.TemporaryDirectory() as scratch, _simulator(rate) as (rest_url, ws_url):
        data_dir = Path(scratch) / "data"
        options = ("--rest-url", rest_url, "--ws-url", ws_url, "--data-dir", str(data_dir))
        pace = ("--publish-interval", str(PUBLISH_INTERVAL_S))
        with _started("run", *options, *pace, log=Path(scratch) / "log") as recorder:
            samples = _watch(recorder, data_dir, minutes * 60)
        shutil.copyfile(Path(scratch) / "log", Path(tempfile.gettempdir()) / "recorder-load.log")
    return _rows(samples, minutes)


@contextlib.contextmanager
def _started(*arguments: str, log: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A `recorder` process; told to stop, and waited for, at the end."""
    command = [sys.executable, "-m", "recorder", *arguments]
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(log.open("w")) if log else None
        process = stack.enter_context(
            subprocess.Popen(
                command, stdout=subprocess.PIPE if log is None else errors, stderr=errors, text=True
            )
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_WAIT_S)


@contextlib.contextmanager
def _simulator(rate: float) -> Iterator[tuple[str, str]]:
    options = ("--port", "0", "--markets", str(MARKETS), "--rate", str(rate))
    with _started("simulate", *options) as process:
        assert process.stdout is not None
        rest, ws = (process.stdout.readline().split()[-1] for _ in range(2))
        yield rest, ws


def _watch(recorder: subprocess.Popen[str], data_dir: Path, seconds: float) -> Samples:
    """Look twice a second, after a warm-up in which the connections are made."""
    samples = Samples()
    journal = data_dir / "journal" / "main"
    seen: set[str] = set()
    time.sleep(WARM_UP_S)
    first = read_status(journal)
    if first is None:
        raise InvalidError("the recorder did not start: see its log")
    began, cpu_began = time.monotonic(), _cpu_s(recorder.pid)
    while time.monotonic() - began < seconds:
        time.sleep(SAMPLE_S)
        samples.memory.append(sum(_resident(pid) for pid in _family(recorder.pid)) / MB)
        samples.status = read_status(journal) or samples.status
        samples.lags_ms.append(float(samples.status["loop_lag_ms"]))
        samples.ages += _new_ages(data_dir, seen)
    span_s = time.monotonic() - began
    frames = samples.status["frames"] - first["frames"]
    samples.frames_a_second = frames / span_s
    samples.cpu_us = (_cpu_s(recorder.pid) - cpu_began) / max(frames, 1) * 1e6
    return samples


def _new_ages(data_dir: Path, seen: set[str]) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """How old the rows of files not seen before are now. A merged file brings nothing new."""
    ages = []
    for file in read_files(data_dir) or []:
        if file.path in seen or file.table not in ("trades", "depth") or file.level or not file.rows:
            continue
        seen.add(file.path)
        with contextlib.suppress(FileNotFoundError):  # merged away since
            table = pq.read_table(data_dir / "lake" / file.path, columns=["ts_recv"], partitioning=None)
            received_us = pc.cast(table["ts_recv"], "int64").to_numpy()
            ages.append(time.time() - received_us / 1e6)
    return ages


def _family(pid: int) -> list[int]:
    """A process and its children."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *(int(child) for child in path.read_text().split())]


def _resident(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _cpu_s(pid: int) -> float:
    ticks = 0
    for member in _family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _rows(samples: Samples, minutes: float) -> list[Row]:
    rate = samples.frames_a_second
    if rate < 0.8 * WANTED:
        raise InvalidError(f"the exchange made {rate:,.0f} frames/s of {WANTED:,}: this machine is too busy")
    third = len(samples.memory) // 3
    early = statistics.median(samples.memory[third : 2 * third])
    late = statistics.median(samples.memory[-third:])
    dropped = float(samples.status["dropped_frames"])
    most = max(samples.memory)
    rows = [
        Row(f"load: {minutes:g} min, dropped frames", f"{rate:,.0f} frames/s", "", dropped, "", 0),
        Row("load: CPU a frame, all processes", f"{samples.cpu_us:.1f} us", "", samples.cpu_us, "us"),
        Row("load: resident, all processes", f"at most {most:.0f} MB", "", most, "MB", 500),
        Row(
            "load: the same, is it flat",
            f"end {late:.0f} MB",
            f"middle {early:.0f} MB",
            late / early,
            bar=1.1,
        ),
        _percentile("load: event loop late, worst of a second, p99", samples.lags_ms, 99, "ms", 10),
        _percentile("load: event loop late, worst of all", samples.lags_ms, 100, "ms", 50),
    ]
    if samples.ages:
        ages = np.concatenate(samples.ages)
        rows.append(_percentile("load: received to queryable, p99", ages, 99, "s", PUBLISH_INTERVAL_S + 10))
    return rows


def _percentile(what: str, values: Sequence[float] | Any, share: float, unit: str, bar: float) -> Row:
    found = float(np.percentile(values, share))
    return Row(what, f"median {np.median(values):.1f} {unit}", "", found, unit, bar)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="5,000 frames a second against the recorder, for minutes.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=RATE, help="the simulated exchange's activity")
    given = parser.parse_args()
    print(machine())
    try:
        print(render(measure(given.minutes, given.rate)))
    except InvalidError as error:
        sys.exit(f"invalid: {error}")
