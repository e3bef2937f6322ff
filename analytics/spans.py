"""Times and buckets as people write them."""

import re
from datetime import UTC, date, datetime
from typing import Final, TypeAlias

from analytics.errors import BucketError, MomentError
from analytics.questions import DAY, DAY_S, HOUR, MINUTE, Grain

Moment: TypeAlias = str | date | datetime
"""ISO 8601 text, a day, or a time; UTC where it names no zone."""
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": DAY_S}
_NAMED: Final = {each.seconds: each for each in (MINUTE, HOUR, DAY)}


def moment(value: Moment) -> datetime:
    """A time with its zone. Raises MomentError for a text that is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            message = f"{value!r} is no time: write 2026-11-22, 2026-11-22T10:30 or 2026-11-22T10:30:00+02:00"
            raise MomentError(message) from None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def seconds(every: str) -> int:
    """How long a bucket is: `30s`, `1m`, `15m`, `4h`, `1d`. Raises BucketError for any other word.

    A bucket divides the UTC day: they all begin at midnight.
    """
    written = re.fullmatch(r"([1-9][0-9]*)([smhd])", every)
    length = int(written[1]) * _UNITS_S[written[2]] if written else 0
    if not length or DAY_S % length:
        message = f"{every!r} is no bucket: write a part of a day, like 30s, 1m, 5m, 15m, 1h, 4h or 1d"
        raise BucketError(message)
    return length


def grain(every: str) -> Grain:
    """The bucket with the name of its column: minute, hour or day where it is one of these, else bucket.

    Raises BucketError.
    """
    length = seconds(every)
    return _NAMED.get(length, Grain("bucket", length))
