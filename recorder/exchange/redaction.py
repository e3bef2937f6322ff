"""Cuts what signs from all that is written down, in whatever form the venue repeats it.

A refusal may quote the question, a gateway the address that was asked for, a debugging answer both in base64.
What was signed with is looked for as text, in URLs, in JSON, in hexadecimal and in base64, in any case.
"""

import base64
import html
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from recorder.exchange.signing import Credentials

CUT: Final = b"(cut)"
RECENT: Final = 8
"""So many of the newest signatures are looked for: an answer repeats its own question."""
LEAST_LENGTH: Final = 6
"""What is shorter would be found in what has nothing to do with it."""
_NAMED: Final = re.compile(
    rb"""(?<![a-z_])((?:client_id|nonce|sign)(?:=|%3d|\\*"\s*:\s*))((?:\\*")?)(?:(?!%26)[^&"\\\s<>,}])+""",
    re.IGNORECASE,
)
_NAMES: Final = (b"client_id", b"nonce", b"sign")


class Redaction:
    """Knows the credentials and the newest signatures made with them."""

    def __init__(self, credentials: Credentials) -> None:
        client_id = credentials.client_id.get_secret_value()
        self._always = _forms(credentials.client_key.get_secret_value())
        if not client_id.isdecimal():  # a number may be another's, like that of the account in its records
            self._always |= _forms(client_id)
        self._recent: deque[frozenset[bytes]] = deque(maxlen=RECENT)

    def __repr__(self) -> str:
        return "Redaction()"

    def remember(self, signed: Mapping[str, str]) -> None:
        """A signature that is about to be sent."""
        self._recent.append(_forms(signed["nonce"]) | _forms(signed["sign"]))

    def cut(self, text: bytes) -> bytes:
        """The text without them; as it came, where it has none."""
        lower = text.lower()
        found = [form for forms in (self._always, *self._recent) for form in forms if form in lower]
        if found:
            found.sort(key=len, reverse=True)
            text = re.sub(b"|".join(map(re.escape, found)), CUT, text, flags=re.IGNORECASE)
        return _NAMED.sub(_without_value, text) if any(name in lower for name in _NAMES) else text

    def cut_text(self, text: str) -> str:
        return self.cut(text.encode(errors="replace")).decode()


def _without_value(match: re.Match[bytes]) -> bytes:
    """A parameter without its value; JSON stays JSON where it was a number."""
    is_bare = match[1].rstrip().endswith(b":") and not match[2]
    return match[1] + match[2] + (b'"' + CUT + b'"' if is_bare else CUT)


def _forms(secret: str) -> frozenset[bytes]:
    """Each way in which it may be written, in lower case."""
    forms = {form.lower() for form in _written(secret)}
    return frozenset(form for form in forms if len(form) >= LEAST_LENGTH)


def _written(secret: str) -> Iterator[bytes]:
    quoted = quote(secret, safe="")
    in_json = json.dumps(secret)[1:-1]
    for text in (secret, quoted, quote(quoted), quote_plus(secret), html.escape(secret), in_json):
        yield text.encode()
    yield in_json.replace("/", "\\/").encode()
    yield secret.encode().hex().encode()
    yield from _in_base64(secret.encode())


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """What stands in base64 of any text that holds it: it may begin at each third of a group."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret)
        core = whole[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")
        yield quote(core, safe="").encode()


class Signed(dict[str, Any]):
    """Parameters with a signature among them, which no repr and no traceback's locals show."""

    def __repr__(self) -> str:
        return f"Signed({', '.join(self)})"
