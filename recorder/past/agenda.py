"""What is to happen when, in a time that somebody else tells."""

import heapq
import itertools
from collections.abc import Callable
from typing import Final, TypeAlias

MS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000

Action: TypeAlias = Callable[[int], None]
"""Is told the time at which it was due, ns since the epoch."""


class Agenda:
    """The earliest first; of one instant, in the order in which they were put down."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._order = itertools.count()

    def at(self, t_ns: int, action: Action) -> None:
        """Put an action down."""
        heapq.heappush(self._heap, (t_ns, next(self._order), action))

    def before(self, until_ns: int) -> int:
        """When the next is due, `until_ns` at the latest."""
        return min(self._heap[0][0], until_ns) if self._heap else until_ns

    def act(self, now_ns: int) -> None:
        """Do what is due, and what that makes due at once."""
        while self._heap and self._heap[0][0] <= now_ns:
            t_ns, _, action = heapq.heappop(self._heap)
            action(t_ns)
