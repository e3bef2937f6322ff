"""The witnesses of minutes, gathered from rows."""

import numpy as np
import pyarrow as pa

from recorder.lake.grades.witness import Frame, count_rows
from recorder.lake.units import MINUTE_US


def test_rows_of_before_and_after_the_minutes_are_nobodys():
    """A row after the last minute would else be one of the next market's first."""
    frame = Frame(("AAA", "BBB"), 10 * MINUTE_US, 2)
    minutes = [9, 10, 11, 11, 12, 13]
    rows = pa.table({"market": ["AAA"] * len(minutes)})
    counts = count_rows(rows, np.array(minutes, np.int64) * MINUTE_US, frame)
    assert counts.tolist() == [1, 2, 0, 0]
