"""Publishes again and again while a recorder records, or once. This is what the lake's process runs."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
import structlog

from recorder.lake.manifest import FileInfo
from recorder.lake.merge import MergeStoppedError
from recorder.lake.publish import LakeError, Publisher

STOP_LOCK_WAIT_S: Final = 5.0
"""How long the end of a recorder waits for another publisher to make room, before leaving the rest to it."""
POLL_S: Final = 0.5
"""How often the journal is read between two publishes: decoding is spread, and nothing waits for long."""
MERGE_PAUSE_S: Final = 600.0
LOCK_WAIT_S: Final = 60.0
"""A publisher whose recorder was killed finishes the journal first; the next one waits for it this long."""

log = structlog.get_logger()
Report = Callable[[dict[str, int]], None]


def open_publisher(data_dir: Path, wait_s: float = LOCK_WAIT_S) -> Publisher:
    """The publisher of a lake, after the one before it has finished. Raises LakeError when it does not."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return Publisher(data_dir)
        except LakeError as error:
            if not error.busy or time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


def publish_once(data_dir: Path, wait_s: float = LOCK_WAIT_S) -> dict[str, int]:
    """Turn whatever the journals hold into Parquet, merge what is due; returns rows gained by table.

    Waits for another publisher to finish. Raises LakeError (busy) where it does not within `wait_s`.
    """
    gained: Counter[str] = Counter()
    with open_publisher(data_dir, wait_s) as publisher:
        _drain(publisher, gained.update)
        while not publisher.settle():
            pass
        while (merge := publisher.due_merge()) is not None:
            publisher.merged(*merge(lambda: False))
    return dict(gained)


def _open_when_free(data_dir: Path, stop: threading.Event) -> Publisher | None:
    """The publisher, as soon as it is to be had; None when `stop` came first and another one goes on."""
    while not stop.is_set():
        try:
            return Publisher(data_dir)
        except LakeError as error:
            if not error.busy:
                raise
        stop.wait(POLL_S)
    try:
        return open_publisher(data_dir, STOP_LOCK_WAIT_S)
    except LakeError as error:
        if error.busy:
            return None
        raise


def _drain(publisher: Publisher, report: Report) -> None:
    more = True
    while more:
        more = publisher.read()
        report(publisher.publish())


def follow(data_dir: Path, interval_s: float, stop: threading.Event, report: Report = lambda _: None) -> None:
    """Publish every `interval_s` until `stop` is set or the last recorder is gone; then publish the rest.

    Where another process publishes this lake, wait for its end: it publishes for all recorders.
    """
    publishing = _open_when_free(data_dir, stop)
    if publishing is None:
        return
    with publishing as publisher, _Merger(publisher) as merger:
        due = time.monotonic()  # what was left by the last one is published at once
        settled = True
        while True:
            recording = any(source.alive() for source in publisher.sources()) and not stop.is_set()
            full = publisher.read()
            if not recording:
                break
            if full or time.monotonic() >= due:
                due = max(due, time.monotonic()) + (0 if full else interval_s)
                report(publisher.publish())
                settled = publisher.settle()
                merger.step()
            elif not settled:
                settled = publisher.settle()
            if not full:
                stop.wait(POLL_S)
        _drain(publisher, report)
        while not publisher.settle():
            pass


class _Merger:
    """Runs one merge at a time beside the publishing, in a thread: Arrow works outside the GIL."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="merge")
        self._running: Future[tuple[FileInfo, list[FileInfo]]] | None = None
        self._not_before = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=True)

    def step(self) -> None:
        """Commit a finished merge and begin the next one that is due."""
        if self._running is not None:
            if not self._running.done():
                return
            finished, self._running = self._running, None
            try:
                self._publisher.merged(*finished.result())
            except MergeStoppedError:
                return
            except (OSError, pa.ArrowException):
                # More files than there could be are a nuisance; a lake that stands still would be a fault.
                log.exception("a merge failed; the next is tried later", after_s=MERGE_PAUSE_S)
                self._not_before = time.monotonic() + MERGE_PAUSE_S
        if time.monotonic() < self._not_before:
            return
        merge = self._publisher.due_merge()
        if merge is not None:
            self._running = self._pool.submit(merge, self._stopped.is_set)
