"""How long to wait before the next try."""

import random
from collections.abc import Callable
from typing import Final

FIRST_DELAY_S: Final = 0.25
MAX_DELAY_S: Final = 15.0
HEALTHY_AFTER_S: Final = 60.0
"""Only a connection that delivered for this long earns a fresh start: accept-then-close never does."""


class Backoff:
    """Doubling delays with a cap, each drawn from the upper half of its range: many never march in step."""

    def __init__(
        self,
        first_s: float = FIRST_DELAY_S,
        cap_s: float = MAX_DELAY_S,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._delay_s = first_s
        self._draw = draw

    def next_delay_s(self) -> float:
        """The seconds to wait now; the following answer is about twice as long."""
        delay_s = self._delay_s
        self._delay_s = min(delay_s * 2, self._cap_s)
        return delay_s * self._draw(0.5, 1.0)

    def healthy_for(self, seconds: float) -> None:
        """Tell how long data flowed; a minute of it resets the delay."""
        if seconds >= HEALTHY_AFTER_S:
            self._delay_s = self._first_s
