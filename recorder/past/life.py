"""One recorder's process, from its start to its end, in the time of a simulated exchange.

The conversation with the venue is the one a recorder has (`Session`); what is different is that it is looked
after every five seconds, not ten times in one.
"""

from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any, Final

from recorder.capture.shards import topics_of
from recorder.client.backoff import Backoff
from recorder.exchange.messages import STREAMS, Reply, Stream, Topic, parse
from recorder.exchange.session import Output, Session
from recorder.past.agenda import MS, SECOND_NS, Agenda
from recorder.past.asking import CANDLE_PERIOD, Asking
from recorder.past.journal import CONNECTION, PastJournal
from recorder.past.wire import Wire

LOOK_EVERY_NS: Final = 5 * SECOND_NS
FIRST_QUESTION_NS: Final = 80 * MS
"""How long after its start a process asks for the market list."""
HANDSHAKE_NS: Final = 30 * MS
REFUSAL_NS: Final = 4 * MS
REQUEST_NS: Final = 6 * MS
"""How long a text of ours takes to the venue."""
REFUSED: Final = "connect: [Errno 111] Connect call failed ('127.0.0.1', 8080)"
URL: Final = "ws://127.0.0.1:8080/ws"
"""Where the exchange would be, if it had a port."""


class Life:
    """Told the time by whoever lets it pass: `hear`, then `act`, then `look`."""

    def __init__(self, wire: Wire, journal: PastJournal, chance: Random) -> None:
        self.agenda = Agenda()
        self.asking = Asking(wire.exchange, journal, self.agenda, chance)
        self._wire = wire
        self._journal = journal
        self._session = Session(())
        self._backoff = Backoff(draw=chance.uniform)
        self._up = False
        self._last_recv_ns: int | None = None
        self._pushed_s: tuple[float, float] | None = None
        """When the connection's first push came, and its last."""

    def start(self, now_ns: int, fields: Mapping[str, Any]) -> None:
        """The process begins, with what it says of itself."""
        self._journal.event(now_ns, "start", fields)
        self.agenda.at(now_ns + FIRST_QUESTION_NS, partial(self.asking.begin, listed=self._listed))

    def stop(self, now_ns: int, reason: str) -> None:
        """It hangs up, and says that it stops."""
        self.hear(now_ns)
        if self._up:
            self._lost(now_ns, "stop")
        self._journal.event(now_ns, "stop", {"reason": reason})

    # --- the connection -----------------------------------------------------------------------------------

    def _listed(self, now_ns: int) -> None:
        names = sorted(self._wire.exchange.names())
        self._journal.event(now_ns, "markets", {"listed": names, "delisted": []})
        topics = [topic for name in names for topic in topics_of(name, STREAMS, (CANDLE_PERIOD,))]
        self._session = Session([Topic("state"), *topics])
        self._dial(now_ns)

    def _dial(self, now_ns: int) -> None:
        self._session.dial()
        if self._wire.refusing:
            self.agenda.at(now_ns + REFUSAL_NS, partial(self._lost, reason=REFUSED))
        else:
            self.agenda.at(now_ns + HANDSHAKE_NS, self._opened)

    def _opened(self, now_ns: int) -> None:
        self._up = True
        self._journal.event(now_ns, "up", {"url": URL}, CONNECTION)
        self._act(now_ns, self._session.opened(now_ns / 1e9))

    def cut(self, now_ns: int, reason: str) -> None:
        """The venue, or the network, ends the connection; it is tried again and again."""
        if self._up:
            self._lost(now_ns, reason)

    def _lost(self, now_ns: int, reason: str) -> None:
        self._up = False
        self._session.lost()
        self._wire.hang_up()
        if self._pushed_s is not None:
            self._backoff.healthy_for(self._pushed_s[1] - self._pushed_s[0])
        last_ns, self._last_recv_ns, self._pushed_s = self._last_recv_ns, None, None
        self._journal.event(now_ns, "down", {"reason": reason, "last": last_ns}, CONNECTION)
        if reason != "stop":
            self.agenda.at(now_ns + int(self._backoff.next_delay_s() * SECOND_NS), self._dial)

    # --- what comes and goes ------------------------------------------------------------------------------

    def hear(self, now_ns: int) -> None:
        """Write down what arrived by now, and heed it."""
        newest: dict[Stream, int] = {}
        read: list[bytes] = []
        for recv_ns, stream, payload in self._wire.arrived(now_ns):
            if read and recv_ns != self._last_recv_ns:
                self._read(read)
                read = []
            read.append(payload)
            self._last_recv_ns = recv_ns
            if stream is not None:
                newest[stream] = recv_ns
            elif isinstance(reply := parse(payload), Reply):
                self._read(read)
                read = []
                self._act(recv_ns, self._session.heard(reply, recv_ns / 1e9))
        self._read(read)
        for stream, recv_ns in newest.items():
            self._act(now_ns, self._session.saw(stream, recv_ns / 1e9, recv_ns))
            first_s = recv_ns / 1e9 if self._pushed_s is None else self._pushed_s[0]
            self._pushed_s = (first_s, recv_ns / 1e9)

    def _read(self, frames: list[bytes]) -> None:
        if frames:
            assert self._last_recv_ns is not None
            self._journal.received(self._last_recv_ns, frames)

    def look(self, now_ns: int) -> None:
        """Keep house: heartbeats, and streams that have gone quiet."""
        output = self._session.tick(now_ns / 1e9)
        self._act(now_ns, output)
        if output.give_up is not None:
            self._lost(now_ns, output.give_up)

    def _act(self, now_ns: int, output: Output) -> None:
        for note in output.notes:
            self._journal.event(now_ns, note.kind, note.fields, CONNECTION)
            self.asking.listen(now_ns, note)
        for text in output.texts:
            self.agenda.at(now_ns + REQUEST_NS, partial(self._told, text))

    def _told(self, text: str, now_ns: int) -> None:
        """The venue takes a text of ours, unless the connection has gone before."""
        if self._up:
            self.agenda.at(self._wire.answer(text, now_ns), self.hear)
