"""The benchmarks start: what they import from the product is there."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("script", ["run.py", "load.py", "rivals.py", "fuzz.py"])
def test_the_script_starts_and_says_what_it_takes(script):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), "--help"], capture_output=True, text=True, check=True
    )
    assert "usage:" in done.stdout
