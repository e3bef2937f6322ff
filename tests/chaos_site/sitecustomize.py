"""Sets a process's clock, and its children's, off by the ns that a file says. PYTHONPATH puts it before all.

The file may be rewritten at any time: that is a step of the clock. Monotonic time is left alone, as it is
when somebody sets a machine's clock.
"""

import mmap
import os
import time
from pathlib import Path

CLOCK = "CHAOS_CLOCK"

if CLOCK in os.environ:
    with Path(os.environ[CLOCK]).open("rb") as file:
        offset_ns = memoryview(mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)).cast("q")
    true_time, true_time_ns = time.time, time.time_ns
    time.time = lambda: true_time() + offset_ns[0] / 1e9
    time.time_ns = lambda: true_time_ns() + offset_ns[0]
