"""The seeded script of a chaos run: what happens when, in seconds after the exchange's start.

Some of it is done to the recorder (`DONE_TO_IT`), by the run; the rest are faults of the exchange, which is
given them as a file when it is started.
"""

import json
import random
from dataclasses import dataclass, field, replace

from recorder.exchange.endpoints import API_PREFIX
from recorder.simulator.faults import VARIANTS

DONE_TO_IT = (
    *("up", "kill", "term", "kill lake", "stop", "go on", "fill", "free", "step", "compact"),
    "kill compaction",
)
BESIDE_IT = ("kill lake", "compact", "kill compaction")
"""Of these what may be done whatever else is done to it."""
STREAMS = ("trade", "depth", "kline", "state")
SETTLED_S = 6.0
"""When the first event comes: the recorder has subscribed by then."""
YOUNG_SHARE, YOUNG_S, OLD_S = 0.15, (0.02, 0.3), (1.2, 3.6)
"""How many kills meet a recorder in its first moments, and how old recorders are when they are killed."""
MIDNIGHT_S = 60.0
COMPACTED_SHARE, COMPACTED_S = 0.25, 6.0
"""How many kills come after one of a compaction at work, and how long it may take until one is."""
PAUSE_S = 4.5
"""Mean seconds between two events of the mixed script."""
REST_S = 210.0
"""A time without events in the middle and at the end, long enough for whole minutes far from all of them."""
SHORT_MIDNIGHT_S = 4.2
NEVER_MET = 2.0
"""Seconds around an event during which the recorder is not to be killed or stopped in other ways."""


@dataclass(frozen=True)
class Event:
    """One thing that happens; `lasts` is for how long it disturbs."""

    at: float
    kind: str
    detail: dict = field(default_factory=dict)
    lasts: float = 0.0

    def __str__(self):
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.detail.items())])


@dataclass(frozen=True)
class Script:
    """The events in order, and when the last rest begins and ends."""

    events: tuple
    ends_at: float
    stops_at: float
    midnight: float
    """When the day ends in which it began."""


def faults_of(script):
    """The exchange's part, as its fault script."""
    lines = [
        json.dumps({"kind": event.kind, "at": round(event.at, 3), **event.detail})
        for event in script.events
        if event.kind not in DONE_TO_IT
    ]
    return "".join(line + "\n" for line in lines)


def scripted(events, rest_s, midnight):
    """A script of events in any order."""
    events = tuple(sorted(events, key=lambda event: event.at))
    ends_at = max(event.at + event.lasts for event in events)
    return Script(events, ends_at, ends_at + rest_s, midnight)


def kills(chance, count, from_s):
    """SIGKILLs in a row, each of a recorder that was started right after the one before.

    From the end of the day on some follow upon one of that day's compaction, which therefore stays due.
    """
    events = []
    for _ in range(count):
        if from_s > MIDNIGHT_S and chance.random() < COMPACTED_SHARE:
            events.append(Event(from_s, "kill compaction"))
            from_s += COMPACTED_S
        from_s += chance.uniform(*(YOUNG_S if chance.random() < YOUNG_SHARE else OLD_S))
        events.append(Event(from_s, "kill"))
    return events


def long(seed, count, minutes):
    """The long form: kills in a row, then so many minutes of everything with a rest in the middle, a rest."""
    chance = random.Random(seed)
    events = kills(chance, count, SETTLED_S)
    from_s = (events[-1].at if events else 0.0) + SETTLED_S
    half_s = max(0.0, minutes * 60 - REST_S) / 2
    events += mixed(chance, from_s, half_s)
    events += mixed(chance, from_s + half_s + REST_S, half_s)
    return scripted(events, REST_S, MIDNIGHT_S)


def mixed(chance, from_s, seconds):
    """Everything at random: each kind once in some order, then as it comes. The clock is right in the end."""
    events, free_from, until = [], from_s, from_s + seconds
    deck = [*KINDS]
    chance.shuffle(deck)
    now = from_s
    while (now := now + 0.5 + chance.expovariate(1 / PAUSE_S)) < until:
        kind = (
            deck.pop() if deck else chance.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        )
        made = KINDS[kind][1](chance, now)
        own = [event for event in made if event.kind in DONE_TO_IT and event.kind not in BESIDE_IT]
        if own and now < free_from:
            continue  # one thing at a time is done to the recorder itself
        if own:
            free_from = own[-1].at + own[-1].lasts + NEVER_MET
        events += [replace(event, at=min(event.at, until)) for event in made]
    events.append(Event(max(until, free_from), "step", {"offset": 0.0}))
    return events


def _lasting(kind, least, most, **detail):
    def make(chance, now):
        seconds = round(chance.uniform(least, most), 2)
        return [Event(now, kind, {"seconds": seconds, **_drawn(chance, detail)}, seconds)]

    return make


def _counted(kind, least, most, **detail):
    def make(chance, now):
        drawn = _drawn(chance, detail)
        return [Event(now, kind, {"count": chance.randint(least, most), **drawn}, drawn.get("seconds", 0.0))]

    return make


