"""`recorder run` as a real process against a venue."""

import os
import subprocess
import sys
from contextlib import asynccontextmanager

from venue import until


def start(data_dir, venue, **environment):
    with (data_dir / "stderr.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "recorder", "run", "--data-dir", str(data_dir)],
            env={**os.environ, **venue.environment, "RECORDER_PUBLISH_INTERVAL": "1", **environment},
            stderr=log,
            stdout=subprocess.DEVNULL,
        )


async def ended(process, deadline_s=30.0):
    await until(lambda: process.poll() is not None, deadline_s, "the recorder's end")
    return process.returncode


@asynccontextmanager
async def recording(data_dir, venue, **environment):
    """A recorder that has subscribed to everything; killed at the end if it still runs."""
    process = start(data_dir, venue, **environment)
    try:
        await until(lambda: all_subscribed(venue), what="the subscription to everything")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def all_subscribed(venue):
    wanted = {(stream, market) for stream in ("trade", "depth", "kline") for market in venue.markets}
    return venue.topics() >= wanted | {("state", None)}
