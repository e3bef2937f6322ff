"""What holds for all tests: their order, and that none is judged by its time."""

from pathlib import Path

from hypothesis import settings

# Time is no claim of a test: machines are shared.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """The tests of the whole program, beside the rooms, wait for processes, sockets and clocks."""
    items.sort(key=lambda item: item.path.parent != HERE)
