"""The order of the tests: those that wait first, so that others are left to run beside them."""

from pathlib import Path

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """The tests of the whole program, beside the rooms, wait for processes, sockets and clocks."""
    items.sort(key=lambda item: item.path.parent != HERE)
