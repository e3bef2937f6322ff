"""What the venue's codes mean, and what to do about them: decided here and nowhere else.

The exchange's document names no code; these are those of its family.
"""

import enum
import re
from typing import Final

from recorder.exchange.signing import TS_WINDOW_S

TOO_MANY_REQUESTS: Final = (1_010_007, 1_010_314)
INTERNAL_ERROR: Final = (12_026, 10_500)
PARAMETER_ERROR: Final = 80_005
WRONG_SIGNATURE: Final = (1_010_313, 1_010_316)
WRONG_ADDRESS: Final = 1_010_315
LEVERAGE_ERROR: Final = 20_001
UNKNOWN_MARKET: Final = 20_002
POSITION_TYPE_ERROR: Final = 20_003
MARGIN_TYPE_ERROR: Final = 20_004
SIDE_ERROR: Final = 20_005
ORDER_ID_ERROR: Final = 20_006
POSITION_ID_ERROR: Final = 20_007
QUANTITY_ERROR: Final = 20_008
PRICE_ERROR: Final = 20_010
STOP_LOSS_ERROR: Final = (20_011, 20_012)
"""Of the type of price, and of the price: so the family's clients name them."""
TAKE_PROFIT_ERROR: Final = (20_013, 20_014)
PAGE_ERROR: Final = 20_015
PAGE_SIZE_ERROR: Final = 20_016
START_TIME_ERROR: Final = 20_017
END_TIME_ERROR: Final = 20_018
UNKNOWN_PERIOD: Final = 20_019
STOP_PRICE_ERROR: Final = 20_020
CURRENT_PRICE_ERROR: Final = 20_021
MERGE_ERROR: Final = 20_022
NO_SUCH_ORDER: Final = (10_013, 13_122)
TOO_MANY_ORDERS: Final = 10_029
BOOK_TOO_THIN: Final = 10_056
NO_SUCH_POSITION: Final = 10_061
QUANTITY_TOO_SMALL: Final = 10_062
TRADING_BANNED: Final = 10_064
AMOUNT_OVER_LIMIT: Final = 13_127
BALANCE_TOO_SMALL: Final = 13_128
RETRYABLE_STATUS: Final = (429, 500, 502, 503, 504)
"""Gateways answer these with HTML; all of them pass."""


_HINTS: Final = {
    401: "it does not take the client's id and key",
    403: "it does not take the client's key or this machine's address",
    404: "it has no such place, check RECORDER_REST_URL",
}


def hint(status: int) -> str:
    """What may be behind an answer that is not the venue's own, after a colon; nothing where nobody knows."""
    if 300 <= status < 400:
        return ": it sends elsewhere, where nothing signed goes; check RECORDER_REST_URL (https?)"
    return f": {_HINTS[status]}" if status in _HINTS else ""


def retryable(status: int, code: int | None) -> bool:
    """Whether the same call may succeed later."""
    return status in RETRYABLE_STATUS or code in TOO_MANY_REQUESTS or code in INTERNAL_ERROR


class Denial(enum.Enum):
    """Why a signed call was not taken for the client's own; the value says what to do."""

    WRONG_KEY = (
        "the signature is not accepted: check the client's id and key, and that the key is of this venue "
        "and has neither expired nor been withdrawn"
    )
    WRONG_TIME = (
        f"the time is not accepted, it must be within {TS_WINDOW_S:.0f} s of the venue's: set this machine's "
        "clock (timedatectl set-ntp true)"
    )
    USED_NONCE = "the nonce was used before: something between here and the venue sends requests twice"
    WRONG_ADDRESS = "this machine's address is not allowed: add it to the key's addresses at the venue"


_TIME_WORDS: Final = ("time", "expire", " ts", "clock")
_NONCE_WORDS: Final = ("nonce", "repeat", "replay", "duplicate")
_ADDRESS_WORDS: Final = re.compile(r"\bip\b|\baddress\b|\bwhite ?list")
_KEY_WORDS: Final = re.compile(r"\bsign\b|signature|\bkey\b|\bauth|permission|forbidden|denied|log ?in")
_METHOD_WORDS: Final = re.compile(r"\bmethod\b|unknown|unsupported|not found|no such")
_KEY_EXPIRED: Final = re.compile(r"\bkey\b.*\bexpire")
_REPEATED: Final = re.compile(r"""\b(?:client_id|nonce|ts|timestamp|sign)(?:=|%3d|["']\s*:)\s*[^&,}\s]*""")
"""What was asked, where a refusal repeats it: no word of its own."""


def denial(code: int | None, message: str, off_s: float | None = None) -> Denial | None:
    """What is behind a code that denies a signed call; None for any other code.

    `off_s` is how far the signed time was from the venue's, where its answer tells. One code stands for a
    wrong key, a wrong time and a used nonce: the venue's words tell them apart, or else the time does. Words
    without a code (None) are all there is to tell by.
    """
    words = _REPEATED.sub("", f" {message.lower()}")
    if code is None:
        if is_unknown_method(words) or not _is_denial(words):
            return None
        if _ADDRESS_WORDS.search(words):
            return Denial.WRONG_ADDRESS
    elif code == WRONG_ADDRESS:
        return Denial.WRONG_ADDRESS
    elif code not in WRONG_SIGNATURE:
        return None
    return _of_signature(words, off_s)


def _of_signature(words: str, off_s: float | None) -> Denial:
    if any(word in words for word in _NONCE_WORDS):
        return Denial.USED_NONCE
    is_late = off_s is not None and abs(off_s) > TS_WINDOW_S
    if not is_late and _KEY_EXPIRED.search(words):
        return Denial.WRONG_KEY
    if is_late or any(word in words for word in _TIME_WORDS):
        return Denial.WRONG_TIME
    return Denial.WRONG_KEY


def said(code: int | None, message: str) -> str:
    """A refusal as a person reads it; on the socket it may have no code."""
    return message if code is None else f"code {code} {message}"


def is_unknown_method(message: str) -> bool:
    """Whether the venue's words are about a method that it does not have."""
    return _METHOD_WORDS.search(message.lower()) is not None


def _is_denial(words: str) -> bool:
    return any(word in words for word in (*_NONCE_WORDS, *_TIME_WORDS)) or any(
        found.search(words) for found in (_ADDRESS_WORDS, _KEY_WORDS)
    )
