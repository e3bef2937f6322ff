"""Times and buckets as people write them."""

import re
from datetime import UTC, date, datetime
from typing import Final, TypeAlias

from analytics.errors import BucketError, MomentError
from analytics.questions import DAY, DAY_S, HOUR, MINUTE, WEEK_S, Grain

Moment: TypeAlias = str | date | datetime
"""ISO 8601 text, a day, or a time; UTC where it names no zone."""
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": DAY_S, "w": WEEK_S}
_LONGEST_S: Final = 366 * DAY_S
_NAMED: Final = {each.seconds: each for each in (MINUTE, HOUR, DAY)}


def moment(value: Moment) -> datetime:
    """A time with its zone. Raises MomentError for a text that is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            message = f"{value!r} is no time: write 2026-11-22, 2026-11-22T10:30 or 2026-11-22T10:30:00+02:00"
            raise MomentError(message) from None
    if not isinstance(value, date):
        raise MomentError(f"{value!r} is no time: write text like '2026-11-22', or give a date or a datetime")
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def seconds(every: str) -> int:
    """How long a bucket is that divides the UTC day, like `30s`, `1m`, `15m`, `4h`, `1d`: they begin at
    midnight. Raises BucketError for any other word."""
    length = _length_s(every)
    if not length or DAY_S % length:
        message = f"{every!r} is no bucket: write a part of a day, like 30s, 1m, 5m, 15m, 1h, 4h or 1d"
        raise BucketError(message)
    return length


def period(every: str) -> Grain:
    """The bucket of any length, with the name of its column (see `grain`): a part of a day, or any number of
    minutes, like `7m`, `36h`, `2d`, `1w`, which need not begin at midnight. Raises BucketError."""
    length = _length_s(every)
    is_odd = length % MINUTE.seconds and (length > MINUTE.seconds or DAY_S % length)
    if not length or is_odd or length > _LONGEST_S:
        message = (
            f"{every!r} is no bucket: write minutes, hours, days or weeks, like 7m, 4h, 2d or 1w, up to a "
            "year, or seconds that a day is a whole number of, like 30s"
        )
        raise BucketError(message)
    return _NAMED.get(length, Grain("bucket", length))


def _length_s(every: str) -> int:
    """0 for a word that names no length. Raises BucketError for what is no word."""
    if not isinstance(every, str):
        raise BucketError(f"{every!r} is no bucket: write a text, like '30s', '1m', '1h' or '1d'")
    written = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw])", every)
    return int(written[1]) * _UNITS_S[written[2]] if written else 0


def grain(every: str) -> Grain:
    """The bucket with the name of its column: minute, hour or day where it is one of these, else bucket.

    Raises BucketError.
    """
    length = seconds(every)
    return _NAMED.get(length, Grain("bucket", length))
