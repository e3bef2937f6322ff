"""What takes long to make is made once, by the first of the test processes that wants it, and read by all."""

import fcntl
import os
import shutil


def once(tmp_path_factory, name, make):
    """The directory that `make(directory)` fills. Nobody may change what is in it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    place, done = root / name, root / f"{name}.done"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(place, ignore_errors=True)  # of one who failed
            place.mkdir()
            make(place)
            done.touch()
    return place
