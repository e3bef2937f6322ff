"""The manifest, as those read it who do not write it."""

import shutil
import sqlite3

import pytest

from recorder.lake.store.manifest import MANIFEST, Commit, Manifest, read_files, read_state


@pytest.fixture
def left(tmp_path):
    """What a publisher leaves that was killed: its last commit lies in the log, and nobody has it open."""
    live, left = tmp_path / "live", tmp_path / "left"
    left.mkdir()
    with Manifest(live) as manifest:
        manifest.commit(Commit(state={"name": b"value"}))
        for part in live.glob(f"{MANIFEST}*"):
            if not part.name.endswith("-shm"):
                shutil.copy(part, left)
    assert (left / f"{MANIFEST}-wal").stat().st_size
    return left


def test_what_a_killed_publisher_had_committed_is_read(left):
    assert (read_state(left, "name"), read_files(left)) == (b"value", [])


def test_it_is_read_where_no_file_can_be_made_beside_it(left):
    (left / f"{MANIFEST}-shm").symlink_to("/nowhere/at/all")  # sqlite cannot make its file, as on a full disk
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(f"file:{left / MANIFEST}?mode=ro", uri=True).execute("SELECT * FROM state")
    before = sorted(left.iterdir())
    assert (read_state(left, "name"), read_files(left)) == (b"value", [])
    assert sorted(left.iterdir()) == before


def test_before_anything_was_published_there_is_nothing(tmp_path):
    assert (read_state(tmp_path, "name"), read_files(tmp_path)) == (None, None)
