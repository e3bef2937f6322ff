"""The stage of a chaos run: an exchange, a recorder whose clock and disk are ours, a reader. Real processes.

Nothing here judges: it starts, signals and ends them, and remembers when it did.
"""

import contextlib
import errno
import mmap
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from recorder.config import Settings
from recorder.lake.publishing.housekeeper import request_of
from recorder.vitals import read_status

HERE = Path(__file__).parent
DISK_MB = 384
FILL_BYTES = 1 << 26
CLOCK_BYTES = 8


@dataclass
class Done:
    """What was done to the recorder, and when, by the stage's clock in ns."""

    begun_ns: int = 0
    """Before the first recorder was started."""
    stopped_ns: int = 0
    """The last SIGTERM."""
    kills: list[int] = field(default_factory=list)
    terms: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    """What each SIGTERM was answered with."""
    steps: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """From when on the recorder's clock was off by how much."""
    cut: int = 0
    """Compactions whose process was ended by SIGKILL while it had drafts on the disk."""
    full: list[tuple[int, int]] = field(default_factory=list)
    """When the disk was full."""
    disturbed: list[tuple[int, int]] = field(default_factory=list)
    """Spans in which capture was disturbed, one way or another."""

    def moved(self, t_ns):
        """A moment as the recorder's clock tells it."""
        offset_ns = next(offset for since, offset in reversed(self.steps) if since <= t_ns)
        return t_ns + offset_ns


