"""Frames as JSON objects and their single values, read tolerantly.

The venue writes decimals as JSON strings. They stay text here: whoever needs numbers converts them
once, where the loss (none up to 15 significant digits) can be counted.
"""

import math
import re
from typing import Any, Final

import msgspec

MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""A push of 300 market states is 145 kB; a hundred times that is no message but a fault."""


class ProtocolError(Exception):
    """A frame that is not what the protocol says. The text is the reason kept beside the frame."""


_NO_VALUE: Final = ("", "-", "--")
_DECIMAL: Final = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")

TIME_RANGE_S: Final = (946_684_800, 4_102_444_800)
"""2000-01-01 to 2100-01-01: a time outside is a unit or a fault, and would make partitions for ever."""


def json_object(text: bytes | str) -> dict[str, Any]:
    if len(text) > MAX_FRAME_BYTES:
        raise ProtocolError("frame too large")
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ProtocolError("not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("not a JSON object")
    return message


def unknown_fields(fields: dict[str, Any], known: tuple[str, ...], where: str) -> tuple[str, ...]:
    return tuple(f"unknown field {where}.{name}" for name in fields if name not in known)


def decimal_text(value: object, field: str) -> str:
    """A required decimal as its text. JSON numbers are tolerated; anything else raises ProtocolError."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)
    else:
        raise ProtocolError(f"{field} is not a decimal")
    if _DECIMAL.fullmatch(text) is None or not math.isfinite(float(text)):
        raise ProtocolError(f"{field} is not a decimal")
    return text


def optional_decimal(value: object, field: str) -> str | None:
    """A decimal that may be absent: null, `""`, `"-"` and `"--"` stand for no value."""
    return None if value is None or value in _NO_VALUE else decimal_text(value, field)


def integer(value: object, field: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)  # an id of 19 digits, as the exchange's document has them, may fit
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise ProtocolError(f"{field} is not an integer")
    return value


def name_text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"{field} is missing")
    return value


def check_time_s(seconds: float, field: str) -> None:
    """Refuse a time that no venue means. Raises ProtocolError."""
    if not TIME_RANGE_S[0] <= seconds < TIME_RANGE_S[1]:
        raise ProtocolError(f"{field} is out of range")
