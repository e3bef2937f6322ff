"""What can be wrong with a question. Each message says what to ask instead."""


class AnalyticsError(Exception):
    """A question that cannot be answered."""


class LakeNotFoundError(AnalyticsError):
    """There is no lake where one was expected; the message says what makes one."""


class UnknownNameError(AnalyticsError):
    """A market, a view or a table that is not there; the message names the nearest."""


class EmptyRangeError(AnalyticsError):
    """A span of time in which there is nothing; the message says what there is."""


class MomentError(AnalyticsError, ValueError):
    """A text that is no time; the message says how one is written."""


class BucketError(AnalyticsError, ValueError):
    """A bucket that a question cannot be asked by; the message says which can be."""


class HorizonError(AnalyticsError, ValueError):
    """A time after a fill at which nobody looks; the message says which there are."""


class NotAllowedError(AnalyticsError):
    """Rows that only the owner of the data may read."""


class NothingToShowError(AnalyticsError):
    """A chart of which nothing is known; the message says why."""
