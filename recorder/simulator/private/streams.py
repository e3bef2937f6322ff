"""The private side of the WebSocket: who is signed in on which connection, and what each of them follows."""

from collections.abc import Mapping
from typing import Any, Final, cast

from recorder.exchange import refusals
from recorder.exchange.encoding import encode_push
from recorder.exchange.requests import Request
from recorder.exchange.topics import PRIVATE_STREAMS, Stream, Topic
from recorder.simulator.private.desk import News
from recorder.simulator.private.gate import Gate
from recorder.simulator.private.venue import Venue
from recorder.simulator.public_rest import Clock
from recorder.simulator.refused import RefusedError
from recorder.simulator.source import Push

SIGNING: Final = ("sign", "subscribe.sign", "unsubscribe.sign")
"""The document's table writes the second, its sample code the first; the third signs out."""
METHODS: Final = (*SIGNING, *(f"{action}.{stream}" for action in ("subscribe", "unsubscribe")
                              for stream in PRIVATE_STREAMS))  # fmt: skip
NO_ACCOUNTS: Final = (refusals.WRONG_SIGNATURE[0], "this exchange has no accounts")


class PrivateStreams:
    """By the connection's number: its account, and the streams it is subscribed to. Both end with it."""

    def __init__(self, venue: Venue | None, gate: Gate, clock: Clock) -> None:
        self._venue = venue
        self._gate = gate
        self._clock = clock
        self._signed: dict[int, int] = {}
        self._follows: dict[int, set[str]] = {}

    def answer(self, request: Request, connection: int, address: str | None) -> Any:
        """The result of a request whose method is one of `METHODS`. Raises RefusedError."""
        if self._venue is None:
            raise RefusedError(*NO_ACCOUNTS)
        if request.method == "unsubscribe.sign":
            self.leave(connection)
            return "success"
        if request.method in SIGNING:
            self._signed[connection] = self._sign(self._venue, request, address)
            return "success"
        if connection not in self._signed:
            raise RefusedError(refusals.WRONG_SIGNATURE[0], "not signed in: sign first")
        action, _, stream = request.method.partition(".")
        follows = self._follows.setdefault(connection, set())
        (follows.add if action == "subscribe" else follows.discard)(stream)
        return {"status": "success"}

    def _sign(self, venue: Venue, request: Request, address: str | None) -> int:
        """The user's id."""
        client_id = self._gate.admit(_texts(request.params), address, self._clock() / 1e9)
        account = venue.account(client_id)
        if account is None:
            raise RefusedError(refusals.WRONG_SIGNATURE[0], "signature error")
        return account.user_id

    def leave(self, connection: int) -> None:
        """The connection is gone, or its client has signed out."""
        self._signed.pop(connection, None)
        self._follows.pop(connection, None)

    def pushes(self, news: list[News]) -> list[tuple[int, Push]]:
        """What is to be sent to which connections, in order."""
        found: list[tuple[int, Push]] = []
        for item in news:
            there = [
                number
                for number, follows in self._follows.items()
                if item.stream in follows and self._signed[number] == item.user_id
            ]
            if there:
                stream = cast("Stream", item.stream)  # a private one: it is only written
                push = Push(item.at_us * 1_000, Topic(stream), encode_push(stream, item.result))
                found += [(number, push) for number in there]
        return found


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    """Ids and numbers come as texts or as numbers."""
    return {name: str(value) for name, value in params.items() if isinstance(value, str | int)}
