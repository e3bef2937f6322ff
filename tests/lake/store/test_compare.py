"""Two sets of rows are equal whatever files they lie in, and any other difference is found and named."""

import random
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recorder.lake.store.compare import Comparer, Rows
from recorder.lake.store.tables import COVERAGE, DEPTH, GAPS, MARKETS, STATE, TABLES, TRADES

DATE = "2026-11-22"


@pytest.fixture
def comparer(tmp_path):
    with Comparer(tmp_path / "spill") as opened:
        yield opened


def value_of(kind, number):
    """Some value of a type; every number another one."""
    if pa.types.is_list(kind):
        return [value_of(kind.value_type, 2 * number + each) for each in range(2)]
    if pa.types.is_struct(kind):
        return {field.name: value_of(field.type, 2 * number + at) for at, field in enumerate(kind)}
    if pa.types.is_timestamp(kind):
        return datetime.fromtimestamp(1_795_305_600 + number, UTC)
    if pa.types.is_decimal(kind):
        return Decimal(number)
    makers = {pa.string(): lambda: f"text {number}", pa.bool_(): lambda: number % 2 == 0}
    return makers.get(kind, lambda: pa.scalar(number).cast(kind).as_py())()


def row_of(table, number=0, **changed):
    return {field.name: value_of(field.type, number) for field in table.schema} | changed


@pytest.fixture
def rows(tmp_path):
    """Write dictionaries as the rows of a table, in some files; returns them for comparing."""
    numbers = iter(range(1_000))

    def write(table, *files, columns=None, keep=None):
        paths = []
        for content in files:
            path = tmp_path / f"{next(numbers)}.parquet"
            pq.write_table(pa.Table.from_pylist(list(content), schema=table.schema), path)
            paths.append(str(path))
        return Rows(tuple(paths), table, tuple(columns or table.schema.names), keep)

    return write


class TestDigest:
    def test_the_order_of_rows_and_the_files_they_lie_in_do_not_count(self, comparer, rows):
        many = [row_of(DEPTH, number) for number in range(300)]
        shuffled = random.Random(1).sample(many, len(many))
        one = comparer.digest(rows(DEPTH, many))
        assert one.rows == 300
        assert comparer.digest(rows(DEPTH, shuffled[:7], shuffled[7:200], shuffled[200:])) == one

    @pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
    def test_every_column_counts(self, comparer, rows, table):
        first = comparer.digest(rows(table, [row_of(table)]))
        for field in table.schema:
            changed = row_of(table, **{field.name: value_of(field.type, 1)})
            assert comparer.digest(rows(table, [changed])).content != first.content, field.name

    def test_a_row_that_is_there_twice_counts(self, comparer, rows):
        one, two = row_of(TRADES, 1), row_of(TRADES, 2)
        digests = {
            comparer.digest(rows(TRADES, [*content])).content
            for content in ([one, two], [one, one, two], [one, two, two], [one, one, one, two])
        }
        assert len(digests) == 4

    def test_nothing_is_zero_and_zero_has_a_sign(self, comparer, rows):
        digests = {
            comparer.digest(rows(STATE, [row_of(STATE, last=last)])).content for last in (None, 0.0, -0.0)
        }
        assert len(digests) == 3

    def test_values_that_change_places_count(self, comparer, rows):
        levels = [{"price": 1.0, "quantity": 2.0}, {"price": 3.0, "quantity": 4.0}]
        bids = ([levels[0], levels[1]], [levels[1], levels[0]], [{"price": 2.0, "quantity": 1.0}, levels[1]])
        digests = {comparer.digest(rows(DEPTH, [row_of(DEPTH, bids=own)])).content for own in bids}
        digests.add(comparer.digest(rows(DEPTH, [row_of(DEPTH, bids=levels, bid_price=0.5, ask_price=0.7)])))
        digests.add(comparer.digest(rows(DEPTH, [row_of(DEPTH, bids=levels, bid_price=0.7, ask_price=0.5)])))
        assert len(digests) == 5

    def test_what_is_left_out_is_counted_and_does_not_count(self, comparer, rows):
        many = [row_of(TRADES, number) for number in range(5)]
        some = rows(TRADES, many, keep=lambda table: table["trade_id"].to_numpy() > 1)
        digest = comparer.digest(some)
        assert digest.left_out == 2
        assert digest.content == comparer.digest(rows(TRADES, many[2:])).content

    def test_no_file_is_no_row(self, comparer, rows):
        assert comparer.digest(rows(TRADES)).content == comparer.digest(rows(TRADES, [])).content == (0, 0, 0)


