"""Of an account what comes again is one row: orders by version, fills by place, the ledger by id."""

import stat
from collections import Counter
from decimal import Decimal

import pytest
from journals import Recorder

from recorder.lake.proving.rebuild import verify
from recorder.lake.publishing.follow import publish_once
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.store.account_tables import ACCOUNT
from recorder.lake.store.manifest import WHOLE_DAY, read_files

TIME_S = 1_723_161_255.123456
FILL = {"order_id": 7, "market": "AAA", "time": TIME_S, "price": "10.5", "amount": "0.1", "role": 1}
LINE = {"time": TIME_S, "asset": "USDT", "business": "Deposit", "change": "1.5", "balance": "1.5"}
ORDER = {"order_id": 7, "market": "AAA", "status": 1, "amount": "1", "left": "1", "update_time": TIME_S}


def fills(recorder, page, *records, size=3, market="AAA"):
    asked = {"market": market, "page": str(page), "page_size": str(size), "end_time": "1723161300"}
    return recorder.answer("order_deals", {"records": list(records)}, **asked)


def places(lake):
    return lake.rows("account_fills", "price, place", "ORDER BY ALL")


def test_a_version_of_an_order_is_one_row_however_often_and_whence_it_comes(data_dir, lake):
    recorder = Recorder(data_dir).event("start", recorder="main")
    later = {**ORDER, "status": 3, "left": "0", "update_time": TIME_S + 1}
    for _ in range(2):
        recorder.at(1).answer("order_pending", {"records": [ORDER]}).flushed()
        publish_once(data_dir, wait_s=0)
    recorder.answer("order_finished", {"records": [later, later]}, market="AAA").stop()
    publish_once(data_dir)
    publish_once(data_dir)
    assert lake.rows("account_orders", "status, quantity_left", "ORDER BY ts_event") == [
        ("open", Decimal(1)), ("filled", Decimal(0)),
    ]  # fmt: skip


def test_equal_fills_stay_as_many_as_there_were_also_from_page_to_page_and_when_asked_again(data_dir, lake):
    recorder = Recorder(data_dir).event("start", recorder="main")
    other = {**FILL, "price": "11"}
    for _ in range(2):
        fills(recorder, 1, other, FILL, FILL).flushed()
        publish_once(data_dir, wait_s=0)  # what a page ended with is remembered over a restart
        fills(recorder, 2, FILL, FILL, {**FILL, "time": TIME_S - 1})
        fills(recorder, 1, {**FILL, "market": "BBB"}, market="BBB").flushed()
        publish_once(data_dir, wait_s=0)
    recorder.stop()
    publish_once(data_dir)
    same = lake.rows("account_fills", "place", "WHERE market = 'AAA' AND price = 10.5 ORDER BY ALL")
    assert same == [(1,), (1,), (2,), (3,), (4,)]
    assert len(places(lake)) == 7


def test_equal_fills_are_counted_on_where_later_pages_are_asked_to_be_shorter(data_dir, lake):
    """As where a venue cut the first one."""
    recorder = Recorder(data_dir).event("start", recorder="main")
    fills(recorder, 1, {**FILL, "price": "11"}, FILL, size=100)
    fills(recorder, 2, FILL, size=2).stop()
    publish_once(data_dir)
    assert [place for _, place in places(lake)] == [1, 2, 1]


def test_a_line_of_the_ledger_is_one_row(data_dir, lake):
    recorder = Recorder(data_dir).event("start", recorder="main")
    lines = [{**LINE, "id": number, "time": TIME_S + number * 40_000} for number in range(9, 0, -1)]
    for _ in range(3):
        recorder.at(1).answer("asset_history", {"records": lines}).flushed()
        publish_once(data_dir, wait_s=0)
    recorder.stop()
    publish_once(data_dir)
    found = lake.rows("account_ledger", "ledger_id, sum(change) OVER ()", "ORDER BY ALL")
    assert found == [(number, Decimal("13.5")) for number in range(1, 10)]


def test_lines_of_two_currencies_may_have_the_same_number(data_dir, lake):
    recorder = Recorder(data_dir).event("start", recorder="main")
    for _ in range(2):
        recorder.at(1).answer(
            "asset_history", {"records": [{**LINE, "id": 1, "asset": name} for name in ("A", "B")]}
        )
    recorder.stop()
    publish_once(data_dir)
    assert sorted(lake.rows("account_ledger", "asset")) == [("A",), ("B",)]


