"""What came of a call: the venue's envelope, a gateway's page in its place, and what either means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from recorder.client.errors import DeniedError, RestError
from recorder.exchange.answers import Answer, parse_answer
from recorder.exchange.endpoints import Endpoint
from recorder.exchange.fields import ProtocolError
from recorder.exchange.refusals import denial, hint, retryable, said
from recorder.exchange.signing import TS_WINDOW_S

MESSAGE_LIMIT: Final = 300
"""Characters of the venue's words in an error; all of them are in the journal."""
OK: Final = 200
"""Other answers may hold the venue's envelope, too, and then say why in it."""


@dataclass(frozen=True, slots=True)
class Came:
    """An answer as it came, and when (ns) its last byte was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    read_ns: int


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def read(endpoint: Endpoint, came: Came) -> Answer | None:
    """The venue's envelope; None where a gateway answered in its place."""
    try:
        return parse_answer(came.body)
    except ProtocolError as error:
        if came.status != OK:
            return None
        raise RestError(f"{name_of(endpoint)}: {error}", retryable=True) from error


def refusal(endpoint: Endpoint, came: Came, answer: Answer | None, off_s: float | None) -> RestError:
    """Why there is no data. `off_s` is how far the answer's time was from the one that was signed."""
    name = name_of(endpoint)
    after = came.headers.get("Retry-After", "")
    retry_after_s = float(after) if after.isdecimal() else None
    if answer is None or answer.code == 0:
        message = f"{name}: the venue answered HTTP {came.status}{hint(came.status)}"
        return RestError(
            message,
            retryable=retryable(came.status, None),
            retry_after_s=retry_after_s,
            status=came.status,
        )
    message = f"{name}: {said(answer.code, answer.message[:MESSAGE_LIMIT])}"
    denied = denial(answer.code, answer.message, off_s) if endpoint.access != "public" else None
    told_time = answer.time is not None or (off_s is not None and abs(off_s) > TS_WINDOW_S)
    if denied is not None:
        return DeniedError(message, denied, answer.code, told_time=told_time)
    return RestError(
        message,
        retryable=retryable(came.status, answer.code),
        retry_after_s=retry_after_s,
        code=answer.code,
    )
