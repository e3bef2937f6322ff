"""A data directory, and its lake as a plain glob sees it."""

import pytest
from journals import Lake


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path


@pytest.fixture
def lake(data_dir):
    return Lake(data_dir)
