"""One recorder's process, from its start to its end, in the time of a simulated exchange."""

import heapq
import itertools
from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any, Final

from recorder.capture.account import ACCOUNT_CONNECTION
from recorder.capture.shards import topics_of
from recorder.exchange.topics import STREAMS, PrivateStream, Stream, Topic
from recorder.past.account import PastAccount
from recorder.past.agenda import MS, SECOND_NS, Agenda
from recorder.past.asking import CANDLE_PERIOD, Asking
from recorder.past.connection import Connection
from recorder.past.journal import PastJournal
from recorder.past.wire import Arrival, Wire

LOOK_EVERY_NS: Final = 5 * SECOND_NS
FIRST_QUESTION_NS: Final = 80 * MS
"""How long after its start a process asks for the market list."""
PUBLIC_CONNECTION: Final = 1
"""All topics of market data come on one."""


class Life:
    """Told the time by whoever lets it pass: `hear`, then `act`, then `look`."""

    def __init__(
        self, wire: Wire, journal: PastJournal, chance: Random, account: PastAccount | None = None
    ) -> None:
        self.agenda = Agenda()
        self.asking = Asking(wire.exchange, journal, self.agenda, chance)
        self._wire = wire
        self._journal = journal
        self._account = account
        self._connections = {
            PUBLIC_CONNECTION: Connection(
                PUBLIC_CONNECTION,
                wire,
                journal,
                self.agenda,
                chance,
                hear=self.hear,
                noted=self.asking.listen,
            )
        }
        if account is not None:
            self._connections[ACCOUNT_CONNECTION] = Connection(
                ACCOUNT_CONNECTION,
                account.line,
                journal,
                self.agenda,
                chance,
                hear=self.hear,
                noted=account.noted,
            )

    def start(self, now_ns: int, fields: Mapping[str, Any]) -> None:
        """The process begins, with what it says of itself."""
        self._journal.event(now_ns, "start", {**fields, "account": self._account is not None})
        self.agenda.at(now_ns + FIRST_QUESTION_NS, partial(self.asking.begin, listed=self._listed))
        if self._account is not None:
            self._account.begin(now_ns, self.agenda, self._connections[ACCOUNT_CONNECTION])

    def _listed(self, now_ns: int) -> None:
        names = sorted(self._wire.exchange.names())
        self._journal.event(now_ns, "markets", {"listed": names, "delisted": []})
        topics = [topic for name in names for topic in topics_of(name, STREAMS, (CANDLE_PERIOD,))]
        self._connections[PUBLIC_CONNECTION].begin(now_ns, [Topic("state"), *topics])

    def stop(self, now_ns: int, reason: str) -> None:
        """It hangs up, and says that it stops."""
        self.hear(now_ns)
        self.cut(now_ns, "stop")
        self._journal.event(now_ns, "stop", {"reason": reason})

    def cut(self, now_ns: int, reason: str) -> None:
        """The venue, or the network, ends all connections."""
        for connection in self._connections.values():
            connection.cut(now_ns, reason)

    def hear(self, now_ns: int) -> None:
        """Write down what arrived by now, over all connections in the order of time, and heed it."""
        newest: dict[int, dict[Stream | PrivateStream, int]] = {number: {} for number in self._connections}
        lines = [_numbered(connection, now_ns) for connection in self._connections.values()]
        in_order = heapq.merge(*lines, key=lambda each: each[0])
        for (recv_ns, number), group in itertools.groupby(in_order, key=lambda each: each[:2]):
            arrivals = [arrival for _, _, arrival in group]
            self._connections[number].read(recv_ns, arrivals)
            newest[number] |= {each.stream: recv_ns for each in arrivals if each.stream is not None}
            if self._account is not None and number == ACCOUNT_CONNECTION:
                self._account.pushed(each.payload for each in arrivals if each.stream is not None)
        for number, streams in newest.items():
            self._connections[number].saw(now_ns, streams)

    def look(self, now_ns: int) -> None:
        """Keep house."""
        for connection in self._connections.values():
            connection.look(now_ns)


def _numbered(connection: Connection, now_ns: int) -> list[tuple[int, int, Arrival]]:
    return [(each.recv_ns, connection.number, each) for each in connection.line.arrived(now_ns)]
