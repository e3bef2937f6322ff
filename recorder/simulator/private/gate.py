"""Who is let in: signatures, their time, their nonces and their addresses."""

import hmac
from collections.abc import Mapping
from typing import Final

from recorder.exchange import refusals
from recorder.exchange.signing import SIGNED, TS_WINDOW_S, signature
from recorder.simulator.refused import RefusedError

KEPT_FOR_S: Final = 2 * TS_WINDOW_S
"""A nonce is known for so long: from the earliest to the latest time at which its `ts` is taken."""
MAX_NONCES: Final = 10_000
"""Of one client within that time; who uses more is asked to slow down."""
MAX_TEXT: Final = 256


class Gate:
    """Keys by client id, and the nonces used lately. `addresses`: from where clients may come; empty: from
    anywhere. With `repeats` a nonce may be used again."""

    def __init__(
        self, keys: Mapping[str, str], addresses: tuple[str, ...] = (), *, repeats: bool = False
    ) -> None:
        self._keys = dict(keys)
        self._addresses = addresses
        self._repeats = repeats
        self._used: dict[str, dict[str, float]] = {}

    def admit(self, params: Mapping[str, str], address: str | None, now_s: float) -> str:
        """The client's id. `now_s` is the exchange's own time.

        Raises RefusedError: 1010313 for a signature, with words that tell a wrong key, a time and a nonce
        apart, 1010315 for an address.
        """
        if self._addresses and address not in self._addresses:
            raise RefusedError(refusals.WRONG_ADDRESS, "IP address is not allowed")
        client_id, nonce, ts, sign = (params.get(name, "") for name in SIGNED)
        key = self._keys.get(client_id)
        if key is None or not _fits(nonce, ts) or not _same(sign, signature(key, client_id, nonce, int(ts))):
            raise RefusedError(refusals.WRONG_SIGNATURE[0], "signature error")
        if abs(int(ts) - now_s) > TS_WINDOW_S:
            raise RefusedError(refusals.WRONG_SIGNATURE[0], "timestamp expired")
        if not self._repeats:
            self._use(client_id, nonce, now_s)
        return client_id

    def _use(self, client_id: str, nonce: str, now_s: float) -> None:
        used = self._used.setdefault(client_id, {})
        # Oldest first, except where the clock was set back: then they are as old as can be.
        for old in [text for text, at_s in used.items() if not 0 <= now_s - at_s <= KEPT_FOR_S]:
            del used[old]
        if nonce in used:
            raise RefusedError(refusals.WRONG_SIGNATURE[0], "nonce repeated")
        if len(used) >= MAX_NONCES:
            raise RefusedError(refusals.TOO_MANY_REQUESTS[1], "too many requests")
        used[nonce] = now_s


def _fits(nonce: str, ts: str) -> bool:
    return 0 < len(nonce) <= MAX_TEXT and ts.isascii() and ts.isdecimal() and len(ts) < 20


def _same(sign: str, made: str) -> bool:
    return hmac.compare_digest(sign.lower().encode(), made.encode())
