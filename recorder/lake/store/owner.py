"""Keeps what is told of an account to the owner of the data: directories of mode 0700."""

import stat
from pathlib import Path
from typing import Final

from recorder.lake.store.account import COLUMNS

OWNER_ONLY: Final = stat.S_IRWXU


def make_private(directory: Path) -> None:
    """Make a directory, if there is none, that nobody else can read."""
    directory.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) != OWNER_ONLY:
        directory.chmod(OWNER_ONLY)


def keep_to_owner(lake: Path) -> None:
    """The directories of an account's tables."""
    for name in COLUMNS:
        make_private(lake / name)
