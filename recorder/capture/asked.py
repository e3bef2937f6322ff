"""Up to when an account's histories were asked for, over restarts.

The file is written when the journal has every page that it tells of, never before: a kill then costs asking
again, and nothing else. What another recorder of the same data directory was answered counts too.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from recorder.exchange.signing import Credentials

ASKED_NAME: Final = "account.json"


class Asked(msgspec.Struct):
    """`until_s`: by what was asked for ("ledger", "fills BTCUSDT" ...), up to which second of the venue's it
    is known. `open`: orders that were open when they were last asked for, with their markets."""

    whose: str = ""
    until_s: dict[str, int] = msgspec.field(default_factory=dict)
    touched: set[str] = msgspec.field(default_factory=set)
    """Markets in which the account ever had anything."""
    open: dict[str, str] = msgspec.field(default_factory=dict)
    stops: set[str] = msgspec.field(default_factory=set)
    """Stop orders that waited when they were last asked for."""

    def save(self, directory: Path) -> None:
        """Whole or not at all. Raises OSError."""
        draft = directory / f"{ASKED_NAME}.new"
        draft.write_bytes(msgspec.json.encode(self))
        draft.replace(directory / ASKED_NAME)


def read_asked(data_dir: Path, credentials: Credentials) -> Asked:
    """What all recorders of a data directory have asked for this account."""
    client_id = credentials.client_id.get_secret_value()
    found = Asked(whose=hashlib.blake2b(client_id.encode(), digest_size=8).hexdigest())
    paths = (data_dir / "journal").glob(f"*/{ASKED_NAME}")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
        try:
            other = msgspec.json.decode(path.read_bytes(), type=Asked)
        except (OSError, msgspec.DecodeError):
            continue  # then it is asked for again
        if other.whose == found.whose:
            for name, until_s in other.until_s.items():
                found.until_s[name] = max(until_s, found.until_s.get(name, 0))
            found.touched |= other.touched
            found.open, found.stops = other.open, other.stops  # of whoever asked last
    return found
