"""The lake's process: `python -m recorder.lake_worker DATA_DIR INTERVAL_S [KEEP]`, or DATA_DIR alone: once.

KEEP is a JSON object: for how many seconds what is kept, by table, or `journal`.

It takes everything by argument and reads no settings: what its parent accepted, it accepts. Its standard
input is a pipe of the parent's; when that ends, however the parent ended, it publishes what the journal
holds and goes.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import structlog

from recorder.lake.publishing.follow import follow, publish_once
from recorder.lake.publishing.publisher import LakeError
from recorder.logs import set_up_logging

log = structlog.get_logger()


def main(data_dir: Path, interval_s: float | None, keep: Mapping[str, timedelta]) -> int:
    """Returns the exit code: 0 when the lake has all that the journal holds."""
    set_up_logging()
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it closes the journal first
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        if interval_s is None:
            publish_once(data_dir)
        else:
            threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
            follow(data_dir, interval_s, stop, keep=keep)
    except (LakeError, OSError, sqlite3.Error) as error:
        reason = str(error)  # a message: the traceback of a full disk helps nobody
        log.error("cannot publish: the journal has everything, it is tried again", reason=reason)  # noqa: TRY400
        return 1
    return 0


def _wait_for_end(stop: threading.Event) -> None:
    while os.read(0, 1024):  # nothing is ever written: this returns when the parent is gone
        pass
    stop.set()


if __name__ == "__main__":
    _, where, *how = sys.argv
    ages_s: dict[str, float] = json.loads(how[1]) if len(how) > 1 else {}
    kept = {name: timedelta(seconds=age_s) for name, age_s in ages_s.items()}
    sys.exit(main(Path(where), float(how[0]) if how else None, kept))
