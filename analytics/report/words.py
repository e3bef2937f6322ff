"""Numbers, spans and findings as people say them."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import polars as pl

_LETTERS: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_WORDS: Final = ((1e9, "billion"), (1e6, "million"))
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
UNKNOWN: Final = "not known"
_NOTHING: Final = ("-0.0 %", "+0.0 %")
"""A share so near to none has no sign."""


def count(number: int) -> str:
    """How many: 12,345 or 1.23 million."""
    word = next(((size, name) for size, name in _WORDS if number >= size), None)
    return f"{number:,}" if word is None else f"{number / word[0]:.3g} {word[1]}"


def many(number: int, thing: str) -> str:
    """So many of a thing."""
    return f"{count(number)} {thing}{'' if number == 1 else 's'}"


def amount(number: float | None) -> str:
    """A sum: 1.23M."""
    if number is None:
        return UNKNOWN
    letter = next(((size, name) for size, name in _LETTERS if abs(number) >= size), (1.0, ""))
    return f"{number / letter[0]:.3g}{letter[1]}"


def price(number: float | None) -> str:
    """A price with the digits that it has, seven at most."""
    if number is None:
        return UNKNOWN
    return f"{Decimal(f'{number:.7g}'):,f}"


def bps(number: float | None, *, signed: bool = False) -> str:
    """Basis points."""
    if number is None:
        return UNKNOWN
    size = abs(number)
    places = 1 if size >= 10 else 2 if size >= 0.1 or not size else 1 - math.floor(math.log10(size))
    return f"{number:{'+' if signed else ''},.{places}f} bps"


def percent(number: float | None, *, signed: bool = False) -> str:
    """A fraction as a share of a hundred; what is nearly none or nearly all is not rounded to it."""
    if number is None:
        return UNKNOWN
    if not signed and 0.999 < number < 1:
        return f"{int(number * 1e4) / 100:.2f} %"
    if not signed and 0 < number < 0.001:
        return "under 0.1 %"
    told = f"{100 * number:{'+' if signed else ''},.1f} %"
    return "0.0 %" if told in _NOTHING else told


def lasting(length: timedelta) -> str:
    """How long: in the greatest unit that fits, and the next one, to which it is rounded."""
    left = round(length.total_seconds())
    if not left:
        return "under a second"
    greatest = next(place for place, (_, size) in enumerate(_UNITS) if left >= size)
    _, finest = _UNITS[min(greatest + 1, len(_UNITS) - 1)]
    left = round(left / finest) * finest
    told = []
    for unit, size in _UNITS:
        if left >= size:
            told.append(many(left // size, unit))
            left %= size
        elif told:
            break
    return " ".join(told[:2])


def until(length: timedelta) -> str:
    """How long until something is due, in whole minutes, as a countdown has them."""
    minutes = length // timedelta(minutes=1)
    return (
        lasting(timedelta(minutes=minutes))
        if minutes > 0
        else "under a minute"
        if length > timedelta()
        else "due"
    )


def instant(time: datetime) -> str:
    """A time, UTC."""
    return f"{time.astimezone(UTC):%-d %B %Y, %H:%M:%S}".removesuffix(":00")


def span(first: datetime, end: datetime) -> str:
    """From when to when, with the day once where it is one; seconds where they are not few of many."""
    begin, last = first.astimezone(UTC), end.astimezone(UTC)
    clock = "%H:%M" if last - begin > timedelta(hours=1) or not (begin.second or last.second) else "%H:%M:%S"
    day = "" if begin.date() == last.date() else f"{last:%-d %B %Y}, "
    return f"{begin:%-d %B %Y}, {begin:{clock}} to {day}{last:{clock}} UTC"


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first of some names."""
    all_of_them = list(names)
    shown = all_of_them[:most]
    more = len(all_of_them) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def total(rows: pl.DataFrame, column: str) -> float | None:
    """The sum of what is known; None where nothing is."""
    return float(rows[column].sum()) if rows[column].count() else None


def weighted(rows: pl.DataFrame, value: str, weight: str) -> float | None:
    """The mean of a column, each row as heavy as another says; None where nothing is known."""
    known = rows.filter(pl.col(value).is_not_null(), pl.col(weight) > 0)
    mean = known.select((pl.col(value) * pl.col(weight)).sum() / pl.col(weight).sum()).item()
    return float(mean) if known.height else None
