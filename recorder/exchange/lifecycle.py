"""The life of a connection, as a state table.

        DIAL            OPENED              SETTLED
  DOWN ------> DIALLING ------> SUBSCRIBING -------> LIVE
    ^             |               |    ^ |            | |
    |    LOST     |               |    +-+ CHANGED    | | CHANGED: back to SUBSCRIBING
    +-------------+---------------+-------------------+ |
                                                        LOST: back to DOWN

SUBSCRIBING means that some topic is neither confirmed nor refused. What is absent from the table is a
violation: it raises, because it is our own mistake and never the venue's.
"""

import enum
from typing import Final


class State(enum.Enum):
    DOWN = "down"
    DIALLING = "dialling"
    SUBSCRIBING = "subscribing"
    LIVE = "live"


class Event(enum.Enum):
    DIAL = "dial"
    OPENED = "opened"
    SETTLED = "settled"
    CHANGED = "changed"
    LOST = "lost"


TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.DOWN, Event.DIAL): State.DIALLING,
    (State.DIALLING, Event.OPENED): State.SUBSCRIBING,
    (State.DIALLING, Event.LOST): State.DOWN,
    (State.SUBSCRIBING, Event.CHANGED): State.SUBSCRIBING,
    (State.SUBSCRIBING, Event.SETTLED): State.LIVE,
    (State.SUBSCRIBING, Event.LOST): State.DOWN,
    (State.LIVE, Event.CHANGED): State.SUBSCRIBING,
    (State.LIVE, Event.LOST): State.DOWN,
}


class SessionError(Exception):
    """An event that the state table does not have: a mistake of the caller."""
