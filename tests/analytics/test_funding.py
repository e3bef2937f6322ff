"""What settlements charged and over what interval: scenes told by hand, with the rows that follow."""

import pytest
from asked_lakes import lake_at
from funding_lakes import HOUR_S, LATER, NEW, OLD, a_state, add_states, around, found, seconds, state

from analytics import open_lake

COLUMNS = "ts_settled, interval_hours, funding_rate, rate_announced, proven"
SCENES = {}
"""A claim: the states of a market, and its rows of funding_settlements, in the columns above."""


def proven(settled, interval, rate):
    """A settlement that charged what was announced."""
    return (seconds(settled), interval, rate, rate, True)


def unproven(settled, announced=None):
    return (seconds(settled), None, None, announced, False)


def without_rate(settled, announced=None):
    return (seconds(settled), None, None, announced, True)


FIRST = around("8:00", "16:00")
"""A first settlement, before those that scenes are about."""

for hours in (1, 2, 3, 4, 5, 8, 11, 24):
    ends = [f"{8 + hours * step}:00" for step in range(4)]
    SCENES[f"an interval of {hours} h, from a few states around each settlement"] = (
        around(ends[0], ends[1])
        + around(ends[1], ends[2], NEW, LATER, OLD)
        + around(ends[2], ends[3], LATER, OLD, NEW),
        [proven(ends[0], None, NEW), proven(ends[1], hours, LATER), proven(ends[2], hours, OLD)],
    )


def every(step_s, **columns):
    """States of a market that settles every three hours, from 2 to 7 o'clock."""
    told = []
    for when in range(2 * HOUR_S + 7, 7 * HOUR_S, step_s):
        begun = when // (3 * HOUR_S)
        last, following = ((OLD, NEW), (NEW, LATER), (LATER, OLD))[begun]
        rates = {"funding_rate_last": last, "funding_rate_next": following}
        told.append(a_state(when, (begun + 1) * 3 * HOUR_S, **rates, **columns))
    return told


for step_s in (1, 60, 600):
    rows = [proven("3:00", None, NEW), proven("6:00", 3, LATER)]
    SCENES[f"an interval of 3 h, from states every {step_s} s"] = (every(step_s), rows)
for rounding in ("floor", "ceil", "round"):
    for skew_s in (-25, -3, 3, 25):
        told = every(7, rounding=rounding, skew_s=skew_s)
        claim = f"the hour, of a countdown that takes the {rounding}, by a clock that is {skew_s} s off"
        SCENES[claim] = (told, [proven("3:00", None, NEW), proven("6:00", 3, LATER)])

# A countdown that rises is a settlement only where it has run down.
SCENES["a change to a shorter interval"] = (
    [
        *FIRST,
        state("9:59", "16:00", NEW, LATER),
        state("10:01", "12:00", NEW, LATER),
        *around("12:00", "16:00", NEW, LATER, OLD),
        *around("16:00", "20:00", LATER, OLD, NEW),
    ],
    [proven("8:00", None, NEW), proven("12:00", 4, LATER), proven("16:00", 4, OLD)],
)
SCENES["a change to a longer interval withdraws a settlement"] = (
    [
        *around("8:00", "12:00"),
        state("11:50", "12:00", NEW, LATER),
        state("11:51", "16:00", NEW, LATER),
        state("12:02", "16:00", NEW, LATER),
        *around("16:00", "24:00", NEW, LATER, OLD),
    ],
    [proven("8:00", None, NEW), proven("16:00", 8, LATER)],
)
SCENES["a withdrawal that nobody saw is told by the rate that stays"] = (
    [
        *around("8:00", "12:00"),
        state("11:50", "12:00", NEW, LATER),
        state("12:05", "16:00", NEW, LATER),
        *around("16:00", "24:00", NEW, LATER, OLD),
    ],
    [proven("8:00", None, NEW), unproven("12:00", LATER), proven("16:00", None, LATER)],
)
SCENES["settlements hidden in a pause are told by the rate that changed"] = (
    [*FIRST, state("15:50", "16:00", 5e-4, LATER), *around("16:00", "17:00", 5e-4, LATER, OLD)],
    [proven("8:00", None, NEW), proven("16:00", None, LATER)],
)
SCENES["settlements hidden in a pause are told by the rate that changed, once it is renewed"] = (
    [
        *around("8:00", "20:00"),
        state("9:00", "20:00", NEW, LATER),
        state("14:00:01", "16:00", NEW, OLD, skew_s=-16),
        state("14:00:30", "16:00", LATER, OLD, skew_s=-16),
        state("14:02", "16:00", LATER, OLD, skew_s=-16),
        *around("16:00", "20:00", LATER, OLD, NEW),
    ],
    [proven("8:00", None, NEW), proven("16:00", None, OLD)],
)
SCENES["a countdown that rises in its last minute, while the rate stays, is a change"] = (
    [
        *around("8:00", "12:00"),
        state("11:58:40", "12:00", NEW, LATER),
        state("11:59:10", "16:00", NEW, LATER),
        state("12:05", "16:00", NEW, LATER),
    ],
    [proven("8:00", None, NEW), unproven("12:00", LATER)],
)
SCENES["a countdown seen at 0 only was not seen to run down"] = (
    [
        state("5:00", "8:00", OLD, NEW),
        state("7:59:20", "7:59:20", OLD, NEW),
        state("8:30", "12:00", NEW, LATER),
    ],
    [unproven("8:00", NEW)],
)
SCENES["a rate that stays as it was announced to"] = (
    [state("7:50", "8:00", OLD, OLD), state("8:05", "12:00", OLD, LATER)],
    [proven("8:00", None, OLD)],
)
SCENES["a pause in which the schedule changes and the rate stays hides none"] = (
    [*FIRST, state("12:30", "14:00", NEW, LATER), *around("14:00", "20:00", NEW, LATER, OLD)],
    [proven("8:00", None, NEW), proven("14:00", 6, LATER)],
)

