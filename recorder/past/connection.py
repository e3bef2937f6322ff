"""One connection of a recorder to the venue: dialled, lost and dialled again.

The conversation is the one a recorder has (`Session`); what is different is that it is looked after every
five seconds, not ten times in one.
"""

from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import Final, Protocol

from recorder.client.backoff import Backoff
from recorder.exchange.messages import Reply, parse
from recorder.exchange.session import Note, Output, Session
from recorder.exchange.signin import Signer
from recorder.exchange.topics import PrivateStream, Stream, Topic
from recorder.past.agenda import MS, SECOND_NS, Action, Agenda
from recorder.past.journal import PastJournal
from recorder.past.wire import Arrival

HANDSHAKE_NS: Final = 30 * MS
REFUSAL_NS: Final = 4 * MS
REQUEST_NS: Final = 6 * MS
"""How long a text of ours takes to the venue."""
REFUSED: Final = "connect: [Errno 111] Connect call failed ('127.0.0.1', 8080)"
URL: Final = "ws://127.0.0.1:8080/ws"
"""Where the exchange would be, if it had a port."""


class Line(Protocol):
    """What a connection speaks into, and hears from."""

    refusing: bool

    def answer(self, text: str, now_ns: int) -> int:
        """Take a text of ours; returns when the reply arrives."""

    def arrived(self, now_ns: int) -> Iterable[Arrival]:
        """What is received by now, in order, each once."""

    def hang_up(self) -> None:
        """The connection is gone."""


class Connection:
    """`hear` is what lets a reply be heard in time; `noted` is told each note once it is journalled."""

    def __init__(  # every property by its name
        self,
        number: int,
        line: Line,
        journal: PastJournal,
        agenda: Agenda,
        chance: Random,
        *,
        hear: Action,
        noted: Callable[[int, Note], None],
    ) -> None:
        self.number = number
        self.line = line
        self._journal = journal
        self._agenda = agenda
        self._hear = hear
        self._noted = noted
        self._session = Session(())
        self._backoff = Backoff(draw=chance.uniform)
        self._up = False
        self._last_recv_ns: int | None = None
        self._heard_s: tuple[float, float] | None = None
        """When the first push (to a signed connection: anything) came, and the last."""
        self._signs = False

    def begin(self, now_ns: int, topics: Iterable[Topic], signer: Signer | None = None) -> None:
        """Dial, and ask for these topics whenever it is up."""
        self._session = Session(topics, signer)
        self._signs = signer is not None
        self._dial(now_ns)

    def _dial(self, now_ns: int) -> None:
        self._session.dial()
        if self.line.refusing:
            self._agenda.at(now_ns + REFUSAL_NS, partial(self._lost, reason=REFUSED))
        else:
            self._agenda.at(now_ns + HANDSHAKE_NS, self._opened)

    def _opened(self, now_ns: int) -> None:
        self._up = True
        self._journal.event(now_ns, "up", {"url": URL}, self.number)
        self._act(now_ns, self._session.opened(now_ns / 1e9))

    def cut(self, now_ns: int, reason: str) -> None:
        """It ends. Unless we stop, it is tried again and again."""
        if self._up:
            self._lost(now_ns, reason)

    def _lost(self, now_ns: int, reason: str) -> None:
        self._up = False
        self._session.lost()
        self.line.hang_up()
        if self._heard_s is not None:
            self._backoff.healthy_for(self._heard_s[1] - self._heard_s[0])
        last_ns, self._last_recv_ns, self._heard_s = self._last_recv_ns, None, None
        self._journal.event(now_ns, "down", {"reason": reason, "last": last_ns}, self.number)
        if reason != "stop":
            self._agenda.at(now_ns + int(self._backoff.next_delay_s() * SECOND_NS), self._dial)

    # --- what comes and goes ------------------------------------------------------------------------------

    def read(self, recv_ns: int, arrivals: list[Arrival]) -> None:
        """What one read brought: write it down, and heed the replies in it."""
        self._last_recv_ns = recv_ns
        self._journal.received(recv_ns, [each.payload for each in arrivals], self.number)
        for _, stream, payload in arrivals:
            if stream is None and isinstance(reply := parse(payload), Reply):
                self._act(recv_ns, self._session.heard(reply, recv_ns / 1e9))
            if stream is not None or self._signs:
                first_s = recv_ns / 1e9 if self._heard_s is None else self._heard_s[0]
                self._heard_s = (first_s, recv_ns / 1e9)

    def saw(self, now_ns: int, newest: dict[Stream | PrivateStream, int]) -> None:
        """Pushes of these streams came; the newest of each at its time."""
        for stream, recv_ns in newest.items():
            self._act(now_ns, self._session.saw(stream, recv_ns / 1e9, recv_ns))

    def look(self, now_ns: int) -> None:
        """Keep house: heartbeats, and streams that have gone quiet."""
        output = self._session.tick(now_ns / 1e9)
        self._act(now_ns, output)
        if output.give_up is not None:
            self._lost(now_ns, output.give_up)

    def _act(self, now_ns: int, output: Output) -> None:
        for note in output.notes:
            self._journal.event(now_ns, note.kind, note.fields, self.number)
            self._noted(now_ns, note)
        for text in output.texts:
            self._agenda.at(now_ns + REQUEST_NS, partial(self._told, text))

    def _told(self, text: str, now_ns: int) -> None:
        """The venue takes a text of ours, unless the connection has gone before."""
        if self._up:
            self._agenda.at(self.line.answer(text, now_ns), self._hear)
