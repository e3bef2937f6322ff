"""The commands as a user types them."""

import contextlib
import io
import os
import signal
import subprocess
import sys

import pytest
import structlog

from recorder.cli import main


def recorder(*arguments, stdin="", cwd=None, **environment):
    """A command as a process of its own."""
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


def recorder_here(*arguments, stdin="", cwd=None, **environment):
    """The same in this process, which has imported already what takes a short command most of its time.

    For commands that end by themselves, and not in a thread: words, environment, signals and logging are the
    process's own.
    """
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        for name in [name for name in os.environ if name.startswith("RECORDER_")]:
            patch.delenv(name)
        for name, value in {"COLUMNS": "160", **environment}.items():
            patch.setenv(name, value)
        if cwd is not None:
            patch.chdir(cwd)
        patch.setattr(sys, "argv", ["recorder", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.callback(structlog.configure, **structlog.get_config())
        stack.callback(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        with pytest.raises(SystemExit) as ended:
            main()
    return subprocess.CompletedProcess(sys.argv, ended.value.code or 0, out.getvalue(), err.getvalue())