class TestFirstDifference:
    MANY = tuple(row_of(TRADES, number, market="AAA") for number in range(50))

    def difference(self, comparer, rows, live, fresh, table=TRADES):
        half = len(fresh) // 2
        return comparer.first_difference(rows(table, live), rows(table, fresh[half:], fresh[:half]), DATE)

    def test_a_changed_value_is_named_with_the_row_on_either_side(self, comparer, rows):
        changed = [*self.MANY]
        changed[20] = changed[20] | {"price": 0.5, "side": "sell"}
        found = self.difference(comparer, rows, changed, self.MANY)
        assert (found.columns, found.only_live, found.only_fresh) == (("side", "price"), 1, 1)
        assert (found.live, found.fresh) == (changed[20], self.MANY[20])
        assert "made by the journal with side=text 20 price=20.0" in str(found)

    def test_a_missing_row_is_named(self, comparer, rows):
        found = self.difference(comparer, rows, self.MANY[:7] + self.MANY[8:], self.MANY)
        assert (found.live, found.fresh, found.only_live, found.only_fresh) == (None, self.MANY[7], 0, 1)
        assert "not in the lake: market=AAA trade_id=7 " in str(found)

    def test_a_row_that_the_journal_does_not_make_is_named(self, comparer, rows):
        found = self.difference(comparer, rows, self.MANY, self.MANY[1:])
        assert (found.live, found.fresh) == (self.MANY[0], None)
        assert "not made by the journal: market=AAA trade_id=0 " in str(found)

    def test_a_doubled_row_is_named_with_how_often_it_is_there(self, comparer, rows):
        found = self.difference(comparer, rows, (*self.MANY, self.MANY[9]), self.MANY)
        assert (found.live, found.columns, found.copies) == (self.MANY[9], (), (2, 1))
        assert (found.only_live, found.only_fresh) == (1, 0)
        assert "2 times in the lake, 1 times made by the journal" in str(found)

    def test_it_is_the_first_by_the_key(self, comparer, rows):
        live = [row | {"quantity": 9.5} if row["trade_id"] in (12, 30) else row for row in self.MANY]
        random.Random(2).shuffle(live)
        found = self.difference(comparer, rows, live[:-3], self.MANY)
        first = min([12, *(row["trade_id"] for row in live[-3:])])
        assert (found.live or found.fresh)["trade_id"] == first

    def test_a_sign_of_zero_is_a_difference_that_can_be_read(self, comparer, rows):
        live, fresh = [row_of(TRADES, price=-0.0)], [row_of(TRADES, price=0.0)]
        found = self.difference(comparer, rows, live, fresh)
        assert found.columns == ("price",)
        assert "price=-0.0" in str(found)

    @pytest.mark.parametrize("table", [GAPS, COVERAGE, MARKETS, DEPTH], ids=lambda table: table.name)
    def test_rows_of_any_table_can_be_told(self, comparer, rows, table):
        rest = [field.name for field in table.schema if field.nullable]
        live = [row_of(table, 1), row_of(table, 2) | dict.fromkeys(rest)]
        last = next(name for name in reversed(table.schema.names) if name not in table.key)
        fresh = [live[0], live[1] | {last: value_of(table.schema.field(last).type, 9)}]
        found = self.difference(comparer, rows, live, fresh, table)
        assert (found.columns, found.live, found.fresh) == ((last,), live[1], fresh[1])
