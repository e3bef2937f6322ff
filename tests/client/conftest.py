"""A journal in memory for every test of the client."""

import pytest
from memory_journal import MemoryJournal


@pytest.fixture
def journal():
    return MemoryJournal()
