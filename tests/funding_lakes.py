"""States of markets whose funding is known: told by hand, or by a venue that was thought up.

Times are seconds after the day's begin, by the venue's clock. What the recorder has of them is made here by
the rule of its decoder: `ts_funding` is the receipt, rounded up to a minute, plus the countdown in minutes.
"""

import bisect
import datetime as dt
import math
from dataclasses import dataclass, field

import pyarrow as pa
from lakedays import DATE, DAY_US

from recorder.lake.store.files import in_order
from recorder.lake.store.tables import STATE

MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 86_400
OLD, NEW, LATER = 1e-4, 2e-4, -3e-4
"""Rates that come one after the other."""
ROUNDINGS = {"floor": math.floor, "ceil": math.ceil, "round": lambda minutes: math.floor(minutes + 0.5)}


def seconds(text):
    """`hh:mm`, `hh:mm:ss` or more than 24 hours of them, as seconds after the day's begin."""
    return sum(float(part) * unit for part, unit in zip(text.split(":"), (HOUR_S, MINUTE_S, 1), strict=False))


def a_state(at_s, coming_s=None, *, rounding="floor", market="AAA", seq=0, skew_s=0.0, **columns):
    """A row of `state` received at a time, `coming_s` the settlement it tells (None: it tells none)."""
    recv_us = round((at_s + skew_s) * 1e6)
    row = columns | {"market": market, "ts_recv": DAY_US + recv_us, "source": "ws", "seq": seq}
    if coming_s is None:
        return row
    left = max(0, ROUNDINGS[rounding]((coming_s - at_s) / MINUTE_S))
    told_us = DAY_US + (-(-recv_us // 60_000_000) + left) * 60_000_000
    return row | {"funding_minutes": left, "ts_funding": told_us}


def state(at, coming, last=None, following=None, **columns):
    """A state at a time like `07:55`, that tells the coming settlement and the rates before and of it."""
    coming_s = None if coming is None else seconds(coming)
    return a_state(seconds(at), coming_s, funding_rate_last=last, funding_rate_next=following, **columns)


def around(settled, following, last=OLD, charged=NEW, then=LATER, **columns):
    """Two states before a settlement and two after it, which leave nothing open."""
    told = [(-300, settled, last, charged), (-70, settled, last, charged)]
    told += [(20, following, charged, then), (150, following, charged, then)]
    return [state(f"0:0:{seconds(settled) + off}", *row, **columns) for off, *row in told]


def add_states(day, rows):
    """Put rows of any days into a lake, each into its own day's file."""
    by_date = {}
    for row in rows:
        by_date.setdefault((row["ts_recv"] - DAY_US) // (DAY_S * 1_000_000), []).append(row)
    for later, of_day in by_date.items():
        columns = [pa.array([row.get(each.name) for row in of_day], each.type) for each in STATE.schema]
        table = in_order(pa.Table.from_arrays(columns, schema=STATE.schema), STATE)
        day.add("state", table, date=str(dt.date.fromisoformat(DATE) + dt.timedelta(days=later)))


def found(lake, query):
    """Rows as dicts, times as seconds after the day's begin."""
    relation = lake.sql(query)
    begin = dt.datetime.fromtimestamp(DAY_US / 1e6, dt.UTC)
    return [
        {
            name: (value - begin).total_seconds() if isinstance(value, dt.datetime) else value
            for name, value in zip(relation.columns, row, strict=True)
        }
        for row in relation.fetchall()
    ]


def later_than(events, at):
    """What holds at a time, of (from when on, what)."""
    return events[bisect.bisect_right(events, (at, math.inf)) - 1][1]


@dataclass
class Venue:
    """One market's truth: which settlement was told from when on, what was announced and charged when."""

    told: list = field(default_factory=list)
    announced: list = field(default_factory=list)
    settled: list = field(default_factory=list)
    """The first of them is before the recording."""


@dataclass(frozen=True)
class Habit:
    """How a venue tells, and how the recorder hears it."""

    rounding: str = "floor"
    turn_s: float = 0.0
    """How long after a settlement the countdown still stands at 0."""
    renew_s: float = 0.0
    """How long after it the charged rate is still the one before."""
    skew_s: float = 0.0
    """The recorder's clock less the venue's."""
    stale_s: float = 0.0
    """How old an answer by REST may be when it comes; every third state is one."""
    absent: float = 0.0
    """How likely each field of a state is missing."""
    frozen_s: float = math.inf
    """From when on nothing moves any more, and the countdown stands at 0."""


def told(venue, times, habit, chance, market):
    """What the recorder has of a venue's states at some times; now and then twice."""
    rows = []
    for seq, at in enumerate(times):
        asked = min(at, habit.frozen_s)
        if seq % 3 == 0:
            asked -= chance.uniform(0, habit.stale_s)
        announced = later_than(venue.announced, asked)
        figures = {
            "funding_rate_last": later_than(venue.settled, asked - habit.renew_s),
            "funding_rate_next": announced,
            "funding_rate_predict": round(announced / 2, 8),
            "mark_price": 100 + int(at) % 1_000 / 8,
        }
        figures = {name: None if chance.random() < habit.absent else value for name, value in figures.items()}
        coming = None
        if at > habit.frozen_s:
            coming = at
        elif chance.random() >= habit.absent:
            coming = later_than(venue.told, asked - habit.turn_s) + at - asked
        row = a_state(
            at, coming, rounding=habit.rounding, market=market, seq=seq, skew_s=habit.skew_s, **figures
        )
        rows.append(row)
        if chance.random() < 0.02:
            rows.append(row | {"seq": 1_000_000 + seq})
    return rows


def a_rate(chance):
    return round(chance.gauss(0, 4e-4), 8)


def a_venue(chance, length_s, *, changes):
    """A market that settles every so many hours, 1 to 24.

    With `changes` its schedule changes now and then, at any time but in the 180 s before a settlement that it
    told, and no rate comes twice; without, the rate before is often charged again.
    """
    hours = chance.randint(1, 24) if chance.random() < 0.5 else chance.choice([1, 2, 3, 4, 8])
    last = begins = -chance.randrange(hours) * HOUR_S
    venue = Venue(settled=[(last, a_rate(chance))])
    while last < length_s:
        coming = last + hours * HOUR_S
        venue.told.append((last, coming))
        while changes and coming - begins > 400 and chance.random() < 0.35:
            begins = chance.uniform(begins + 60, coming - 180)
            hours = chance.choice([1, 2, 3, 4, 5, 8, 12])
            coming = max((begins + 180) // (hours * HOUR_S) * hours * HOUR_S + hours * HOUR_S, last + HOUR_S)
            venue.told.append((begins, coming))
        rate = venue.settled[-1][1] if not changes and chance.random() < 0.5 else a_rate(chance)
        venue.announced += announcements(chance, last, coming, rate)
        venue.settled.append((coming, rate))
        last = begins = coming
    return venue


def announcements(chance, last, coming, rate):
    """The announced rate moves near what will be charged, mostly to it."""
    times = [last, *(chance.uniform(last, coming - 1) for _ in range(chance.randrange(3)))]
    near = [(at, round(rate + chance.choice([0, 1e-6, -3e-6]), 8)) for at in times]
    if chance.random() < 0.8:
        near.append((coming - 1_200, rate))
    return sorted(near)


def times_of(chance, kind, venue, length_s):
    """When states were received: so many seconds apart but for gaps, or (0) a few around each settlement."""
    if kind == 0:
        around = (-700, -290, -100, -31, -4, 1, 7, 33, 130, 400, 1_000, 3_300)
        times = [
            settled + off + chance.uniform(-3, 3)
            for settled, _ in venue.settled
            for off in chance.sample(around, chance.randint(4, 10))
        ]
        return sorted(at for at in times if 0 < at < length_s)
    first = chance.uniform(0, kind)
    times = [first + kind * number for number in range(int((length_s - first) / kind))]
    for _ in range(chance.randrange(5)):
        starts = chance.uniform(0, length_s)
        if chance.random() < 0.6:
            starts = chance.choice(venue.settled)[0] + chance.uniform(-2_000, 600)
        ends = starts + chance.choice([30, 400, 2_500, 9_000, 40_000])
        times = [at for at in times if not starts <= at <= ends]
    return times
