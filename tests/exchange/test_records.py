"""The page about the client's records has every field of each, in order, and agrees with the lake."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from recorder.exchange import enums, records
from recorder.exchange.answers import Market
from recorder.exchange.pushes import State
from recorder.lake.store.account import COLUMNS
from recorder.lake.store.tables import FIELD_OF_WIRE

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "records.md").read_text()
DICTIONARY = (DOCS / "dictionary.md").read_text()
RECORDS = (
    records.Asset, records.Position, records.Order, records.StopOrder, records.Fill, records.LedgerEntry,
    records.Leverage, records.AdjustableMargin, Market, State,
)  # fmt: skip
UNDOCUMENTED = {
    "Position": {"finish_type", "sys", "total", "open_margin_imply", "liq_price_imply", "bkr_price_imply"},
    "StopOrder": {"contract_order_type", "entrust_id"},
    "Fill": {"filled_type", "trade_type"},
}


def section(page, name):
    return re.split(r"^##", page.partition(f"\n### {name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(page, name):
    """The cells of the rows of a section's table."""
    lines = re.findall(r"^\| `.*\|$", section(page, name), re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def table_of(kind):
    """The lake's table of a record, and its columns' units by name."""
    [table] = re.findall(r"\| in `(\w+)` \|", section(PAGE, kind.__name__))
    return table, {row[0].strip("`"): row[1] for row in rows(DICTIONARY, f"`{table}`")}


@pytest.fixture(params=RECORDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def test_every_record_has_a_table():
    made = {
        each
        for each in vars(records).values()
        if isinstance(each, type) and each.__module__ == records.__name__
    }
    assert made < set(RECORDS)
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == [kind.__name__ for kind in RECORDS]


def test_its_rows_are_the_fields_in_their_order(kind):
    assert [row[0].strip("`") for row in rows(PAGE, kind.__name__)] == [each.name for each in fields(kind)]


def test_each_row_tells_a_unit_and_a_meaning(kind):
    for name, unit, meaning, lake in rows(PAGE, kind.__name__):
        assert unit, name
        assert len(meaning) >= len("filled"), name
        assert lake == "-" or re.fullmatch(r"`\w+`", lake), name


def test_what_is_undocumented_says_so(kind):
    said = {name.strip("`") for name, _, meaning, _ in rows(PAGE, kind.__name__) if "undocumented" in meaning}
    assert said >= UNDOCUMENTED.get(kind.__name__, set())


def test_its_columns_are_the_lakes_and_money_has_the_same_unit_there(kind):
    table, units = table_of(kind)
    for _, unit, _, lake in rows(PAGE, kind.__name__):
        if lake == "-":
            continue
        there = units[lake.strip("`")].removesuffix(", exact decimal")
        if unit in {"base", "quote", "asset", "fraction", "fraction an interval"}:
            assert there == unit, lake
        elif unit == "time":
            assert there == "time, UTC", lake
    if table in COLUMNS and kind is not records.Leverage:
        wire = {column.wire: column.name for column in COLUMNS[table]}
        said = {row[0].strip("`"): row[3].strip("`") for row in rows(PAGE, kind.__name__)}
        assert {name: wire.get(name, "ts_event") for name in said} == said


def test_a_states_columns_have_the_lakes_words():
    said = {row[0].strip("`"): row[3].strip("`") for row in rows(PAGE, "State")}
    assert said.items() >= FIELD_OF_WIRE.items()


@pytest.mark.parametrize("enum", re.findall(r"`([A-Z]\w+)`: \d", PAGE))
def test_an_enum_is_told_with_all_its_numbers(enum):
    [told] = set(re.findall(rf"`{enum}`: ([^|]*) \|", PAGE))
    words = [f"{each.value} {each.name.lower().replace('_', ' ')}" for each in getattr(enums, enum)]
    assert told.replace("partly filled then cancelled", "partly cancelled") == ", ".join(words)


def test_the_client_page_leads_there():
    assert "(records.md)" in (DOCS / "client.md").read_text()
