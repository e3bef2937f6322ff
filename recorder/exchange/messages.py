"""Every public message of the venue, as pure functions over bytes.

What the documents leave open is read tolerantly and *noticed*: a parsed message carries `notices`, short
stable phrases such as `unknown field trade.foo`, so that a difference costs nothing and is never silent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from recorder.exchange.candles import KlinePush, kline_push
from recorder.exchange.fields import ProtocolError, json_object, unknown_fields
from recorder.exchange.pushes import DepthPush, StatePush, TradePush, depth_push, state_push, trade_push
from recorder.exchange.topics import STREAMS, Stream


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Either form of the wire's `error`: an object with code and msg, or a plain string (code None)."""

    code: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Anything that is no push: an acknowledgement, a pong, an error, or a method we do not know."""

    id: int | None
    method: str | None
    result: Any
    error: ErrorInfo | None


Message: TypeAlias = TradePush | DepthPush | KlinePush | StatePush | Reply

PUSH_METHODS: Final[dict[str, Stream]] = {f"update.{stream}": stream for stream in STREAMS}

PUSH_HEAD: Final = b'{"id":0,"method":"update.'
"""How a push begins in the venue's usual spacing and order."""


def parse(frame: bytes | str) -> Message:
    """Read one server text. Raises ProtocolError with the reason a reject is kept under."""
    message = json_object(frame)
    method = message.get("method")
    stream = PUSH_METHODS.get(method) if isinstance(method, str) else None
    if stream is None:
        return _reply(message, method)
    if message.get("error") is not None:
        raise ProtocolError(f"{method} carries an error")
    if "result" not in message:
        raise ProtocolError(f"{method} without result")
    notices = unknown_fields(message, ("id", "method", "result", "error"), "push")
    return _PARSERS[stream](message["result"], notices)


def _reply(message: dict[str, Any], method: object) -> Reply:
    request_id = message.get("id")
    return Reply(
        id=request_id if isinstance(request_id, int) and not isinstance(request_id, bool) else None,
        method=method if isinstance(method, str) else None,
        result=message.get("result"),
        error=parse_error(message.get("error")),
    )


def parse_error(error: object) -> ErrorInfo | None:
    """Read the wire's `error` in either form; None where there is none."""
    if error is None:
        return None
    if isinstance(error, dict):
        code = error.get("code")
        text = error.get("msg", error.get("message", ""))
        return ErrorInfo(code if isinstance(code, int) else None, str(text))
    return ErrorInfo(None, str(error))


_PARSERS: Final[dict[Stream, Callable[[Any, tuple[str, ...]], Message]]] = {
    "trade": trade_push,
    "depth": depth_push,
    "kline": kline_push,
    "state": state_push,
}
