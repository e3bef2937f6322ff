"""Questions, tables and markets by the names that people write, and what to say of a name that is none."""

import difflib
from collections.abc import Iterable
from dataclasses import replace

from analytics.bars import bars_sql
from analytics.errors import BucketError, UnknownNameError
from analytics.questions import MINUTE, Question, question, questions
from analytics.spans import grain, period
from recorder.lake.store.account import ACCOUNT_PREFIX


def asked_by(name: str) -> Question:
    """A view's question. Raises UnknownNameError."""
    try:
        return question(name)
    except KeyError:
        raise UnknownNameError(unknown("view", name, [each.name for each in questions()])) from None


def bucketed(subject: str, every: str) -> Question:
    """The question about a subject by a bucket. Raises BucketError where it cannot be asked so."""
    has_periods = subject == "volume" or subject.startswith(ACCOUNT_PREFIX)
    asked = period(every) if has_periods else grain(every)
    if subject == "volume" and asked.seconds < MINUTE.seconds:
        sql, source = bars_sql(asked.seconds * 1_000_000), ("trades", "coverage", "inverse_markets")
        return replace(question("volume_1m"), name=f"volume_{every}", source=source, sql=sql)
    names = [each.name for each in questions() if each.name.rpartition("_")[0] == subject]
    if f"{subject}_{every}" in names:
        return question(f"{subject}_{every}")
    if f"{subject}_1m" in names:
        if asked.seconds % MINUTE.seconds:
            raise BucketError(
                f"{every!r} is no whole number of minutes: this is asked by 1m, 5m, 15m, 1h, 4h, 1d ..."
            )
        by_minute = question(f"{subject}_1m")
        return by_minute if asked == MINUTE else by_minute.at_grain(f"{subject}_{every}", asked)
    offered = ", ".join(sorted(name.removeprefix(f"{subject}_") for name in names))
    raise BucketError(f"{subject} cannot be asked by {every}: there is {offered}")


def unknown(kind: str, name: str, names: Iterable[str]) -> str:
    """What to say of a name that is none: the nearest ones."""
    known = sorted(names)
    near = difflib.get_close_matches(name.upper() if kind.startswith("market") else name, known, 3, 0.4)
    told = f"did you mean {', '.join(near)}?" if near else f"there is {', '.join(known[:12])} ..."
    return f"{name!r} is no {kind}: {told}"