class Stage:
    """Owns every process and the disk; a context manager that leaves nothing behind."""

    def __init__(self, place, *, markets, rate, seed, faults, lookback_s, midnight_s, disk=True):
        """Its day ends `midnight_s` from now: all its clocks are off the machine's by the same."""
        self.place = place
        self._ahead_ns = round(-time.time() % 86_400 - midnight_s) * 10**9
        self.data = place / "data"
        self.record = place / "exchange.ndjson"
        self.done = Done()
        self.recorder = None
        self._exchange = None
        self._reader = None
        self._compaction = None
        self._options = ["--markets", str(markets), "--rate", str(rate), "--seed", str(seed)]
        self._faults = faults
        self._lookback_s = lookback_s
        self.born_s = 0.0
        """When the recorder was started, by the monotonic clock."""
        self._wants_disk = disk
        self.has_disk = False
        self.no_disk = "" if disk else "not asked for"
        self.urls = {}

    def __enter__(self):
        self.data.mkdir()
        if self._wants_disk:
            self._mount()
        (self.place / "faults.jsonl").write_text(self._faults)
        for name in ("clock", "day"):
            (self.place / name).write_bytes(self._ahead_ns.to_bytes(CLOCK_BYTES, sys.byteorder, signed=True))
        try:
            self._start_exchange()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in (self._reader, self.recorder, self._compaction, self._exchange):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        if self._exchange is not None:
            self._exchange.stdout.close()
        if self.has_disk:
            self._unmount()

    def now_ns(self):
        """The stage's time."""
        return time.time_ns() + self._ahead_ns

    # --- the disk ---

    def _mount(self):
        asked = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "chaos", str(self.data)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        self.has_disk = done.returncode == 0
        self.no_disk = "" if self.has_disk else f"no disk of our own to fill: {done.stderr.strip()}"

    def _unmount(self):
        """What is on it stays, in the same place."""
        kept = self.place / "kept"
        shutil.copytree(self.data, kept)
        subprocess.run(["umount", str(self.data)], check=True)
        self.data.rmdir()
        kept.rename(self.data)
        self.has_disk = False

    def fill(self):
        """Leave no byte free on the recorder's disk."""
        size = FILL_BYTES
        with (self.data / "filler").open("ab") as file:
            while size:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2
        self.done.full.append((self.now_ns(), 0))

    def free(self):
        """Give the room back."""
        (self.data / "filler").unlink()
        self.done.full[-1] = (self.done.full[-1][0], self.now_ns())

    # --- the exchange ---

    def _python(self, *arguments, log, **environment):
        with (self.place / log).open("a") as file:
            return subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                env={**self._environment("day"), **environment},
                stdout=subprocess.PIPE if log == "exchange.log" else file,
                stderr=file,
                text=True,
            )

    def _environment(self, clock):
        path = os.pathsep.join([str(HERE / "chaos_site"), os.environ.get("PYTHONPATH", "")])
        return {**os.environ, "PYTHONPATH": path, "CHAOS_CLOCK": str(self.place / clock)}

    def _start_exchange(self):
        asked = ["-m", "recorder", "simulate", "--port", "0", *self._options, "--log", self.record]
        asked += ["--faults", self.place / "faults.jsonl"]
        self._exchange = self._python(*asked, log="exchange.log")
        for _ in range(2):
            name, _, url = self._exchange.stdout.readline().partition(" ")
            self.urls[name] = url.strip()
        if set(self.urls) != {"REST", "WebSocket"}:
            raise RuntimeError(f"the exchange did not start: see {self.place / 'exchange.log'}")

    def end_exchange(self):
        """Its record is whole after this."""
        self._exchange.send_signal(signal.SIGTERM)
        self._exchange.wait(20)

    # --- the recorder ---

    def start(self):
        """A new recorder on the same data."""
        environment = {
            "RECORDER_REST_URL": self.urls["REST"],
            "RECORDER_WS_URL": self.urls["WebSocket"],
            "RECORDER_PUBLISH_INTERVAL": "1",
            "RECORDER_BACKFILL_LOOKBACK": f"{self._lookback_s}s",
            "RECORDER_SUBSCRIPTIONS_PER_CONNECTION": "10",
            **self._environment("clock"),
        }
        if not self.done.begun_ns:
            self.done.begun_ns = self.now_ns()
        self.born_s = time.monotonic()
        asked = ["-m", "recorder", "run", "--data-dir", self.data]
        self.recorder = self._python(*asked, log="recorder.log", **environment)

    def kill(self):
        """SIGKILL."""
        self.done.kills.append(self.now_ns())
        self.recorder.kill()
        self.recorder.wait()

    def term(self, deadline_s=60.0):
        """SIGTERM, and wait for the end; returns the exit code. One that has not begun has nothing to end."""
        if self.status() is None and self.recorder.poll() is None:
            self.recorder.terminate()
            return self.recorder.wait(deadline_s)
        self.done.terms.append(self.now_ns())
        self.recorder.send_signal(signal.SIGTERM)
        code = self.recorder.wait(deadline_s)
        self.done.codes.append(code)
        return code

    def signal(self, number):
        """Any other signal, to the recorder."""
        self.recorder.send_signal(number)

    def kill_lake(self):
        """SIGKILL the lake's process; False where there is none at the moment."""
        tasks = Path(f"/proc/{self.recorder.pid}/task").glob("*/children")
        with contextlib.suppress(OSError):
            for child in [pid for task in tasks for pid in task.read_text().split()]:
                if b"lake_worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)
                    return True
        return False

    def step(self, offset_ns):
        """Set the recorder's clock to so much off the stage's."""
        with (self.place / "clock").open("r+b") as file, mmap.mmap(file.fileno(), CLOCK_BYTES) as clock:
            place = memoryview(clock).cast("q")
            place[0] = self._ahead_ns + offset_ns
            self.done.steps.append((self.now_ns(), offset_ns))
            place.release()

    def up(self, deadline_s=10.0):
        """Wait until the recorder has all its connections, or for so long; returns whether it has."""
        late = time.monotonic() + deadline_s
        while time.monotonic() < late:
            status = self.status()
            if status is not None and status["topics"] and status["connections_up"] == status["connections"]:
                return True
            time.sleep(0.02)
        return False

    def status(self):
        """What the recorder last said of itself, if it is the one that runs."""
        status = read_status(Settings(data_dir=self.data).journal_dir)
        return status if status is not None and status["pid"] == self.recorder.pid else None

    # --- commands ---

    def compact(self):
        """Start `recorder compact`; False where the last one still runs: it is killed."""
        ended = self.end_compaction()
        asked = ["-m", "recorder", "compact", "--data-dir", self.data]
        self._compaction = self._python(*asked, log="compact.log", **self._environment("clock"))
        return ended

    def kill_compaction(self, deadline_s=5.5):
        """Have the closed day compacted, and SIGKILL whatever is at it as soon as it has a draft on the disk.

        False where it came to no draft in time: nothing was due, or the lake's process was at other things.
        """
        asked_ns, late, met = time.time_ns(), time.monotonic() + deadline_s, False
        self.compact()
        while not met and self._compaction.poll() is None and time.monotonic() < late:
            time.sleep(0.001)
            met = self._drafted(asked_ns)
        for pid in self._lakes() if met else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.end_compaction()
        request_of(self.data).unlink(missing_ok=True)  # or the next process would do it, unasked
        self.done.cut += met
        return met

    def _drafted(self, since_ns):
        """Whether a compaction has begun to write since then."""
        for draft in (self.data / "work").glob("day-*.parquet"):
            with contextlib.suppress(FileNotFoundError):
                if draft.stat().st_mtime_ns >= since_ns:
                    return True
        return False

    def _lakes(self):
        """The processes that publish or wait to, those of killed recorders among them."""
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = command.read_bytes().split(b"\0")
                if b"recorder.lake_worker" in words and os.fsencode(self.data) in words:
                    yield int(command.parent.name)

    def end_compaction(self):
        """SIGKILL what was started, if it runs; returns whether it had ended."""
        ended = self._compaction is None or self._compaction.poll() is not None
        if not ended:
            self._compaction.kill()
            self._compaction.wait()
        return ended

    # --- the reader ---

    def read_on(self):
        """Start the reader."""
        asked = [HERE / "chaos_reader.py", self.data, self.place / "reader.ndjson"]
        self._reader = self._python(*asked, log="reader.log")

    def end_reader(self):
        """Its report is whole after this; returns its exit code."""
        self._reader.send_signal(signal.SIGTERM)
        return self._reader.wait(30)

    def command(self, *arguments):
        """(exit code, what it said) of a `recorder` command on the data."""
        done = subprocess.run(
            [sys.executable, "-m", "recorder", *arguments, "--data-dir", str(self.data)],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment("clock"),
        )
        return done.returncode, (done.stdout + done.stderr).strip()
