"""How a connection signs in, by which of the two words that the exchange's document has for it.

Its samples call the request `sign`, its table `subscribe.sign`. Where a venue refuses the first one for a
reason that is none of a signature's, it does not know the word, and the other one is tried.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from recorder.exchange.messages import ErrorInfo, Reply
from recorder.exchange.refusals import denial, is_unknown_method
from recorder.exchange.requests import SIGN_WORDS, encode_sign

Signer: TypeAlias = Callable[[], dict[str, str]]
"""Makes the parameters of a signature: fresh ones with each call."""
_TURNS: Final = len(SIGN_WORDS)


class SignIn:
    """What was asked on a connection, and by which word."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._word = 0
        self._asked: int | None = None
        self._tried = 0
        self._before: ErrorInfo | None = None

    def begin(self) -> None:
        """A new connection: nothing is asked yet."""
        self._asked, self._tried, self._before = None, 0, None

    def ask(self, request_id: int) -> str:
        """The text that signs in."""
        self._asked = request_id
        return encode_sign(self._signer(), request_id, SIGN_WORDS[self._word])

    def is_answered_by(self, reply: Reply) -> bool:
        if reply.id is None or reply.id != self._asked:
            return False
        self._asked = None
        return True

    def refused(self, error: ErrorInfo) -> ErrorInfo | None:
        """Why the venue does not take the signature; None where it may not know the word, and the other one
        is to be tried. Each is tried once on a connection, and the one that it knows is kept."""
        self._tried += 1
        if denial(error.code, error.message) is not None:
            return error
        if self._tried < _TURNS:
            self._word, self._before = (self._word + 1) % _TURNS, error
            return None
        if self._before is None or not is_unknown_method(error.message):
            return error
        before, self._before = self._before, None
        self._word = (self._word + 1) % _TURNS
        return before
