"""Publishes again and again while a recorder records, or once. This is what the lake's process runs."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from recorder.lake.publishing.housekeeper import Housekeeper
from recorder.lake.publishing.publisher import LakeError, Publisher

STOP_LOCK_WAIT_S: Final = 5.0
"""How long the end of a recorder waits for another publisher to make room, before leaving the rest to it."""
POLL_S: Final = 0.5
"""How often the journal is read between two publishes: decoding is spread, and nothing waits for long."""
LOCK_WAIT_S: Final = 60.0
"""A publisher whose recorder was killed finishes the journal first; the next one waits for it this long."""

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
    with open_publisher(data_dir, wait_s) as publisher:
        gained = catch_up(publisher)
        publisher.work_off()
    return gained


def publish_unless_busy(data_dir: Path) -> bool:
    """As publish_once; False where a recorder is running, which publishes by itself. Raises LakeError."""
    try:
        publish_once(data_dir, wait_s=0)
    except LakeError as error:
        if not error.busy:
            raise
        return False
    return True


def catch_up(publisher: Publisher) -> dict[str, int]:
    """Publish and judge all that the journals hold by now; returns rows gained by table."""
    gained: Counter[str] = Counter()
    _drain(publisher, gained.update)
    while not publisher.settle():
        pass
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


def follow(
    data_dir: Path,
    interval_s: float,
    stop: threading.Event,
    report: Report = lambda _: None,
    keep: Mapping[str, timedelta] = MappingProxyType({}),
) -> None:
    """Publish every `interval_s` until `stop` is set or the last recorder is gone; then publish the rest.

    `keep` says for how long what is kept, see `Retention.retire`. Where another process publishes this lake,
    wait for its end: it publishes for all recorders.
    """
    publishing = _open_when_free(data_dir, stop)
    if publishing is None:
        return
    with publishing as publisher, Housekeeper(publisher, keep) as housekeeper:
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
                housekeeper.step()
            elif not settled:
                settled = publisher.settle()
            elif housekeeper.asked():
                housekeeper.step()
            if not full:
                stop.wait(POLL_S)
        _drain(publisher, report)
        while not publisher.settle():
            pass
