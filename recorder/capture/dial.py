"""Opens a socket to the venue's stream."""

from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from recorder.capture.tap import TapConnection
from recorder.client.stream import CLOSE_TIMEOUT_S, OPEN_TIMEOUT_S, UNHEARD
from recorder.exchange.fields import MAX_FRAME_BYTES

KEEPALIVE_S: Final = 20.0
"""The protocol's own ping, besides the venue's: the library closes the socket when its pong stays away."""


async def dial(
    url: str, sink: Callable[[int, list[bytes]], None] | None, pause_s: float, *, signs: bool
) -> ClientConnection:
    """A socket; with a `sink` what is received goes there by the tap. Where it `signs`, no log hears of it.

    Raises OSError, TimeoutError or WebSocketException.
    """

    def build(*args: Any, **kwargs: Any) -> ClientConnection:
        connection = TapConnection(*args, **kwargs)
        if sink is not None:
            connection.sink = sink
        connection.pause_s = pause_s
        return connection

    return await connect(
        url,
        create_connection=ClientConnection if sink is None else build,  # type: ignore[arg-type]  # a factory serves
        compression=None,  # inflating costs two to three times the receive
        max_size=MAX_FRAME_BYTES,
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=KEEPALIVE_S,
        ping_timeout=KEEPALIVE_S,
        proxy=None,  # as the REST client: one set for browsers must not come between us and the venue
        user_agent_header=None,
        logger=UNHEARD if signs else None,
    )


def reason_of(error: Exception) -> str:
    """Why a connection could not be had or was lost, in one line."""
    if isinstance(error, InvalidStatus):
        return f"the venue answered HTTP {error.response.status_code}"
    if isinstance(error, TimeoutError):
        return f"no answer within {OPEN_TIMEOUT_S:.0f} s"
    return str(error) or type(error).__name__
