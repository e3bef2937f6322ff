"""The venue's rates: how many calls of one endpoint it takes within how long."""

from collections import deque
from typing import Final

from recorder.exchange.endpoints import Endpoint

TOLERANCE: Final = 0.95
"""Calls paced exactly at the limit arrive with jitter: a venue's own counting is no sharper than this."""


class RateLimit:
    """A sliding window per endpoint. The caller gives the time in seconds."""

    def __init__(self) -> None:
        self._taken: dict[str, deque[float]] = {}

    def admit(self, endpoint: Endpoint, now_s: float) -> bool:
        """Whether a call may pass now; a refused call does not count."""
        taken = self._taken.setdefault(endpoint.name, deque())
        while taken and taken[0] <= now_s - endpoint.per_s * TOLERANCE:
            taken.popleft()
        if len(taken) >= endpoint.calls:
            return False
        taken.append(now_s)
        return True
