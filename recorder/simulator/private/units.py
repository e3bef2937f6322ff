"""Money as whole numbers of 10^-20 of the currency: every sum is exact, and nothing depends on a context.

The wire tells up to 20 decimals. A price times a quantity has at most 13 of them here, and a fee's or a
rate's product at most 8 more, so what is cut off is below the last digit that the venue itself has.
"""

import re
from decimal import Decimal
from typing import Final

from recorder.simulator.decimals import fixed, plain

MONEY_PREC: Final = 20
ONE: Final = 10**MONEY_PREC
"""One unit of a currency, and 1 as a fraction."""
RATE_PREC: Final = 8
"""Rates (of fees, of funding, of maintenance) are whole numbers of 10^-8."""
SHOWN: Final = 4
"""Decimals to which the venue cuts most sums that it tells."""
MAX_DIGITS: Final = 40
PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""ASCII digits, as JSON writes numbers: `Decimal` takes spaces, underscores and other scripts' too."""


def units(text: str, precision: int) -> int | None:
    """A decimal as a whole number of 10^-precision; None where it is none, or finer than that."""
    if len(text) > MAX_DIGITS or not PLAIN.fullmatch(text):
        return None
    sign, digits, exponent = Decimal(text).as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS:
        return None  # beyond all measure
    shift = exponent + precision
    whole = int("".join(map(str, digits)))
    if shift < 0:
        whole, rest = divmod(whole, 10**-shift)
        if rest:
            return None
    else:
        whole *= int(10**shift)
    return -whole if sign else whole


def money(text: str) -> int:
    """A sum of money. Raises ValueError where it is none."""
    found = units(text, MONEY_PREC)
    if found is None:
        raise ValueError(f"{text!r} is no sum of money")
    return found


def rate(text: str) -> int:
    """A rate in 10^-8. Raises ValueError where it is none."""
    found = units(text, RATE_PREC)
    if found is None:
        raise ValueError(f"{text!r} is no rate")
    return found


def share(amount: int, rate: int) -> int:
    """`rate` (in 10^-8) of an amount of money, cut towards zero."""
    part = abs(amount * rate) // 10**RATE_PREC
    return part if amount * rate >= 0 else -part


def exact(amount: int) -> str:
    """All digits, without trailing zeros."""
    return plain(amount, MONEY_PREC)


def padded(amount: int) -> str:
    """All 20 digits; 0 is "0"."""
    return fixed(amount, MONEY_PREC) if amount else "0"


def cut(amount: int, decimals: int = SHOWN) -> str:
    """Cut towards zero to so many decimals, without trailing zeros, as the venue tells most sums."""
    part = abs(amount) // 10 ** (MONEY_PREC - decimals)
    return plain(part if amount >= 0 else -part, decimals)
