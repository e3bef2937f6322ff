"""Merges, compactions and removals beside the publishing of a recorder that runs.

One job at a time runs in a thread, for Arrow works outside the GIL. Whoever wants closed days compacted at
once, while a publisher has the lake, asks for it by a file, which is gone when there is nothing left to do.
"""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
import structlog

from recorder.lake.days.compact import CompactionError
from recorder.lake.days.merge import MergeStoppedError
from recorder.lake.days.upkeep import CLOSED_S
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.store.manifest import Commit

REQUEST: Final = "compact.wanted"
PAUSE_S: Final = 600.0
"""After a job that failed."""
RETIRE_EVERY_S: Final = 3_600.0

log = structlog.get_logger()


def request_of(data_dir: Path) -> Path:
    """The file that asks for closed days to be compacted now."""
    return data_dir / REQUEST


class Housekeeper:
    """Steps when it is told to; a context manager that stops the job in hand."""

    def __init__(self, publisher: Publisher, keep: Mapping[str, timedelta]) -> None:
        """`keep` says for how long what is kept, see `Retention.retire`."""
        self._publisher = publisher
        self._keep = keep
        self._request = request_of(publisher.data_dir)
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
        self._running: Future[Commit] | None = None
        self._name = ""
        self._not_before_s = 0.0
        self._retire_at_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=True)

    def asked(self) -> bool:
        """Whether somebody waits for the next step."""
        return self._request.exists()

    def step(self) -> None:
        """Commit what a finished job made and begin the next one that is due; remove what is too old."""
        if self._running is not None:
            if not self._running.done():
                return
            self._finish(self._running)
            self._running = None
        self._retire()
        if time.monotonic() < self._not_before_s:
            self._request.unlink(missing_ok=True)
            return
        asked = self.asked()
        job = self._publisher.due_job(0.0 if asked else CLOSED_S)
        if job is not None:
            self._name = job.name
            self._running = self._pool.submit(job.run, self._stopped.is_set)
        elif asked:
            self._request.unlink(missing_ok=True)

    def _finish(self, running: Future[Commit]) -> None:
        try:
            self._publisher.finish(running.result())
        except MergeStoppedError:
            return
        except CompactionError as error:
            self._fail(str(error))
        except FileNotFoundError:
            return  # retention was faster: what is left is looked at anew
        except (OSError, pa.ArrowException) as error:
            # More files than there could be are a nuisance; a lake that stands still would be a fault.
            self._fail(str(error))

    def _fail(self, reason: str) -> None:
        log.error("a job failed; the next is tried later", job=self._name, reason=reason, after_s=PAUSE_S)
        self._not_before_s = time.monotonic() + PAUSE_S

    def _retire(self) -> None:
        if not self._keep or time.monotonic() < self._retire_at_s:
            return
        self._retire_at_s = time.monotonic() + RETIRE_EVERY_S
        try:
            for gone in self._publisher.retire(self._keep):
                log.info("removed", what=gone.removed, rows=gone.rows, bytes=gone.bytes)
        except OSError as error:
            log.error("what is too old cannot be removed", reason=str(error))  # noqa: TRY400  # a message
