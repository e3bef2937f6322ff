"""The commands as a user types them."""

import os
import subprocess
import sys


def recorder(*arguments, stdin="", cwd=None, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RECORDER_")}
    return subprocess.run(
        [sys.executable, "-m", "recorder", *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        cwd=cwd,
        env={**clean, "COLUMNS": "160", **environment},
        check=False,
    )
