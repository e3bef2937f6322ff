"""One connection's conversation with the venue. Pure: texts and `now` in, texts out.

`lifecycle` has the states of a connection.

How a topic is confirmed. The shape of the venue's acknowledgement is not documented. A reply that repeats
the request's id and carries no error confirms it; one with an error refuses it. A server that never
acknowledges is covered by a ping sent after each round of subscriptions: messages of one socket are
handled in order, so its pong proves that every earlier request has been handled.

Signing in. The streams of an account are asked for after a signature, in one breath: a venue handles the
texts of a socket in order. It is signed anew on each connection, and whenever a topic that was refused is
asked for again: what was refused was the signature, for the most part. `signin` has the words.

Silence. Every public stream has its own watchdog (`pace`). A silent stream is subscribed again; if that does
not bring it back, the connection is given up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from recorder.exchange.lifecycle import TRANSITIONS, Event, SessionError, State
from recorder.exchange.messages import ErrorInfo, Reply
from recorder.exchange.pace import Pace
from recorder.exchange.requests import encode_ping, encode_subscribe, encode_unsubscribe
from recorder.exchange.signin import Signer, SignIn
from recorder.exchange.topics import PRIVATE_STREAMS, PrivateStream, Stream, Topic

PING_EVERY_S: Final = 10.0
"""The venue closes a connection it heard nothing from for 30 s."""
DEAD_AFTER_S: Final = 30.0
"""Nothing at all received for this long, pings unanswered: the socket is dead whatever TCP says."""
MAX_PINGS: Final = 100
"""Unanswered pings that are remembered: a venue may never answer one."""
RETRY_REFUSED_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Note:
    """A fact about the connection that belongs in the journal."""

    kind: str
    fields: dict[str, Any]


@dataclass(slots=True)
class Output:
    """What the caller has to do: send `texts`, journal `notes`, and hang up if `give_up` says why."""

    texts: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    give_up: str | None = None
    denied: ErrorInfo | None = None
    """Why the venue did not take the signature."""


def topic_fields(topic: Topic) -> list[str]:
    """A topic as the journal writes it: [stream], [stream, market] or [stream, market, period]."""
    return [part for part in (topic.stream, topic.market, topic.period) if part is not None]


class Session:
    """The conversation of one connection: what was asked, what is confirmed, what has gone quiet.

    `now` is monotonic seconds; `recv_ns` is the wall clock's receive time, only passed through to notes.
    """

    def __init__(self, topics: Iterable[Topic], signer: Signer | None = None) -> None:
        self.state = State.DOWN
        self._sign_in = SignIn(signer) if signer is not None else None
        self._soon = False
        self.topics: dict[Topic, None] = dict.fromkeys(topics)
        self._next_id = 1
        self._pace: dict[str, Pace] = {}
        self._clear(0.0)

    def _clear(self, now: float) -> None:
        self._pending: dict[int, Topic] = {}
        self._refused: dict[Topic, float] = {}
        self._pings: list[int] = []
        self._soon = False
        if self._sign_in is not None:
            self._sign_in.begin()
        self._last_ping = now
        self._last_heard = now

    def _apply(self, event: Event) -> None:
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            raise SessionError(f"{event.value} cannot happen to a connection that is {self.state.value}")
        self.state = following

    def dial(self) -> None:
        self._apply(Event.DIAL)

    def lost(self) -> None:
        self._apply(Event.LOST)

    def opened(self, now: float) -> Output:
        """The handshake is done: ask for every topic."""
        self._apply(Event.OPENED)
        self._clear(now)
        for pace in self._pace.values():
            pace.begin(now)
        output = Output()
        self._ask(list(self.topics), now, output)
        self._settle()
        return output

    def change(self, add: Iterable[Topic], drop: Iterable[Topic], now: float) -> Output:
        """Other topics are wanted. On a connection that is down they are only remembered."""
        output = Output()
        dropped = [topic for topic in drop if topic in self.topics]
        added = [topic for topic in add if topic not in self.topics]
        for topic in dropped:
            del self.topics[topic]
            self._refused.pop(topic, None)
        self._pending = {key: topic for key, topic in self._pending.items() if topic in self.topics}
        self.topics.update(dict.fromkeys(added))
        carried = {topic.stream for topic in self.topics}
        # A stream that was not wanted for a while was not silent: when it comes back it begins anew.
        self._pace = {stream: pace for stream, pace in self._pace.items() if stream in carried}
        if self.state not in (State.SUBSCRIBING, State.LIVE):
            return output
        self._apply(Event.CHANGED)
        if dropped:
            asked = [(self._take_id(), topic) for topic in dropped]
            output.texts += [encode_unsubscribe(topic, request_id) for request_id, topic in asked]
            output.notes.append(_topics_note("unsubscribe", asked))
        self._ask(added, now, output)
        self._settle()
        return output

    def _ask(self, topics: list[Topic], now: float, output: Output) -> None:
        if not topics:
            return
        asked = [(self._take_id(), topic) for topic in topics]
        self._pending.update(asked)
        for _, topic in asked:
            if topic.stream not in PRIVATE_STREAMS:  # an account may do nothing for weeks
                self._pace.setdefault(topic.stream, Pace(since=now, last=now))
        if self._sign_in is not None and any(topic.stream in PRIVATE_STREAMS for topic in topics):
            output.texts.append(self._sign_in.ask(self._take_id()))
        output.notes.append(_topics_note("subscribe", asked))
        output.texts += [encode_subscribe(topic, request_id) for request_id, topic in asked]
        output.texts.append(self._ping(now))

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _ping(self, now: float) -> str:
        self._last_ping = now
        request_id = self._take_id()
        self._pings = [*self._pings[-MAX_PINGS:], request_id]
        return encode_ping(request_id)

    def alive(self, now: float) -> None:
        """Something arrived, readable or not: the socket lives."""
        self._last_heard = now

    def saw(self, stream: Stream | PrivateStream, now: float, recv_ns: int) -> Output:
        """A push of this stream arrived."""
        self._last_heard = now
        output = Output()
        pace = self._pace.get(stream)
        if pace is not None:
            if pace.silent:
                topics = [topic_fields(topic) for topic in self.topics if topic.stream == stream]
                output.notes.append(Note("heard", {"stream": stream, "topics": topics}))
            pace.saw(now, recv_ns)
        return output

    def heard(self, reply: Reply, now: float) -> Output:
        """Anything that is no push arrived: an acknowledgement, a refusal, a pong, or something unknown."""
        self._last_heard = now
        output = Output()
        if self._sign_in is not None and self._sign_in.is_answered_by(reply):
            self._signed(
                None if reply.error is None else self._sign_in.refused(reply.error), reply, now, output
            )
            return output
        topic = self._pending.pop(reply.id, None) if reply.id is not None else None
        if reply.id is not None and topic is not None:
            if reply.error is None:
                output.notes.append(_topics_note("confirmed", [(reply.id, topic)]))
            else:
                self._refused[topic] = now
                row = [reply.id, *topic_fields(topic)]
                reason = reply.error.message or str(reply.error.code)
                output.notes.append(Note("refused", {"topics": [row], "error": reason}))
        elif self._is_pong(reply):
            self._pong(reply, output)
        self._settle()
        return output

    def _signed(self, refusal: ErrorInfo | None, reply: Reply, now: float, output: Output) -> None:
        if reply.error is None:
            output.notes.append(Note("signed", {}))
        elif refusal is None:
            self.sign_soon()  # by the other word
        else:  # whatever is said to its streams: they bring nothing
            output.denied = refusal
            private = (topic for topic in self.topics if topic.stream in PRIVATE_STREAMS)
            self._refused.update(dict.fromkeys(private, now))
            output.notes.append(Note("denied", {"code": refusal.code, "error": refusal.message}))

    def sign_soon(self) -> None:
        """Sign in and ask for an account's streams again as soon as what was asked is answered."""
        self._soon = True

    def _is_pong(self, reply: Reply) -> bool:
        return bool(self._pings) and (reply.id in self._pings or (reply.method == "ping" and not reply.id))

    def _pong(self, reply: Reply, output: Output) -> None:
        answered = reply.id if reply.id in self._pings else self._pings[0]
        assert answered is not None
        self._pings = [request_id for request_id in self._pings if request_id > answered]
        covered = [(key, topic) for key, topic in self._pending.items() if key < answered]
        for key, _ in covered:
            del self._pending[key]
        if covered:
            output.notes.append(_topics_note("confirmed", covered))

    def _settle(self) -> None:
        if self.state is State.SUBSCRIBING and not self._pending:
            self._apply(Event.SETTLED)

    def tick(self, now: float) -> Output:
        """Time has passed: heartbeat, watchdogs, a new try for what was refused. Wants a call each second."""
        output = Output()
        if self.state not in (State.SUBSCRIBING, State.LIVE):
            return output
        if now - self._last_heard > DEAD_AFTER_S:
            output.give_up = f"nothing received for {DEAD_AFTER_S:.0f} s"
            return output
        again = [topic for topic, since in self._refused.items() if now - since > RETRY_REFUSED_S]
        if self._soon and not self._pending:
            self._soon = False
            again += [topic for topic in self.topics if topic.stream in PRIVATE_STREAMS]
        for stream in self._fallen_silent(now, output):
            again += [topic for topic in self.topics if topic.stream == stream]
        if again and output.give_up is None:
            for topic in again:
                self._refused.pop(topic, None)
            self._apply(Event.CHANGED)
            self._ask(list(dict.fromkeys(again)), now, output)
        elif now - self._last_ping > PING_EVERY_S:
            output.texts.append(self._ping(now))
        return output

    def _fallen_silent(self, now: float, output: Output) -> list[str]:
        fallen: list[str] = []
        for stream, pace in self._pace.items():
            if not any(topic.stream == stream and topic not in self._refused for topic in self.topics):
                continue
            quiet_s = now - pace.last
            if not pace.silent and quiet_s > pace.silent_after_s():
                pace.silent = True
                fallen.append(stream)
                output.notes.append(Note("silence", {"stream": stream, "last": pace.last_ns}))
            elif pace.silent and pace.arrivals and quiet_s > 2 * pace.silent_after_s():
                output.give_up = f"{stream} stayed silent for {quiet_s:.0f} s"
        return fallen


def _topics_note(kind: str, asked: list[tuple[int, Topic]]) -> Note:
    return Note(kind, {"topics": [[request_id, *topic_fields(topic)] for request_id, topic in asked]})
