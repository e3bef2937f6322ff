"""How private calls and streams are signed. Pure: the caller brings nonce and time.

The signature is HMAC-SHA256 by the client's key over `client_id=<id>&nonce=<nonce>&ts=<ts>`, in hexadecimal.
Only these three are signed: what is asked for is not, so a signed request is as good as the key for as long
as the venue takes its time for its own, and is written down nowhere.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

TS_WINDOW_S: Final = 5.0
"""The venue refuses a `ts` further than this from its own clock."""
SIGNED: Final = ("client_id", "nonce", "ts", "sign")
"""The parameters of a signature: they are cut before a question is written down."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs. Neither shows in a repr, a format or a traceback's text."""

    client_id: SecretStr
    client_key: SecretStr

    @classmethod
    def of(cls, client_id: str, client_key: str) -> "Credentials":
        """From plain texts. Raises ValueError where one is empty."""
        if not client_id or not client_key:
            raise ValueError(f"the client's {'key' if client_id else 'id'} is empty")
        return cls(SecretStr(client_id), SecretStr(client_key))


def signature(client_key: str, client_id: str, nonce: str, ts: int) -> str:
    """64 hexadecimal digits; `ts` in seconds."""
    text = f"client_id={client_id}&nonce={nonce}&ts={ts}"
    return hmac.new(client_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def sign(credentials: Credentials, nonce: str, ts: int) -> dict[str, str]:
    """The parameters that make a call or a connection the client's own; `ts` in the venue's seconds."""
    client_id = credentials.client_id.get_secret_value()
    made = signature(credentials.client_key.get_secret_value(), client_id, nonce, ts)
    return {"client_id": client_id, "nonce": nonce, "ts": str(ts), "sign": made}


def without_signature(params: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, as it may be written down."""
    return {name: value for name, value in params.items() if name not in SIGNED}
