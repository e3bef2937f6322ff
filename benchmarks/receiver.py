"""One run of the receive benchmark: `python receiver.py bare|ours URL DIRECTORY`; prints frames and CPU.

Nothing is imported here that the recorder's own process does not import: idle threads of libraries would be
counted too.
"""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from report import cpu_s
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from recorder.capture.stream import StreamConnection
from recorder.config import Settings
from recorder.exchange.messages import PUSH_HEAD
from recorder.exchange.topics import Topic
from recorder.journal.writer import JournalWriter

TOPICS: Final = 100
"""What the recorder asks of one connection unless told otherwise."""


async def bare(url: str) -> int:
    """Receive and forget; returns how many."""
    frames = 0
    async with connect(url, compression=None, max_size=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv(decode=False)
                frames += 1
    return frames


class WatchedJournal(JournalWriter):
    """The product's journal, which also tells when the connection is down: the feed is over."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "bench", "0" * 32, "bench", flat=(PUSH_HEAD,))
        self.over = asyncio.Event()

    def append_event(
        self, kind: str, fields: Mapping[str, Any], connection: int | None = None, t_ns: int | None = None
    ) -> None:
        super().append_event(kind, fields, connection, t_ns)
        if kind == "down":
            self.over.set()


async def ours(url: str, directory: Path) -> int:
    """Record until the server closes; returns how many frames the journal took."""
    journal = WatchedJournal(directory)
    connection = StreamConnection(0, url, journal, tapped=True, pause_s=Settings().read_pause_ms / 1000)
    markets = [f"M{number}USDT" for number in range(TOPICS // 3)]
    topics = [Topic("trade", m) for m in markets] + [Topic("depth", m) for m in markets]
    topics += [Topic("kline", m, "1min") for m in markets]
    connection.change([Topic("state"), *topics], [])
    task = asyncio.create_task(connection.run())
    await journal.over.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(journal.close)
    return journal.stats.frames


def main(arm: str, url: str, directory: Path) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    before = cpu_s()
    frames = uvloop.run(ours(url, directory) if arm == "ours" else bare(url))
    print(json.dumps({"frames": frames, "cpu_s": cpu_s() - before}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
