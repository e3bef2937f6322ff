"""Funding by the ledger, the positions and the recorded rates: scenes told by hand, with what follows."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from account_lakes import add_rows, answer, fill, line, position
from asked_lakes import described, lake_at
from funding_lakes import NEW, OLD, add_states, around, seconds
from lakedays import DAY_US, SECOND_US

from analytics import open_lake

MARK = 100.0
SCENES = {}
OWN_INSTANT = "a mark price of the venue's own instant agrees"


def us(text):
    return round(seconds(text) * SECOND_US)


@dataclass
class Scene:
    """What happens in some markets of one currency, which settle at 8:00; and the rows that follow, as
    (market, quantity, charged, verdict)."""

    rows: list
    fills: list = field(default_factory=list)
    told: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    changes: list | None = None
    settles: tuple = ("8:00", "16:00")
    rates: tuple = (OLD, NEW)
    kind: str = "linear"


def held(at, quantity, market="A", changed=None, **more):
    """A position as told at a time, which had changed then, or before."""
    updated = {} if changed is None else {"ts_updated": DAY_US + us(changed)}
    return position(us(at), quantity, market=market, **updated, **more)


def filled(at, quantity, market="A", **more):
    return fill(us(at), quantity, market=market, **more)


LONG = held("7:00", 10)

SCENES["who is long pays a rate above 0"] = Scene(
    told=[LONG], lines=[("8:00:01", -0.2)], rows=[("A", 10, -0.2, "agrees")]
)
SCENES["who is short gets it"] = Scene(
    told=[held("7:00", -10)], lines=[("8:00:01", 0.2)], rows=[("A", -10, 0.2, "agrees")]
)
SCENES[OWN_INSTANT] = Scene(told=[LONG], lines=[("8:00:01", -0.2019)], rows=[("A", 10, -0.2019, "agrees")])
SCENES["another amount differs"] = Scene(
    told=[LONG], lines=[("8:00:01", -0.2021)], rows=[("A", 10, -0.2021, "differs")]
)
SCENES["the other way round differs"] = Scene(
    told=[LONG], lines=[("8:00:01", 0.2)], rows=[("A", 10, 0.2, "differs")]
)
SCENES["a charge that the ledger does not have"] = Scene(
    told=[LONG], rows=[("A", 10, None, "not in the ledger")]
)
SCENES["a line of which no position is known"] = Scene(
    lines=[("8:00:01", -0.2)], rows=[(None, None, -0.2, "no position known")]
)
SCENES["a line a quarter of an hour late is no settlement's"] = Scene(
    told=[LONG],
    lines=[("8:15:01", -0.2)],
    rows=[("A", 10, None, "not in the ledger"), (None, None, -0.2, "no position known")],
)
SCENES["a venue that charges some seconds early"] = Scene(
    told=[LONG], lines=[("7:59:10", -0.2)], rows=[("A", 10, -0.2, "agrees")]
)
SCENES["what was held by fills alone"] = Scene(
    fills=[filled("5:00", 4), filled("6:00", 6)],
    lines=[("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees")],
)
SCENES["fills since the position was told"] = Scene(
    told=[held("6:00", 10)],
    fills=[filled("7:00", -4), filled("9:00", 50)],
    lines=[("8:00:01", -0.12)],
    rows=[("A", 6, -0.12, "agrees")],
)
SCENES["a fill that the position had when it was told is not counted twice"] = Scene(
    told=[held("7:00", 10)],
    fills=[filled("7:00", 10)],
    lines=[("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees")],
)
SCENES["a position that was told only after the settlement, and had not changed"] = Scene(
    told=[held("9:00", 10, changed="6:00")],
    lines=[("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees")],
)
SCENES["a position that was told only after a later fill"] = Scene(
    told=[held("9:00", 30)],
    fills=[filled("9:00", 20)],
    lines=[("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees")],
)
SCENES["what was closed before is not held"] = Scene(
    told=[held("6:00", 10)], fills=[filled("7:59:59", -10)], rows=[]
)
SCENES["what was closed at that instant was held until then"] = Scene(
    told=[LONG], fills=[filled("8:00", -10)], lines=[("8:00", -0.2)], rows=[("A", 10, -0.2, "agrees")]
)
SCENES["two markets, whose lines come in any order"] = Scene(
    told=[LONG, held("7:00", 20, "B")],
    lines=[("8:00:01", -0.4), ("8:00:02", -0.2)],
    rows=[("A", 10, -0.2, "agrees"), ("B", 20, -0.4, "agrees")],
)
SCENES["two markets, whose lines are each nearer to the other's"] = Scene(
    told=[LONG, held("7:00", 10.1, "B")],
    lines=[("8:00:01", -0.2018), ("8:00:01", -0.2038)],
    rows=[("A", 10, -0.2018, "agrees"), ("B", 10.1, -0.2038, "agrees")],
)
SCENES["two markets of the same amount"] = Scene(
    told=[LONG, held("7:00", 10, "B")],
    lines=[("8:00:01", -0.2), ("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees"), ("B", 10, -0.2, "agrees")],
)
SCENES["of two markets the one whose line is there"] = Scene(
    told=[LONG, held("7:00", 100, "B")],
    lines=[("8:00:01", -2)],
    rows=[("A", 10, None, "not in the ledger"), ("B", 100, -2, "agrees")],
)
SCENES["a line too many, above or below"] = Scene(
    told=[LONG],
    lines=[("8:00:01", -0.2), ("8:00:01", -5), ("8:00:01", 3)],
    rows=[
        ("A", 10, -0.2, "agrees"),
        (None, None, -5, "no position known"),
        (None, None, 3, "no position known"),
    ],
)
SCENES["a rate of 0 charges nothing"] = Scene(told=[LONG], rates=(OLD, 0.0), rows=[("A", 10, None, "agrees")])
SCENES["what the position itself lost"] = Scene(
    told=[held("7:00", 10, realised=-1), held("8:00", 10, realised=-1.2)],
    lines=[("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees")],
    changes=[-0.2],
)
SCENES["what the position lost beside what its fills brought"] = Scene(
    told=[held("7:00", 10, realised=0), held("8:30", 6, realised=0.7)],
    fills=[filled("8:30", -4, profit=1, fee=0.1)],
    lines=[("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees")],
    changes=[-0.2],
)
SCENES["a position that came after it says nothing"] = Scene(
    told=[held("7:00", 10, realised=0), held("8:30", 5, realised=-0.2, position_id=2)],
    lines=[("8:00:01", -0.2)],
    rows=[("A", 10, -0.2, "agrees")],
    changes=[None],
)
SCENES["a settlement that is not asked for yet"] = Scene(
    told=[LONG], settles=("19:59:30", "24:00"), rows=[("A", 10, None, "not asked yet")]
)
SCENES["of contracts the position tells what is charged in base"] = Scene(
    told=[held("7:00", 10, realised=0), held("8:00", 10, realised=-0.003)],
    lines=[("8:00:01", -0.003)],
    rows=[("A", 10, -0.003, "agrees")],
    kind="inverse",
)
SCENES["of contracts without that nothing is expected"] = Scene(
    told=[LONG], rows=[("A", 10, None, "not known")], kind="inverse"
)


def of_market(rows, asset):
    return [row | {"market": asset + row["market"]} for row in rows]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """All scenes in one lake, each with a currency of its own."""
    made = tmp_path_factory.mktemp("lake")
    tables = {"account_positions": [], "account_fills": [], "account_ledger": [], "markets": []}
    states, ids = [], iter(range(1_000))
    for asset, scene in zip(map("C{}".format, range(1_000)), SCENES.values(), strict=False):
        for suffix in "AB":
            told = {"type": scene.kind, "quote": asset, "base": asset}
            tables["markets"].append(described(asset + suffix) | told)
            last, charged = scene.rates
            states += around(
                *scene.settles, last, charged, market=asset + suffix, mark_price=MARK, index_price=MARK
            )
        tables["account_positions"] += of_market(scene.told, asset)
        tables["account_fills"] += of_market(scene.fills, asset)
        tables["account_ledger"] += [
            line(us(at), next(ids), "Funding fee", change, 0, asset=asset) for at, change in scene.lines
        ]
    tables["account_answers"] = [answer(us("20:01"), "asset_history", until=us("20:00"))]
    with lake_at(made) as day:
        add_states(day, states)
        add_rows(day, **tables)
    return open_lake(made)


@pytest.mark.parametrize("claim", SCENES)
def test_what_follows_from_a_scene(lake, claim):
    asset, scene = f"C{list(SCENES).index(claim)}", SCENES[claim]
    found = lake.sql(
        "SELECT market, quantity, charged, verdict, position_change FROM account_funding "
        f"WHERE asset = '{asset}' ORDER BY market NULLS LAST, charged"
    ).fetchall()
    expected = [
        (market and asset + market, exactly(quantity), exactly(charged), verdict)
        for market, quantity, charged, verdict in scene.rows
    ]
    assert [row[:4] for row in found] == expected
    if scene.changes is not None:
        assert [row[4] for row in found] == [exactly(change) for change in scene.changes]


def exactly(value):
    return None if value is None else Decimal(str(value))


def test_a_day_adds_up_what_the_ledger_says_line_by_line(lake):
    [[by_market]] = lake.sql("SELECT sum(charged) FROM account_funding_1d").fetchall()
    [[by_kind]] = lake.sql("SELECT sum(funding) FROM account_pnl_1d").fetchall()
    assert (
        by_market
        == by_kind
        == Decimal(str(sum(Decimal(str(c)) for s in SCENES.values() for _, c in s.lines)))
    )


def test_a_day_counts_what_agrees_and_what_does_not(lake):
    [counts] = lake.sql("SELECT sum(agreed), sum(differing), sum(waiting) FROM account_funding_1d").fetchall()
    verdicts = [row[3] for scene in SCENES.values() for row in scene.rows]
    differing = {"differs", "not in the ledger", "no position known"}
    assert counts == (
        verdicts.count("agrees"),
        sum(verdict in differing for verdict in verdicts),
        verdicts.count("not asked yet"),
    )


def test_a_charge_tells_of_the_mark_price_it_was_made_at(lake):
    asset = f"C{list(SCENES).index(OWN_INSTANT)}"
    [row] = lake.sql(
        "SELECT mark_price_charged, expected, difference, difference_bps FROM account_funding "
        f"WHERE asset = '{asset}'"
    ).fetchall()
    assert row == pytest.approx((100.95, -0.2, -0.0019, -0.019), rel=1e-9)
