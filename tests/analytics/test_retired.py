"""What is answered of days of which retention has removed rows, or what was made of them."""

import duckdb
import pytest
from asked_lakes import DAY_LENGTH_US, lake_at
from funding_lakes import DAY_S, HOUR_S, a_state, add_states
from lakedays import MINUTE_US, book, rows_of, state, trade

from analytics import open_lake
from analytics.opened import Snapshot, committed
from analytics.questions import needed, question
from analytics.views import MACROS, question_view, write_views
from recorder.lake.store.tables import TABLES

ROWS = ("trades", "depth", "state")
FUNDING = ("funding_settlements", "funding_predictions", "funding_now")
BARS = ("volume_1h", "spread_1h")
CASES = {
    "OF_STATES": (("state",), ()),
    "OF_STATES_AND_MINUTES": (("state", "minutes"), ()),
    "OF_WHAT_STATES_TOLD": (("funding_told",), ()),
    "OF_MINUTES": (("minutes",), ()),
    "A_TRADE_COMES_LATE": (ROWS, ("trades",)),
    "A_STATE_COMES_LATE": (("state",), ("state",)),
}
"""By the market of a day of its own: what is removed of the day, and what comes late."""
DAYS = {market: (number, f"2026-11-{22 + number}") for number, market in enumerate(CASES)}
HAS_BARS = [market for market, (gone, _) in CASES.items() if "minutes" not in gone]


def settlements(market, number):
    """States around three settlements, four hours apart."""
    rate = [1e-4, 2e-4, -3e-4, 4e-4, 5e-4]
    for turn, hour in enumerate((8, 12, 16)):
        at = number * DAY_S + hour * HOUR_S
        for off, later in ((-300, 0), (-70, 0), (20, 1), (150, 1)):
            last, announced = rate[turn + later], rate[turn + later + 1]
            coming = at + later * 4 * HOUR_S
            yield a_state(
                at + off, coming, market=market, funding_rate_last=last, funding_rate_next=announced
            )


def late_row(name, market, number):
    at = number * DAY_LENGTH_US + 50 * MINUTE_US
    return trade(at, 99, market=market) if name == "trades" else state(at, 7.0, seq=99, market=market)


@pytest.fixture
def closed(tmp_path):
    """A lake of compacted days, one of each case."""
    with lake_at(tmp_path) as day:
        for market, (number, date) in DAYS.items():
            begin = number * DAY_LENGTH_US
            add_states(day, list(settlements(market, number)))
            trades = (trade(begin + minute * MINUTE_US, minute, market=market) for minute in range(3))
            day.add("trades", *trades, date=date)
            day.add("depth", book(begin, market=market), book(begin + 30, seq=1, market=market), date=date)
            day.compact(date=date)
        yield day


def tail_of(name, market, number):
    """A late row as the tail of a journal has it."""
    return rows_of(TABLES[name], [late_row(name, market, number)])


def retire(day):
    for market, (gone, late) in CASES.items():
        number, date = DAYS[market]
        day.retire(*gone, date=date)
        for name in late:
            day.add(name, late_row(name, market, number), date=date)


def by_open_lake(day):
    return open_lake(day.manifest.lake.parent).sql


def by_views_sql(day):
    client = duckdb.connect()
    client.execute(write_views(day.manifest.lake.parent).read_text())
    return client.sql


def answers(ask, views, markets=tuple(CASES)):
    found = {}
    for view in views:
        relation = ask(f"FROM {view} WHERE market IN {tuple(markets)}")
        shown = [name for name in relation.columns if name != "age_seconds"]
        found[view] = sorted(map(str, relation.select(*shown).fetchall()))
    return found


@pytest.mark.parametrize("asker", [by_open_lake, by_views_sql])
def test_settlements_stay_while_there_are_states_or_what_they_told(closed, asker):
    before = answers(by_open_lake(closed), FUNDING)
    assert len(before["funding_settlements"]) == 3 * len(CASES)
    retire(closed)
    assert answers(asker(closed), FUNDING) == before


def test_bars_and_spreads_stay_while_there_are_minutes(closed):
    before = answers(by_open_lake(closed), BARS, HAS_BARS)
    assert all(before.values())
    retire(closed)
    assert answers(by_open_lake(closed), BARS, HAS_BARS) == before
    for _, date in DAYS.values():
        closed.compact(date=date)
    assert answers(by_open_lake(closed), BARS, HAS_BARS) == before


@pytest.mark.parametrize("name", ["trades", "state"])
def test_what_comes_late_is_counted_once_also_while_it_is_in_the_journal_alone(closed, name):
    retire(closed)
    data_dir, market = closed.manifest.lake.parent, "A_TRADE_COMES_LATE"
    before = answers(by_open_lake(closed), (*FUNDING, *BARS), HAS_BARS)
    tail = Snapshot(data_dir, committed(data_dir), {name: tail_of(name, market, DAYS[market][0])})
    client = duckdb.connect()
    client.execute("SET TimeZone = 'UTC'")
    client.register(f"tail_{name}", tail.tail[name])
    asked = (question_view(view) for name in (*FUNDING, *BARS) for view in needed(question(name)))
    for statement in (*MACROS, *(text for _, text in tail.views()), *dict.fromkeys(asked)):
        client.execute(statement)
    assert answers(client.sql, (*FUNDING, *BARS), HAS_BARS) == before
