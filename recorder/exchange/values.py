"""Single values of the account's records, read tolerantly: what stands for no value becomes None."""

import enum
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from recorder.exchange.fields import check_time_s, integer, name_text, optional_decimal

Notices: TypeAlias = list[str]
Reader: TypeAlias = Callable[[Any, str, Notices], Any]


def read_decimal(value: object, where: str, _: Notices) -> Decimal | None:
    text = optional_decimal(value, where)
    return None if text is None else Decimal(text)


def read_integer(value: object, where: str, _: Notices) -> int | None:
    return None if value is None or value in ("", "-", "--") else integer(value, where)


def read_text(value: object, where: str, _: Notices) -> str | None:
    return None if value is None or value == "" else name_text(value, where)


def read_id_text(value: object, where: str, notices: Notices) -> str | None:
    """An id that is text on the wire for its length, and may come as a number."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else read_text(value, where, notices)


def read_time(value: object, where: str, _: Notices) -> float | None:
    """0 and no value stand for never."""
    text = optional_decimal(value, where)
    if text is None or float(text) == 0:
        return None
    check_time_s(float(text), where)
    return float(text)


def read_one_of(kind: type[enum.IntEnum]) -> Reader:
    def read(value: object, where: str, notices: Notices) -> int | None:
        number = read_integer(value, where, notices)
        if number is None:
            return None
        try:
            return kind(number)
        except ValueError:
            notices.append(f"unknown value {where} {number}")
            return number

    return read
