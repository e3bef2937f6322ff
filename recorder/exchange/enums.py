"""The venue's numbers for things, as the exchange's document and its family have them."""

import enum


class Side(enum.IntEnum):
    """Of an order or a fill."""

    SELL = 1
    BUY = 2


class PositionSide(enum.IntEnum):
    SHORT = 1
    LONG = 2


class OrderType(enum.IntEnum):
    LIMIT = 1
    MARKET = 2


class Role(enum.IntEnum):
    MAKER = 1
    TAKER = 2


class PositionType(enum.IntEnum):
    ISOLATED = 1
    CROSS = 2


class PriceType(enum.IntEnum):
    """Which price a stop watches."""

    LAST = 1
    INDEX = 2
    MARK = 3


class MarginChange(enum.IntEnum):
    INCREASE = 1
    DECREASE = 2


class OrderStatus(enum.IntEnum):
    OPEN = 1
    PARTLY_FILLED = 2
    FILLED = 3
    PARTLY_CANCELLED = 4
    CANCELLED = 5


class StopStatus(enum.IntEnum):
    NOT_ACTIVE = 1
    WAITING = 2
    TRIGGERED = 3
    CANCELLED = 4
    FAILED = 5
