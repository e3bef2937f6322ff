"""A recorder's account in the time of a simulated exchange: rounds of questions, and the private streams.

What is asked for, and when, is decided by the hands of a recorder (`AccountRounds`); its questions are
answered on the spot, and their answers are received one after the other a moment later.
"""

import copy
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from random import Random
from typing import Any, Final, TypeVar

from recorder.capture.account import AccountRounds, Snapshot
from recorder.capture.asked import Asked
from recorder.client.account import AccountCalls
from recorder.client.client import Client
from recorder.client.errors import RestError
from recorder.client.rest import Given, RestClient
from recorder.exchange.answers import encode_answer, parse_answer
from recorder.exchange.clock import VenueClock
from recorder.exchange.encoding import encode_reply
from recorder.exchange.endpoints import Endpoint
from recorder.exchange.requests import parse_request
from recorder.exchange.session import Note
from recorder.exchange.signing import Credentials
from recorder.exchange.topics import PRIVATE_STREAMS, Topic
from recorder.past.agenda import MS, SECOND_NS, Agenda
from recorder.past.asking import ANSWERED_MS
from recorder.past.connection import Connection
from recorder.past.journal import PastJournal
from recorder.past.wire import Line
from recorder.simulator.private.gate import Gate
from recorder.simulator.private.rest import PrivateInterface
from recorder.simulator.private.streams import PrivateStreams
from recorder.simulator.private.venue import Venue
from recorder.simulator.refused import RefusedError

ROUND_EVERY_NS: Final = 600 * SECOND_NS
"""A recorder: 300 s."""
FIRST_ROUND_NS: Final = 500 * MS
"""How long after its start a process asks for the account."""
NOWHERE: Final = "http://127.0.0.1:8080"
THE_CLIENT: Final = 1
"""The venue's number of the one connection that signs."""

T = TypeVar("T")


class PastClock(VenueClock):
    """The venue's time, which somebody else tells: `now_ns`."""

    def __init__(self, now_ns: int) -> None:
        super().__init__()
        self.now_ns = now_ns

    def ts(self, _: float) -> int:
        return self.now_ns // SECOND_NS

    def wait_s(self, venue_s: float, _: float) -> float:
        return venue_s - self.now_ns / SECOND_NS


class PastRest(RestClient):
    """Answered at once; that the answers are written down when they would have come is on the agenda."""

    def __init__(
        self, venue: Venue, keys: Mapping[str, str], clock: PastClock, journal: PastJournal, chance: Random
    ) -> None:
        super().__init__(NOWHERE, credentials=Credentials.of(*next(iter(keys.items()))))
        self.clock: PastClock = clock
        self.agenda = Agenda()
        self.answered_ns = 0
        """When the last answer is received."""
        self._journal_of_past = journal
        self._chance = chance
        self._private = PrivateInterface(
            venue, Gate(keys), lambda: clock.now_ns, catch_up=lambda: None, limits=False
        )

    async def call(
        self, endpoint: Endpoint, params: Mapping[str, str] | None = None, *, urgent: bool = False
    ) -> Given:
        """Never waits. Raises RestError where the venue refuses."""
        assert not urgent
        asked, asked_ns = dict(params or {}), self.clock.now_ns
        try:
            body = encode_answer(self._private.call(endpoint, {**asked, **self.sign()}, None))
        except RefusedError as refusal:
            raise RestError(refusal.message, retryable=False, code=refusal.code) from refusal
        took_ns = int(self._chance.uniform(*ANSWERED_MS) * MS)
        self.answered_ns = max(self.answered_ns, asked_ns) + took_ns
        told = partial(
            self._journal_of_past.answer,
            call=endpoint.name,
            params=asked,
            body=body,
            asked_ns=asked_ns,
        )
        self.agenda.at(self.answered_ns, told)
        return Given(parse_answer(body).data, asked_ns)


class PastClient(Client):
    """The calls of an account, over such answers."""

    def __init__(self, rest: PastRest) -> None:
        super().__init__(NOWHERE)
        self.rest = rest
        self.account = AccountCalls(rest, self.notices)


class PrivateLine(Line):
    """What the venue pushes to the account's owner, and replies."""

    def __init__(self, venue: Venue, keys: Mapping[str, str], clock: PastClock, chance: Random) -> None:
        super().__init__(clock.now_ns, chance)
        self.refusing = False
        self._venue = venue
        self._streams = PrivateStreams(venue, Gate(keys), lambda: clock.now_ns)

    def advance(self) -> None:
        """Send what has happened."""
        for _, push in self._streams.pushes(self._venue.news()):
            self.send(push.t_ns, push.topic.stream, push.payload)

    def answer(self, text: str, now_ns: int) -> int:
        """Take a client's text, and say when its reply arrives."""
        request = parse_request(text)
        result = "success"
        if request.method != "ping":
            result = self._streams.answer(request, THE_CLIENT, None)
        return self.send(now_ns, None, encode_reply(request, result))

    def hang_up(self) -> None:
        """... and who was signed in is so no longer."""
        super().hang_up()
        self._streams.leave(THE_CLIENT)


class PastAccount:
    """The account over all processes of a recorder: a process goes on where the one before stopped."""

    def __init__(
        self, venue: Venue, keys: Mapping[str, str], start_ns: int, journal: PastJournal, seed: int
    ) -> None:
        self._chance = Random(f"{seed}:account")  # noqa: S311 - a simulation
        self._clock = PastClock(start_ns)
        self.line = PrivateLine(venue, keys, self._clock, self._chance)
        self._rest = PastRest(venue, keys, self._clock, journal, self._chance)
        self._client = PastClient(self._rest)
        self._markets = venue.desk.markets
        self._known = Asked()
        self._rounds = AccountRounds(self._client, self._known)

    def advance(self, now_ns: int) -> None:
        """It is later, and the exchange has lived until now."""
        self._clock.now_ns = now_ns
        self.line.advance()

    def begin(self, now_ns: int, agenda: Agenda, connection: Connection) -> None:
        """A process begins, with what the journal has the answers of."""
        self._rest.agenda = agenda
        self._rest.answered_ns = now_ns
        self._rounds = AccountRounds(self._client, copy.deepcopy(self._known))
        self._rounds.want(sorted(self._markets))
        topics = [Topic(stream) for stream in PRIVATE_STREAMS]
        agenda.at(now_ns + FIRST_ROUND_NS, self._round_and_again)
        agenda.at(
            now_ns + 2 * FIRST_ROUND_NS, partial(connection.begin, topics=topics, signer=self._rest.sign)
        )

    def noted(self, now_ns: int, note: Note) -> None:
        """A snapshot after each connection that was signed for: it tells what no push did."""
        if note.kind == "confirmed":
            self._round(now_ns)

    def pushed(self, payloads: Iterable[bytes]) -> None:
        """The account did something: its market is looked at with the next round."""
        for payload in payloads:
            self._rounds.pushed(payload)

    def _round_and_again(self, now_ns: int) -> None:
        self._round(now_ns)
        self._rest.agenda.at(now_ns + ROUND_EVERY_NS, self._round_and_again)

    def _round(self, _: int) -> None:
        """Ask for all; it is known once the last answer is written down."""
        _at_once(self._rounds.snapshot())
        while self._rounds.waiting:
            _at_once(self._rounds.next_market(Snapshot()))
        known = copy.deepcopy(self._rounds.asked)
        self._rest.agenda.at(self._rest.answered_ns, partial(self._keep, known))

    def _keep(self, known: Asked, _: int) -> None:
        self._known = known


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """What comes of work that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits, though there is nothing to wait for")
