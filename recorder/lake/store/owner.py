"""Keeps what is told of an account to the owner of the data: directories of mode 0700."""

import stat
from pathlib import Path
from typing import Final

from recorder.lake.store.account import COLUMNS

OWNER_ONLY: Final = stat.S_IRWXU
OWNED: Final = (*COLUMNS, "rejects")
"""Tables that tell of an account; a frame of it that cannot be decoded is kept as it came."""


def make_private(directory: Path) -> None:
    """Make a directory, if there is none, that nobody else can read."""
    directory.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) != OWNER_ONLY:
        directory.chmod(OWNER_ONLY)


def keep_to_owner(lake: Path) -> None:
    """The directories of such tables."""
    for name in OWNED:
        make_private(lake / name)