def test_assets_and_positions_are_rows_of_every_answer(data_dir, lake):
    recorder = Recorder(data_dir).event("start", recorder="main")
    for _ in range(2):
        recorder.at(1).answer("asset_query", {"USDT": {"available": "1"}})
        recorder.answer("position_pending", [{"position_id": 1, "market": "AAA", "amount": "2"}])
    recorder.stop()
    publish_once(data_dir)
    assert len(lake.rows("account_assets")) == len(lake.rows("account_positions")) == 2


def test_no_positions_is_told_apart_from_not_asked(data_dir, lake):
    recorder = Recorder(data_dir).event("start", recorder="main")
    for positions in ([{"position_id": 1, "market": "AAA", "amount": "2"}], [], None):
        recorder.at(1).answer("position_pending", positions)
    recorder.stop()
    publish_once(data_dir)
    told = lake.rows("account_answers", "call, records, seq", "ORDER BY seq")
    assert [row[:2] for row in told] == [("position_pending", records) for records in (1, 0, 0)]
    assert lake.rows("account_positions", "seq") == [(told[0][2],)]


def test_no_fill_is_in_the_manifest_that_others_read(data_dir):
    recorder = Recorder(data_dir).event("start", recorder="main")
    recorder.at(1).answer("order_deals", {"records": [{**FILL, "price": "7654.321"}]}, page="1").stop()
    publish_once(data_dir)
    assert not [path for path in data_dir.glob("manifest*") if b"7654.321" in path.read_bytes()]


def test_up_to_when_a_history_was_told_is_in_its_answers(data_dir, lake):
    recorder = Recorder(data_dir).event("start", recorder="main")
    asked = {"market": "AAA", "page": "2", "start_time": "1697619000", "end_time": "1697619536"}
    recorder.at(1).answer("order_deals", {"records": [FILL, FILL]}, **asked).stop()
    publish_once(data_dir)
    columns = "market, page, records, epoch(ts_from), epoch(ts_until)"
    assert lake.rows("account_answers", columns) == [("AAA", 2, 2, 1_697_619_000, 1_697_619_536)]


@pytest.fixture
def played(data_dir):
    """A lake of an account, made in several publishes."""
    recorder = Recorder(data_dir).event("start", recorder="main")
    for number in range(4):
        recorder.at(60).answer("asset_query", {"USDT": {"available": f"{number}.5"}})
        recorder.answer("order_pending", {"records": [ORDER, {**ORDER, "order_id": 8, "update_time": None}]})
        recorder.answer("asset_history", {"records": [{**LINE, "id": number // 2}]})
        fills(recorder, 1, FILL, FILL, FILL)
        fills(recorder, 2, FILL)
        recorder.answer("leverage", {"leverage": "5", "position_type": 2}, market="AAA").flushed()
        publish_once(data_dir, wait_s=0)
    recorder.stop()
    publish_once(data_dir)
    return data_dir


def test_the_journal_makes_the_same_tables_again(played):
    proof = verify(played, lambda _: None)
    compared = {table.table: table.rows for table in proof.tables if table.table.startswith("account_")}
    assert proof.equal
    assert compared == {
        "account_assets": 4, "account_positions": 0, "account_orders": 5, "account_stop_orders": 0,
        "account_fills": 4, "account_ledger": 2, "account_leverage": 4, "account_answers": 24,
    }  # fmt: skip


def test_directories_with_rows_of_an_account_are_their_owners_alone(played):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (played / "lake").glob("account_*")}
    assert len(modes) == 8
    assert set(modes.values()) == {0o700}
    assert stat.S_IMODE((played / "work").stat().st_mode) == 0o700


def test_a_compacted_day_is_one_file_a_table_with_the_same_rows(played, lake):
    before = {table.name: Counter(lake.rows(table.name)) for table in ACCOUNT}
    with Publisher(played) as publisher:
        days = {file.date for file in read_files(played) if file.table.startswith("account_") and file.rows}
        for day in sorted(days):
            publisher.finish(publisher.compaction(day).run(lambda: False))
    assert {table.name: Counter(lake.rows(table.name)) for table in ACCOUNT} == before
    files = [file for file in read_files(played) if file.table.startswith("account_") and file.rows]
    assert {file.level for file in files} == {WHOLE_DAY}
    assert len({(file.table, file.date) for file in files}) == len(files)
    assert {file.table for file in files} == {name for name, rows in before.items() if rows}
    assert len(files) > 3