# Gaps.
SCENES["a settlement that nobody saw is listed without what it charged"] = (
    [
        state("5:00", "8:00", OLD, NEW),
        state("10:00", "16:00", NEW, LATER),
        *around("16:00", "24:00", NEW, LATER, OLD),
    ],
    [unproven("8:00"), proven("16:00", None, LATER)],
)
SCENES["a rate told an hour later may be of another settlement"] = (
    [*FIRST[:2], state("9:10", "16:00", NEW, LATER), *around("16:00", "24:00", NEW, LATER, OLD)],
    [without_rate("8:00", NEW), proven("16:00", None, LATER)],
)
SCENES["there is no room for another between settlements an hour apart"] = (
    [state("7:59", "8:00", OLD, NEW), state("8:55", "9:00", NEW, LATER), state("9:03", "10:00", LATER, OLD)],
    [proven("8:00", None, NEW), proven("9:00", 1, LATER)],
)
SCENES["nothing was recorded before it"] = (FIRST[2:], [])
SCENES["nothing was recorded after it"] = (FIRST[:2], [])

# A venue may renew its fields one after the other: what is told a little later counts.
for claim, later, rate in (
    ("minutes later", [("8:00:01", OLD), ("8:03", NEW)], NEW),
    ("much later", [("8:00:01", OLD), ("8:40", NEW)], NEW),
    ("never again, and was the old one", [("8:00:01", OLD)], None),
    ("never again, and was a new one", [("8:00:01", NEW)], NEW),
    ("after a state without it", [("8:00:01", OLD), ("8:02", None), ("8:03", NEW)], NEW),
    ("before the next settlement renewed it", [("8:30", NEW), ("8:59:30", LATER)], NEW),
    ("minutes later, and was the old one", [("8:03", OLD)], OLD),
):
    told = FIRST[:2] + [state(when, "9:00", last, LATER) for when, last in later]
    SCENES[f"the rate was told {claim}"] = (told, [(seconds("8:00"), None, rate, NEW, True)])
SCENES["a slow clock puts fields of the next interval before the settlement"] = (
    [*FIRST, state("8:00:01", "8:00", OLD, LATER, skew_s=-20)],
    [proven("8:00", None, NEW)],
)
SCENES["what was announced is older than a quarter of an hour"] = (
    [state("7:40", "8:00", OLD, NEW), state("7:59", "8:00", OLD), *FIRST[2:]],
    [(seconds("8:00"), None, NEW, None, True)],
)

# What is no settlement.
for step_s in (10, 1_700):
    still = [a_state(when, when, funding_rate_last=0.0) for when in range(0, 5 * HOUR_S, step_s)]
    SCENES[f"a countdown that stands at 0, every {step_s} s"] = (still, [])
for left_s in (60, 300, 3_000):
    still = [a_state(when, when + left_s, funding_rate_last=0.0) for when in range(0, 5 * HOUR_S, 30)]
    SCENES[f"a countdown that stands at {left_s} s"] = (still, [])
SCENES["states without a countdown"] = ([state(when, None, OLD) for when in ("7:59", "8:01", "16:01")], [])
SCENES["a market that was delisted"] = (
    [*FIRST, state("9:00", "16:00", NEW, LATER)]
    + [state(when, when, 0.0, 0.0) for when in ("9:01", "15:59:30", "16:00", "16:01", "20:00")],
    [proven("8:00", None, NEW)],
)
SCENES["states that repeat, or come late from elsewhere"] = (
    [row | {"seq": 9, "source": "rest"} for row in FIRST]
    + [*FIRST, state("8:00:21", "8:00", OLD, NEW, source="rest", seq=1)],
    [proven("8:00", None, NEW)],
)
off = [
    state(f"0:0:{when}", ends, last, rate, skew_s=5)
    for ends, begin, end, last, rate in (
        ("8:17", "8:00", "8:17", OLD, NEW),
        ("12:17", "8:17", "12:17", NEW, LATER),
        ("16:17", "12:17", "12:30", LATER, OLD),
    )
    for when in range(int(seconds(begin)), int(seconds(end)))
]
SCENES["off the hour the instant is the one told most often"] = (
    off,
    [proven("8:17", None, NEW), proven("12:17", 4, LATER)],
)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Every scene's rows, from one lake in which each is a market."""
    made = tmp_path_factory.mktemp("lake")
    with lake_at(made) as day:
        add_states(day, [row | {"market": claim} for claim, (states, _) in SCENES.items() for row in states])
    rows = found(open_lake(made), f"SELECT market, {COLUMNS} FROM funding_settlements ORDER BY ts_settled")
    return {claim: [tuple(row.values())[1:] for row in rows if row["market"] == claim] for claim in SCENES}


@pytest.mark.parametrize("claim", SCENES)
def test_settlements(claim, answered):
    assert answered[claim] == SCENES[claim][1]