def _plain(kind, **detail):
    return lambda chance, now: [Event(now, kind, _drawn(chance, detail))]


def _drawn(chance, detail):
    """Details of which some are a choice of several values, None for leaving them out."""
    drawn = {
        name: chance.choice(value) if isinstance(value, tuple) else value for name, value in detail.items()
    }
    return {name: value for name, value in drawn.items() if value is not None}


def _stop(chance, now):
    seconds = chance.choice((0.5, 2.0, 5.0, 8.0, 33.0))  # the last is longer than the venue waits for a word
    return [Event(now, "stop", {"seconds": seconds}, seconds), Event(now + seconds, "go on", {}, 2.0)]


def _fill(chance, now):
    seconds = round(chance.uniform(2, 8), 1)
    return [Event(now, "fill", {"seconds": seconds}, seconds), Event(now + seconds, "free", {}, 2.0)]


def _step(chance, now):
    size = chance.choice(((0.02, 0.2), (0.3, 3.0), (3.0, 25.0), (35.0, 150.0)))
    offset = round(chance.uniform(*size) * chance.choice((-1, 1)), 3)
    return [Event(now, "step", {"offset": offset}, 1.0)]


def _refused(chance, now):
    seconds = round(chance.uniform(1, 6), 1)
    return [Event(now, "refuse", {"seconds": seconds}, seconds), Event(now + 0.01, "abort")]


def _skew(chance, now):
    """The exchange's clock is set off, and back again later."""
    seconds = round(chance.uniform(0.2, 2.0) * chance.choice((-1, 1)), 2)
    back = round(chance.uniform(5, 40), 1)
    return [
        Event(now, "skew", {"seconds": seconds}, abs(seconds)),
        Event(now + back, "skew", {"seconds": -seconds}, abs(seconds)),
    ]


def _listing(chance, now):
    """A new market, and its end: the recorder looks at the list every half minute."""
    name = f"NEW{chance.randrange(10**6)}USDT"
    listed = Event(now, "list", {"market": name})
    return [listed, Event(now + chance.uniform(40, 100), "delist", {"market": name})]


_PATHS = tuple(f"{API_PREFIX}/market{end}" for end in ("", "/deals", "/kline", "/list", "/state/all"))
KINDS = {
    "kill": (8, _plain("kill")),
    "term": (4, _plain("term")),
    "kill lake": (5, _plain("kill lake")),
    "stop": (3, _stop),
    "fill": (3, _fill),
    "step": (4, _step),
    "abort": (5, _plain("abort", connections=(0, 1, 2))),
    "drop": (4, _plain("drop", connections=(0, 1))),
    "refuse": (3, _refused),
    "silence": (6, _lasting("silence", 1, 12, stream=(*STREAMS, "all"))),
    "duplicates": (4, _counted("duplicates", 5, 200, stream=(None, *STREAMS))),
    "late": (4, _counted("late", 5, 60, seconds=(0.3, 1.0, 3.0), stream=(None, "trade", "depth"))),
    "lose": (6, _counted("lose", 1, 6, stream=(*STREAMS,))),
    "garbage": (5, _counted("garbage", 1, 12, variant=(None, *VARIANTS))),
    "http": (5, _lasting("http", 1, 8, status=(429, 502), path=_PATHS)),
    "code": (4, _lasting("code", 1, 6, code=(1_010_007, 10_500, 80_005), path=_PATHS)),
    "slow": (4, lambda chance, now: [Event(now, "slow", {
        "seconds": round(chance.uniform(0.3, 4), 1), "during": 8.0, "path": chance.choice(_PATHS)}, 8.0)]),
    "skew": (3, _skew),
    "list": (2, _listing),
    "compact": (4, _plain("compact")),
    "kill compaction": (3, _plain("kill compaction")),
}  # fmt: skip
"""How often each comes once each has come, and what makes it."""


def short(seed):
    """The short form: one of each of the most important, in an order that leaves time to repair."""
    chance = random.Random(seed)
    shift = chance.uniform(0, 0.3)
    events = [
        Event(2.4, "lose", {"count": 2, "stream": "trade"}),
        Event(2.6, "duplicates", {"count": 40}),
        Event(2.8, "lose", {"count": 1, "stream": "depth"}),
        Event(3.0, "abort", {}),
        Event(3.6, "kill lake"),
        Event(4.0, "http", {"seconds": 1.0, "status": 429, "path": f"{API_PREFIX}/market/deals"}, 1.0),
        Event(4.4, "silence", {"seconds": 1.0, "stream": "trade"}, 1.0),
        Event(5.9, "up"),
        Event(6.0, "kill"),
        Event(6.1, "up"),
        Event(7.0, "compact"),
        Event(8.0, "term"),
    ]
    return scripted([Event(e.at + shift, e.kind, e.detail, e.lasts) for e in events], 1.0, SHORT_MIDNIGHT_S)
