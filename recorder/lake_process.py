"""The lake's process as the service sees it: started, kept running, waited for."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from recorder.client.backoff import Backoff

STOP_WAIT_S: Final = 600.0
"""How long a clean stop waits for the rest to be published. The journal has it in any case."""
MEMORY: Final = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
}
"""Give memory back: by default Arrow and glibc keep what one publish took, 150 MiB more than is in use."""

SECRET: Final = ("RECORDER_CLIENT_ID", "RECORDER_CLIENT_KEY")
"""It asks nobody: a secret is in as few processes as can be."""

log = structlog.get_logger()


class LakeProcess:
    """`recorder.lake_worker` as a child. Its failures cost time, never data."""

    def __init__(self, data_dir: Path, publish_interval_s: float, keep: Mapping[str, timedelta]) -> None:
        """`keep` says for how long what is kept; what it does not name is kept for ever."""
        self._data_dir = data_dir
        ages_s = {name: age.total_seconds() for name, age in keep.items()}
        self._arguments = (str(publish_interval_s), json.dumps(ages_s))
        self._process: asyncio.subprocess.Process | None = None
        self.last_error: str | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def keep(self) -> None:
        """Keep it running until cancelled."""
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                self._process = await self._start(*self._arguments)
                code = await self._process.wait()
                self.last_error = f"the lake's process ended with {code}"
            except Exception as error:  # noqa: BLE001  # no process to be had: too many open files, no memory
                self.last_error = f"the lake's process cannot be started: {error}"
            backoff.healthy_for(time.monotonic() - began)
            delay_s = backoff.next_delay_s()
            log.error("the lake's process", reason=self.last_error, again_in_s=round(delay_s, 2))
            await asyncio.sleep(delay_s)

    async def finish(self) -> bool:
        """After the journal was closed: wait until the rest is published, by a new process if need be."""
        try:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()  # it waits for us no longer, whatever else records here
            code = await self._wait() if self._process is not None else None
            if code != 0:
                self._process = await self._start()
                code = await self._wait()
        except OSError as error:
            log.error("the lake's process cannot be started", reason=str(error))  # noqa: TRY400  # a message
            return False
        return code == 0

    async def _start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "recorder.lake_worker", str(self._data_dir), *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is ours: the lake ends when the journal does
            env=MEMORY | {name: value for name, value in os.environ.items() if name.upper() not in SECRET},
        )

    async def _wait(self) -> int | None:
        assert self._process is not None
        try:
            async with asyncio.timeout(STOP_WAIT_S):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return None
