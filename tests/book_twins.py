"""A plain twin of what the questions build upon: which book stood when, row by row from the tables."""

import itertools
import math

from asked_lakes import fill, lake_at
from lakedays import HOUR_US, MINUTE_US

from analytics import open_lake

STALE_US = MINUTE_US
DAY_LENGTH_US = 24 * HOUR_US


def rows(lake, query):
    """Rows of an answer as dictionaries."""
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def two_days(data_dir, seed):
    """A lake of a compacted day and one that is not."""
    with lake_at(data_dir) as day:
        day.compact(fill(day, seed))
        fill(day, seed + 1, later=1)
    return open_lake(data_dir)


def standing(lake):
    """{(market, date): its books in order}, each with `us`, `mid` and `stood`, in microseconds."""
    gaps = rows(
        lake,
        "SELECT market, unix_micros(remains_start) AS start_us, unix_micros(remains_end) AS end_us FROM gaps "
        "WHERE remains_start IS NOT NULL AND (stream IS NULL OR stream = 'depth') AND reason <> 'missed'",
    )
    columns = "unix_micros(ts_event) AS us, unix_micros(ts_recv) AS recv_us"
    books = rows(lake, f"SELECT *, {columns} FROM depth ORDER BY market, date, ts_event, seq")
    found = {}
    for key, of_day in itertools.groupby(books, key=lambda row: (row["market"], row["date"])):
        found[key] = list(of_day)
        missed = [
            (gap["start_us"], gap["end_us"])
            for gap in gaps
            if gap["market"] in {None, key[0]} and gap["start_us"] < gap["end_us"]
        ]
        for one, following in itertools.zip_longest(found[key], found[key][1:]):
            one["stood"] = stood_us(one, following and following["us"], missed)
            both = one["bid_price"] is not None and one["ask_price"] is not None
            one["mid"] = (one["bid_price"] + one["ask_price"]) / 2 if both else None
    return found


def stood_us(book, next_us, missed):
    """Until the next book, for 60 s, to the end of the day, or until books were missed, as received."""
    ends = [book["us"] + STALE_US, (book["us"] // DAY_LENGTH_US + 1) * DAY_LENGTH_US]
    if next_us is not None:
        ends.append(next_us)
    for start, end in missed:
        if start <= book["recv_us"] < end:
            return 0
        if start > book["recv_us"]:
            ends.append(book["us"] + start - book["recv_us"])
    return min(ends) - book["us"]


def mid_at(books, at_us, *, strictly):
    """The mid of the last book before an instant, or up to it; None where it no longer stood."""
    earlier = [book for book in books if book["us"] < at_us or (book["us"] == at_us and not strictly)]
    if not earlier or at_us - earlier[-1]["us"] > earlier[-1]["stood"]:
        return None
    return earlier[-1]["mid"]


def stays(book, length_us):
    """How long a book stood in which bucket: pairs of the bucket's start and microseconds."""
    at, end = book["us"], book["us"] + book["stood"]
    while at < end:
        start = at // length_us * length_us
        yield start, min(end, start + length_us) - at
        at = start + length_us


def alike(one, other):
    """Whether two figures are the same but for rounding; lists figure by figure."""
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, (float, int)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other
