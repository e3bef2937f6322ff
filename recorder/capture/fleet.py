"""All connections together: every wanted market on some connection, listed ones in, delisted ones out."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from recorder.capture.shards import Shards, topics_of
from recorder.capture.stream import Journal, Listener, StreamConnection
from recorder.exchange.topics import Stream, Topic

STOP_TIMEOUT_S: Final = 5.0


class Fleet:
    """Owns the connections and their tasks."""

    def __init__(  # noqa: PLR0913  # every property by its name
        self,
        url: str,
        journal: Journal,
        *,
        streams: Sequence[Stream],
        periods: Sequence[str],
        subscriptions_per_connection: int,
        tapped: bool,
        pause_s: float = 0.0,
        listener: Listener | None = None,
    ) -> None:
        self._url = url
        self._journal = journal
        self._streams = streams
        self._periods = periods
        self._tapped = tapped
        self._pause_s = pause_s
        self._listener = listener
        self._shards = Shards(subscriptions_per_connection)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.connections: dict[int, StreamConnection] = {}
        self.markets: set[str] = set()

    def set_markets(self, wanted: Iterable[str]) -> tuple[list[str], list[str]]:
        """Record exactly these markets from now on; returns (added, dropped), both sorted."""
        names = set(wanted)
        added, dropped = sorted(names - self.markets), sorted(self.markets - names)
        self.markets = names
        changes: dict[int, tuple[list[Topic], list[Topic]]] = {}
        for market in dropped:
            for number, topics in self._shards.drop(market).items():
                changes.setdefault(number, ([], []))[1].extend(topics)
        groups = [topics_of(market, self._streams, self._periods) for market in added]
        if "state" in self._streams:
            groups.insert(0, [Topic("state")])
        for group in groups:
            for number, topics in self._shards.add(group).items():
                changes.setdefault(number, ([], []))[0].extend(topics)
        if added or dropped:
            self._journal.append_event("markets", {"listed": added, "delisted": dropped})
        for number, (add, drop) in changes.items():
            self._connection(number).change(add, drop)
        return added, dropped

    def _connection(self, number: int) -> StreamConnection:
        if number not in self.connections:
            connection = StreamConnection(
                number,
                self._url,
                self._journal,
                tapped=self._tapped,
                pause_s=self._pause_s,
                listener=self._listener,
            )
            self.connections[number] = connection
            self._tasks[number] = asyncio.create_task(connection.run(), name=f"connection {number}")
        return self.connections[number]

    async def stop(self) -> None:
        """Hang up everywhere, politely where the venue answers. What was received is in the journal."""
        ending = [asyncio.create_task(connection.stop()) for connection in self.connections.values()]
        for number, task in self._tasks.items():
            if self.connections[number].stats.up:
                ending.append(task)  # it ends by itself, when it has read what arrived before the close
            else:
                task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=STOP_TIMEOUT_S)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, *self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
