"""Logs go to stderr, as JSON where nobody watches, and never show a variable's value."""

import json
import subprocess
import sys

import pytest

CODE = """
import structlog
from recorder.logs import set_up_logging
set_up_logging(quiet={quiet})
log = structlog.get_logger()
log.debug("debug")
log.info("connected", connection=3)
try:
    hidden = "hunter2"
    raise ValueError("what happened")
except ValueError:
    log.exception("failed")
"""


@pytest.fixture(scope="module", params=[False, True], ids=["all", "quiet"])
def logged(request):
    """What a real process wrote: (stdout, lines of stderr, whether it was quiet)."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE.format(quiet=request.param)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr.splitlines(), request.param


def test_each_line_on_stderr_is_a_json_object_with_its_time_and_level(logged):
    out, lines, quiet = logged
    records = [json.loads(line) for line in lines]
    assert out == ""
    assert [record["event"] for record in records] == (["failed"] if quiet else ["connected", "failed"])
    assert all(record["timestamp"].endswith("Z") for record in records)
    assert records[-1]["level"] == "error"
    if not quiet:
        assert records[0]["connection"] == 3


def test_a_traceback_is_text_without_the_values_of_variables(logged):
    failure = json.loads(logged[1][-1])["exception"]
    assert "ValueError: what happened" in failure
    assert "hunter2" not in "".join(logged[1])
